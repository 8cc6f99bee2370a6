"""What people's clients ask, in every way they can, and what they make of it."""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import numpy as np

from tools.conformance.clients import Ask, Client
from tools.conformance.outcomes import Check, NotOffered, Violation
from tools.conformance.subject import (
    BINARY,
    CONFIGURATION,
    REPOSITORY,
    STATISTICS,
    VERSIONS,
    Subject,
)
from tools.conformance.tensors import Tensor

FORMS: Final = {
    "JSON": (False, False),
    "binary": (True, True),
    "binary in, JSON out": (True, False),
    "JSON in, binary out": (False, True),
}
OF_A_VERSION: Final = "of a version"
PLACES: Final = ("of the model", OF_A_VERSION)
_BELONG: Final = {"config": (CONFIGURATION,), "index": (REPOSITORY,), "stats": (STATISTICS,)}
_ID: Final = "conformance-7"
_LONGEST: Final = 300
"""Characters of what a client says."""

_url = re.compile(r" for url '[^']*'")
"""Of httpx; it has the port in it, which is another one next time."""

_Asking: TypeAlias = Callable[[Client, Subject], None]


def checks(name: str, client: Client) -> list[Check]:
    """Return the checks that are made by a client."""
    plain: list[tuple[str, _Asking, tuple[str, ...]]] = [
        ("server and model are live and ready", _ready, ()),
        ("a version is ready", _version_ready, (VERSIONS,)),
        ("an unknown model's error is told", _unknown_model, ()),
        ("a bad request's error is told", _bad_request, ()),
        ("an id comes back", _echo, ()),
        ("without outputs named all are had", _no_outputs, ()),
        ("one output is had alone", _one_output, ()),
        *(
            (f"{what} is told", _documented(what), _BELONG.get(what, ()))
            for what in client.DOCUMENTS
        ),
        *_ways(client),
    ]
    return [
        Check(sentence, "clients", _guarded(asking, client), extensions, name)
        for sentence, asking, extensions in plain
    ]


def _ready(client: Client, subject: Subject) -> None:
    if not client.is_ready(subject.model, None):
        raise Violation("the client says that it is not ready")


def _version_ready(client: Client, subject: Subject) -> None:
    if not client.is_ready(subject.model, subject.newest):
        raise Violation("the client says that it is not ready")


def _unknown_model(client: Client, subject: Subject) -> None:
    _is_told(client.error(_ask(subject, model="no-such-model")))


def _bad_request(client: Client, subject: Subject) -> None:
    first, *others = subject.inputs()
    unknown = Tensor("no_such_tensor", first.datatype, first.values)
    _is_told(client.error(_ask(subject, inputs=[unknown, *others])))


def _echo(client: Client, subject: Subject) -> None:
    found = client.infer(_ask(subject, id=_ID)).id
    if found != _ID:
        raise Violation(f"the id came back as {found!r}")


def _no_outputs(client: Client, subject: Subject) -> None:
    _assert_same(client.infer(_ask(subject, outputs=None)).outputs, subject.expected())


def _one_output(client: Client, subject: Subject) -> None:
    last = subject.outputs[-1]
    found = client.infer(_ask(subject, outputs=[last])).outputs
    _assert_same(found, {last: subject.expected()[last]})


def _ways(client: Client) -> Iterator[tuple[str, _Asking, tuple[str, ...]]]:
    """Every form, without a version and with one, in every encoding that the client has."""
    for form, place, encoding in itertools.product(FORMS, PLACES, client.ENCODINGS):
        needs = (
            *([BINARY] if any(FORMS[form]) else []),
            *([VERSIONS] if place == OF_A_VERSION else []),
            *([encoding] if encoding else []),
        )
        sentence = f"infer {place}, {form}, {encoding or 'not compressed'}"
        yield sentence, _way(form, place, encoding), needs


def _way(form: str, place: str, encoding: str) -> _Asking:
    binary_in, binary_out = FORMS[form]

    def asking(client: Client, subject: Subject) -> None:
        version = subject.newest if place == OF_A_VERSION else None
        ask = _ask(
            subject,
            version=version,
            binary_in=binary_in,
            binary_out=binary_out,
            encoding=encoding,
        )
        _assert_same(client.infer(ask).outputs, subject.expected(version=version))

    return asking


def _documented(what: str) -> _Asking:
    def asking(client: Client, subject: Subject) -> None:
        found = client.document(what, subject.model, None)
        if not found or not isinstance(found, dict | list):
            raise Violation(f"the client was told {found!r}")

    return asking


def _ask(subject: Subject, **members: Any) -> Ask:
    plain: dict[str, Any] = {
        "model": subject.model,
        "version": None,
        "inputs": subject.inputs(),
        "outputs": subject.outputs,
    }
    return Ask(**(plain | members))


def _is_told(message: str) -> None:
    if not message.strip():
        raise Violation("the client was told nothing")


def _assert_same(found: dict[str, Any], wanted: dict[str, Tensor]) -> None:
    if found.keys() != wanted.keys():
        raise Violation(f"the client has {', '.join(found)}, not {', '.join(wanted)}")
    for name, tensor in wanted.items():
        tensor.assert_same(Tensor(name, tensor.datatype, np.asarray(found[name])))


def _guarded(asking: _Asking, client: Client) -> Callable[[Subject], None]:
    """Whatever a client raises is a failure: it is what a user of it would see."""

    def guarded(subject: Subject) -> None:
        try:
            asking(client, subject)
        except (Violation, NotOffered):
            raise
        except Exception as error:
            said = _url.sub("", f"{type(error).__name__}: {error}")
            raise Violation(said[:_LONGEST]) from error

    return guarded
