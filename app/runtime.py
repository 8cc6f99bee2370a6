"""The one door to onnxruntime: a graph in bytes becomes something that maps inputs to outputs."""

from typing import Final

import numpy as np
import onnxruntime

from app.artifact import GRAPH
from app.errors import ArtifactRejected
from app.scaling import Float32s

_SLICE: Final = 256
"""Windows in one call: more are no faster, and onnxruntime keeps the memory of the largest."""


class OnnxNetwork:
    """An ONNX graph of one float32 input (n, steps, features) and one output (n, k)."""

    def __init__(
        self, graph: bytes, *, steps: int, features: int, threads: int = 1, file: str = GRAPH
    ) -> None:
        """Open a session; raise ArtifactRejected where the graph, of `file`, is no such network."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # an idle thread that spins takes the core from the event loop
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = type(error).__name__
            raise ArtifactRejected(f"onnxruntime refuses {file}: {reason}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ArtifactRejected(f"{file} must have one input and one output")
        [self._input], [self._output] = inputs, outputs
        if self._input.type != "tensor(float)" or list(self._input.shape[1:]) != [steps, features]:
            raise ArtifactRejected(
                f"{file} must take float32 (n, {steps}, {features}) for this window and scaler"
            )
        self._names = [self._output.name]

    def run(self, inputs: Float32s) -> Float32s:
        """Map inputs (n, steps, features) to outputs (n, k)."""
        if len(inputs) <= _SLICE:
            return self._call(inputs)
        starts = range(0, len(inputs), _SLICE)
        return np.concatenate([self._call(inputs[start : start + _SLICE]) for start in starts])

    def _call(self, inputs: Float32s) -> Float32s:
        outputs: Float32s = self._session.run(self._names, {self._input.name: inputs})[0]
        return outputs
