"""The messages of `ModelInfer`, read into what the service takes and written from what it gives."""

import math
from typing import Any, Final, TypeVar

import numpy as np
from google.protobuf.message import DecodeError, Message

from app.artifact.manifest import Manifest
from app.errors import BadInput
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Model
from app.grpc import inference_pb2 as pb
from app.grpc import message_size
from app.inference.worker_threads import INLINE_BYTES
from app.open_inference import codec, infer
from app.open_inference.codec import INPUT, Outputs, RequestedOutput, TensorRequest

_Message = TypeVar("_Message", bound=Message)

_CONTENTS: Final = {"FP64": "fp64_contents", "FP32": "fp32_contents"}
_LONGEST_ID: Final = 256


def parse(kind: type[_Message], message: bytes) -> _Message:
    """Parse a message; raise BadInput where it is none of that kind."""
    try:
        return kind.FromString(message)
    except DecodeError:
        raise BadInput(f"this is no {kind.DESCRIPTOR.name}") from None


def parse_request(message: bytes, most: int) -> pb.ModelInferRequest:
    """
    Parse a request, of which at most `most` bytes are other than raw tensors.

    Raises BodyTooLarge and BadInput.
    """
    if len(message) > min(most, INLINE_BYTES):
        message_size.require_tensors(message, most)
    return parse(pb.ModelInferRequest, message)


def read(request: pb.ModelInferRequest, model: Model) -> TensorRequest:
    """Check a request for a model; raise BadInput where it cannot forecast from it."""
    if len(request.id) > _LONGEST_ID:
        raise BadInput(f"id may hold at most {_LONGEST_ID} characters", field="id")
    if [each.name for each in request.inputs] != [INPUT]:
        raise BadInput(f"give one input, {INPUT}", field="inputs")
    [posted] = request.inputs
    shape = list(posted.shape)
    codec.check_shape(shape, codec.window_shapes(model))
    dtype = codec.dtype_of(posted.datatype)
    flat = _of_raw(request, posted, dtype) if request.raw_input_contents else _of_contents(posted)
    if len(flat) != math.prod(shape):
        raise BadInput(f"{INPUT} holds other than what its shape takes", field="inputs")
    names, gives = [each.name for each in request.outputs], codec.output_names(model)
    codec.check_outputs(names, gives)
    if any("classification" in each.parameters for each in request.outputs):
        raise BadInput("classification is not for forecasts", field="outputs")
    read_as = TensorRequest(
        request.id or None,
        flat.astype(np.float64).reshape(shape),
        tuple(RequestedOutput(name, binary=True) for name in names or gives),
    )
    return infer.check(read_as, model)


def response(posted: TensorRequest, outputs: Outputs, manifest: Manifest) -> pb.ModelInferResponse:
    """Write the outputs that were asked for; each is (n, ..)."""
    written = pb.ModelInferResponse(
        model_name=manifest.name, model_version=str(manifest.version), id=posted.id or ""
    )
    for name, value in codec.parameters_of(manifest).items():
        written.parameters[name].double_param = value
    for wanted in posted.wanted:
        values = outputs[wanted.name]
        written.outputs.add(name=wanted.name, datatype=codec.DATATYPE, shape=values.shape)
        written.raw_output_contents.append(codec.to_bytes(values))
    return written


def _of_raw(
    request: pb.ModelInferRequest,
    posted: pb.ModelInferRequest.InferInputTensor,
    dtype: np.dtype[Any],
) -> Floats:
    if len(request.raw_input_contents) != 1 or posted.HasField("contents"):
        raise BadInput(
            "give every input in raw_input_contents, or none", field="raw_input_contents"
        )
    [raw] = request.raw_input_contents
    if len(raw) % dtype.itemsize:
        raise BadInput(f"{INPUT} is cut within a number", field="raw_input_contents")
    return np.frombuffer(raw, dtype)


def _of_contents(posted: pb.ModelInferRequest.InferInputTensor) -> Floats:
    member = _CONTENTS[posted.datatype]
    given = [(field.name, values) for field, values in posted.contents.ListFields()]
    if [name for name, _ in given] != [member]:
        raise BadInput(f"give {INPUT} as {member}, or as raw_input_contents", field="contents")
    [(_, values)] = given
    return np.fromiter(values, np.float64, len(values))
