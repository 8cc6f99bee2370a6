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


def of_loop(model: onnx.ModelProto) -> None:
    # without the body that would be refused by itself
    model.graph.node.append(helper.make_node("Loop", ["y"], ["x"]))


def of_chance(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RandomNormalLike", ["y"], ["x"]))


def of_training(model: onnx.ModelProto) -> None:
    model.training_info.append(onnx.TrainingInfoProto())


def of_parts(model: onnx.ModelProto) -> None:
    model.graph.node[0].input.extend([""] * 500_001)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (of_tensor, "tensors in other files"),
        (of_sparse_tensor, "tensors in other files"),
        (of_constant, "tensors in other files"),
        (of_branch, "operators that run other graphs"),
        (of_foreign_branch, "operators that run other graphs"),
        (of_foreign_operators, "operators of another domain"),
        (of_functions, "functions"),
        (of_depth, "operators that run other graphs"),
        (of_loop, "operators that run other graphs"),
        (of_chance, "operators that give random numbers"),
        (of_training, "training steps"),
        (of_parts, "more than 500000 parts"),
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


def sized(*nodes: tuple[str, list[str], list[str]]) -> bytes:
    """Return a graph of these operators on its input, `window`."""
    model = onnx.load_from_string(last_value_graph(steps=3))
    model.graph.node.extend(helper.make_node(*node) for node in nodes)
    return model.SerializeToString()


@pytest.mark.parametrize(
    "nodes",
    [
        [("ConstantOfShape", ["window"], ["x"])],
        [("Cast", ["window"], ["a"]), ("Expand", ["scale", "a"], ["x"])],
        [("Range", ["zero", "b", "one"], ["x"]), ("ReduceSum", ["window"], ["b"])],
        [("Tile", ["scale", "c"], ["x"]), ("Add", ["a", "b"], ["c"]), ("Abs", ["window"], ["b"])],
        [("Pad", ["scale", "window"], ["x"])],
        [("OneHot", ["scale", "window", "values"], ["x"])],
        [("Resize", ["scale", "", "window"], ["x"])],
    ],
)
def test_an_output_that_is_as_large_as_the_prices_say_is_refused(
    nodes: list[tuple[str, list[str], list[str]]],
) -> None:
    with pytest.raises(ArtifactRejected, match="outputs whose size depends on the prices"):
        graph_policy.check(sized(*nodes), "model.onnx")


@pytest.mark.parametrize(
    "nodes",
    [
        [("Shape", ["window"], ["a"]), ("ConstantOfShape", ["a"], ["x"])],
        [("Size", ["window"], ["a"]), ("Range", ["zero", "a", "one"], ["x"])],
        [("Expand", ["window", "sizes"], ["x"])],
        [("Reshape", ["window", "sizes"], ["x"]), ("Tile", ["x", "sizes"], ["y"])],
    ],
)
def test_an_output_that_is_as_large_as_the_windows_is_let_through(
    nodes: list[tuple[str, list[str], list[str]]],
) -> None:
    graph_policy.check(sized(*nodes), "model.onnx")


def number(value: int, length: int | None = None) -> bytes:
    """Write a number of protobuf's variable length, in so many bytes where that is asked for."""
    parts = [value >> shift & 0x7F for shift in range(0, max(1, value.bit_length()), 7)]
    parts += [0] * ((length or 0) - len(parts))
    return bytes([part | 0x80 for part in parts[:-1]] + parts[-1:])


def of_domain(node: bytes, key: bytes) -> bytes:
    """Return a graph with a node to which a domain was added under a key."""
    domain = key + number(13) + b"com.microsoft"
    graph = b"\x0a" + number(len(node + domain)) + node + domain
    return b"\x3a" + number(len(graph)) + graph


@pytest.mark.parametrize(
    "key",
    [
        number(7 << 3 | 2 | 1 << 32),  # protobuf takes the lowest 32 bits
        number(7 << 3 | 2 | 1 << 34),
        number(7 << 3 | 2 | 1 << 63),
        number(7 << 3 | 2, 5),
        number(7 << 3 | 2, 10),
        number(0 << 3 | 2),
    ],
)
def test_a_field_that_another_reader_would_take_for_another_is_refused(key: bytes) -> None:
    node = b"\x22\x04Gelu"
    with pytest.raises(ArtifactRejected, match="operators of another domain"):
        graph_policy.check(of_domain(node, number(7 << 3 | 2)), "model.onnx")
    with pytest.raises(ArtifactRejected, match="is no ONNX graph"):
        graph_policy.check(of_domain(node, key), "model.onnx")


@pytest.mark.parametrize(
    "content",
    [
        b"\x3a\x00" * 2,  # two graphs, which protobuf puts together
        b"\x3a\x0e\x0a\x0c\x22\x04Gelu\x22\x04Loop",  # two operators, of which it takes the last
        b"\x3a\x02\x0b\x0c",  # a group
    ],
)
def test_what_readers_put_together_is_refused(content: bytes) -> None:
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
