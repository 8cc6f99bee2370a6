"""
The Open Inference Protocol's requests and responses: tensors as JSON, or as bytes behind it.

Sources: KServe, open-inference-protocol, "inference_rest"; Triton, "extension_binary_data".
A request is refused before anything is allocated for it: what its shape promises is held against
the bytes that are there, in whole numbers of any size.
"""

import math
import re
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import to_json

from app.api.schemas import skill_of
from app.artifact.manifest import Manifest
from app.errors import BadInput, NotJson
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Model
from app.observability.request_record import Headers
from app.transport.encoded_answer import EncodedAnswer

INPUT: Final = "window"
PREDICTION: Final = "prediction"
QUANTILES: Final = "quantiles"
DATATYPE: Final = "FP64"
"""Of what is given, and of a body that is nothing but a tensor."""

_OCTETS: Final = (b"content-type", b"application/octet-stream")
HEADER_LENGTH: Final = b"inference-header-content-length"
"""The header that says how much of a body is JSON; its tensors follow."""

_DTYPES: Final[dict[str, np.dtype[Any]]] = {"FP64": np.dtype("<f8"), "FP32": np.dtype("<f4")}
_NUMBERS: Final = {int, float}
_DIMENSIONS: Final = 3
_length = re.compile(rb"[0-9]{1,18}")

_Parameters: TypeAlias = Annotated[dict[str, JsonValue], Field(max_length=64)]


class _Part(BaseModel):
    # members that are not known are for other servers
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    parameters: _Parameters = {}


class _Input(_Part):
    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=8)]
    datatype: str
    # nested or flat: its numbers are looked at below, all at once
    data: list[Any] | None = None


class _Output(_Part):
    name: str


class InferenceRequest(_Part):
    """A request for forecasts, as JSON."""

    id: Annotated[str, Field(max_length=256)] | None = None
    inputs: Annotated[list[_Input], Field(min_length=1, max_length=16)]
    outputs: Annotated[list[_Output], Field(max_length=16)] | None = None


Outputs: TypeAlias = dict[str, Floats]
"""Output tensors by name, each (n, ..)."""

WindowShape: TypeAlias = tuple[int, int]
"""What a window is: sessions, and fields of each."""


class RequestedOutput(NamedTuple):
    """An output that was asked for."""

    name: str
    binary: bool
    """As bytes, not as JSON."""


class TensorRequest(NamedTuple):
    """A request for forecasts from tensors."""

    id: str | None
    windows: Floats
    """(n, sessions, fields), not looked at yet."""
    wanted: tuple[RequestedOutput, ...]
    """In the order asked for."""


def header_length(headers: Headers) -> int | None:
    """Return how much of a body is JSON; None where nothing says so. Raises BadInput."""
    for name, value in headers:
        if name == HEADER_LENGTH:
            if not _length.fullmatch(value):
                raise BadInput("Inference-Header-Content-Length must be a number of bytes")
            return int(value)
    return None


def parse(
    content: bytes, json_length: int | None, *, rows: Sequence[WindowShape], gives: Sequence[str]
) -> TensorRequest:
    """
    Read a request for a model that gives `gives` of windows of one of some shapes.

    Raises NotJson and BadInput. That prices are prices is not looked at here.
    """
    if json_length is None:
        return _request(content, memoryview(b""), rows, gives)
    if json_length > len(content):
        raise BadInput("Inference-Header-Content-Length is larger than the body")
    if json_length == 0:
        return _raw(content, rows[0], gives)
    return _request(content[:json_length], memoryview(content)[json_length:], rows, gives)


def window_shapes(model: Model) -> list[WindowShape]:
    """Return what a model's windows may be; the first is what its metadata says."""
    manifest = model.manifest
    whole = [(manifest.window, len(manifest.fields))]
    return [*whole, (manifest.window, 1)] if model.close_only else whole


