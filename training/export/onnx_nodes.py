"""
ONNX graphs written node by node, where the converter would write a loop.

One `LSTM`, `GRU` or `RNN` node for each layer. Between the layers sequences are
(steps, n, units), as ONNX has them; its gates are in the order i, o, f, c for the LSTM and
z, r, h for the GRU.
"""

from typing import Any, Final, TypeAlias

import keras
import numpy as np
import onnx
from keras import layers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.forecasting.arrays import Float32s
from training.networks.lstm import LSTM
from training.networks.numpy_rnn import Weights

OPSET: Final = 17
_IR_VERSION: Final = 8

_Parts: TypeAlias = dict[str, Float32s]
_Attribute: TypeAlias = Any  # whole numbers, and lists of them or of words


class _Writer:
    """A graph being written: nodes and constants, and the name of the newest value."""

    def __init__(self, *, steps: int, features: int) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._shape = ("n", steps, features)
        self._newest = "window"
        self.node("Transpose", perm=[1, 0, 2])  # (steps, n, features)

    def node(
        self,
        kind: str,
        *constants: NDArray[Any] | None,
        outputs: int = 1,
        **attributes: _Attribute,
    ) -> None:
        """Add a node that reads the newest value and constants; its last output is the newest."""
        names = [self._newest]
        for constant in constants:
            names.append("" if constant is None else f"constant_{len(self._constants)}")
            if constant is not None:
                self._constants.append(numpy_helper.from_array(constant, names[-1]))
        made = [f"value_{len(self._nodes)}_{output}" for output in range(outputs)]
        self._nodes.append(helper.make_node(kind, names, made, **attributes))
        self._newest = made[-1]

    def recurrent(
        self, kind: str, parts: _Parts, *, sequences: bool, **attributes: _Attribute
    ) -> None:
        """Add a recurrent node, (steps, n, in) to (steps, n, units) or to the last (n, units)."""
        # neither sequence lengths nor first states are given
        extra = (None, None, None, parts["P"][None]) if "P" in parts else ()
        constants = [parts[name][None] for name in "WRB"]
        outputs = 1 if sequences else 2
        units = parts["R"].shape[-1]
        self.node(kind, *constants, *extra, outputs=outputs, hidden_size=units, **attributes)
        # the axis of directions: the second of Y, the first of Y_h
        self.node("Squeeze", np.array([1 if sequences else 0], dtype=np.int64))

    def dense(self, kernel: Float32s, bias: Float32s) -> None:
        """Add a linear layer, (n, units) to (n, 1)."""
        self.node("MatMul", kernel)
        self.node("Add", bias)

    def finish(self) -> onnx.ModelProto:
        """Return the graph, from `window` (n, steps, features) to `forecast` (n, 1)."""
        self._nodes[-1].output[0] = "forecast"
        inputs = [helper.make_tensor_value_info("window", TensorProto.FLOAT, self._shape)]
        outputs = [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, ("n", 1))]
        graph = helper.make_graph(self._nodes, "network", inputs, outputs, self._constants)
        imports = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=imports, ir_version=_IR_VERSION)


def of_keras(network: keras.Model) -> onnx.ModelProto:
    """Return the graph of a stack of layers, one after the other."""
    _, steps, features = network.inputs[0].shape
    writer = _Writer(steps=steps, features=features)
    for layer in network.layers:
        if isinstance(layer, LSTM):
            coupled = {"input_forget": 1} if layer.coupled else {}
            writer.recurrent("LSTM", _lstm(layer), sequences=layer.return_sequences, **coupled)
        elif isinstance(layer, layers.GRU):
            parts = _gru(layer)
            sequences = layer.return_sequences
            writer.recurrent("GRU", parts, sequences=sequences, linear_before_reset=1)
        elif isinstance(layer, layers.SimpleRNN):
            writer.recurrent("RNN", _rnn(*layer.get_weights()), sequences=layer.return_sequences)
        elif isinstance(layer, layers.Dense):
            writer.dense(*layer.get_weights())
            if layer.activation is keras.activations.tanh:
                writer.node("Tanh")
        elif isinstance(layer, layers.Rescaling):
            writer.node("Mul", np.array(layer.scale, dtype=np.float32))
        elif not isinstance(layer, layers.InputLayer | layers.Dropout):
            raise TypeError(f"no node is known for a layer {type(layer).__name__}")
    return writer.finish()


def of_scratch(weights: Weights, *, steps: int) -> onnx.ModelProto:
    """Return the graph of the from-scratch network."""
    recurrent = (weights.kernel, weights.recurrent, weights.bias)
    parts = _rnn(*(weight.astype(np.float32) for weight in recurrent))
    writer = _Writer(steps=steps, features=len(weights.kernel))
    writer.recurrent("RNN", parts, sequences=False, activations=["Sigmoid"])
    writer.dense(weights.output.astype(np.float32), weights.output_bias.astype(np.float32))
    return writer.finish()


def _lstm(layer: LSTM) -> _Parts:
    """Reorder i, f, c, o to i, o, f, c; a coupled layer has no f, which ONNX then ignores."""
    kernel, recurrent, bias, *peephole = layer.get_weights()

    def reordered(weight: Float32s) -> Float32s:
        gates = np.split(weight, 3 if layer.coupled else 4, axis=-1)
        forget = np.zeros_like(gates[0]) if layer.coupled else gates[1]
        return np.concatenate([gates[0], gates[-1], forget, gates[-2]], axis=-1)

    parts = {
        "W": reordered(kernel).T,
        "R": reordered(recurrent).T,
        "B": np.concatenate([reordered(bias), np.zeros(4 * layer.units, np.float32)]),
    }
    if peephole:
        entering, forget, leaving = peephole[0]
        parts["P"] = np.concatenate([entering, leaving, forget])
    return parts


def _gru(layer: layers.GRU) -> _Parts:
    kernel, recurrent, bias = layer.get_weights()  # bias: (2, 3 x units), input's and recurrent
    return {"W": kernel.T, "R": recurrent.T, "B": bias.reshape(-1)}


def _rnn(kernel: Float32s, recurrent: Float32s, bias: Float32s) -> _Parts:
    return {"W": kernel.T, "R": recurrent.T, "B": np.concatenate([bias, np.zeros_like(bias)])}
