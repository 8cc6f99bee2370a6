"""Graphs that compute the same have the same file, whatever their values are called."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.inference.onnx_session import OnnxNetwork
from tests.builders import fails_above_graph, last_value_graph, spread_graph
from training.export.stable_bytes import stable_graph


def renamed(content: bytes, *, prefix: str) -> onnx.ModelProto:
    """Return a graph with every name inside it changed, notes added, and initializers turned."""
    model = onnx.load_model_from_string(content)
    kept = {each.name for each in (*model.graph.input, *model.graph.output)}
    for node in model.graph.node:
        node.name = f"{prefix}-{node.op_type}"
        node.doc_string = "a note"
        for names in (node.input, node.output):
            names[:] = [name if name in kept or not name else prefix + name for name in names]
    turned = list(reversed(model.graph.initializer))
    del model.graph.initializer[:]
    for tensor in turned:
        # as raw bytes or number by number is one
        array = numpy_helper.to_array(tensor)
        model.graph.initializer.append(numpy_helper.from_array(array, prefix + tensor.name))
    model.producer_name = prefix
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = f"{prefix}-size"
    return model


def file_of(model: onnx.ModelProto) -> bytes:
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize(
    "content",
    [last_value_graph(steps=3), spread_graph(steps=4, features=1), fails_above_graph(steps=3)],
)
def test_names_and_order_are_left_out(content: bytes) -> None:
    files = {file_of(stable_graph(renamed(content, prefix=each))) for each in ("a", "zz")}

    assert len(files) == 1
    [file] = files
    assert file_of(stable_graph(onnx.load_model_from_string(file))) == file


def test_it_computes_what_it_computed() -> None:
    content = spread_graph(steps=4, features=2, least=0.5)
    windows = np.random.default_rng(1).normal(size=(7, 4, 2)).astype(np.float32)

    before, after = (
        OnnxNetwork(graph, steps=4, features=2).run(windows)
        for graph in (content, file_of(stable_graph(onnx.load_model_from_string(content))))
    )

    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("change", "other"),
    [({"scale": 2.0}, {"scale": 3.0}), ({"steps": 3}, {"steps": 4})],
)
def test_what_computes_something_else_has_another_file(
    change: dict[str, float], other: dict[str, float]
) -> None:
    files = [
        file_of(stable_graph(onnx.load_model_from_string(last_value_graph(**each))))  # type: ignore[arg-type]
        for each in ({"steps": 3} | change, {"steps": 3} | other)
    ]

    assert files[0] != files[1]


def test_what_is_computed_twice_is_computed_once_and_attributes_count() -> None:
    """x, x + x by two nodes alike, their mean over one axis, and a constant that is a node."""
    constant = helper.make_tensor("its name", TensorProto.FLOAT, [], [2.0])
    nodes = [
        helper.make_node("Constant", [], ["two"], value=constant),
        helper.make_node("Mul", ["window", "two"], ["one"]),
        helper.make_node("Mul", ["window", "two"], ["other"]),
        helper.make_node("Add", ["one", "other"], ["sum"]),
        helper.make_node("ReduceMean", ["sum"], ["means"], axes=[1], keepdims=0),
        helper.make_node("Clip", ["means", "", ""], ["forecast"]),
    ]
    window = helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", 3, 1])
    forecast = helper.make_tensor_value_info("forecast", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "made by hand", [window], [forecast])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    made = stable_graph(model)

    kinds = [node.op_type for node in made.graph.node]
    assert kinds == ["Constant", "Mul", "Add", "ReduceMean", "Clip"]
    network = OnnxNetwork(file_of(made), steps=3, features=1)
    inputs = np.array([[[1.0], [2.0], [6.0]]], dtype=np.float32)
    np.testing.assert_array_equal(network.run(inputs), [[12.0]])
    constant.name = "another"
    nodes[0].attribute[0].t.name = "another"
    again = helper.make_graph(nodes, "made by hand", [window], [forecast])
    other = helper.make_model(again, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert file_of(stable_graph(other)) == file_of(made)
