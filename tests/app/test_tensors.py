"""The Open Inference Protocol's bodies: read whole, or refused before anything is made of them."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import BadInput, NotJson
from app.open_inference import codec
from tests.builders import manifest_of, publish

ROWS = [(3, 4), (3, 1)]
GIVES = ["prediction", "quantiles"]
NUMBERS = [float(number) for number in range(1, 7)]


def body(**changed: Any) -> bytes:
    """Return two windows of three closes as JSON, with members changed; None takes one away."""
    part = {"name": "window", "shape": [2, 3, 1], "datatype": "FP64", "data": NUMBERS}
    whole: dict[str, Any] = {"inputs": [part]}
    for name, value in changed.items():
        place = whole if name in {"id", "outputs", "inputs"} else part
        if name == "whole_parameters":
            place, name = whole, "parameters"  # noqa: PLW2901 - both have one
        place[name] = value
    return json.dumps({key: value for key, value in whole.items() if value is not None}).encode()


def binary(numbers: bytes = struct.pack("<6d", *NUMBERS), **changed: Any) -> tuple[bytes, int]:
    """Return the same with the numbers as bytes behind the JSON, and the length of that."""
    size = changed.pop("size", len(numbers))
    head = json.loads(body(**{"parameters": {"binary_data_size": size}, **changed}))
    if "data" not in changed:
        del head["inputs"][0]["data"]
    document = json.dumps(head).encode()
    return document + numbers, len(document)


def parse(content: bytes, length: int | None = None) -> codec.TensorRequest:
    return codec.parse(content, length, rows=ROWS, gives=GIVES)


def test_flat_nested_and_binary_numbers_are_the_same() -> None:
    flat = parse(body())
    nested = parse(body(data=np.reshape(NUMBERS, (2, 3, 1)).tolist()))
    single = parse(body(datatype="FP32"))
    content, length = binary()

    assert flat.windows.tolist() == [[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]
    for other in (nested, single, parse(content, length)):
        assert np.array_equal(other.windows, flat.windows)
        assert other.windows.dtype == np.float64


def test_single_precision_is_rounded_in_json_as_it_is_in_bytes() -> None:
    numbers = [0.1, *NUMBERS[1:]]
    content, length = binary(np.array(numbers, "<f4").tobytes(), datatype="FP32")

    of_json = parse(body(data=numbers, datatype="FP32")).windows

    assert np.array_equal(of_json, parse(content, length).windows)
    assert of_json[0, 0, 0] == float(np.float32(0.1)) != 0.1


def test_whole_numbers_are_numbers_and_nothing_else_is() -> None:
    assert parse(body(data=[1, 2, 3, 4, 5, 6])).windows.sum() == 21
    others: list[Any] = ["4", True, None, [4], {}]
    for other in others:
        with pytest.raises(BadInput, match="element 3 is no number") as raised:
            parse(body(data=[1, 2, 3, other, 5, 6]))
        assert raised.value.index == 3


def test_a_body_of_nothing_but_the_tensor_is_as_many_windows_as_it_holds() -> None:
    question = parse(struct.pack("<24d", *range(24)), 0)

    assert question.windows.shape == (2, 3, 4)
    assert question.wanted == (("prediction", True), ("quantiles", True))
    for content in (b"", b"\0" * 95):
        with pytest.raises(BadInput, match="96 bytes"):
            parse(content, 0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "other"}, "one input"),
        ({"inputs": []}, "inputs"),
        ({"inputs": None}, "inputs"),
        ({"inputs": [{"name": "window"}]}, "inputs"),
        ({"shape": [6, 1]}, r"\[-1, 3, 4\] or \[-1, 3, 1\]"),
        ({"shape": [2, 3, 2]}, "shape"),
        ({"shape": [0, 3, 1]}, "no window"),
        ({"shape": [-2, 3, 1]}, "shape"),
        ({"shape": [2.5, 3, 1]}, "shape"),
        ({"shape": ["2", 3, 1]}, "shape"),
        ({"shape": [2**70, 3, 1]}, "its shape"),
        ({"shape": [3, 3, 1]}, "6 numbers, its shape 9"),
        ({"datatype": "INT64"}, "FP64 or FP32"),
        ({"datatype": 5}, "datatype"),
        ({"data": None}, "no data"),
        ({"data": []}, "0 numbers"),
        ({"data": [[1, 2, 3], [4, 5, 6]]}, "not of its shape"),
        ({"data": [[[1], [2], [3]], [[4], [5]]]}, "not of its shape"),
        ({"data": [[[1], [2], [3]], 4]}, "not of its shape"),
        ({"data": [1, 2, 3, 4, 5, 10**400]}, "too large"),
        ({"id": 5}, "id"),
        ({"outputs": [{"name": "other"}]}, "prediction and quantiles"),
        ({"outputs": [{"name": "prediction"}] * 2}, "twice"),
        ({"outputs": [{"name": "prediction"}] * 17}, "outputs"),
        ({"outputs": [{"name": "prediction", "parameters": {"binary_data": 1}}]}, "true or false"),
        (
            {"outputs": [{"name": "prediction", "parameters": {"classification": 2}}]},
            "classification",
        ),
        ({"whole_parameters": {"binary_data_output": "yes"}}, "true or false"),
        ({"parameters": {"binary_data_size": 48}}, "both data and binary_data_size"),
        ({"parameters": {str(number): 1 for number in range(65)}}, "parameters"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        parse(body(**changed))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"size": 47}, "shape and datatype"),
        ({"size": 2**62, "shape": [2**59 // 3, 3, 1]}, "shape and datatype|bytes behind"),
        ({"size": "48"}, "shape and datatype"),
        ({"size": True}, "shape and datatype"),
        ({"numbers": b"\0" * 40, "size": 48}, "not as many"),
        ({"numbers": b"\0" * 56, "size": 48}, "not as many"),
        ({"datatype": "FP32"}, "shape and datatype"),
        ({"data": NUMBERS}, "both"),
        ({"parameters": {}}, "no data|bytes follow"),
    ],
)
def test_bytes_that_are_not_what_the_json_says_are_refused(
    changed: dict[str, Any], reason: str
) -> None:
    content, length = binary(**changed)

    with pytest.raises(BadInput, match=reason):
        parse(content, length)


def test_json_may_not_be_longer_than_the_body_or_be_none() -> None:
    with pytest.raises(BadInput, match="larger than the body"):
        parse(b"{}", 3)
    for content in (b"", b"{", b'{"inputs": NaN1}', b"\xff"):
        with pytest.raises(NotJson):
            parse(content)
    with pytest.raises(BadInput, match=r"^the request: "):
        parse(b"[]")


@pytest.mark.parametrize("length", [b"", b"-1", b"5.0", b"0x5", b"9" * 19, b"\xb2"])
def test_a_length_that_is_none_is_refused(length: bytes) -> None:
    with pytest.raises(BadInput, match="number of bytes"):
        codec.header_length([(b"inference-header-content-length", length)])


def test_the_length_is_found_among_the_headers() -> None:
    headers = [(b"host", b"x"), (b"inference-header-content-length", b"0047")]

    assert codec.header_length(headers) == 47
    assert codec.header_length(headers[:1]) is None


def test_outputs_come_as_they_were_asked_for(tmp_path: Path) -> None:
    outputs = {"prediction": np.array([1.5]), "quantiles": np.array([[1.0, 2.0]])}
    asked = parse(
        body(
            id="seven",
            outputs=[
                {"name": "quantiles", "parameters": {"binary_data": True}},
                {"name": "prediction"},
            ],
        )
    )

    answer = codec.write(asked, outputs, manifest_of(publish(tmp_path, "m", 3)))

    [json_length] = [int(value) for name, value in answer.headers if name == codec.HEADER_LENGTH]
    head = json.loads(answer.content[:json_length])
    assert (head["model_name"], head["model_version"], head["id"]) == ("m", "3", "seven")
    assert head["outputs"] == [
        {
            "name": "quantiles",
            "shape": [1, 2],
            "datatype": "FP64",
            "parameters": {"binary_data_size": 16},
        },
        {"name": "prediction", "shape": [1], "datatype": "FP64", "data": [1.5]},
    ]
    assert answer.content[json_length:] == struct.pack("<2d", 1, 2)


def test_where_nothing_is_asked_all_comes_as_json_or_all_as_bytes() -> None:
    assert parse(body()).wanted == (("prediction", False), ("quantiles", False))
    assert parse(body(outputs=[])).wanted == parse(body()).wanted
    asked = parse(
        body(
            whole_parameters={"binary_data_output": True},
            outputs=[
                {"name": "prediction"},
                {"name": "quantiles", "parameters": {"binary_data": False}},
            ],
        )
    )
    assert asked.wanted == (("prediction", True), ("quantiles", False))
