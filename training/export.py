"""Keras -> ONNX, with every recurrent layer as one fused node; the one door to tf2onnx."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from app.forecast import Model, forecast
from app.scaling import Float32s, Floats, Levels, Returns
from training.errors import ParityError, TrainingError

_OPSET: Final = 17
_CONTROL_FLOW: Final = {"Loop", "Scan", "If"}
_TOLERANCE: Final = 1e-5
"""Largest relative difference between the served price and Keras's."""


def to_onnx(network: keras.Model) -> bytes:
    """
    Return the graph, input `window` (n, steps, features), output `forecast` (n, 1).

    Raises TrainingError where a recurrent layer did not become one node: such a graph would
    be several times slower.
    """
    [window] = network.inputs
    signature = [tf.TensorSpec(window.shape, tf.float32, name="window")]
    function = tf.function(lambda x: {"forecast": network(x, training=False)})
    model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=_OPSET)
    # tf2onnx also imports domains that no node uses
    for unused in [entry for entry in model.opset_import if entry.domain not in {"", "ai.onnx"}]:
        model.opset_import.remove(unused)
    refuse_slow(model)
    onnx.checker.check_model(model, full_check=True)
    graph: bytes = model.SerializeToString()
    return graph


def refuse_slow(model: onnx.ModelProto) -> None:
    """Raise TrainingError where the graph holds control flow in place of a recurrent node."""
    kinds = Counter(node.op_type for node in model.graph.node)
    loops = _CONTROL_FLOW & kinds.keys()
    if loops:
        raise TrainingError(f"the graph holds {', '.join(sorted(loops))}: a layer was not fused")


def keras_prices(network: keras.Model, scaler: Levels | Returns, windows: Floats) -> Floats:
    """Return what Keras itself forecasts, in prices (n,)."""
    outputs: Float32s = network.predict(scaler.inputs(windows), batch_size=512, verbose=0)
    return scaler.prices(windows, outputs)[:, 0]


@dataclass(slots=True, eq=False)
class Parity:
    """Whether a model, as the service loads it, forecasts what Keras did on real windows."""

    windows: Floats
    expected: Floats
    """Keras's forecasts of `windows`, in prices (n,)."""
    worst: float = 0.0
    """The largest relative difference found."""

    def prove(self, model: Model) -> None:
        """Compare the windows one by one and together; raise ParityError beyond 1e-5."""
        together = forecast(model, self.windows).predictions
        alone = np.array([forecast(model, window[None]).predictions[0] for window in self.windows])
        self.worst = float(np.abs(np.stack([together, alone]) / self.expected - 1).max())
        if not self.worst <= _TOLERANCE:  # also where it is no number
            raise ParityError(
                f"served and fitted forecasts differ by {self.worst:.1e};"
                f" {_TOLERANCE:.0e} is allowed"
            )
