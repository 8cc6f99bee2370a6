"""Graphs written node by node, against the networks that they are of."""

from collections import Counter
from typing import Any, Literal

import keras
import numpy as np
import onnx
import pytest

from app.inference.onnx_session import OnnxNetwork
from training.export import graphs, keras_to_onnx, onnx_nodes
from training.networks import keras_networks, numpy_rnn
from training.networks.fit import FittedKeras
from training.recipes.network_kinds import Network

Kind = Literal["lstm", "bilstm", "peephole-lstm", "coupled-lstm", "gru", "rnn"]
NODES: dict[Kind, str] = {
    "lstm": "LSTM",
    "bilstm": "LSTM",
    "peephole-lstm": "LSTM",
    "coupled-lstm": "LSTM",
    "gru": "GRU",
    "rnn": "RNN",
}


def described(kind: Kind, *, correction: float | None = None) -> Network:
    return Network(kind=kind, layers=3, units=5, dropout=0.1, correction=correction)


def filled(network: Network, *, features: int = 2) -> keras.Model:
    """Return a network whose weights are all other than zero, as if it had been fitted."""
    model = keras_networks.build(network, steps=7, features=features)
    random = np.random.default_rng(5)
    model.set_weights([random.normal(0, 0.5, each.shape) for each in model.get_weights()])
    return model


def exported(network: Network, model: keras.Model) -> onnx.ModelProto:
    return graphs.of_point(FittedKeras(model, network, {}))


def windows(count: int, *, features: int = 2) -> Any:
    return np.random.default_rng(count).normal(size=(count, 7, features)).astype(np.float32)


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("correction", [None, 0.2])
def test_every_kind_becomes_one_node_a_layer_and_forecasts_the_same(
    kind: Kind, correction: float | None
) -> None:
    network = described(kind, correction=correction)
    model = filled(network)

    written = exported(network, model)

    kinds = Counter(node.op_type for node in written.graph.node)
    recurrent = [node for node in written.graph.node if node.op_type == NODES[kind]]
    directions = sum(
        2 if attribute.s == b"bidirectional" else 0
        for node in recurrent
        for attribute in node.attribute
        if attribute.name == "direction"
    ) or len(recurrent)
    assert directions == (6 if kind == "bilstm" else 3)
    assert not kinds.keys() & {"Loop", "Scan", "If"}
    opened = OnnxNetwork(graphs.to_bytes(written), steps=7, features=2)
    for count in (1, 64):
        expected = model(windows(count), training=False).numpy()
        assert opened.run(windows(count)) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_both_ways_to_a_graph_forecast_the_same() -> None:
    network = described("lstm")
    model = filled(network)

    converted, written = (
        OnnxNetwork(graphs.to_bytes(each), steps=7, features=2)
        for each in (exported(network, model), onnx_nodes.of_keras(model))
    )

    assert converted.run(windows(9)) == pytest.approx(written.run(windows(9)), abs=1e-6)


@pytest.mark.parametrize("kind", ["lstm", "bilstm"])
def test_layers_that_begin_at_zero_are_given_no_zeros(kind: Kind) -> None:
    written = exported(described(kind), filled(described(kind)))

    recurrent = [node for node in written.graph.node if node.op_type == "LSTM"]
    assert all(len(node.input) <= 5 for node in recurrent)
    assert not {node.op_type for node in written.graph.node} & {"Expand", "Shape"}


def test_a_state_that_is_not_zero_is_kept() -> None:
    window = keras.Input((7, 2))
    state = keras.layers.Dense(5)(window[:, 0])
    hidden = keras.layers.LSTM(5)(window, initial_state=[state, keras.ops.zeros_like(state)])
    model = keras.Model(window, keras.layers.Dense(1)(hidden))

    opened = OnnxNetwork(graphs.to_bytes(keras_to_onnx.convert(model)), steps=7, features=2)

    expected = model(windows(9), training=False).numpy()
    assert opened.run(windows(9)) == pytest.approx(expected, abs=1e-6)


def test_the_form_of_a_cell_is_in_its_node() -> None:
    nodes = {
        kind: next(node for node in written.graph.node if node.op_type == NODES[kind])
        for kind in NODES
        for written in [exported(described(kind), filled(described(kind)))]
    }

    attributes = {kind: {each.name for each in node.attribute} for kind, node in nodes.items()}
    assert len(nodes["peephole-lstm"].input) == 8
    assert "input_forget" in attributes["coupled-lstm"]
    assert "linear_before_reset" in attributes["gru"]


def test_the_network_from_scratch_is_a_node_of_sigmoids() -> None:
    weights = numpy_rnn.initial(1, 20, seed=2)

    written = onnx_nodes.of_scratch(weights, steps=7)

    [node] = [node for node in written.graph.node if node.op_type == "RNN"]
    [activations] = [each for each in node.attribute if each.name == "activations"]
    opened = OnnxNetwork(graphs.to_bytes(written), steps=7, features=1)
    assert activations.strings == [b"Sigmoid"]
    for count in (1, 64):
        inputs = windows(count, features=1)
        assert opened.run(inputs) == pytest.approx(numpy_rnn.predict(weights, inputs), abs=1e-4)


def test_a_layer_without_a_node_is_refused() -> None:
    window = keras.Input((7, 2))
    model = keras.Model(window, keras.layers.Conv1D(3, 2)(window))

    with pytest.raises(TypeError, match="no node is known for a layer Conv1D"):
        onnx_nodes.of_keras(model)
