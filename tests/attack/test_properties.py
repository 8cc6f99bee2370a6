"""Bodies of any kind, by hypothesis; and the parser of tensors by itself."""

import json
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.errors import BadInput, NotJson
from app.open_inference import codec
from tools.fuzz.__main__ import repeats
from tools.fuzz.mutations import CANARY
from tools.testbed.requests import binary, columns, tensor
from tools.testbed.service import Service, request

ROWS = [(5, 4), (5, 1)]
GIVES = ["prediction", "quantiles"]
OVERHEAD = 400_000
"""Bytes that pydantic and NumPy take for any request, and a message about it."""
TIMES = 120
"""Bytes of Python for each byte of a body, at most: a list of a digit, and of an object."""
INFER = "/v2/models/default/infer"
QUIET = settings(
    max_examples=250,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

numbers = st.one_of(
    st.floats(width=64),
    st.integers(),
    st.sampled_from([0, -1, 1e308, 5e-324, 2**53, 2**63, 2**64, 10**400, -0.0]),
    st.floats(1, 1000),
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text() | st.just(CANARY),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
prices = st.lists(numbers, max_size=12) | anything
bars = st.fixed_dictionaries(dict.fromkeys(("open", "high", "low", "close"), prices)) | anything
names = st.sampled_from(["default", "closes", "nobody", "../x", ""]) | anything
levels = st.lists(numbers, max_size=40) | anything
asked = {"model": names, "version": numbers | anything, "levels": levels, CANARY: anything}

predicts = st.fixed_dictionaries({}, optional=asked | {"prices": prices, "bars": bars}) | anything
batches = (
    st.fixed_dictionaries(
        {},
        optional=asked
        | {
            "windows": st.lists(prices, max_size=5) | anything,
            "bars": st.lists(bars, max_size=5) | anything,
        },
    )
    | anything
)
series = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["univariate_time_series", "multivariate_time_series"]) | anything,
        "name": st.just("x") | anything,
        "series": prices,
        "frequency": st.sampled_from(["D", "B", "day", "H"]) | anything,
        "start_timestamp": st.sampled_from(
            ["2026-01-05", "2026-01-05T00:00:00Z", "9999-12-31", "0001-01-01", "2026-W01", CANARY]
        )
        | anything,
    },
)
series_requests = (
    st.fixed_dictionaries(
        {
            "model": names,
            "inputs": st.lists(series, max_size=3) | anything,
            "options": st.fixed_dictionaries(
                {"horizon": st.just(1) | numbers}, optional={"quantiles": levels}
            )
            | anything,
        }
    )
    | anything
)
shapes = st.lists(st.integers(-2, 6) | numbers, max_size=5) | st.just([1, 5, 4]) | anything
inputs = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("window") | anything,
        "shape": shapes,
        "datatype": st.sampled_from(["FP64", "FP32", "FP16", "BYTES", "INT64"]) | anything,
        "data": prices,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": numbers}) | anything,
    },
)
outputs = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from([*GIVES, "other"])},
        optional={"parameters": st.dictionaries(st.sampled_from(["binary_data"]), anything)},
    ),
    max_size=4,
)
inferences = (
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.text() | anything,
            "inputs": st.lists(inputs, max_size=3) | anything,
            "outputs": outputs | anything,
            "parameters": st.dictionaries(st.sampled_from(["binary_data_output"]), anything)
            | anything,
        },
    )
    | anything
)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/predict", predicts),
        ("/predict/batch", batches),
        ("/v1/timeseries/forecast", series_requests),
        (INFER, inferences),
    ],
)
def test_any_body_has_an_answer_that_is_json_and_repeats_nothing(
    service: Service, target: str, kind: st.SearchStrategy[Any]
) -> None:
    with service.connect() as connection:

        @given(kind)
        @QUIET
        def check(document: Any) -> None:
            connection.send(request("POST", target, json.dumps(document).encode()))
            answer = connection.answer()
            assert answer is not None
            assert answer.status in {200, 400, 404, 422}, answer
            assert json.loads(answer.content, parse_constant=pytest.fail)
            if answer.status != 200:
                assert len(answer.content) <= 1024
                assert not repeats(answer.content)

        check()


def parsed(content: bytes, json_length: int | None) -> int:
    """Parse, and return how many bytes that took at most; only declared errors may be raised."""
    question, message = None, ""
    tracemalloc.start()
    try:
        question = codec.parse(content, json_length, rows=ROWS, gives=GIVES)
    except (BadInput, NotJson) as error:
        message = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(message) < 400
    assert not repeats(message.encode())
    assert question is None or question.windows.shape[1:] in ROWS
    return peak


@given(st.binary(max_size=2000), st.none() | st.integers(0, 2500) | st.just(10**18))
@example(b"", 0)
@example(b"", None)
@example(b"\0" * 160, 0)
@example(b"{}" + b"\0" * 160, 2)
@settings(max_examples=600)
def test_the_parser_of_tensors_takes_any_bytes(content: bytes, json_length: int | None) -> None:
    assert parsed(content, json_length) < OVERHEAD + TIMES * len(content)


@given(inferences, st.binary(max_size=400), st.integers(-3, 3))
@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
def test_the_parser_of_tensors_takes_any_document(document: Any, rest: bytes, off: int) -> None:
    head = json.dumps(document).encode()

    assert parsed(head + rest, max(0, len(head) + off)) < OVERHEAD + TIMES * len(head + rest)


SIZES = st.integers(0, 2**70) | st.sampled_from([160, 320, 2**31, 2**32, 2**63 - 1, 2**64 + 160])


@given(
    st.lists(st.integers(0, 2**70) | st.sampled_from([1, 5, 4, 2**32]), min_size=1, max_size=5),
    SIZES,
    st.binary(max_size=320),
)
@example([2**59, 5, 4], 160 * 2**59, b"\0" * 160)
@example([2**64 + 1, 5, 4], 160, b"\0" * 160)
@settings(max_examples=400)
def test_the_parser_of_tensors_allocates_for_no_promise(
    shape: list[int], size: int, rest: bytes
) -> None:
    posted = {
        "name": "window",
        "shape": shape,
        "datatype": "FP64",
        "parameters": {"binary_data_size": size},
    }
    head = json.dumps({"inputs": [posted]}).encode()

    assert parsed(head + rest, len(head)) < OVERHEAD + TIMES * len(head + rest)


@given(st.data(), st.sampled_from(["FP64", "FP32"]))
@settings(max_examples=300)
def test_the_parser_of_tensors_takes_valid_requests_with_any_byte_changed(
    data: st.DataObject, datatype: str
) -> None:
    windows = [columns(5, 4, seed=seed) for seed in (1, 2)]
    asked = binary(INFER, windows, datatype=datatype)
    content = bytearray(asked.body or b"")
    length = int(dict(asked.headers)[b"Inference-Header-Content-Length"])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))

    assert parsed(bytes(content), length) < OVERHEAD + TIMES * len(content)


def test_the_parser_of_tensors_reads_what_was_written() -> None:
    windows = [columns(5, 4, seed=seed) for seed in (1, 2, 3)]
    asked = binary(INFER, windows)
    length = int(dict(asked.headers)[b"Inference-Header-Content-Length"])
    by_bytes = codec.parse(asked.body or b"", length, rows=ROWS, gives=GIVES)
    by_json = codec.parse(json.dumps(tensor(windows)).encode(), None, rows=ROWS, gives=GIVES)
    [first] = struct.unpack_from("<d", (asked.body or b"")[length:])

    assert by_bytes.windows.tolist() == by_json.windows.tolist() == windows
    assert by_bytes.windows[0, 0, 0] == first
