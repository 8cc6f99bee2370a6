"""What every peer does with prices: scale them, run the graph on one thread, scale back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def open_session(graph: Path) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """Open a graph with the options that our own service gives it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class OnnxNetwork:
    """The bare graph and its scaler, from the folder that `benchmarks.network` writes."""

    def __init__(self, folder: Path) -> None:
        """Open a session."""
        scaler = json.loads((folder / "scaler.json").read_text())
        self._offset, self._scale = scaler["offset"], scaler["scale"]
        self.session = open_session(folder / "model.onnx")

    def forecast(self, windows: Any) -> Any:  # noqa: ANN401 - arrays, or lists of lists
        """Map windows (n, 60) of prices to the next prices (n,)."""
        scaled = (np.asarray(windows, dtype=np.float64) - self._offset) / self._scale
        [outputs] = self.session.run(None, {"window": scaled.astype(np.float32)[:, :, None]})
        return outputs[:, 0].astype(np.float64) * self._scale + self._offset
