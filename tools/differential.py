"""
The same bytes to the service with its fast path and without: the same answers must come back.

    python -m tools.differential [--requests 20000] [--seed 1]

Requests are those of `tools.fuzz`, mutated in method, target, head, framing and body, sent in one
to three pieces, one after the other, to two servers of one process. What comes back is compared
byte by byte, but for the date, the order of headers, and ids that the service makes up. Prints a
line of JSON; exits 1 where anything differs, and shows it.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from uvicorn import Config, Server

from app.__main__ import server_options
from app.connection.http_connection import HttpConnection
from app.fastpath.protocol import ForecastProtocol
from app.main import create_app
from app.settings import Settings
from tools.fuzz.mutations import Mutator
from tools.fuzz.seeds import publish_models, seeds
from tools.testbed.client import Shot

QUIET_S: Final = 0.25
"""After so long without a byte there are no more, where nobody can say how many are to come."""
LONGEST_S: Final = 60.0
"""For an answer that has to come, on a machine that is busy."""
PIECE_S: Final = 0.002
"""Between two pieces of a request."""
SHOWN: Final = 10
"""Differences that are shown, of each kind of request one."""

_head = re.compile(rb"HTTP/1\.1 \d{3}[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")
_length = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")
_changing = re.compile(rb"(?i)^date: |^x-request-id: [0-9a-f]{12}-[0-9a-f]+$")
_figures = re.compile(rb"/metrics|/stats|/v1/timeseries/forecast")
"""Routes whose answers hold times and counts, or an id."""


@contextlib.asynccontextmanager
async def serving(models: Path, protocol: type[HttpConnection]) -> AsyncIterator[int]:
    """Serve by a protocol, and give the port."""
    settings = Settings(
        models=models, request_log=False, receive_seconds=1, max_body_bytes=2**16, port=0
    )
    options = server_options(settings) | {"http": protocol, "log_level": "critical"}
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = Server(Config(create_app(settings), log_config=None, **options))
        running = asyncio.ensure_future(server.serve(sockets=[bound]))
        while not server.started:  # noqa: ASYNC110 - uvicorn's own, and no event
            await asyncio.sleep(0.01)
        yield bound.getsockname()[1]
        server.should_exit = True
        await running


async def answers(port: int, shot: Shot, cuts: list[int]) -> bytes:
    """Send a shot in pieces, and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # meanwhile: what an ended connection has sent is lost once more is sent to it
    reading = asyncio.ensure_future(_read(reader, shot))
    with contextlib.suppress(OSError):
        for start, end in zip([0, *cuts], [*cuts, len(shot.content)], strict=True):
            writer.write(shot.content[start:end])
            await writer.drain()
            if end < len(shot.content):
                await asyncio.sleep(PIECE_S)
    received = await reading
    writer.close()
    return received


async def _read(reader: asyncio.StreamReader, shot: Shot) -> bytes:
    received = b""
    try:
        while not (shot.sound and complete(received) >= shot.answers):
            async with asyncio.timeout(LONGEST_S if shot.sound and not received else QUIET_S):
                piece = await reader.read(2**16)
            if not piece:
                return received + b"<end>"
            received += piece
    except TimeoutError:
        return received + b"<open>"
    except OSError:
        return received + b"<end>"
    return received


def complete(received: bytes) -> int:
    """Return how many whole answers there are, to other requests than HEAD."""
    at = count = 0
    while found := _head.match(received, at):
        length = _length.search(found.group())
        at = found.end() + (int(length.group(1)) if length else 0)
        if at > len(received):
            break
        # 100 Continue is none
        count += not found.group().startswith(b"HTTP/1.1 1")
    return count


def comparable(received: bytes) -> bytes:
    """Return answers without what differs from one request to the next."""

    def normal(found: re.Match[bytes]) -> bytes:
        status, *headers = found.group().rstrip(b"\r\n").split(b"\r\n")
        kept = sorted(header.lower() for header in headers if not _changing.match(header))
        return b"\r\n".join([status, *kept, b"", b""])

    return _head.sub(normal, received)


def pieces(shot: Shot, chance: random.Random) -> list[int]:
    """Choose where to cut a shot."""
    count = chance.choice((0, 0, 1, 2))
    return sorted(chance.randrange(len(shot.content) + 1) for _ in range(count))


def shots(seed: int, requests: int) -> Iterator[tuple[Shot, list[int]]]:
    """Yield mutated requests, and where to cut each."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    mutator = Mutator(*seeds(), chance, costly_every=0)
    while requests > 0:
        shot = mutator.shot()
        if _figures.search(shot.content):
            continue
        requests -= 1
        if b"HEAD " in shot.content:
            shot = shot._replace(sound=False)
        yield shot, pieces(shot, chance)


async def compare(seed: int, requests: int) -> tuple[Counter[str], dict[str, str]]:
    """Return how many answers of each status came, and what differed, by kind of request."""
    statuses: Counter[str] = Counter()
    differences: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        publish_models(Path(folder))
        async with (
            serving(Path(folder), ForecastProtocol) as fast,
            serving(Path(folder), HttpConnection) as plain,
        ):
            for shot, cuts in shots(seed, requests):
                both = await asyncio.gather(answers(fast, shot, cuts), answers(plain, shot, cuts))
                one, other = map(comparable, both)
                statuses.update(head.split()[1].decode() for head in _head.findall(one))
                if one != other and shot.label not in differences:
                    differences[shot.label] = (
                        f"{shot.label}, cut at {cuts}:\n{shot.content[:2000]!r}\n"
                        f"  by the fast path:  {one[:1500]!r}\n  by the framework: {other[:1500]!r}"
                    )
    return statuses, differences


def main(arguments: list[str] | None = None) -> int:
    """Compare, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.differential", description=(__doc__ or "").partition("\n\n")[0]
    )
    parser.add_argument("--requests", type=int, default=20_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args(arguments)
    statuses, differences = asyncio.run(compare(options.seed, options.requests))
    for shown in [*differences.values()][:SHOWN]:
        print(shown, file=sys.stderr)
    summary = {
        "requests": options.requests,
        "seed": options.seed,
        "statuses": dict(sorted(statuses.items())),
        "differences": len(differences),
    }
    print(json.dumps(summary))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
