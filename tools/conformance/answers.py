"""Replies to an inference request, taken apart and held against what they should be."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tools.conformance import schemas, tensors
from tools.conformance.exchange import HEADER_LENGTH, JSON, Reply
from tools.conformance.outcomes import Violation
from tools.conformance.schemas import InferenceResponse, Output
from tools.conformance.tensors import DTYPES, Tensor

BAD_REQUEST: Final = (400,)
NOT_FOUND: Final = (404,)
ANY_REFUSAL: Final = tuple(range(400, 500))


@dataclass(frozen=True, slots=True)
class Answer:
    """An inference response."""

    document: InferenceResponse
    outputs: dict[str, Tensor]
    binary: frozenset[str]
    """The outputs that came as bytes behind the JSON."""


def read(reply: Reply) -> Answer:
    """Take a reply apart; raise Violation where it is no inference response, to the last byte."""
    if reply.status != 200:
        raise Violation(f"answered {reply.status}{_reason(reply)}")
    announced = reply.headers.get(HEADER_LENGTH.lower())
    if announced is not None and not announced.isdigit():
        raise Violation(f"{HEADER_LENGTH} is no number")
    length = len(reply.content) if announced is None else int(announced)
    document = schemas.validated(InferenceResponse, reply.json(length))
    outputs, binary, rest = {}, set(), reply.content[length:]
    for output in document.outputs:
        size = output.parameters.get("binary_data_size")
        if size is None:
            outputs[output.name] = _in_json(output)
            continue
        if announced is None or type(size) is not int:
            raise Violation(f"{output.name} is binary without {HEADER_LENGTH}, or of no size")
        outputs[output.name] = _in_binary(output, rest[:size])
        binary.add(output.name)
        rest = rest[size:]
    if rest:
        raise Violation(f"{len(rest)} bytes follow the last tensor")
    if len(outputs) != len(document.outputs):
        raise Violation("an output comes twice")
    return Answer(document, outputs, frozenset(binary))


def _in_json(output: Output) -> Tensor:
    if "data" not in output.model_fields_set:
        raise Violation(f"{output.name} has neither data nor binary_data_size")
    return tensors.from_json(output.name, _datatype(output), output.shape, output.data)


def _in_binary(output: Output, raw: bytes) -> Tensor:
    if "data" in output.model_fields_set:
        raise Violation(f"{output.name} has both data and binary_data_size")
    return tensors.from_raw(output.name, _datatype(output), output.shape, raw)


def _datatype(output: Output) -> str:
    if output.datatype not in DTYPES:
        raise Violation(f"{output.name} is of datatype {output.datatype}")
    return output.datatype


def assert_same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise Violation where outputs are not those that were wanted; their order is free."""
    assert_names(found, wanted)
    for name, tensor in wanted.items():
        tensor.assert_same(found[name])


def assert_names(found: Collection[str], wanted: Collection[str]) -> None:
    """Raise Violation where there are others, or fewer."""
    if set(found) != set(wanted):
        raise Violation(f"outputs are {', '.join(sorted(found))}, not {', '.join(sorted(wanted))}")


def assert_refused(reply: Reply, statuses: Sequence[int] = BAD_REQUEST) -> None:
    """Raise Violation where a request was not refused with such a status and `{"error": ".."}`."""
    if reply.status not in statuses:
        wanted = statuses[0] if len(statuses) == 1 else "4xx"
        raise Violation(f"answered {reply.status}, not {wanted}")
    media_type = reply.headers.get("content-type", "none").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise Violation(f"{reply.status} with content type {media_type}")
    try:
        schemas.validated(schemas.Error, reply.json())
    except Violation as violation:
        raise Violation(f"answered {reply.status}, but {violation}") from None


def _reason(reply: Reply) -> str:
    """Return what the server says for itself, if it does so in JSON."""
    try:
        return f": {schemas.validated(schemas.Error, reply.json()).error[:100]}"
    except Violation:
        return ""
