"""Tensors as bytes behind the JSON, in and out, and what can be wrong with them."""

from collections.abc import Callable
from typing import Any, Final

from tools.conformance import answers, tensors
from tools.conformance.exchange import HEADER_LENGTH, JSON, OCTETS, Reply
from tools.conformance.outcomes import Check, NotOffered, Violation, named
from tools.conformance.subject import BINARY, Subject, packed

_ROWS: Final = 3
_HUGE: Final = 2**62


def binary_inputs_are_taken(subject: Subject) -> None:
    _is_as_expected(subject, subject.infer_binary(_binary(subject)), binary=[])


def binary_outputs_are_given(subject: Subject) -> None:
    document = subject.document(parameters={"binary_data_output": True})
    _is_as_expected(subject, subject.infer(document), binary=subject.outputs)


def binary_goes_in_and_out(subject: Subject) -> None:
    document = _binary(subject, parameters={"binary_data_output": True})
    _is_as_expected(subject, subject.infer_binary(document), binary=subject.outputs)


def several_rows_go_in_and_out_as_binary(subject: Subject) -> None:
    if not subject.is_batched:
        raise NotOffered("the first dimension of some tensor is fixed")
    document = _binary(subject, rows=_ROWS, parameters={"binary_data_output": True})
    answer = answers.read(subject.infer_binary(document, rows=_ROWS))
    answers.assert_same(answer.outputs, subject.expected(_ROWS))


def each_output_can_be_had_as_binary(subject: Subject) -> None:
    for name in subject.outputs:
        asked = [
            {"name": each, "parameters": {"binary_data": each == name}} for each in subject.outputs
        ]
        _is_as_expected(subject, subject.infer(subject.document(outputs=asked)), binary=[name])


def what_an_output_says_wins_over_what_the_request_says(subject: Subject) -> None:
    first, *others = subject.outputs
    asked: list[Any] = [{"name": first, "parameters": {"binary_data": False}}]
    asked += ({"name": name} for name in others)
    document = subject.document(outputs=asked, parameters={"binary_data_output": True})
    _is_as_expected(subject, subject.infer(document), binary=others)


def data_in_JSON_may_come_with_a_header_length(subject: Subject) -> None:  # noqa: N802 - its name
    body, headers = packed(subject.document(), [])
    _is_as_expected(subject, subject.infer(body, headers=headers), binary=[])


def binary_may_be_called_JSON(subject: Subject) -> None:  # noqa: N802 - its name
    # as `mlserver infer` does
    body, headers = packed(_binary(subject), [each.raw for each in subject.inputs()])
    reply = subject.infer(body, headers=headers | {"Content-Type": JSON})
    _is_as_expected(subject, reply, binary=[])


def a_body_may_be_nothing_but_the_tensor(subject: Subject) -> None:
    described = subject.metadata.inputs
    if len(described) > 1 or described[0].shape.count(-1) > 1:
        raise NotOffered("several inputs, or several dimensions that may be any")
    if described[0].datatype == tensors.BYTES:
        raise NotOffered("the input is of strings")
    shapes = zip(described[0].shape, subject.inputs()[0].shape, strict=False)
    if any(-1 < said != size for said, size in shapes):
        raise NotOffered("the values given are of another shape than the metadata say")
    headers = {"Content-Type": OCTETS, HEADER_LENGTH: "0"}
    reply = subject.infer(subject.inputs()[0].raw, headers=headers)
    _is_as_expected(subject, reply, binary=subject.outputs)


def _is_as_expected(subject: Subject, reply: Reply, *, binary: list[str]) -> None:
    answer = answers.read(reply)
    if answer.binary != set(binary):
        found = ", ".join(sorted(answer.binary)) or "none"
        raise Violation(f"binary outputs are {found}, not {', '.join(binary) or 'none'}")
    answers.assert_same(answer.outputs, subject.expected())


def _binary(subject: Subject, rows: int = 1, **members: Any) -> dict[str, Any]:
    return {"inputs": [each.in_binary() for each in subject.inputs(rows)], **members}


def _header(change: Callable[[int, int], str]) -> Callable[[Subject], Reply]:
    """Announce another length of the JSON, of the right one and that of the body."""

    def ask(subject: Subject) -> Reply:
        body, headers = packed(_binary(subject), [each.raw for each in subject.inputs()])
        length = change(int(headers[HEADER_LENGTH]), len(body))
        return subject.infer(body, headers=headers | {HEADER_LENGTH: length})

    return ask


