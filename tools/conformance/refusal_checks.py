"""What is refused: requests with one fault each, as JSON."""

from collections.abc import Callable
from typing import Any, Final

from tools.conformance import answers
from tools.conformance.outcomes import Check, NotOffered
from tools.conformance.subject import Subject

_NO_NAME: Final = "no_such_tensor"

Fault = Callable[[Subject], Any]
"""Returns the request: a document, or bytes that are none."""


def _input(**members: Any) -> Fault:
    """Give the first input other members; None takes one away."""

    def fault(subject: Subject) -> Any:
        first, *others = subject.document()["inputs"]
        changed = {key: value for key, value in (first | members).items() if value is not None}
        return {"inputs": [changed, *others]}

    return fault


def _first_element(element: Any) -> Fault:
    """Put something in the place of the first number of an input of floats."""

    def fault(subject: Subject) -> Any:
        if not subject.has_floats:
            raise NotOffered("the first input is not of floats")
        document = subject.document()
        document["inputs"][0]["data"][0] = element
        return document

    return fault


def _inputs(change: Callable[[list[Any]], list[Any]]) -> Fault:
    """Make another list of the inputs."""
    return lambda subject: {"inputs": change(subject.document()["inputs"])}


def _resized(change: Callable[[list[Any]], list[Any]]) -> Fault:
    """Make other data of those of the first input; its shape stays."""

    def fault(subject: Subject) -> Any:
        return _input(data=change(subject.document()["inputs"][0]["data"]))(subject)

    return fault


def _another_shape(subject: Subject) -> Any:
    """Give what is of a shape that the model does not take, with as many elements as that has."""
    described = subject.metadata.inputs[0].shape
    fixed = [axis for axis, size in enumerate(described) if size > 0]
    if not fixed:
        raise NotOffered("every dimension may be any")
    first = subject.inputs()[0]
    twice = first.values.repeat(2, axis=fixed[-1])
    return _input(shape=list(twice.shape), data=first.plain * 2)(subject)


def _ragged(subject: Subject) -> Any:
    first = subject.inputs()[0]
    if len(first.shape) < 2:
        raise NotOffered("the first input has one dimension")
    nested = first.values.tolist()
    inner = nested[0]
    nested[0] = (
        [*inner[:-1], [inner[-1]]] if len(first.shape) == 2 else [*inner[:-1], inner[-1][1:]]
    )
    return _input(data=nested)(subject)


def _outputs(subject: Subject, *names: str) -> Any:
    return subject.document(outputs=[{"name": name} for name in names])


FAULTS: Final[dict[str, Fault]] = {
    "an unknown output is refused": lambda subject: _outputs(subject, _NO_NAME),
    "an unknown output beside a known one is refused": lambda subject: _outputs(
        subject, subject.outputs[0], _NO_NAME
    ),
    "an output asked for twice is refused": lambda subject: _outputs(
        subject, subject.outputs[0], subject.outputs[0]
    ),
    "an output without a name is refused": lambda subject: subject.document(outputs=[{}]),
    "fewer elements than the shape says are refused": _resized(lambda data: data[:-1]),
    "more elements than the shape says are refused": _resized(lambda data: [*data, data[0]]),
    "no elements at all are refused": _resized(lambda _: []),
    "ragged data are refused": _ragged,
    "a shape that the model does not take is refused": _another_shape,
    "a missing input is refused": _inputs(lambda inputs: inputs[1:]),
    "an unknown input in the place of one is refused": _input(name=_NO_NAME),
    "an unknown input beside the others is refused": _inputs(
        lambda inputs: [*inputs, inputs[0] | {"name": _NO_NAME}]
    ),
    "an input given twice is refused": _inputs(lambda inputs: [*inputs, inputs[0]]),
    "an input without a name is refused": _input(name=None),
    "an input without a shape is refused": _input(shape=None),
    "an input without a datatype is refused": _input(datatype=None),
    "an input without data is refused": _input(data=None),
    "an unknown datatype is refused": _input(datatype="FP12"),
    "a string in the place of a number is refused": _first_element("100.5"),
    "a boolean in the place of a number is refused": _first_element(True),  # noqa: FBT003 - it is the element
    "null in the place of a number is refused": _first_element(None),
    "an object in the place of a number is refused": _first_element({}),
    "a negative shape is refused": lambda subject: _shaped(subject, -1),
    "a fraction in a shape is refused": lambda subject: _shaped(subject, 1.5),
    "a string in a shape is refused": lambda subject: _shaped(subject, "1"),
    "a shape that is no list is refused": _input(shape=1),
    "a shape beyond 64 bits is refused": lambda subject: _shaped(subject, 2**64 + 1),
    "a shape whose product is beyond 64 bits is refused": _input(shape=[2**32] * 3),
    "a shape whose product wraps to nothing is refused": _input(shape=[2**32] * 2, data=[]),
    "a request without inputs is refused": lambda _: {},
    "inputs that are no list are refused": lambda _: {"inputs": {}},
    "a request that is a list is refused": lambda subject: [subject.document()],
    "a request that is null is refused": lambda _: b"null",
    "an empty body is refused": lambda _: b"",
    "a body that is no JSON is refused": lambda _: b'{"inputs": [',
    "bytes that are no text are refused": lambda _: b"\xff\xfe\x00",
    "NaN, which JSON has not, is refused": _first_element(float("nan")),
    "a request that is nested without end is refused": lambda _: b"[" * 100_000,
    "outputs that are no list are refused": lambda subject: subject.document(outputs="all"),
    "parameters that are no object are refused": lambda subject: subject.document(parameters=1),
}


def _shaped(subject: Subject, first: Any) -> Any:
    """Give the first input another first dimension."""
    shape = subject.document()["inputs"][0]["shape"]
    return _input(shape=[first, *shape[1:]])(subject)


def _refuses(fault: Fault) -> Callable[[Subject], None]:
    return lambda subject: answers.assert_refused(subject.infer(fault(subject)))


def the_server_answers_still(subject: Subject) -> None:
    """Ask what was asked before all these; a server that they have broken has been found out."""
    found = answers.read(subject.infer(subject.document())).outputs
    answers.assert_same(found, subject.expected())


CHECKS: Final[list[Check]] = [
    *(Check(name, "inference", _refuses(fault)) for name, fault in FAULTS.items()),
    Check("after all that the server answers still", "inference", the_server_answers_still),
]
