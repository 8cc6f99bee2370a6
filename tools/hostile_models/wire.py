"""Graphs written byte by byte: what one reader of protobuf skips, another reads."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import onnx
from onnx import NodeProto, TensorProto, helper

from tools.hostile_models.folders import WINDOW, Expect, Hostile, good, variants
from tools.hostile_models.graphs import looping
from tools.testbed.models import last_value_graph

_BYTES: Final = 2
_GROUP, _GROUP_END = 3, 4
_HIGH: Final = 1 << 32
"""A tag is of 32 bits: a reader that takes more of them sees another field."""
# numbers of onnx.proto
_MODEL_GRAPH, _MODEL_SETS, _MODEL_FUNCTIONS = 7, 8, 25
_GRAPH_NODE, _GRAPH_TENSOR = 1, 5
_NODE_DOMAIN: Final = 7
_TENSOR_ELSEWHERE: Final = 14
_FOREIGN: Final = b"com.microsoft"


def varint(value: int, length: int = 0) -> bytes:
    """Return a number in seven bits a byte, in `length` bytes at least."""
    found = bytearray()
    while value or not found or len(found) < length:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found[-1] &= 0x7F
    return bytes(found)


def field(number: int, content: bytes, *, high: int = 0, length: int = 0) -> bytes:
    """Return a field of bytes; its tag has more bits, or more bytes, than it should."""
    return varint(number << 3 | _BYTES | high, length) + varint(len(content)) + content


Field = Callable[[int, bytes], bytes]
TAGS: Final[dict[str, Field]] = {
    "plain": field,
    "bit-32": partial(field, high=_HIGH),
    "bits-32-to-34": partial(field, high=7 * _HIGH),
    "overlong": partial(field, length=5),
    "ten-bytes": partial(field, length=10),
    "bit-63": partial(field, high=1 << 63),
}


def parts() -> tuple[bytes, bytes]:
    """Return the bytes of a good network's graph, and of the rest of it."""
    model = onnx.load_from_string(last_value_graph(steps=WINDOW))
    graph: bytes = model.graph.SerializeToString()
    model.ClearField("graph")
    return graph, model.SerializeToString()


def foreign_operator(tag: Field) -> bytes:
    """Return a network with an operator of onnxruntime's own, its domain by such a tag."""
    model = onnx.load_from_string(last_value_graph(steps=WINDOW))
    last: NodeProto = model.graph.node.pop()
    last.output[0] = "before"
    model.graph.node.append(last)
    model.graph.initializer.append(helper.make_tensor("bias", TensorProto.FLOAT, [1], [0.0]))
    graph: bytes = model.graph.SerializeToString()
    model.ClearField("graph")
    gelu = helper.make_node("BiasGelu", ["before", "bias"], ["forecast"]).SerializeToString()
    graph += field(_GRAPH_NODE, gelu + tag(_NODE_DOMAIN, _FOREIGN))
    # of an operator set: its domain is 1, its version 2
    foreign = tag(1, _FOREIGN) + varint(2 << 3) + varint(1)
    rest: bytes = model.SerializeToString()
    return rest + field(_MODEL_SETS, foreign) + field(_MODEL_GRAPH, graph)


def hidden_graph(tag: Field) -> bytes:
    """Return a whole network that loops, by such a tag."""
    model = onnx.load_from_string(looping())
    graph: bytes = model.graph.SerializeToString()
    return parts()[1] + tag(_MODEL_GRAPH, graph)


def hidden_node(tag: Field) -> bytes:
    """Return a good network to which a node that loops is added by such a tag."""
    model = onnx.load_from_string(looping())
    nodes = [node.SerializeToString() for node in model.graph.node]
    model.graph.ClearField("node")
    graph = model.graph.SerializeToString() + b"".join(tag(_GRAPH_NODE, node) for node in nodes)
    return parts()[1] + field(_MODEL_GRAPH, graph)


def functions(tag: Field) -> bytes:
    """Return a network that calls a function of its own, which loops."""
    model = onnx.load_from_string(looping())
    last = model.graph.node[-1]
    last.output[0] = "before"
    model.graph.node.add(op_type="Own", domain="own", input=["before"], output=["forecast"])
    model.opset_import.append(helper.make_opsetid("own", 1))
    inner = [helper.make_node("Identity", ["x"], ["y"])]
    made = helper.make_function("own", "Own", ["x"], ["y"], inner, model.opset_import[:1])
    content: bytes = model.SerializeToString() + tag(_MODEL_FUNCTIONS, made.SerializeToString())
    return content


