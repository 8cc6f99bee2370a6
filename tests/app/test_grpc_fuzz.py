"""Whatever a message holds, it is answered or refused."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode, aio
from hypothesis import given, settings
from hypothesis import strategies as st

from app.grpc import inference_pb2 as pb
from tests.builders import (
    publish_quantiles,
)
from tests.grpc_calls import WINDOW, Service, serving, windows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_quantiles(tmp_path, window=WINDOW)
    return tmp_path


parameters = st.dictionaries(
    st.text(max_size=8),
    st.one_of(
        st.builds(pb.InferParameter, bool_param=st.booleans()),
        st.builds(pb.InferParameter, string_param=st.text(max_size=8)),
        st.builds(pb.InferParameter, double_param=st.floats()),
    ),
    max_size=2,
)
raws = st.one_of(
    st.binary(max_size=200), st.sampled_from([1, 2]).map(lambda count: windows(count).tobytes())
)
inputs = st.builds(
    pb.ModelInferRequest.InferInputTensor,
    name=st.sampled_from(["window", "window", "x"]),
    datatype=st.sampled_from(["FP64", "FP64", "FP32", "INT64", ""]),
    shape=st.one_of(
        st.sampled_from([[1, WINDOW, 4], [2, WINDOW, 4]]),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    ),
    parameters=parameters,
    contents=st.none()
    | st.builds(
        pb.InferTensorContents,
        fp64_contents=st.lists(st.floats(), max_size=20),
        bytes_contents=st.lists(st.binary(max_size=4), max_size=2),
    ),
)
requests = st.builds(
    pb.ModelInferRequest,
    model_name=st.sampled_from(["default", "default", "default", "", "../default"]),
    model_version=st.sampled_from(["", "", "1", "2", "x"]),
    id=st.text(max_size=300),
    parameters=parameters,
    inputs=st.lists(inputs, min_size=1, max_size=2),
    outputs=st.lists(
        st.builds(
            pb.ModelInferRequest.InferRequestedOutputTensor,
            name=st.sampled_from(["prediction", "quantiles", "x"]),
            parameters=parameters,
        ),
        max_size=2,
    ),
    raw_input_contents=st.lists(raws, max_size=2),
).map(pb.ModelInferRequest.SerializeToString)
EXPECTED = {
    StatusCode.OK,
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
}


@pytest.fixture(scope="module")
def ask(tmp_path_factory: Any) -> Iterator[Callable[[bytes], StatusCode]]:
    """Return what sends a message to a service and waits for its status."""
    folder = tmp_path_factory.mktemp("models")
    publish_quantiles(folder, window=WINDOW)

    async def status(service: Service, message: bytes) -> StatusCode:
        call = service.send("ModelInfer", message)
        with contextlib.suppress(aio.AioRpcError):
            await call
        code: StatusCode = await call.code()
        return code

    with asyncio.Runner() as runner:
        service_around = serving(folder, max_body_bytes=1000)
        service = runner.run(service_around.__aenter__())
        yield lambda message: runner.run(status(service, message))
        runner.run(service_around.__aexit__(None, None, None))


@settings(max_examples=300)
@given(message=requests)
def test_no_request_is_an_error_of_ours(ask: Callable[[bytes], StatusCode], message: bytes) -> None:
    assert ask(message) in EXPECTED


@settings(max_examples=200)
@given(message=st.binary(max_size=2000), valid=requests, at=st.integers(0, 5000))
def test_no_bytes_are_an_error_of_ours(
    ask: Callable[[bytes], StatusCode], message: bytes, valid: bytes, at: int
) -> None:
    assert ask(message) in EXPECTED
    assert ask(valid[:at] + message + valid[at:]) in EXPECTED
