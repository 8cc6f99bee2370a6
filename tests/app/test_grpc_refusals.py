"""What gRPC refuses: told with a status, a word and no more, before it costs much."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc import StatusCode

from app.grpc import inference_pb2 as pb
from app.grpc import server
from tests.builders import (
    publish_quantiles,
)
from tests.grpc_calls import KEY, WINDOW, Service, refusal, request, run, windows
from tools.testbed.waiting import PATIENCE_S


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_quantiles(tmp_path, window=WINDOW)
    return tmp_path


BAD: dict[str, Callable[[Any], object]] = {
    "no input": lambda asked: asked.inputs.clear(),
    "an input twice": lambda asked: asked.inputs.append(asked.inputs[0]),
    "another input": lambda asked: setattr(asked.inputs[0], "name", "x"),
    "another datatype": lambda asked: setattr(asked.inputs[0], "datatype", "INT64"),
    "a shape of two": lambda asked: asked.inputs[0].shape.pop(),
    "another window": lambda asked: asked.inputs[0].shape.__setitem__(1, 6),
    "a negative shape": lambda asked: asked.inputs[0].shape.__setitem__(0, -1),
    "no window": lambda asked: asked.inputs[0].shape.__setitem__(0, 0),
    "a shape beyond all memory": lambda asked: asked.inputs[0].shape.__setitem__(0, 2**62),
    "more windows than numbers": lambda asked: asked.inputs[0].shape.__setitem__(0, 2),
    "two raw tensors": lambda asked: asked.raw_input_contents.append(b""),
    "a raw tensor that is cut": lambda asked: asked.raw_input_contents.__setitem__(0, b"1234567"),
    "no numbers": lambda asked: asked.raw_input_contents.clear(),
    "raw and not": lambda asked: asked.inputs[0].contents.fp64_contents.append(1),
    "numbers of another kind": lambda asked: (
        asked.raw_input_contents.clear(),
        asked.inputs[0].contents.int64_contents.extend(range(20)),
    ),
    "an unknown output": lambda asked: asked.outputs.add(name="x"),
    "an output twice": lambda asked: [asked.outputs.add(name="prediction") for _ in "ab"],
    "a classification": lambda asked: setattr(
        asked.outputs.add(name="prediction").parameters["classification"], "int64_param", 1
    ),
    "a version that is none": lambda asked: setattr(asked, "model_version", "1.0"),
    "a version of many digits": lambda asked: setattr(asked, "model_version", "1" * 5000),
    "a long id": lambda asked: setattr(asked, "id", "i" * 257),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_the_callers(root: Path, name: str) -> None:
    async def test(service: Service) -> None:
        asked = request(windows())
        BAD[name](asked)
        await refusal(service.infer(asked), StatusCode.INVALID_ARGUMENT, "bad_input")

    run(test, root)


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_no_price_is_refused_with_its_place(root: Path, count: int) -> None:
    posted = windows(count)
    posted[-1, 2, 3] = np.nan

    async def test(service: Service) -> None:
        asking = service.infer(request(posted))
        details = await refusal(asking, StatusCode.INVALID_ARGUMENT, "bad_price")
        assert "window" in details
        [(seen, status)] = service.told
        assert (seen.route, seen.code, status) == ("grpc ModelInfer", "bad_price", 422)

    run(test, root)


@pytest.mark.parametrize("name", ["ModelInfer", "ModelReady", "ModelMetadata", "RepositoryIndex"])
def test_what_is_no_message_is_refused(root: Path, name: str) -> None:
    async def test(service: Service) -> None:
        asking = service.send(name, b"\xff\xff\xff")
        await refusal(asking, StatusCode.INVALID_ARGUMENT, "bad_input")

    run(test, root)


def test_a_method_that_is_not_there_is_told_so(root: Path) -> None:
    async def test(service: Service) -> None:
        asking = service.send("RepositoryModelLoad", b"")
        await refusal(asking, StatusCode.UNIMPLEMENTED)
        [(seen, status)] = service.told
        assert (seen.route, seen.code, status) == ("unknown", "not_found", 404)

    run(test, root)


def test_an_id_and_a_trace_come_back_and_are_told(root: Path) -> None:
    async def test(service: Service) -> None:
        for sent in ("mine", "no plain word"):
            call = service.send("ServerLive", b"", x_request_id=sent, traceparent="00-1-2-01")
            await call
            trailing = dict(await call.trailing_metadata())
            seen, status = service.told.pop()
            assert (seen.id == sent) == (sent == "mine")
            assert trailing["x-request-id"] == seen.id
            assert (seen.route, status, seen.traceparent) == ("grpc ServerLive", 200, "00-1-2-01")

    run(test, root)


def test_a_forecast_is_told_with_all_there_is_to_know(root: Path) -> None:
    async def test(service: Service) -> None:
        for count in (1, 40):
            await service.infer(request(windows(count)))
            seen, status = service.told.pop()
            assert (seen.route, seen.model, seen.version) == ("grpc ModelInfer", "default", 1)
            assert (seen.windows, status, seen.code) == (count, 200, None)
            assert seen.wait_s is not None
            assert seen.run_s is not None
            assert 0 <= seen.wait_s + seen.run_s <= seen.whole_s

    run(test, root)


@pytest.mark.parametrize("given", [{"authorization": f"Bearer {KEY}"}, {"x_api_key": KEY}])
def test_with_keys_a_key_is_needed_for_all_but_health(root: Path, given: dict[str, str]) -> None:
    async def test(service: Service) -> None:
        for name in ("ServerLive", "ServerReady"):
            await service.send(name, b"")
        for name in ("ModelReady", "ServerMetadata", "ModelInfer", "RepositoryIndex"):
            for wrong in ({}, {"x_api_key": "another key of this length"}):
                asking = service.send(name, b"", **wrong)
                await refusal(asking, StatusCode.UNAUTHENTICATED, "unauthorized")
        service.told.clear()

        await service.infer(request(windows()), **given)
        [(seen, _)] = service.told
        assert seen.caller

    run(test, root, api_keys=(KEY,))


def test_a_key_that_asks_too_often_is_told_when_it_may_again(root: Path) -> None:
    async def test(service: Service) -> None:
        for _ in range(2):
            await service.infer(request(windows()))
        asking = service.infer(request(windows()))
        details = await refusal(asking, StatusCode.RESOURCE_EXHAUSTED, "rate_limited")
        assert "try again in" in details

    run(test, root, rate_limit="2/hour")


def part(key: int, content: bytes) -> bytes:
    """Return a member of a message, as Protocol Buffers writes it."""
    length, written = len(content), bytearray([key])
    while length > 127:
        written.append(length & 127 | 128)
        length >>= 7
    return bytes(written) + bytes([length]) + content


MOST = 1000
LARGE = {
    "of much that is no raw tensor": (part(0x1A, b"i" * MOST), "body_too_large"),
    "of many parts": (part(0x3A, b"") * MOST, "bad_input"),
    "cut short": (part(0x3A, bytes(2 * MOST))[:-1], "bad_input"),
    "with a group": (part(0x3A, bytes(MOST)) + b"\x0b\x0c", "bad_input"),
    "cut short within an input": (part(0x2A, b"\x0a\x05ab") + bytes(MOST), "bad_input"),
    "with a number that does not end": (part(0x3A, bytes(MOST)) + b"\xff" * 20, "bad_input"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_message_is_refused_before_it_is_parsed(root: Path, name: str) -> None:
    message, code = LARGE[name]

    async def test(service: Service) -> None:
        assert len(message) > MOST
        await refusal(service.send("ModelInfer", message), StatusCode.INVALID_ARGUMENT, code)
        # raw tensors may be as large as they like
        await service.infer(request(windows(20)))

    run(test, root, max_body_bytes=MOST)


MANY = 100_000
SWELLING = {
    "of many inputs": (part(0x2A, b"") * MANY, "bad_input"),
    "of many outputs": (part(0x32, b"") * MANY, "bad_input"),
    "of many raw tensors": (part(0x3A, b"") * MANY, "bad_input"),
    "of many parameters": (
        b"".join(part(0x22, part(0x0A, b"%x" % each)) for each in range(MANY)),
        "bad_input",
    ),
    "of numbers that are not packed": (
        part(0x2A, part(0x2A, b"\x39" + bytes(8)) * MANY),
        "bad_input",
    ),
    "of a long shape": (part(0x2A, part(0x1A, b"\x01" * MANY)), "body_too_large"),
    "of small whole numbers": (
        part(0x2A, part(0x2A, part(0x1A, b"\x01" * MANY))),
        "body_too_large",
    ),
    "of many texts": (part(0x2A, part(0x2A, part(0x42, b"") * MANY)), "bad_input"),
}


@pytest.mark.parametrize("name", SWELLING)
def test_a_message_that_would_grow_many_times_once_parsed_is_refused(root: Path, name: str) -> None:
    message, code = SWELLING[name]

    async def test(service: Service) -> None:
        await refusal(service.send("ModelInfer", message), StatusCode.INVALID_ARGUMENT, code)

    run(test, root)


@pytest.mark.parametrize("name", ["ModelReady", "ModelMetadata", "ModelConfig", "RepositoryIndex"])
def test_a_message_of_two_names_is_small(root: Path, name: str) -> None:
    async def test(service: Service) -> None:
        asking = service.send(name, part(0x0A, b"x" * MANY))
        await refusal(asking, StatusCode.INVALID_ARGUMENT, "body_too_large")

    run(test, root)


def test_metadata_is_taken_up_to_its_bound_and_not_at_random(root: Path) -> None:
    async def test(service: Service) -> None:
        for _ in range(30):
            await service.send("ServerLive", b"", padding="x" * 14_000)
        asking = service.send("ServerLive", b"", padding="x" * 20_000)
        await refusal(asking, StatusCode.RESOURCE_EXHAUSTED)
        await service.infer(request(windows()))

    run(test, root)


def test_a_message_beyond_all_bounds_is_not_taken(root: Path) -> None:
    async def test(service: Service) -> None:
        asking = service.infer(request(windows(100)))
        await refusal(asking, StatusCode.RESOURCE_EXHAUSTED)

    run(test, root, max_batch_body_bytes=10_000)


def test_a_message_is_as_large_as_it_is_once_decompressed(root: Path) -> None:
    bomb = pb.ModelInferRequest(model_name="default", raw_input_contents=[bytes(2_000_000)])

    async def test(service: Service) -> None:
        asking: Any = service.channel.unary_unary(f"/{server.SERVICE}/ModelInfer")
        squeezed = {"compression": grpc.Compression.Gzip, "timeout": 20}
        sent = asking(bomb.SerializeToString(), **squeezed)
        await refusal(sent, StatusCode.RESOURCE_EXHAUSTED)
        answer = await asking(request(windows()).SerializeToString(), **squeezed)
        assert pb.ModelInferResponse.FromString(answer).model_name == "default"

    run(test, root, max_batch_body_bytes=1_000_000)


@pytest.mark.parametrize(
    ("comes", "code", "word"),
    [
        pytest.param(True, StatusCode.INVALID_ARGUMENT, "bad_input", id="ends"),
        pytest.param(False, StatusCode.DEADLINE_EXCEEDED, "body_too_slow", id="hangs"),
    ],
)
def test_a_message_is_not_waited_for_without_end(
    root: Path, code: StatusCode, word: str, *, comes: bool
) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        if not comes:
            await asyncio.Event().wait()
        for message in list[bytes]():
            yield message

    async def test(service: Service) -> None:
        asking: Any = service.channel.stream_unary(f"/{server.SERVICE}/ModelReady")
        await refusal(asking(nothing(), timeout=PATIENCE_S), code, word)

    run(test, root, receive_seconds=0.2)
