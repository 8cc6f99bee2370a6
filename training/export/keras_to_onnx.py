"""Fitted networks -> ONNX, and the proof that both forecast the same; the one door to tf2onnx."""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Model, forecast
from training.errors import ParityError, TrainingError
from training.export import onnx_nodes

_CONTROL_FLOW: Final = {"Loop", "Scan", "If"}
_INITIAL_STATES: Final = slice(5, 7)
"""Among the inputs of an LSTM node: the hidden state and that of the cell."""
_TOLERANCE: Final = 1e-5
"""Largest relative difference between the served price and the fitted network's own."""
_QUANTILE_TOLERANCE: Final = 5e-5
"""The same of quantiles, which are returns in percent: relative to a forecast's largest."""


def convert(network: keras.Model) -> onnx.ModelProto:
    """Return the graph of a network of Keras's own layers, `window` to `forecast` (n, k)."""
    [window] = network.inputs
    signature = [tf.TensorSpec(window.shape, tf.float32, name="window")]
    function = tf.function(lambda x: {"forecast": network(x, training=False)})
    model: onnx.ModelProto
    model, _ = tf2onnx.convert.from_function(
        function, input_signature=signature, opset=onnx_nodes.OPSET
    )
    # tf2onnx also imports domains that no node uses
    for unused in [entry for entry in model.opset_import if entry.domain not in {"", "ai.onnx"}]:
        model.opset_import.remove(unused)
    _leave_out_zero_states(model.graph)
    return model


def _leave_out_zero_states(nodes: onnx.GraphProto) -> None:
    """
    Let LSTM nodes begin at zero by themselves, as they do where no state is given.

    Keras makes zeros of the shape of its input: seven small nodes a layer, which cost a single
    forecast as much as a twelfth of the layers.
    """
    zeros = {each.name for each in nodes.initializer if not onnx.numpy_helper.to_array(each).any()}
    made_by = {output: node for node in nodes.node for output in node.output}
    for node in nodes.node:
        states = node.input[_INITIAL_STATES]
        if node.op_type == "LSTM" and states and all(_is_zero(s, made_by, zeros) for s in states):
            del node.input[_INITIAL_STATES]
    _prune(nodes)


def _is_zero(name: str, made_by: Mapping[str, onnx.NodeProto], zeros: Container[str]) -> bool:
    """Tell whether a value is zeros, of whatever shape."""
    node = made_by.get(name)
    if node is None:
        return not name or name in zeros
    # the other inputs of the first two say how, not what
    read = {"Unsqueeze": node.input[:1], "Expand": node.input[:1], "Concat": node.input}
    sources = read.get(node.op_type, ())
    return bool(sources) and all(_is_zero(each, made_by, zeros) for each in sources)


def _prune(nodes: onnx.GraphProto) -> None:
    """Remove what nothing depends on any more."""
    wanted = {output.name for output in nodes.output}
    # from the end: in a graph every node comes before those that read it
    for node in reversed(list(nodes.node)):
        if wanted.isdisjoint(node.output):
            nodes.node.remove(node)
        else:
            wanted.update(node.input)
    for each in [each for each in nodes.initializer if each.name not in wanted]:
        nodes.initializer.remove(each)


def to_bytes(model: onnx.ModelProto) -> bytes:
    """Check a graph and return its file; raise TrainingError where it would be slow."""
    refuse_slow(model)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def refuse_slow(model: onnx.ModelProto) -> None:
    """Raise TrainingError where the graph holds control flow in place of a recurrent node."""
    kinds = Counter(node.op_type for node in model.graph.node)
    loops = _CONTROL_FLOW & kinds.keys()
    if loops:
        raise TrainingError(f"the graph holds {', '.join(sorted(loops))}: a layer was not fused")


@dataclass(slots=True, eq=False)
class Parity:
    """Whether a model, as the service loads it, forecasts what was fitted, on real windows."""

    windows: Floats
    expected: Floats
    """The fitted network's own forecasts of `windows`, in prices (n,)."""
    worst: float = 0.0
    """The largest relative difference found."""

    def prove(self, model: Model) -> None:
        """Compare the windows one by one, in 64s and together; raise ParityError beyond 1e-5."""
        served = [
            np.concatenate(
                [
                    forecast(model, self.windows[start : start + size]).predictions
                    for start in range(0, len(self.windows), size)
                ]
            )
            for size in (1, 64, len(self.windows))
        ]
        self.worst = float(np.abs(np.stack(served) / self.expected - 1).max())
        if not self.worst <= _TOLERANCE:  # also where it is no number
            raise ParityError(
                f"served and fitted forecasts differ by {self.worst:.1e};"
                f" {_TOLERANCE:.0e} is allowed"
            )


@dataclass(slots=True, eq=False)
class QuantileParity:
    """Whether a model of quantiles, as the service loads it, gives what was fitted, on bars."""

    bars: Floats
    """(n, sessions, 4)"""
    expected: Floats
    """The fitted network's own quantiles of `bars`, in percent, (n, k)."""
    expected_of_closes: Floats
    """Those of the network for closes alone."""
    worst: float = 0.0
    """The largest difference found, relative to the largest quantile of the same forecast."""

    def prove(self, model: Model) -> None:
        """Compare the windows one by one, in 64s and together; raise ParityError beyond 5e-5."""
        pairs = [(model, self.bars, self.expected)]
        if model.close_only is not None:
            pairs.append((model.close_only, self.bars[:, :, 3:], self.expected_of_closes))
        for part, windows, expected in pairs:
            inputs = part.scaler.inputs(windows)
            for size in (1, 64, len(inputs)):
                served = np.concatenate(
                    [
                        part.network.run(inputs[start : start + size])
                        for start in range(0, len(inputs), size)
                    ]
                )
                largest = np.abs(expected).max(axis=1, keepdims=True)
                # NumPy's maximum keeps what is no number
                difference = (np.abs(served - expected) / largest).max()
                self.worst = float(np.maximum(self.worst, difference))
        if not self.worst <= _QUANTILE_TOLERANCE:  # also where it is no number
            raise ParityError(
                f"served and fitted quantiles differ by {self.worst:.1e};"
                f" {_QUANTILE_TOLERANCE:.0e} is allowed"
            )