def elsewhere(tag: Field, location: str) -> bytes:
    """Return a network one of whose tensors lies in another file."""
    model = onnx.load_from_string(last_value_graph(steps=WINDOW))
    scale = model.graph.initializer.pop()
    scale.ClearField("float_data")
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        scale.external_data.add(key=key, value=value)
    # a tag of ours is of bytes, and this field is a number: the same tag, of another wire type
    place = bytearray(tag(_TENSOR_ELSEWHERE, b"")[:-1])
    place[0] &= ~7
    tensor = scale.SerializeToString() + bytes(place) + varint(1)
    graph = model.graph.SerializeToString() + field(_GRAPH_TENSOR, tensor)
    return parts()[1] + field(_MODEL_GRAPH, graph)


def two_graphs() -> bytes:
    """Return a good graph and one that loops: one field twice is one message of both."""
    looped = onnx.load_from_string(looping())
    graph, rest = parts()
    return rest + field(_MODEL_GRAPH, graph) + field(_MODEL_GRAPH, looped.graph.SerializeToString())


def two_domains(*domains: bytes) -> bytes:
    """Return an operator with a domain given twice."""

    def twice(number: int, _: bytes) -> bytes:
        return b"".join(field(number, domain) for domain in domains)

    return foreign_operator(twice)


def grouped(*, closed: bool) -> bytes:
    """Return a network that loops, in a group, which protobuf no longer has."""
    start, end = varint(_MODEL_GRAPH << 3 | _GROUP), varint(_MODEL_GRAPH << 3 | _GROUP_END)
    model = onnx.load_from_string(looping())
    return parts()[1] + start + model.graph.SerializeToString() + (end if closed else b"")


def groups_within(depth: int) -> bytes:
    """Return groups within groups of a field that nobody knows, after a good network."""
    number = 1000
    start, end = varint(number << 3 | _GROUP), varint(number << 3 | _GROUP_END)
    return last_value_graph(steps=WINDOW) + start * depth + end * depth


def graphs_within(depth: int) -> bytes:
    """Return branches within branches, whose lengths are right."""
    content = b""
    for _ in range(depth):
        # a node (1) with an attribute (5) that is a graph (6)
        content = field(_GRAPH_NODE, field(5, field(6, content)))
    return parts()[1] + field(_MODEL_GRAPH, parts()[0] + content)


def unknown(size: int) -> bytes:
    """Return a good network with a large field that nobody knows."""
    return last_value_graph(steps=WINDOW) + field(1000, bytes(size))


def lengths(claimed: int) -> bytes:
    """Return a graph that says it is longer than the file."""
    graph, rest = parts()
    return rest + varint(_MODEL_GRAPH << 3 | _BYTES) + varint(claimed) + graph


def empty_nodes(count: int) -> bytes:
    """Return so many nodes of no bytes."""
    graph, rest = parts()
    return rest + field(_MODEL_GRAPH, graph + field(_GRAPH_NODE, b"") * count)


def _written(home: Path, make: Callable[[], bytes]) -> None:
    good(home, graph=make())


def catalogue() -> Iterator[Hostile]:
    """Yield every graph that readers could read in different ways."""
    for kind, make in {
        "foreign-operator": foreign_operator,
        "hidden-graph": hidden_graph,
        "hidden-node": hidden_node,
        "functions": functions,
    }.items():
        writers = [(key, partial(_written, make=partial(make, tag))) for key, tag in TAGS.items()]
        yield from variants(f"wire-{kind}", writers)
    places = {"beside": "weights.bin", "above": "../current", "process": "/proc/self/environ"}
    places |= {"endless": "/dev/zero", "memory": "*/_ORT_MEM_ADDR_/*"}
    writers = [
        (f"{place}-{key}", partial(_written, make=partial(elsewhere, TAGS[key], location)))
        for place, location in places.items()
        for key in ("plain", "bit-32")
    ]
    yield from variants("wire-elsewhere", writers)
    made: dict[str, Callable[[], bytes]] = {
        "two-graphs": two_graphs,
        "domain-first": partial(two_domains, _FOREIGN, b""),
        "domain-last": partial(two_domains, b"", _FOREIGN),
        "group": partial(grouped, closed=True),
        "unfinished-group": partial(grouped, closed=False),
        "graphs-within": partial(graphs_within, 100),
        "graphs-far-within": partial(graphs_within, 5000),
        "longer-than-it-is": partial(lengths, 2**31),
        "negative-length": partial(lengths, 2**64 - 1),
        "endless-number": lambda: b"\xff" * 4096,
    }
    yield from variants("wire", [(key, partial(_written, make=each)) for key, each in made.items()])
    allowed: dict[str, Callable[[], bytes]] = {
        "unknown-field": partial(unknown, 2**24),
        "groups-within": partial(groups_within, 5000),
        "empty-nodes": partial(empty_nodes, 100_000),
    }
    writers = [(key, partial(_written, make=each)) for key, each in allowed.items()]
    yield from variants("wire-allows", writers, Expect.EITHER)
