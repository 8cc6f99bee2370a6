"""How a request is sent: chunks and trailers, offers to upgrade, codings, segments, pipelines."""

import gzip
import random
import zlib
from typing import Final

from tools.testbed.client import Shot
from tools.testbed.requests import Request, written

Chance = random.Random
_OFFERS: Final = (
    [
        (b"Connection", b"Upgrade, HTTP2-Settings"),
        (b"Upgrade", b"h2c"),
        (b"HTTP2-Settings", b"AAMAAABkAAQ"),
    ],
    [(b"Connection", b"upgrade"), (b"Upgrade", b"websocket"), (b"Sec-WebSocket-Key", b"x")],
    [(b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"TLS/1.0, h2c")],
)
_TRAILERS: Final = (
    b"Authorization: Bearer a-key-in-a-trailer\r\n",
    b"Content-Type: text/csv\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"X-Request-Id: of-a-trailer\r\n",
    b"X: " + b"y" * 900 + b"\r\n",
)
_EXTENSIONS: Final = (b"", b"", b"", b";a=b", b";x" * 50, b';q="\\""')
_LONGEST_TRAILERS: Final = 30_000
"""Bytes that are accepted; of more the end is not known."""


def in_chunks(chance: Chance, request: Request) -> tuple[bytes, bool]:
    """Return a request with its body in chunks, and whether it may be refused for its trailers."""
    headers = [*request.headers, (b"Transfer-Encoding", b"chunked")]
    body, chunks = request.body or b"", []
    while body:
        size = chance.choice((1, 1, 7, 64, 1024, 65536))
        part, body = body[:size], body[size:]
        chunks.append(b"%x%b\r\n%b\r\n" % (len(part), chance.choice(_EXTENSIONS), part))
    trailers = b""
    if chance.random() < 0.3:
        trailers = b"".join(chance.choices(_TRAILERS, k=chance.choice((1, 2, 5, 20, 2_000))))
    content = b"".join([*chunks, b"0\r\n", trailers, b"\r\n"])
    sent = written(request.method, request.target, headers, content)
    return sent, len(trailers) < _LONGEST_TRAILERS


def offering(chance: Chance, request: Request) -> Request:
    """Return a request that offers to go on in another protocol."""
    return request._replace(headers=[*request.headers, *chance.choice(_OFFERS)])


def coded(chance: Chance, request: Request) -> Request:
    """Return a request whose body is compressed: well, twice, cut short, or to many times less."""
    body = request.body or b""
    if chance.random() < 0.2:
        body = body.rstrip(b"}") + b" " * chance.choice((10_000, 1_000_000, 5_000_000)) + b"}"
    ways = (
        lambda: (b"gzip", gzip.compress(body, 1)),
        lambda: (b"deflate", zlib.compress(body, 9)),
        lambda: (b"gzip", gzip.compress(gzip.compress(body))),
        lambda: (b"gzip", gzip.compress(body)[: chance.randrange(1, 40)]),
        lambda: (b"gzip", gzip.compress(body) + chance.randbytes(9)),
        lambda: (b"gzip", gzip.compress(body) + gzip.compress(body)),
        lambda: (b"identity", body),
    )
    coding, packed = chance.choice(ways)()
    return request._replace(headers=[*request.headers, (b"Content-Encoding", coding)], body=packed)


def segmented(chance: Chance, shot: Shot) -> Shot:
    """Return a shot that is sent in parts, cut where it hurts or anywhere."""
    size = len(shot.content)
    if size < 3:
        return shot
    nasty = [shot.content.find(b"\r\n") + 1, shot.content.find(b"\r\n\r\n") + 3, size - 1]
    anywhere = [chance.randrange(1, size) for _ in range(chance.choice((1, 2, 8)))]
    places = sorted({at for at in chance.choice((nasty, anywhere, nasty + anywhere)) if at > 0})
    cuts = tuple(second - first for first, second in zip([0, *places], places, strict=False))
    return shot._replace(segments=cuts)
