"""
What a large `ModelInferRequest` consists of, without parsing it.

Tensors take as many bytes once they are parsed, all else many times as much: a member of two bytes
can become an object of eighty. Source: Protocol Buffers, "Encoding".
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from app.errors import BadInput, BodyTooLarge
from app.grpc import inference_pb2 as pb

_MOST_PARTS: Final = 128
"""Members that are looked at: tensors, and what is said about them."""
_MOST_OTHER: Final = 2**16
"""Bytes of members that are no tensors."""

_BYTES: Final = 2
"""The wire type of members with a length: strings, bytes, messages, packed numbers."""
_FIXED: Final = {1: 8, 5: 4}
"""Bytes of numbers of a fixed length, by wire type."""
_NUMBER: Final = 0
_MOST_DIGITS: Final = 10
"""Bytes of a number of 64 bits."""

_Request = pb.ModelInferRequest
_RAW: Final = _Request.RAW_INPUT_CONTENTS_FIELD_NUMBER
_INPUTS: Final = _Request.INPUTS_FIELD_NUMBER
_CONTENTS: Final = _Request.InferInputTensor.CONTENTS_FIELD_NUMBER
_FLOATS: Final = {
    pb.InferTensorContents.FP32_CONTENTS_FIELD_NUMBER,
    pb.InferTensorContents.FP64_CONTENTS_FIELD_NUMBER,
}


class _Part(NamedTuple):
    """A member of a message."""

    field: int
    wire_type: int
    begin: int
    """Of its content."""
    end: int


def require_tensors(message: bytes, most: int) -> None:
    """
    Refuse a large request unless nearly all of it is tensors.

    At most `most` bytes are not raw. Raises BodyTooLarge, and BadInput where it is cut short or
    consists of many parts.
    """
    raw = floats = seen = 0
    # the members of messages that hold tensors, by the fields that lead there
    within: list[tuple[tuple[int, ...], int, int]] = [((), 0, len(message))]
    while within:
        path, begin, end = within.pop()
        for part in _parts(message, begin, end):
            seen += 1
            if seen > _MOST_PARTS:
                raise BadInput("a large ModelInferRequest has few parts: pack its numbers")
            size, at = part.end - part.begin, (*path, part.field)
            if part.wire_type != _BYTES:
                continue
            if at == (_RAW,):
                raw += size
            elif at in {(_INPUTS,), (_INPUTS, _CONTENTS)}:
                within.append((at, part.begin, part.end))
            elif path == (_INPUTS, _CONTENTS) and part.field in _FLOATS:
                floats += size
    if len(message) - raw > most:
        raise BodyTooLarge(most, "other than raw_input_contents")
    if len(message) - raw - floats > _MOST_OTHER:
        raise BodyTooLarge(_MOST_OTHER, "other than tensors")


def _parts(message: bytes, at: int, end: int) -> Iterator[_Part]:
    while at < end:
        key, at = _number(message, at)
        wire_type = key & 7
        if wire_type == _NUMBER:
            _, after = _number(message, at)
        elif wire_type == _BYTES:
            length, at = _number(message, at)
            after = at + length
        elif wire_type in _FIXED:
            after = at + _FIXED[wire_type]
        else:
            break
        if after > end:
            break
        yield _Part(key >> 3, wire_type, at, after)
        at = after
    else:
        return
    raise BadInput("this is no ModelInferRequest")


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Return a number of Protocol Buffers' variable length, and where it ends."""
    value = 0
    for place, byte in enumerate(message[at : at + _MOST_DIGITS]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value, at + place + 1
    raise BadInput("this is no ModelInferRequest")