def _size(change: Callable[[int], Any]) -> Callable[[Subject], Reply]:
    """Announce another size of the first tensor than it has."""

    def ask(subject: Subject) -> Reply:
        document = _binary(subject)
        document["inputs"][0]["parameters"]["binary_data_size"] = change(
            len(subject.inputs()[0].raw)
        )
        return subject.infer_binary(document)

    return ask


def _shape(change: Callable[[list[int]], list[int]]) -> Callable[[Subject], Reply]:
    """Say that the first tensor is of another shape than it is."""

    def ask(subject: Subject) -> Reply:
        document = _binary(subject)
        document["inputs"][0]["shape"] = change(document["inputs"][0]["shape"])
        return subject.infer_binary(document)

    return ask


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Subject], Reply]:
    """Send other bytes than announced for the last tensor."""

    def ask(subject: Subject) -> Reply:
        *others, last = [each.raw for each in subject.inputs()]
        return subject.infer_binary(_binary(subject), *others, change(last))

    return ask


def _consistent(change: Callable[[bytes], bytes]) -> Callable[[Subject], Reply]:
    """Send other bytes than the shape takes, and say how many they are."""

    def ask(subject: Subject) -> Reply:
        document = _binary(subject)
        raw = [each.raw for each in subject.inputs()]
        raw[0] = change(raw[0])
        document["inputs"][0]["parameters"]["binary_data_size"] = len(raw[0])
        return subject.infer_binary(document, *raw)

    return ask


def _huge(subject: Subject) -> Reply:
    document = _binary(subject)
    first = document["inputs"][0]
    first["shape"] = [_HUGE, *first["shape"][1:]]
    first["parameters"]["binary_data_size"] = _HUGE
    return subject.infer_binary(document, b"short")


REFUSED: Final[dict[str, Callable[[Subject], Reply]]] = {
    "a header length beyond the body is refused": _header(lambda _, body: str(body + 1)),
    "a header length beyond 64 bits is refused": _header(lambda *_: str(2**64 + 1)),
    "a negative header length is refused": _header(lambda *_: "-1"),
    "a header length that is no number is refused": _header(lambda *_: "many"),
    "a header length in the middle of the JSON is refused": _header(lambda head, _: str(head - 2)),
    "a header length into the tensors is refused": _header(lambda head, _: str(head + 2)),
    "fewer bytes than announced are refused": _bytes(lambda raw: raw[:-1]),
    "bytes after the last tensor are refused": _bytes(lambda raw: raw + b"\0"),
    "no bytes at all are refused": _bytes(lambda _: b""),
    "a size smaller than the tensor is refused": _size(lambda size: size - 1),
    "a size larger than the tensor is refused": _size(lambda size: size + 1),
    "a negative size is refused": _size(lambda size: -size),
    "a size that is a string is refused": _size(str),
    "a size that is a fraction is refused": _size(lambda size: size + 0.5),
    "a huge size with a short body is refused": _size(lambda _: _HUGE),
    "a huge size and shape with a short body are refused": _huge,
    "fewer bytes than the shape takes are refused": _consistent(lambda raw: raw[:-1]),
    "more bytes than the shape takes are refused": _consistent(lambda raw: raw * 2),
    "a binary tensor of a negative shape is refused": _shape(lambda shape: [-1, *shape[1:]]),
    "a binary tensor whose shape wraps to nothing is refused": _shape(lambda _: [2**32] * 2),
}


def _refuses(ask: Callable[[Subject], Reply]) -> Callable[[Subject], None]:
    return lambda subject: answers.assert_refused(ask(subject))


CHECKS: Final[list[Check]] = [
    *named(
        "binary tensors",
        binary_inputs_are_taken,
        binary_outputs_are_given,
        binary_goes_in_and_out,
        several_rows_go_in_and_out_as_binary,
        each_output_can_be_had_as_binary,
        what_an_output_says_wins_over_what_the_request_says,
        data_in_JSON_may_come_with_a_header_length,
        binary_may_be_called_JSON,
        a_body_may_be_nothing_but_the_tensor,
        extensions=(BINARY,),
    ),
    *(Check(name, "binary tensors", _refuses(ask), (BINARY,)) for name, ask in REFUSED.items()),
]
