"""What a graph may hold: whatever leads out of it is found, wherever in it that is."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from app.artifact import graph_policy
from app.errors import ArtifactRejected
from tests.builders import last_value_graph, spread_graph

GRAPHS = [
    *(path.read_bytes() for path in sorted(Path("models").rglob("*.onnx"))),
    last_value_graph(steps=3),
    spread_graph(steps=3),
    b"",
]


@pytest.mark.parametrize("content", GRAPHS)
def test_the_graphs_of_networks_are_let_through(content: bytes) -> None:
    graph_policy.check(content, "model.onnx")


def elsewhere() -> TensorProto:
    tensor = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


def within(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return onnx.GraphProto(name="inner", node=nodes)


def of_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(elsewhere())


def of_sparse_tensor(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(onnx.SparseTensorProto(values=elsewhere()))


def of_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["x"], value=elsewhere()))


def of_branch(model: onnx.ModelProto) -> None:
    inner = within(helper.make_node("Constant", [], ["x"], value=elsewhere()))
    model.graph.node.append(helper.make_node("If", ["y"], ["x"], then_branch=inner))


def of_foreign_branch(model: onnx.ModelProto) -> None:
    inner = within(helper.make_node("Do", [], ["x"], domain="of.theirs"))
    model.graph.node.append(helper.make_node("If", ["y"], ["x"], then_branch=inner))


def of_foreign_operators(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def of_functions(model: onnx.ModelProto) -> None:
    model.functions.append(onnx.FunctionProto(name="f", domain="of.theirs"))


def of_depth(model: onnx.ModelProto) -> None:
    inner = within()
    for _ in range(12):
        inner = within(helper.make_node("If", ["y"], ["x"], then_branch=inner))
    model.graph.node.extend(inner.node)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (of_tensor, "tensors in other files"),
        (of_sparse_tensor, "tensors in other files"),
        (of_constant, "tensors in other files"),
        (of_branch, "tensors in other files"),
        (of_foreign_branch, "operators of another domain"),
        (of_foreign_operators, "operators of another domain"),
        (of_functions, "functions"),
        (of_depth, "graphs within graphs"),
    ],
)
def test_what_leads_elsewhere_is_refused(
    change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    model = onnx.load_from_string(last_value_graph(steps=3))
    change(model)

    with pytest.raises(ArtifactRejected, match=f"model.onnx holds {reason}"):
        graph_policy.check(model.SerializeToString(), "model.onnx")


@pytest.mark.parametrize(
    "content",
    [
        b"not a graph",
        last_value_graph(steps=3)[:-1],
        b"\x3b",  # a group, which ends where another number says
        b"\x38\x01",  # a graph that is a number
        b"\xff" * 11,
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\x09\x00",
    ],
)
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactRejected, match="is no ONNX graph"):
        graph_policy.check(content, "model.onnx")


@given(st.binary(max_size=200), st.integers(0, 2**16))
def test_any_bytes_are_refused_or_let_through(noise: bytes, place: int) -> None:
    whole = last_value_graph(steps=3)
    at = place % len(whole)
    for content in (noise, whole[:at] + noise + whole[at:], whole[:at] + noise):
        try:
            graph_policy.check(content, "model.onnx")
        except ArtifactRejected:
            continue
