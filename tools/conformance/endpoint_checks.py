"""Endpoints: health, metadata, versions, and what is not there."""

import json
from typing import Final

from tools.conformance import answers, schemas
from tools.conformance.answers import ANY_REFUSAL, NOT_FOUND
from tools.conformance.exchange import JSON, Reply
from tools.conformance.outcomes import Check, Violation, named
from tools.conformance.subject import VERSIONS, Subject

_NO_MODEL: Final = "/v2/models/no-such-model"
_NO_VERSION: Final = "999999"


def the_server_is_live(subject: Subject) -> None:
    schemas.read(schemas.Live, subject.server.get("/v2/health/live"))


def the_server_is_ready_as_the_specification_says_it(subject: Subject) -> None:
    schemas.read(schemas.Live, subject.server.get("/v2/health/ready"))


def the_server_is_ready_as_KServe_reads_it(subject: Subject) -> None:  # noqa: N802 - its name
    schemas.read(schemas.Ready, subject.server.get("/v2/health/ready"))


def the_model_is_ready(subject: Subject) -> None:
    _is_ready(subject, None)


def every_version_is_ready(subject: Subject) -> None:
    for version in subject.metadata.versions:
        _is_ready(subject, version)


def the_server_tells_of_itself(subject: Subject) -> None:
    schemas.read(schemas.ServerMetadata, subject.server.get("/v2"))


def the_server_tells_of_itself_with_a_slash_behind(subject: Subject) -> None:
    with_slash = schemas.read(schemas.ServerMetadata, subject.server.get("/v2/"))
    if with_slash != schemas.read(schemas.ServerMetadata, subject.server.get("/v2")):
        raise Violation("/v2 and /v2/ differ")


def the_model_tells_what_it_takes_and_gives(subject: Subject) -> None:
    found = schemas.read(schemas.ModelMetadata, subject.server.get(subject.path()))
    if found.name != subject.model:
        raise Violation(f"it calls itself {found.name}")


def every_version_tells_what_it_takes_and_gives(subject: Subject) -> None:
    for version in subject.metadata.versions:
        found = schemas.read(schemas.ModelMetadata, subject.server.get(subject.path("", version)))
        if found.name != subject.model:
            raise Violation(f"version {version} calls itself {found.name}")


def a_name_may_be_percent_encoded(subject: Subject) -> None:
    name = "".join(f"%{byte:02X}" for byte in subject.model.encode())
    reply = subject.server.get(f"/v2/models/{name}")
    if schemas.read(schemas.ModelMetadata, reply).name != subject.model:
        raise Violation("it is another model")


def an_unknown_model_has_no_metadata(subject: Subject) -> None:
    answers.assert_refused(subject.server.get(_NO_MODEL), NOT_FOUND)


def an_unknown_model_is_not_ready(subject: Subject) -> None:
    answers.assert_refused(subject.server.get(f"{_NO_MODEL}/ready"), (*ANY_REFUSAL, 503))


def an_unknown_model_infers_nothing(subject: Subject) -> None:
    answers.assert_refused(_infer_at(subject, f"{_NO_MODEL}/infer"), NOT_FOUND)


def an_unknown_version_has_no_metadata(subject: Subject) -> None:
    answers.assert_refused(subject.server.get(subject.path("", _NO_VERSION)), NOT_FOUND)


def an_unknown_version_infers_nothing(subject: Subject) -> None:
    answers.assert_refused(_infer_at(subject, subject.path("infer", _NO_VERSION)), NOT_FOUND)


def a_version_that_is_no_number_is_refused(subject: Subject) -> None:
    answers.assert_refused(_infer_at(subject, subject.path("infer", "newest")), ANY_REFUSAL)


def an_unknown_path_is_not_found(subject: Subject) -> None:
    answers.assert_refused(subject.server.get(subject.path("no-such-path")), NOT_FOUND)


def another_method_is_refused(subject: Subject) -> None:
    answers.assert_refused(subject.server.get(subject.path("infer")), ANY_REFUSAL)


def every_version_infers_and_says_which_it_is(subject: Subject) -> None:
    for version in subject.metadata.versions:
        answer = answers.read(subject.infer(subject.document(), version))
        if answer.document.model_version != version:
            raise Violation(f"version {version} calls itself {answer.document.model_version!r}")


def _is_ready(subject: Subject, version: str | None) -> None:
    reply = subject.server.get(subject.path("ready", version))
    if schemas.read(schemas.ModelReady, reply).name != subject.model:
        raise Violation("it is another model")


def _infer_at(subject: Subject, path: str) -> Reply:
    body = json.dumps(subject.document()).encode()
    return subject.server.post(path, body, {"Content-Type": JSON})


CHECKS: Final[list[Check]] = [
    *named(
        "endpoints",
        the_server_is_live,
        the_server_is_ready_as_the_specification_says_it,
        the_server_is_ready_as_KServe_reads_it,
        the_model_is_ready,
        the_server_tells_of_itself,
        the_server_tells_of_itself_with_a_slash_behind,
        the_model_tells_what_it_takes_and_gives,
        a_name_may_be_percent_encoded,
        an_unknown_model_has_no_metadata,
        an_unknown_model_is_not_ready,
        an_unknown_model_infers_nothing,
        an_unknown_path_is_not_found,
        another_method_is_refused,
    ),
    *named(
        "endpoints",
        every_version_is_ready,
        every_version_tells_what_it_takes_and_gives,
        every_version_infers_and_says_which_it_is,
        an_unknown_version_has_no_metadata,
        an_unknown_version_infers_nothing,
        a_version_that_is_no_number_is_refused,
        extensions=(VERSIONS,),
    ),
]
