"""Error -> status: one table, and the body that callers get, application/problem+json."""

import logging
from typing import Any, Final, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from app import errors
from app.transport.dependencies import record_of, route_path

_log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_MAX_DETAIL: Final = 400
"""Characters; keeps every error body under 1 kB."""
_MAX_BODY: Final = 1000
"""Bytes that a body may have with what was read of a file."""


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    index: int | None = None
    read_as: str | None = None
    """What of a file was read as what."""


class Kind(NamedTuple):
    """How one kind of error is told."""

    status: int
    code: str
    title: str


KINDS: Final[dict[type[errors.NextdayError], Kind]] = {
    errors.NotHttp: Kind(400, "not_http", "Malformed HTTP request"),
    errors.NotCompressed: Kind(400, "not_compressed", "Invalid compressed body"),
    errors.NotJson: Kind(400, "not_json", "Invalid JSON"),
    errors.WrongMediaType: Kind(415, "wrong_media_type", "Unsupported media type"),
    errors.BodyTooLarge: Kind(413, "body_too_large", "Request body too large"),
    errors.BodyTooSlow: Kind(408, "body_too_slow", "Request timed out"),
    errors.HeadersTooLarge: Kind(431, "headers_too_large", "Request headers too large"),
    errors.Unauthorized: Kind(401, "unauthorized", "Missing or unknown API key"),
    errors.RateLimited: Kind(429, "rate_limited", "Rate limit exceeded"),
    errors.BadInput: Kind(422, "bad_input", "Invalid request"),
    errors.BadPrice: Kind(422, "bad_price", "Invalid price"),
    errors.BadDate: Kind(422, "bad_date", "Invalid dates"),
    errors.BadTable: Kind(422, "bad_table", "Unreadable file"),
    errors.Suspicious: Kind(422, "suspicious", "Suspicious data"),
    errors.WindowTooShort: Kind(422, "window_too_short", "Too few prices"),
    errors.NotSupported: Kind(422, "not_supported", "Not supported"),
    errors.Unforecastable: Kind(422, "unforecastable", "No finite forecast"),
    errors.NoSuchModel: Kind(404, "no_such_model", "Model not found"),
    errors.NoSuchVersion: Kind(404, "no_such_version", "Version not found"),
    errors.NoSuchCalendar: Kind(404, "no_such_calendar", "Calendar not found"),
    # what nginx logs for it; nobody gets it
    errors.Abandoned: Kind(499, "client_gone", "Client closed the connection"),
    errors.NotReady: Kind(503, "not_ready", "No model loaded"),
    errors.TooBusy: Kind(503, "too_busy", "Service overloaded"),
    errors.TooLate: Kind(504, "too_late", "Deadline exceeded"),
    errors.ArtifactRejected: Kind(503, "model_refused", "Model refused"),
}

_INTERNAL: Final = Kind(500, "internal_error", "Internal server error")
_UNEXPECTED: Final = "the request could not be answered; the server's log says why"


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


def kind_of(error: Exception) -> Kind:
    """Return the kind of an error: its own, or that of the nearest class above it."""
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), _INTERNAL)


def install(app: FastAPI) -> None:
    """Answer every error of the app, each in the form of the protocol that its path belongs to."""
    app.add_exception_handler(errors.NextdayError, _ours)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _ours)


def response_for(error: Exception, path: str) -> Response:
    """Answer with an error of ours, or with one that was not expected, which is the log's alone."""
    if not isinstance(error, errors.NextdayError):
        _log.error("an error of ours, at %s", path, exc_info=error)
        return _answer(path, _INTERNAL, _UNEXPECTED, {})
    kind, headers = kind_of(error), {}
    if isinstance(error, errors.RateLimited):
        headers = {"Retry-After": str(error.retry_s)}
    elif isinstance(error, errors.Unauthorized):
        headers = {"WWW-Authenticate": "Bearer"}
    elif kind.status == 503:  # noqa: PLR2004 - the status itself
        headers = {"Retry-After": "1"}
    at = error if isinstance(error, errors.BadInput) else None
    return _answer(path, kind, str(error), headers, at)


def _ours(request: Request, error: Exception) -> Response:
    record_of(request).code = kind_of(error).code
    return response_for(error, route_path(request.scope))


def _frameworks(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is installed for
    detail = str(error.detail)
    kind = Kind(error.status_code, detail.lower().replace(" ", "_"), detail)
    record_of(request).code = kind.code
    return _answer(route_path(request.scope), kind, detail, dict(error.headers or {}))


def _parameters(request: Request, error: Exception) -> Response:
    """Answer for what the framework checks itself: the parts of a path."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is installed for
    first = error.errors()[0]
    field = str(first["loc"][-1])
    return _ours(request, errors.BadInput(f"{field}: {first['msg']}", field=field))


def _answer(
    path: str, kind: Kind, detail: str, headers: dict[str, str], at: errors.BadInput | None = None
) -> Response:
    detail = detail[:_MAX_DETAIL]
    if path == "/v2" or path.startswith("/v2/"):
        # that protocol names no status but 400, and its clients know no other for bad input
        status = 400 if kind.status == 422 else kind.status  # noqa: PLR2004 - the status itself
        return Response(to_json({"error": detail}), status, headers, "application/json")
    problem = Problem(
        type=f"urn:nextday:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        code=kind.code,
        field=at and at.field,
        index=at and at.index,
    )
    if isinstance(at, errors.BadTable) and at.reading:
        problem = _with_reading(problem, at.reading)
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=kind.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def _with_reading(problem: Problem, reading: str) -> Problem:
    """Add what was read of a file, as far as there is room for it."""
    room = (
        _MAX_BODY - len(problem.model_dump_json(exclude_none=True).encode()) - len(',"read_as":""')
    )
    while len(to_json(reading)) > room and reading:
        # heads may be of letters that take several bytes
        reading = reading[: max(0, min(len(reading) - 1, len(reading) * 3 // 4))]
    return problem.model_copy(update={"read_as": reading or None})
