"""Networks of Keras's own layers -> ONNX; the one door to tf2onnx."""

from collections.abc import Container, Mapping
from typing import Final

import keras
import onnx
import tensorflow as tf
import tf2onnx

from training.export import onnx_nodes

_INITIAL_STATES: Final = slice(5, 7)
"""Among the inputs of an LSTM node: the hidden state and that of the cell."""


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
