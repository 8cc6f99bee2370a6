"""The repository's index, configuration and statistics."""

import time
from typing import Final

from tools.conformance import answers, schemas
from tools.conformance.exchange import JSON, Headers
from tools.conformance.outcomes import Check, Violation, named
from tools.conformance.subject import CONFIGURATION, REPOSITORY, STATISTICS, Subject

_INDEX: Final = "/v2/repository/index"
_LATE_S: Final = 2.0
"""Statistics may be gathered a moment after the answer."""


def the_index_lists_the_model(subject: Subject) -> None:
    _is_listed(subject, b"{}", {"Content-Type": JSON})


def the_index_may_be_asked_with_an_empty_body(subject: Subject) -> None:
    # as the client of Triton does
    _is_listed(subject, b"", {})


def the_index_of_what_is_ready_lists_nothing_else(subject: Subject) -> None:
    entries = _is_listed(subject, b'{"ready": true}', {"Content-Type": JSON})
    others = {entry.state for entry in entries} - {"READY"}
    if others:
        raise Violation(f"it lists models that are {', '.join(sorted(others))}")


def the_configuration_names_what_the_metadata_name(subject: Subject) -> None:
    config = schemas.read(schemas.Config, subject.server.get(subject.path("config")))
    for what, told, known in (
        ("inputs", config.input, subject.metadata.inputs),
        ("outputs", config.output, subject.metadata.outputs),
    ):
        if {each.name for each in told} != {each.name for each in known}:
            raise Violation(f"{what} are other ones than in the metadata")


def an_unknown_model_has_no_configuration(subject: Subject) -> None:
    reply = subject.server.get("/v2/models/no-such-model/config")
    answers.assert_refused(reply, answers.ANY_REFUSAL)


def the_statistics_count_what_is_inferred(subject: Subject) -> None:
    before = _counted(subject)
    answers.read(subject.infer(subject.document()))
    deadline = time.monotonic() + _LATE_S
    while _counted(subject) <= before:
        if time.monotonic() > deadline:
            raise Violation(f"inference_count stays at {before}")
        time.sleep(0.05)


def the_statistics_of_all_models_hold_this_one(subject: Subject) -> None:
    found = schemas.read(schemas.Statistics, subject.server.get("/v2/models/stats"))
    if subject.model not in {each.name for each in found.model_stats}:
        raise Violation("they do not")


def an_unknown_model_has_no_statistics(subject: Subject) -> None:
    reply = subject.server.get("/v2/models/no-such-model/stats")
    answers.assert_refused(reply, answers.ANY_REFUSAL)


def _is_listed(subject: Subject, body: bytes, headers: Headers) -> list[schemas.IndexEntry]:
    entries = schemas.read(list[schemas.IndexEntry], subject.server.post(_INDEX, body, headers))
    if subject.model not in {entry.name for entry in entries}:
        raise Violation("the model is not listed")
    return entries


def _counted(subject: Subject) -> int:
    found = schemas.read(schemas.Statistics, subject.server.get(subject.path("stats")))
    return sum(each.inference_count for each in found.model_stats if each.name == subject.model)


CHECKS: Final[list[Check]] = [
    *named(
        "extensions",
        the_index_lists_the_model,
        the_index_may_be_asked_with_an_empty_body,
        the_index_of_what_is_ready_lists_nothing_else,
        extensions=(REPOSITORY,),
    ),
    *named(
        "extensions",
        the_configuration_names_what_the_metadata_name,
        an_unknown_model_has_no_configuration,
        extensions=(CONFIGURATION,),
    ),
    *named(
        "extensions",
        the_statistics_count_what_is_inferred,
        the_statistics_of_all_models_hold_this_one,
        an_unknown_model_has_no_statistics,
        extensions=(STATISTICS,),
    ),
]
