"""
A large JSON body cut into small ones, along the items of its one long array.

A JSON parser keeps Python's lock from the first byte to the last: for ten thousand windows long
enough that everyone else notices, from whichever thread. So the text is cut first, by a pattern
that reads a gigabyte a second, and every slice is parsed by itself.

The cut needs no trust. It begins where an item does, so a slice that is itself a JSON array ends
where an item does, and so on to the last; and the rest of the body is parsed with a mark in the
array's place, which must come back as the member's value. What one parser is given is bounded:
an item, and all that is beside the array, by what a body may hold that is not cut.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

ITEMS: Final = 64
"""In one slice, at most: some tenths of a millisecond of parsing."""
_SLICE_BYTES: Final = 256 * 1024
"""In one slice of several items."""

_WHITE = rb"[ \t\n\r]*+"
_ARRAY = rb"\[[^][{}\"]*+\]"
_OBJECT = rb"\{(?:[^][{}]*+" + _ARRAY + rb")*+[^][{}]*+\}"
_STRING = rb'"(?:[^"\\]|\\.)*+"'
_PLAIN = rb'[^][{}", \t\n\r]++'
_ITEM = _WHITE + rb"(?:%b)" % b"|".join((_ARRAY, _OBJECT, _STRING, _PLAIN))
_NEXT = _WHITE + rb"," + _ITEM
# possessive throughout: what does not match is found out at once
_full = re.compile(_ITEM + rb"(?:" + _NEXT + rb"){%d}+" % (ITEMS - 1), re.DOTALL)
_first = re.compile(_ITEM, re.DOTALL)
_next = re.compile(_NEXT, re.DOTALL)
_white = re.compile(_WHITE)


class Slice(NamedTuple):
    """Some items of an array."""

    source: bytes
    start: int
    end: int
    items: int

    @property
    def text(self) -> bytes:
        """The items as a JSON array."""
        return b"".join((b"[", memoryview(self.source)[self.start : self.end], b"]"))


class Cut(NamedTuple):
    """A body in parts, each of them JSON."""

    rest: bytes
    """The body, with an array of nothing but the mark in the place of the long one."""
    mark: str
    slices: list[Slice]
    """All items of the long array, or the first where there are more than may be."""
    items: int
    """How many the slices hold."""


def cut(body: bytes, member: str, *, most_items: int, most_bytes: int) -> Cut | None:
    """
    Cut a body along the array under `member`; None where it is of no shape that we can cut.

    That is also where an item, or all that is beside the array, is longer than `most_bytes`. Once
    there are more items than may be, the rest is not looked at.
    """
    found = re.compile(rb'"%s"%b:%b\[' % (member.encode(), _WHITE, _WHITE)).search(
        body, 0, most_bytes
    )
    if found is None:
        return None
    slices, items, end = [], 0, found.end()
    for part in _slices(body, end, most_bytes):
        slices.append(part)
        items += part.items
        end = _end_of_white(body, part.end)
        if items > most_items:
            return Cut(b"", "", slices, items)
    if not slices or body[end : end + 1] != b"]" or found.end() + len(body) - end > most_bytes:
        return None
    # nobody can guess it, so that nobody can post it
    mark = secrets.token_hex(16)
    rest = b'%b"%b"%b' % (body[: found.end()], mark.encode(), body[end:])
    return Cut(rest, mark, slices, items)


def of_items(items: list[Any]) -> list[Slice]:
    """Write items that were parsed already as slices."""
    slices = []
    for start in range(0, len(items), ITEMS):
        some = items[start : start + ITEMS]
        # nan and infinity, so that they are refused for what they are
        text = to_json(some, inf_nan_mode="constants")
        slices.append(Slice(text, 1, len(text) - 1, len(some)))
    return slices


def _slices(body: bytes, start: int, most_bytes: int) -> Iterator[Slice]:
    while True:
        full = _full.match(body, start, start + min(_SLICE_BYTES, most_bytes))
        if full:
            part = Slice(body, start, full.end(), ITEMS)
        else:
            # the last of them, or long ones
            part = _one_by_one(body, start, most_bytes)
        if not part.items:
            return
        yield part
        at = _end_of_white(body, part.end)
        if body[at : at + 1] != b",":
            return
        start = at + 1


def _one_by_one(body: bytes, start: int, most_bytes: int) -> Slice:
    """Return a slice of one item, and of those behind it as far as all together are short."""
    end, items = start, 0
    found = _first.match(body, start, start + most_bytes)
    while found and items < ITEMS:
        end, items = found.end(), items + 1
        found = _next.match(body, end, start + min(_SLICE_BYTES, most_bytes))
    return Slice(body, start, end, items)


def _end_of_white(body: bytes, at: int) -> int:
    found = _white.match(body, at)
    return found.end() if found else at
