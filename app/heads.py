"""Request heads that have been read before, byte for byte, and need not be parsed again."""

from typing import Final

_KEPT: Final = 1024
_LONGEST: Final = 2048
"""Bytes of a head that is kept: with `_KEPT` of them, two MiB at most."""

_LONGEST_BODY: Final = 64 * 1024


class Heads:
    """
    The heads of plain requests, and how long a body each announces.

    A client repeats itself: its requests differ in their body, and in their head by its length
    at most. What a parser has once made of some bytes, it makes of the same bytes again. Those
    kept longest make room for new ones: a client with a header of its own for every request
    fills this with what is never asked for again, and costs the others a parse now and then.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lengths: dict[bytes, int] = {}

    def length(self, head: bytes) -> int | None:
        """Return the length of body that a head announces; None where it has to be parsed."""
        return self._lengths.get(head)

    def keep(self, head: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """
        Keep the head of a plain request, without the empty line at its end, where that is safe.

        `headers` are what the parser made of it. Nothing is kept unless its length is beyond
        doubt: exactly one Content-Length, no Transfer-Encoding, and no line end but CRLF.
        """
        lengths = [value for name, value in headers if name == b"content-length"]
        if (
            len(lengths) != 1
            or not lengths[0].isdigit()
            or any(name == b"transfer-encoding" for name, _ in headers)
            or len(head) > _LONGEST
            or not head.startswith(b"POST ")
            or not head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
        ):
            return
        length = int(lengths[0])
        if length > _LONGEST_BODY:
            return
        if len(self._lengths) >= _KEPT:
            del self._lengths[next(iter(self._lengths))]
        self._lengths[head] = length
