"""What is answered to an inference request: members, ids, outputs, forms of data."""

import math
from typing import Any, Final

import numpy as np

from tools.conformance import answers, tensors
from tools.conformance.outcomes import Check, NotOffered, Violation, named
from tools.conformance.subject import VERSIONS, Subject

_ROWS: Final = 3
_IDS: Final = ("42", 'with spaces, "quotes" and \\', "día ☃ 𝄞")


def the_answer_names_its_model(subject: Subject) -> None:
    name = answers.read(subject.infer(subject.document())).document.model_name
    if name != subject.model:
        raise Violation(f"model_name is {name}")


def the_answer_names_its_version(subject: Subject) -> None:
    version = answers.read(subject.infer(subject.document())).document.model_version
    if version not in subject.metadata.versions:
        raise Violation(f"model_version is {version or 'absent'}, which is not listed")


def without_outputs_named_all_are_given_as_the_metadata_say(subject: Subject) -> None:
    found = answers.read(subject.infer(subject.document())).outputs
    answers.assert_names(found, subject.outputs)
    for output in subject.metadata.outputs:
        tensor = found[output.name]
        if tensor.datatype != output.datatype:
            raise Violation(f"{output.name} is of {tensor.datatype}, not {output.datatype}")
        is_like = len(tensor.shape) == len(output.shape) and all(
            said in {-1, size} for said, size in zip(output.shape, tensor.shape, strict=True)
        )
        if not is_like:
            raise Violation(f"{output.name} is of shape {tensor.shape}, not {output.shape}")


def an_id_comes_back_as_it_was(subject: Subject) -> None:
    for given in _IDS:
        try:
            found = answers.read(subject.infer(subject.document(id=given))).document.id
        except Violation as violation:
            raise Violation(f"{given!r}: {violation}") from None
        if found != given:
            raise Violation(f"{given!r} came back as {found!r}")


def each_output_can_be_had_alone(subject: Subject) -> None:
    for name in subject.outputs:
        _gives(subject, [name])


def outputs_can_be_had_in_any_order(subject: Subject) -> None:
    if len(subject.outputs) < 2:
        raise NotOffered("the model has one output")
    _gives(subject, subject.outputs[::-1])


def nested_data_are_taken(subject: Subject) -> None:
    nested = [each.described(data=_nested(each)) for each in subject.inputs()]
    _is_answered_as_ever(subject, {"inputs": nested})


def several_rows_are_answered_as_each_alone(subject: Subject) -> None:
    if not subject.is_batched:
        raise NotOffered("the first dimension of some tensor is fixed")
    together = subject.expected(_ROWS)
    for at in range(_ROWS):
        alone = {"inputs": [each.row(at).in_json() for each in subject.inputs(_ROWS)]}
        found = answers.read(subject.infer(alone)).outputs
        answers.assert_same({name: tensor.row(at) for name, tensor in together.items()}, found)


def integers_are_taken_for_floats(subject: Subject) -> None:
    whole = [_rounded(each, int) for each in _inputs_of_floats(subject)]
    as_floats = [_rounded(each, float) for each in subject.inputs()]
    found, wanted = (
        answers.read(subject.infer({"inputs": inputs})).outputs for inputs in (whole, as_floats)
    )
    answers.assert_same(found, wanted)


def members_that_are_not_known_are_let_be(subject: Subject) -> None:
    # the client of KServe sends model_name
    _is_answered_as_ever(subject, subject.document(model_name=subject.model))


def parameters_that_clients_send_are_let_be(subject: Subject) -> None:
    document = subject.document(parameters={"priority": 1, "timeout": 10_000_000})
    _is_answered_as_ever(subject, document)


def _gives(subject: Subject, names: list[str]) -> None:
    document = subject.document(outputs=[{"name": name} for name in names])
    found = answers.read(subject.infer(document)).outputs
    answers.assert_same(found, {name: subject.expected()[name] for name in names})


def _is_answered_as_ever(subject: Subject, document: Any) -> None:
    answers.assert_same(answers.read(subject.infer(document)).outputs, subject.expected())


def _inputs_of_floats(subject: Subject) -> list[tensors.Tensor]:
    if not subject.has_floats:
        raise NotOffered("no input is of floats")
    return subject.inputs()


def _is_float(tensor: tensors.Tensor) -> bool:
    return tensor.datatype in tensors.FLOATS


def _rounded(tensor: tensors.Tensor, kind: type[int] | type[float]) -> dict[str, Any]:
    if not _is_float(tensor):
        return tensor.in_json()
    # rounding keeps the order of prices, so that bars stay possible
    return tensor.described(data=[kind(math.ceil(value)) for value in tensor.plain])


def _nested(tensor: tensors.Tensor) -> Any:
    if tensor.datatype != tensors.BYTES:
        return tensor.values.tolist()
    return np.vectorize(bytes.decode, otypes=[object])(tensor.values).tolist()


CHECKS: Final[list[Check]] = [
    *named(
        "inference",
        the_answer_names_its_model,
        without_outputs_named_all_are_given_as_the_metadata_say,
        an_id_comes_back_as_it_was,
        each_output_can_be_had_alone,
        outputs_can_be_had_in_any_order,
        nested_data_are_taken,
        several_rows_are_answered_as_each_alone,
        integers_are_taken_for_floats,
        members_that_are_not_known_are_let_be,
        parameters_that_clients_send_are_let_be,
    ),
    *named("inference", the_answer_names_its_version, extensions=(VERSIONS,)),
]