def output_names(model: Model) -> list[str]:
    """Return the names of the outputs."""
    return [PREDICTION, QUANTILES] if model.manifest.quantiles else [PREDICTION]


def parameters_of(manifest: Manifest) -> dict[str, float]:
    """Return what is said of a model beside its outputs."""
    return {"mae_skill_vs_naive": skill_of(manifest.scores)["mae_skill_vs_naive"]}


def write(posted: TensorRequest, outputs: Outputs, manifest: Manifest) -> EncodedAnswer:
    """Write the outputs that were asked for; each is (n, ..)."""
    described: list[dict[str, Any]] = []
    tensors: list[bytes] = []
    for wanted in posted.wanted:
        values = outputs[wanted.name]
        output: dict[str, Any] = {"name": wanted.name, "shape": values.shape, "datatype": DATATYPE}
        if wanted.binary:
            tensors.append(to_bytes(values))
            output["parameters"] = {"binary_data_size": len(tensors[-1])}
        else:
            output["data"] = values.ravel().tolist()
        described.append(output)
    model = {"model_name": manifest.name, "model_version": str(manifest.version)}
    identity = {} if posted.id is None else {"id": posted.id}
    given = {"parameters": parameters_of(manifest), "outputs": described}
    head = to_json(model | identity | given)
    if not tensors:
        return EncodedAnswer(head)
    length = (HEADER_LENGTH, b"%d" % len(head))
    return EncodedAnswer(b"".join([head, *tensors]), (_OCTETS, length))


def to_bytes(values: Floats) -> bytes:
    """Return an output tensor as its bytes, in the order of C."""
    return values.astype(_DTYPES[DATATYPE]).tobytes()


def _raw(content: bytes, row: WindowShape, gives: Sequence[str]) -> TensorRequest:
    """Read a body that is nothing but the input tensor, of as many windows as it holds."""
    size = math.prod(row) * _DTYPES[DATATYPE].itemsize
    if not content or len(content) % size:
        raise BadInput(f"a body of nothing but {INPUT} must hold {size} bytes for each")
    windows = np.frombuffer(content, _DTYPES[DATATYPE]).reshape(-1, *row)
    wanted = tuple(RequestedOutput(name, binary=True) for name in gives)
    return TensorRequest(None, windows.astype(np.float64, copy=False), wanted)


def _request(
    document: bytes, tensors: memoryview, rows: Sequence[WindowShape], gives: Sequence[str]
) -> TensorRequest:
    try:
        request = InferenceRequest.__pydantic_validator__.validate_json(document)
    except ValidationError as error:
        raise _fault(error) from None
    if [each.name for each in request.inputs] != [INPUT]:
        raise BadInput(f"give one input, {INPUT}", field="inputs")
    [posted] = request.inputs
    check_shape(posted.shape, rows)
    dtype = dtype_of(posted.datatype)
    flat = _values(posted, tensors, dtype)
    windows = flat.astype(np.float64, copy=False).reshape(posted.shape)
    return TensorRequest(request.id, windows, _wanted(request, gives))


def check_shape(shape: list[int], rows: Sequence[WindowShape]) -> None:
    """Raise BadInput where an input is not of windows of one of some rows."""
    if len(shape) != _DIMENSIONS or tuple(shape[1:]) not in rows:
        shapes = " or ".join(f"[-1, {sessions}, {fields}]" for sessions, fields in rows)
        raise BadInput(f"{INPUT} is of shape {shapes}", field="shape")
    if shape[0] < 1:
        raise BadInput(f"{INPUT} holds no window", field="shape")


def dtype_of(datatype: str) -> np.dtype[Any]:
    """Return how the numbers of a datatype are kept; raise BadInput where we take none of it."""
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        raise BadInput(f"{INPUT} is of FP64 or FP32", field="datatype")
    return dtype


def check_outputs(names: Sequence[str], gives: Sequence[str]) -> None:
    """Raise BadInput where the outputs asked for are not among those given, each once."""
    if not set(names) <= set(gives):
        raise BadInput(f"the model gives {' and '.join(gives)}, nothing else", field="outputs")
    if len(set(names)) != len(names):
        raise BadInput("an output was asked for twice", field="outputs")


