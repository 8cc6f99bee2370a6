"""Oversized and endless bodies: decompression bombs, chunk floods, lengths that are lies."""

import contextlib
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.fuzz.seeds import seeds
from tools.testbed.service import RSS_SLACK_MIB, Service, request
from tools.testbed.waiting import PATIENCE_S

MIB = 2**20
CAPS = {
    "/predict": MIB,
    "/v1/timeseries/forecast": MIB,
    "/predict/batch": 32 * MIB,
    "/v2/models/default/infer": 32 * MIB,
    "/v2/models/default/versions/1/infer": 32 * MIB,
    "/v2/repository/index": 32 * MIB,
}
POSTS = list(CAPS)


@contextlib.contextmanager
def little_memory(service: Service, most_mib: float = RSS_SLACK_MIB) -> Iterator[None]:
    """Let the service take so much more memory meanwhile, and not more."""
    # "5" makes the peak of what a process held what it holds now: proc(5)
    Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")
    before = service.resident_mib()
    yield
    assert service.peak_mib() - before < most_mib


def chunked(target: str, *headers: str) -> bytes:
    head = ("Transfer-Encoding: chunked", "Content-Type: application/json", *headers)
    return request("POST", target, None, *head)


@pytest.mark.parametrize("target", POSTS)
@pytest.mark.parametrize("length", [10**9, 2**63 - 1, 10**18])
def test_oversized_body_that_is_announced_is_refused_before_it_has_come(
    service: Service, target: str, length: int
) -> None:
    head = request("POST", target, b"").replace(b"Length: 0", b"Length: %d" % length)
    with little_memory(service, 8), service.connect() as connection:
        with contextlib.suppress(ConnectionError):
            # what is answered where it arrives is looked at when it is more than a plain body
            connection.send(head + b" " * (MIB + 1))
        answer = connection.answer()

    assert answer is not None
    assert answer.status == 413


@pytest.mark.parametrize("target", POSTS)
def test_oversized_body_in_chunks_is_refused_at_the_cap(service: Service, target: str) -> None:
    chunk = b"%x\r\n%b\r\n" % (MIB // 4, b" " * (MIB // 4))
    sent = 0
    with little_memory(service), service.connect() as connection:
        connection.send(chunked(target))
        connection.socket.settimeout(0.01)
        answer = None
        with contextlib.suppress(ConnectionError):
            while answer is None and sent < CAPS[target] + 16 * MIB:
                connection.socket.settimeout(PATIENCE_S)
                connection.send(chunk)
                sent += MIB // 4
                connection.socket.settimeout(0.001)
                with contextlib.suppress(TimeoutError):
                    answer = connection.answer()
        connection.socket.settimeout(PATIENCE_S)
        answer = answer or connection.answer()

    assert answer is not None
    assert answer.status == 413


@pytest.mark.parametrize("target", POSTS)
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_decompression_bomb_costs_no_memory(service: Service, target: str, encoding: str) -> None:
    bomb = decompression_bomb(encoding, 256 * MIB)
    assert len(bomb) < 256 * MIB / 900
    with little_memory(service):
        answer = service.send(request("POST", target, bomb, f"Content-Encoding: {encoding}"))

    # who reads no compressed bodies finds no JSON in it
    assert answer.status == 413 or (target == "/v2/repository/index" and answer.status == 400)
    assert service.get("/livez")[0] == 200


def decompression_bomb(encoding: str, size: int) -> bytes:
    """Return zeros, compressed a thousand to one."""
    window = zlib.MAX_WBITS + 16 if encoding == "gzip" else zlib.MAX_WBITS
    packer = zlib.compressobj(9, wbits=window)
    part = bytes(4 * MIB)
    parts = [packer.compress(part) for _ in range(size // len(part))]
    return b"".join([*parts, packer.flush()])


def test_decompression_bomb_in_a_bomb_is_refused(service: Service) -> None:
    nested = gzip.compress(decompression_bomb("gzip", 64 * MIB))
    twice = request("POST", "/predict/batch", nested, "Content-Encoding: gzip, gzip")
    lines = ("Content-Encoding: gzip", "Content-Encoding: gzip")
    with little_memory(service):
        assert service.send(twice).status == 415
        assert service.send(request("POST", "/predict/batch", nested, *lines)).status in {400, 413}


@pytest.mark.parametrize("cut", [1, 10, -1])
def test_compressed_bodies_that_are_cut_or_longer_are_refused(service: Service, cut: int) -> None:
    packed = gzip.compress(seeds()[0][0].body or b"")
    header = "Content-Encoding: gzip"

    assert service.send(request("POST", "/predict", packed, header)).status == 200
    for broken in (packed[:cut], packed + b"x" * abs(cut), packed * 2):
        assert service.send(request("POST", "/predict", broken, header)).status == 400


@pytest.mark.parametrize("target", ["/predict", "/predict/batch", "/v1/timeseries/forecast"])
def test_chunk_flood_of_single_bytes_is_read_as_any_body(service: Service, target: str) -> None:
    [body] = [each.body for each in seeds()[0] if each.target.decode() == target][:1]
    assert body is not None
    whole = b" " * 200_000 + body
    with little_memory(service), service.connect() as connection:
        connection.send(chunked(target))
        connection.send(b"".join(b"1\r\n%c\r\n" % byte for byte in whole) + b"0\r\n\r\n")
        answer = connection.answer()

    assert answer is not None
    assert answer.status == 200


def test_chunk_flood_does_not_keep_others_waiting(service: Service) -> None:
    flood = chunked("/predict/batch") + b"1\r\n \r\n" * 400_000
    plain = seeds()[0][0].content
    answered = 0
    with contextlib.ExitStack() as stack:
        floods = [stack.enter_context(service.connect()) for _ in range(4)]
        for each in floods:
            each.socket.setblocking(False)  # noqa: FBT003 - the standard library's own
        left = [flood] * len(floods)
        asking = stack.enter_context(service.connect())
        while any(left):
            for place, each in enumerate(floods):
                with contextlib.suppress(BlockingIOError):
                    left[place] = left[place][each.socket.send(left[place][:65536]) :]
            # each is answered while the flood goes on
            asking.send(plain)
            answer = asking.answer()
            assert answer is not None
            assert answer.status == 200
            answered += 1

    assert answered > 10


@pytest.mark.parametrize(
    "extension", [b";" + b"x" * 20_000, b";a=b" * 5_000, b" " * 20_000, b"0" * 20_000]
)
def test_chunk_flood_of_extensions_is_bounded(service: Service, extension: bytes) -> None:
    body = seeds()[0][0].body or b""
    chunks = b"".join(b"%x%b\r\n%c\r\n" % (1, extension, byte) for byte in body[:40])
    with little_memory(service, 16), service.connect() as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(chunked("/predict") + chunks + b"0\r\n\r\n")
        answer = connection.answer()

    assert answer is None or answer.status == 400


def test_excessive_windows_are_refused_for_their_number(service: Service) -> None:
    windows = json.dumps({"model": "closes", "windows": [[1, 2, 3]] * 10_001}).encode()
    names = json.dumps({f"member{each}": each for each in range(50_000)}).encode()

    assert service.send(request("POST", "/predict/batch", windows)).status == 422
    for target in ("/predict", "/predict/batch", "/v1/timeseries/forecast"):
        with little_memory(service):
            assert service.send(request("POST", target, names)).status in {413, 422}
