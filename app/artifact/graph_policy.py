"""
What a graph may hold: standard operators and its own numbers, nothing that leads elsewhere.

Looked at before onnxruntime sees it: a graph may name files for its tensors, operators of other
domains, and functions, and each has been a way in elsewhere. A graph is a protobuf message; the
fields that matter are found by their numbers (onnx.proto of ONNX, the wire format of protobuf).
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from app.errors import ArtifactRejected

_STANDARD: Final = {b"", b"ai.onnx", b"ai.onnx.ml"}
_DEEPEST: Final = 8
"""Graphs within graphs: those of networks hold none."""

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


class _Kind(Enum):
    MODEL = "model"
    GRAPH = "graph"
    NODE = "node"
    ATTRIBUTE = "attribute"
    TENSOR = "tensor"
    SPARSE_TENSOR = "sparse tensor"
    OPERATOR_SET = "operator set"


_WITHIN: Final[Mapping[_Kind, Mapping[int, _Kind]]] = {
    _Kind.MODEL: {7: _Kind.GRAPH, 8: _Kind.OPERATOR_SET},
    _Kind.GRAPH: {1: _Kind.NODE, 5: _Kind.TENSOR, 15: _Kind.SPARSE_TENSOR},
    _Kind.NODE: {5: _Kind.ATTRIBUTE},
    _Kind.ATTRIBUTE: {
        5: _Kind.TENSOR,
        6: _Kind.GRAPH,
        10: _Kind.TENSOR,
        11: _Kind.GRAPH,
        22: _Kind.SPARSE_TENSOR,
        23: _Kind.SPARSE_TENSOR,
    },
    _Kind.SPARSE_TENSOR: {1: _Kind.TENSOR, 2: _Kind.TENSOR},
    _Kind.TENSOR: {},
    _Kind.OPERATOR_SET: {},
}

_FUNCTIONS: Final = (_Kind.MODEL, 25)
_DOMAINS: Final = {(_Kind.NODE, 7), (_Kind.OPERATOR_SET, 1)}
_ELSEWHERE: Final = {(_Kind.TENSOR, 13), (_Kind.TENSOR, 14)}


def check(content: bytes, file: str) -> None:
    """Raise ArtifactRejected where the graph in `content`, of `file`, holds what it may not."""
    try:
        _look(memoryview(content), _Kind.MODEL, 0)
    except (IndexError, _Cut):
        raise ArtifactRejected(f"{file} is no ONNX graph") from None
    except _Forbidden as found:
        raise ArtifactRejected(f"{file} holds {found}, which no network of ours needs") from None


class _Forbidden(Exception):
    """Says what was found."""


class _Cut(Exception):
    """The message does not end where it should."""


def _look(message: memoryview, kind: _Kind, depth: int) -> None:
    if depth > _DEEPEST:
        raise _Forbidden("graphs within graphs")
    for number, value in _fields(message):
        here = (kind, number)
        if here == _FUNCTIONS:
            raise _Forbidden("functions")
        if here in _DOMAINS and not _is_standard(value):
            raise _Forbidden("operators of another domain")
        # where a tensor's numbers are: 0 is here
        if here in _ELSEWHERE and value:
            raise _Forbidden("tensors in other files")
        within = _WITHIN[kind].get(number)
        if within is not None:
            if not isinstance(value, memoryview):
                raise _Cut
            _look(value, within, depth + (within is _Kind.GRAPH))


def _is_standard(domain: memoryview | int) -> bool:
    return isinstance(domain, memoryview) and bytes(domain) in _STANDARD


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Yield the number and the value of each field; that of a fixed-width number is not read."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        value: memoryview | int = 0
        if wire == _VARINT:
            value, at = _varint(message, at)
        elif wire == _BYTES:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif wire in {_EIGHT_BYTES, _FOUR_BYTES}:
            at += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise _Cut
        if at > len(message):
            raise _Cut
        yield number, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, the lowest first; return it and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, at
    raise _Cut
