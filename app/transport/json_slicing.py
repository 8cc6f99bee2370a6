"""
A large JSON body cut into small ones, along the items of its one long array.

A JSON parser keeps Python's lock from the first byte to the last: for ten thousand windows long
enough that everyone else notices, from whichever thread. So the text is cut first, by a pattern
that reads a gigabyte a second, and every slice is parsed by itself.

The cut needs no trust. It begins where an item does, so a slice that is itself a JSON array ends
where an item does, and so on to the last; and the rest of the body is parsed with a mark in the
array's place, which must come back as the member's value.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

ITEMS: Final = 64
"""In one slice: some tenths of a millisecond of parsing."""

_WHITE = rb"[ \t\n\r]*+"
_ARRAY = rb"\[[^][{}\"]*+\]"
_OBJECT = rb"\{(?:[^][{}]*+" + _ARRAY + rb")*+[^][{}]*+\}"
_STRING = rb'"(?:[^"\\]|\\.)*+"'
_PLAIN = rb'[^][{}", \t\n\r]++'
_ITEM = _WHITE + rb"(?:%b)" % b"|".join((_ARRAY, _OBJECT, _STRING, _PLAIN)) + _WHITE
# possessive throughout: what does not match is found out at once
_slice = re.compile(_ITEM + rb"(?:," + _ITEM + rb"){0,%d}+" % (ITEMS - 1), re.DOTALL)


class Cut(NamedTuple):
    """A body in parts, each of them JSON."""

    rest: bytes
    """The body, with an array of nothing but the mark in the place of the long one."""
    mark: str
    slices: list[bytes]
    """Arrays of up to `ITEMS` items, which together are the long one."""


def cut(body: bytes, member: str) -> Cut | None:
    """Cut a body along the array under `member`; None where it is of no shape that we can cut."""
    found = re.search(rb'"%s"%b:%b\[' % (member.encode(), _WHITE, _WHITE), body)
    if found is None:
        return None
    slices = []
    end = found.end()
    for matched in _slices(body, end):
        slices.append(b"[%b]" % matched.group())
        end = matched.end()
    if not slices or body[end : end + 1] != b"]":
        return None
    # nobody can guess it, so that nobody can post it
    mark = secrets.token_hex(16)
    rest = b'%b"%b"%b' % (body[: found.end()], mark.encode(), body[end:])
    return Cut(rest, mark, slices)


def of_items(items: list[Any]) -> list[bytes]:
    """Write items that were parsed already as slices."""
    return [
        # nan and infinity, so that they are refused for what they are
        to_json(items[start : start + ITEMS], inf_nan_mode="constants")
        for start in range(0, len(items), ITEMS)
    ]


def _slices(body: bytes, start: int) -> Iterator[re.Match[bytes]]:
    while matched := _slice.match(body, start):
        yield matched
        if body[matched.end() : matched.end() + 1] != b",":
            return
        start = matched.end() + 1
