"""Request heads that have been read before, byte for byte, and need not be parsed again."""

from typing import Final, Generic, NamedTuple, TypeVar

from app.observability.request_record import REQUEST_ID, TRACEPARENT
from app.transport.headers import Headers

_Endpoint = TypeVar("_Endpoint")


_KEPT: Final = 1024
_LONGEST: Final = 2048
"""Bytes of a head that is kept: with `_KEPT` of them, two MiB at most."""

_LONGEST_BODY: Final = 64 * 1024
_NEVER: Final = {b"transfer-encoding", REQUEST_ID, TRACEPARENT}


class Head(NamedTuple, Generic[_Endpoint]):
    """What a head says."""

    length: int
    """Bytes of the body behind it."""
    headers: Headers
    """Names in lower case."""
    endpoint: _Endpoint
    """What its path leads to."""
    caller: str | None
    """Which key it holds."""


class Heads(Generic[_Endpoint]):
    """
    The heads of plain requests, and what the parser made of each.

    A client repeats itself: its requests differ in their body, and in their head by its length
    at most. What a parser has once made of some bytes, it makes of the same bytes again. Those
    kept longest make room for new ones: a client with a header of its own for every request
    fills this with what is never asked for again, and costs the others a parse now and then.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[bytes, Head[_Endpoint]] = {}

    def find(self, head: bytes) -> Head[_Endpoint] | None:
        """Return what a head says; None where it has to be parsed."""
        return self._known.get(head)

    def keep(self, head: bytes, headers: Headers, endpoint: _Endpoint, caller: str | None) -> None:
        """
        Keep the head of a plain request, without the empty line at its end, where that is safe.

        `headers` are what the parser made of it. Nothing is kept unless its length is beyond
        doubt: exactly one Content-Length, no Transfer-Encoding, and no line end but CRLF; nor
        what will not come again.
        """
        lengths = [value for name, value in headers if name == b"content-length"]
        if (
            len(lengths) != 1
            or not lengths[0].isdigit()
            or any(name in _NEVER for name, _ in headers)
            or len(head) > _LONGEST
            or not head.startswith(b"POST ")
            or not head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
        ):
            return
        length = int(lengths[0])
        if length > _LONGEST_BODY:
            return
        if len(self._known) >= _KEPT:
            del self._known[next(iter(self._known))]
        self._known[head] = Head(length, headers, endpoint, caller)