def _values(posted: _Input, tensors: memoryview, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return the numbers of the input, in order: those of its bytes, or of its JSON."""
    count = math.prod(posted.shape)
    size = posted.parameters.get("binary_data_size")
    if size is not None:
        if posted.data is not None:
            raise BadInput(f"{INPUT} has both data and binary_data_size", field="data")
        if type(size) is not int or size != count * dtype.itemsize:
            raise BadInput(
                f"binary_data_size of {INPUT} is not what its shape and datatype take",
                field="binary_data_size",
            )
        if size != len(tensors):
            raise BadInput(
                "the bytes behind the JSON are not as many as binary_data_size says",
                field="binary_data_size",
            )
        return np.frombuffer(tensors, dtype)
    if tensors:
        raise BadInput("bytes follow the JSON, and no input has a binary_data_size")
    if posted.data is None:
        raise BadInput(f"{INPUT} has no data", field="data")
    return _numbers(posted.data, posted.shape, count, dtype)


def _numbers(
    data: list[Any], shape: list[int], count: int, dtype: np.dtype[Any]
) -> np.ndarray[Any, Any]:
    """Return the numbers of nested or flat data; raise BadInput where they are none."""
    flat = _flattened(data, shape) if data and type(data[0]) is list else data
    if len(flat) != count:
        raise BadInput(
            f"data of {INPUT} holds {len(flat)} numbers, its shape {count}", field="data"
        )
    if not set(map(type, flat)) <= _NUMBERS:
        row = next(row for row, each in enumerate(flat) if type(each) not in _NUMBERS)
        raise BadInput(f"data of {INPUT}: element {row} is no number", field="data", index=row)
    try:
        # beyond the largest number is infinity, which is refused as no price
        with np.errstate(over="ignore"):
            return np.fromiter(flat, np.float64, count).astype(dtype)
    except OverflowError:
        raise BadInput(f"data of {INPUT} holds a number that is too large", field="data") from None


def _flattened(data: list[Any], shape: list[int]) -> list[Any]:
    """Return what nested data holds, in order; raise BadInput where it is not of the shape."""
    level: list[Any] = [data]
    for size in shape:
        if any(type(part) is not list or len(part) != size for part in level):
            raise BadInput(f"data of {INPUT} is not of its shape", field="data")
        level = list(chain.from_iterable(level))
    return level


def _wanted(request: InferenceRequest, gives: Sequence[str]) -> tuple[RequestedOutput, ...]:
    """Return the outputs to give, all of them where none are named."""
    every = _flag(request.parameters, "binary_data_output", default=False)
    # to ask for none is to ask for all, as it is where nothing is said
    if not request.outputs:
        return tuple(RequestedOutput(name, every) for name in gives)
    check_outputs([each.name for each in request.outputs], gives)
    if any("classification" in each.parameters for each in request.outputs):
        raise BadInput("classification is not for forecasts", field="outputs")
    return tuple(
        RequestedOutput(each.name, _flag(each.parameters, "binary_data", default=every))
        for each in request.outputs
    )


def _flag(parameters: dict[str, JsonValue], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise BadInput(f"the parameter {name} is true or false", field="parameters")
    return value


def _fault(error: ValidationError) -> NotJson | BadInput:
    """Say what is wrong with a request, repeating none of it."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return NotJson(f"the request is not JSON: {first['ctx']['error']}")
    # members of ours alone: a caller's own names are not repeated
    known = {*InferenceRequest.model_fields, *_Input.model_fields}
    names = [str(part) for part in first["loc"] if part in known]
    message = str(first["msg"])
    where = ".".join(names) or "the request"
    return BadInput(
        f"{where}: {message[:1].lower()}{message[1:]}", field=names[-1] if names else None
    )
