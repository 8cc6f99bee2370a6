"""
The fields of a protobuf message, read without a schema and no more leniently than protobuf does.

Source: Protocol Buffers, "Encoding". Where protobuf itself cuts a number off, or readers differ,
the message is refused: whoever checks these fields must see what the next reader will.
"""

from collections.abc import Iterator
from typing import Final

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_MORE: Final = 0x80
"""The bit of a byte that says that more of a number follow."""
_LONGEST: Final = 10
_HIGHEST_FIELD: Final = 2**29 - 1
_HIGHEST: Final = 2**64


class Malformed(Exception):
    """This is no message, or not one that all readers would read alike."""


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """
    Yield the number and the value of each field; that of a fixed-width number is not read.

    Raises Malformed, also for groups, which nobody writes any more.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if not 1 <= number <= _HIGHEST_FIELD:
            # protobuf takes the lowest 32 bits, and finds another field
            raise Malformed
        value: memoryview | int = 0
        if wire == _VARINT:
            value, at = _varint(message, at)
        elif wire == _BYTES:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif wire in {_EIGHT_BYTES, _FOUR_BYTES}:
            at += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise Malformed
        if at > len(message):
            raise Malformed
        yield number, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, the lowest first; return it and where it ends."""
    value = 0
    for place, byte in enumerate(message[at : at + _LONGEST]):
        value |= (byte & ~_MORE) << (7 * place)
        if byte < _MORE:
            if value >= _HIGHEST or (place and not byte):
                # cut off by who reads it, or longer than it need be
                break
            return value, at + place + 1
    raise Malformed
