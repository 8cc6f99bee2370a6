"""Error -> status: one table, and the body that callers get, application/problem+json."""

import logging
from typing import Any, Final, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app import errors
from app.schemas import Problem

_log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_MAX_DETAIL: Final = 400
"""Characters; keeps every error body under 1 kB."""


class Kind(NamedTuple):
    """How one kind of error is told."""

    status: int
    code: str
    title: str


KINDS: Final[dict[type[errors.NextdayError], Kind]] = {
    errors.NotJson: Kind(400, "not_json", "The body is not JSON"),
    errors.WrongMediaType: Kind(415, "wrong_media_type", "The body is of another media type"),
    errors.BodyTooLarge: Kind(413, "body_too_large", "The body is too large"),
    errors.BadInput: Kind(422, "bad_input", "The request is not of this shape"),
    errors.BadPrice: Kind(422, "bad_price", "A price is not one"),
    errors.WindowTooShort: Kind(422, "window_too_short", "Too few prices"),
    errors.Unforecastable: Kind(422, "unforecastable", "No finite forecast"),
    errors.NoSuchModel: Kind(404, "no_such_model", "No such model"),
    errors.NoSuchVersion: Kind(404, "no_such_version", "No such version"),
    # what nginx logs for it; nobody gets it
    errors.Abandoned: Kind(499, "client_gone", "The client has gone"),
    errors.NotReady: Kind(503, "not_ready", "No model is served yet"),
    errors.TooBusy: Kind(503, "too_busy", "Too many requests wait"),
    errors.ArtifactRejected: Kind(503, "model_refused", "The model was refused"),
}

_INTERNAL: Final = Kind(500, "internal_error", "An error of ours")
_RETRY: Final = {"Retry-After": "1"}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route, for the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {
            "description": " · ".join(
                f"`{kind.code}`: {kind.title}" for kind in KINDS.values() if kind.status == status
            ),
            "content": content,
        }
        for status in statuses
    }


def kind_of(error: errors.NextdayError) -> Kind:
    """Return the kind of an error: its own, or that of the nearest class above it."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    app.add_exception_handler(errors.NextdayError, _ours)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _unexpected)


def of(error: errors.NextdayError) -> Response:
    """Answer with an error of ours."""
    kind = kind_of(error)
    headers = _RETRY if kind.status == 503 else {}  # noqa: PLR2004 - the status itself
    if isinstance(error, errors.BadInput):
        return _answer(kind, str(error), headers, field=error.field, index=error.index)
    return _answer(kind, str(error), headers)


def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.NextdayError)  # noqa: S101 - what it is installed for
    return of(error)


def _frameworks(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is installed for
    detail = str(error.detail)
    code = detail.lower().replace(" ", "_")
    return _answer(Kind(error.status_code, code, detail), detail, dict(error.headers or {}))


def _parameters(_: Request, error: Exception) -> Response:
    """Answer for what the framework checks itself: the parts of a path."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is installed for
    first = error.errors()[0]
    field = str(first["loc"][-1])
    return _answer(KINDS[errors.BadInput], f"{field}: {first['msg']}", {}, field=field)


def _unexpected(_: Request, error: Exception) -> Response:
    # the server logs the traceback
    _log.error("unexpected %s", type(error).__name__)
    return internal()


def internal() -> Response:
    """Answer with an error of ours; the caller gets none of the traceback."""
    return _answer(_INTERNAL, "the request could not be answered; the server's log says why", {})


def _answer(
    kind: Kind,
    detail: str,
    headers: dict[str, str],
    *,
    field: str | None = None,
    index: int | None = None,
) -> Response:
    problem = Problem(
        type=f"urn:nextday:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=detail[:_MAX_DETAIL],
        code=kind.code,
        field=field,
        index=index,
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=kind.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )
