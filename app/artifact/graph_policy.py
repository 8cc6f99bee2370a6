"""
What a graph may hold: standard operators and its own numbers, nothing that leads elsewhere.

Looked at before onnxruntime sees it: a graph may name files for its tensors, operators of other
domains, and functions, and each has been a way in elsewhere. And it may ask for more work than
anybody has time for: so operators that run other graphs are refused, and those whose output is as
large as the prices say. What is left does the same work for every request, and has been tried.

A graph is a protobuf message; `protobuf_fields.py` reads it as strictly as protobuf itself, so that
what was looked at is what is run (onnx.proto of ONNX).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from app.artifact.protobuf_fields import Malformed, fields
from app.errors import ArtifactRejected

_STANDARD: Final = {b"", b"ai.onnx", b"ai.onnx.ml"}


class _Kind(Enum):
    MODEL = "model"
    GRAPH = "graph"
    NODE = "node"
    ATTRIBUTE = "attribute"
    TENSOR = "tensor"
    SPARSE_TENSOR = "sparse tensor"
    OPERATOR_SET = "operator set"
    VALUE = "value"


_WITHIN: Final[Mapping[_Kind, Mapping[int, _Kind]]] = {
    _Kind.MODEL: {7: _Kind.GRAPH, 8: _Kind.OPERATOR_SET},
    _Kind.GRAPH: {1: _Kind.NODE, 5: _Kind.TENSOR, 11: _Kind.VALUE, 15: _Kind.SPARSE_TENSOR},
    _Kind.NODE: {5: _Kind.ATTRIBUTE},
    _Kind.ATTRIBUTE: {
        5: _Kind.TENSOR,
        10: _Kind.TENSOR,
        22: _Kind.SPARSE_TENSOR,
        23: _Kind.SPARSE_TENSOR,
    },
    _Kind.SPARSE_TENSOR: {1: _Kind.TENSOR, 2: _Kind.TENSOR},
    _Kind.TENSOR: {},
    _Kind.OPERATOR_SET: {},
    _Kind.VALUE: {},
}

_FORBIDDEN: Final = {
    (_Kind.MODEL, 20): "training steps",
    (_Kind.MODEL, 25): "functions",
    (_Kind.ATTRIBUTE, 6): "operators that run other graphs",
    (_Kind.ATTRIBUTE, 11): "operators that run other graphs",
}
_DOMAINS: Final = {(_Kind.NODE, 7), (_Kind.OPERATOR_SET, 1)}
_ELSEWHERE: Final = {(_Kind.TENSOR, 13), (_Kind.TENSOR, 14)}
_ONCE: Final = {(_Kind.MODEL, 7), (_Kind.NODE, 4), (_Kind.NODE, 7), (_Kind.VALUE, 1)}
"""Of these protobuf takes the last, or all together: there may be one."""
_INPUT, _OUTPUT, _OPERATOR, _NAME = 1, 2, 4, 1

_MOST_FIELDS: Final = 500_000
"""Of all messages: those of a large network are ten thousand, and each takes a microsecond."""
_RUNS_GRAPHS: Final = {b"Loop", b"Scan", b"If", b"SequenceMap"}
_RANDOM: Final = (b"Random", b"Bernoulli", b"Multinomial")
"""Beginnings of names: a forecast is the same whenever it is asked for."""
_SIZED_BY: Final[Mapping[bytes, tuple[int, ...]]] = {
    b"AffineGrid": (1,),
    b"BlackmanWindow": (0,),
    b"CenterCropPad": (1,),
    b"Col2Im": (1, 2),
    b"ConstantOfShape": (0,),
    b"DFT": (1,),
    b"Expand": (1,),
    b"HammingWindow": (0,),
    b"HannWindow": (0,),
    b"MaxUnpool": (2,),
    b"MelWeightMatrix": (0, 1),
    b"OneHot": (1,),
    b"Pad": (1,),
    b"Range": (0, 1, 2),
    b"Reshape": (1,),
    b"Resize": (1, 2, 3),
    b"STFT": (1, 3),
    b"Tile": (1, 2),
    b"Upsample": (1,),
}
"""Inputs that say how large the output of an operator is."""
_OF_SHAPES: Final = {b"Shape", b"Size"}
"""Operators that look at how many numbers there are, and not at the numbers."""


class _Node(NamedTuple):
    operator: bytes
    inputs: list[bytes]
    outputs: list[bytes]


class _Forbidden(Exception):
    """Says what was found."""


def check(content: bytes, file: str) -> None:
    """Raise ArtifactRejected where the graph in `content`, of `file`, holds what it may not."""
    found = _Graph()
    try:
        found.read(memoryview(content), _Kind.MODEL)
        _check_sizes(found)
    except Malformed:
        raise ArtifactRejected(f"{file} is no ONNX graph") from None
    except _Forbidden as forbidden:
        raise ArtifactRejected(
            f"{file} holds {forbidden}, which no network of ours needs"
        ) from None


class _Graph:
    """The operators of a graph, and what it is given."""

    def __init__(self) -> None:
        self.nodes: list[_Node] = []
        self._left = _MOST_FIELDS
        self.given: set[bytes] = set()

    def read(self, message: memoryview, kind: _Kind) -> dict[int, list[memoryview | int]]:
        """Read a message and all within it; return its fields that are no messages."""
        own: dict[int, list[memoryview | int]] = defaultdict(list)
        once = set()
        for number, value in fields(message):
            here = (kind, number)
            self._left -= 1
            if self._left < 0:
                raise _Forbidden(f"more than {_MOST_FIELDS} parts")
            if here in once and here in _ONCE:
                raise Malformed
            once.add(here)
            _check_field(here, value)
            within = _WITHIN[kind].get(number)
            if within is None:
                if kind in {_Kind.NODE, _Kind.VALUE}:
                    own[number].append(value)
                continue
            if not isinstance(value, memoryview):
                raise Malformed
            inner = self.read(value, within)
            if within is _Kind.NODE:
                self._add(inner)
            elif within is _Kind.VALUE:
                self.given.update(_texts(inner[_NAME]))
        return own

    def _add(self, node: dict[int, list[memoryview | int]]) -> None:
        operator = b"".join(_texts(node[_OPERATOR]))
        if operator in _RUNS_GRAPHS:
            raise _Forbidden("operators that run other graphs")
        if operator.startswith(_RANDOM):
            raise _Forbidden("operators that give random numbers")
        self.nodes.append(_Node(operator, _texts(node[_INPUT]), _texts(node[_OUTPUT])))


def _check_field(here: tuple[_Kind, int], value: memoryview | int) -> None:
    if here in _FORBIDDEN:
        raise _Forbidden(_FORBIDDEN[here])
    if here in _DOMAINS and not (isinstance(value, memoryview) and bytes(value) in _STANDARD):
        raise _Forbidden("operators of another domain")
    # where a tensor's numbers are: 0 is here
    if here in _ELSEWHERE and value:
        raise _Forbidden("tensors in other files")


def _check_sizes(graph: _Graph) -> None:
    """Refuse an output that is as large as the numbers say that the graph is given."""
    readers: dict[bytes, list[_Node]] = defaultdict(list)
    for node in graph.nodes:
        for name in set(node.inputs):
            readers[name].append(node)
    known, left = set(graph.given), [*graph.given]
    while left:
        name = left.pop()
        for node in readers[name]:
            sized_by = (node.inputs[at : at + 1] for at in _SIZED_BY.get(node.operator, ()))
            if [name] in sized_by:
                raise _Forbidden("outputs whose size depends on the prices")
            if node.operator not in _OF_SHAPES:
                fresh = set(node.outputs) - known
                known |= fresh
                left += fresh


def _texts(values: Iterable[memoryview | int]) -> list[bytes]:
    texts = []
    for value in values:
        if not isinstance(value, memoryview):
            raise Malformed
        texts.append(bytes(value))
    return texts
