"""Price files in, CSV out: what a file holds, asked of `/predict` as a request like any other."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from threading import Event
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.datastructures import QueryParams

from app.api import predict_codec
from app.api.schemas import (
    DEFAULT_MODEL,
    PredictRequest,
    PredictResponse,
    ReadingResponse,
    SkippedLines,
    TableResponse,
    warning_of,
)
from app.artifact.manifest import BARS
from app.errors import BadInput, BadTable, NotJson
from app.market_data import anomalies, exchange_calendars
from app.market_data.anomalies import DataWarning
from app.market_data.price_files import reader
from app.market_data.price_files.quoting import shown
from app.market_data.price_files.table import Reading, Table
from app.observability.request_record import Headers
from app.serving.app_state import AppState
from app.serving.pipeline import ForecastRequest
from app.transport import headers as http
from app.transport import request_body
from app.transport.dependencies import state_of
from app.transport.openapi_examples import EXAMPLE_CSV
from app.transport.problem_details import documented

PATH: Final = "/bars"
MEDIA_TYPE: Final = b"text/csv"

router = APIRouter(tags=["forecasts"])

_JSON_BODY: Final = {
    "application/json": {"schema": {"description": "Daily prices in the JSON of a vendor."}}
}
_BODY: Final = {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE_CSV}}
_DESCRIBED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "model": ("The model that answers.", {"type": "string", "default": DEFAULT_MODEL}),
    "version": ("A version to pin.", {"type": "integer", "minimum": 1}),
    "levels": (
        "Intervals to give, in percent: 80,95.",
        {"type": "string", "pattern": "^[0-9.,]+$"},
    ),
    "calendar": (
        "An exchange by MIC or alias, 24/7 or weekdays.",
        {"type": "string", "maxLength": 32},
    ),
    "strict": ("Whether what looks damaged is refused.", {"type": "boolean", "default": False}),
}
"""What may be asked beside a file; beside JSON it is in the body."""


def _described_as(name: str) -> dict[str, Any]:
    what, schema = _DESCRIBED[name]
    return {"description": f"Beside a file: {what[0].lower()}{what[1:]}", "schema": schema}


_TRUE: Final = {"true": True, "1": True, "false": False, "0": False}


@router.post(
    PATH,
    summary="Read a file of daily prices",
    response_model=TableResponse,
    responses=documented(400, 404, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {"required": True, "content": _BODY | _JSON_BODY},
        "parameters": [
            {"name": "calendar", "in": "query", **_described_as("calendar")},
        ],
    },
)
async def bars(request: Request) -> Response:
    """
    Post a file as vendors give it, CSV or JSON; the answer is its sessions, oldest first.

    It is how `/predict` reads a file that is posted there. Columns are those that the file has.
    Where it has adjusted closes, all prices are adjusted by them, in units of the last close.
    `read_as` says what was taken for what, and what was left out.
    """
    state = state_of(request)
    state["workers"].admit()
    is_json = _is_of(request.scope["headers"], request_body.JSON)
    content = await request_body.read(
        request,
        state["settings"].max_batch_body_bytes,
        media_type=request_body.JSON if is_json else MEDIA_TYPE,
    )
    asked = _parameters(request.query_params, {"calendar"})

    if is_json and content.lstrip()[:1] not in {b"{", b"["}:
        raise NotJson("the body is no JSON of daily prices")

    def answer(_: Event) -> bytes:
        table = _read(content, asked)
        return to_json(
            TableResponse(
                dates=table.dates,
                bars={field: table.columns[field] for field in BARS if field in table.columns},
                lines=table.lines,
                read_as=_reading(table.reading),
                warnings=[warning_of(warning) for warning in (*table.warnings, *table.damage)],
            )
        )

    written = await state["workers"].run(answer, request.receive)
    return Response(written, media_type="application/json")


def _read(content: bytes, asked: Mapping[str, object]) -> Table:
    """Read a file, and warn of what looks damaged anywhere in it."""
    name = asked.get("calendar")
    table = reader.read(
        content, exchange_calendars.zone_of(name) if isinstance(name, str) else None
    )
    return table._replace(damage=[table.located(warning) for warning in _damage(table)])


def _damage(table: Table) -> list[DataWarning]:
    """Say what looks damaged in a file's bars, or its closes, all of them."""
    if all(field in table.columns for field in BARS):
        history = np.array([table.columns[field] for field in BARS]).T
    elif "close" in table.columns:
        history = np.array(table.columns["close"])[:, None]
    else:
        return []
    return anomalies.explain(history) if len(history) > 1 else []


def _reading(reading: Reading) -> ReadingResponse:
    return ReadingResponse(
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        header=reading.header,
        columns=reading.columns,
        unused=reading.unused,
        date_form=reading.dates,
        decimal=reading.decimal,
        instrument=reading.instrument,
        left_out=[SkippedLines(line=each.line, reason=each.reason) for each in reading.left_out],
    )


BATCH_PARAMETERS: Final = ("model", "version", "levels", "strict")


def batch_parameters(query: QueryParams) -> dict[str, object]:
    """Read what is asked beside a file of many instruments."""
    return _parameters(query, BATCH_PARAMETERS)


def described(
    predict: dict[str, Any], names: Collection[str] = tuple(_DESCRIBED)
) -> dict[str, Any]:
    """Add to the description of a route that files may be posted to it, and what beside them."""
    predict["requestBody"]["content"] |= _BODY
    predict["parameters"] = [{"name": name, "in": "query", **_described_as(name)} for name in names]
    # the answer in CSV is told in words: clients that are made of the document would get an answer
    # of two types for every request
    return predict


def is_table(headers: Headers) -> bool:
    """Tell whether a request's body is CSV."""
    return _is_of(headers, MEDIA_TYPE)


def _is_of(headers: Headers, media_type: bytes) -> bool:
    return any(
        name == b"content-type" and http.media_type(value) == media_type for name, value in headers
    )


async def request_of(request: Request, content: bytes) -> tuple[ForecastRequest, Table]:
    """Read a file and the parameters beside it; raise what is wrong with either."""
    state = state_of(request)
    asked = _parameters(request.query_params, _DESCRIBED.keys())

    def parsed(_: Event) -> tuple[ForecastRequest, Table]:
        table = _read(content, asked)
        posted = PredictRequest.model_validate(asked | _history(table, asked, state))
        return predict_codec.checked(posted), table

    state["workers"].admit()
    try:
        return await state["workers"].run(parsed, request.receive)
    except ValidationError as error:
        raise request_body.bad_input(error) from None


def _parameters(query: QueryParams, known: Collection[str]) -> dict[str, object]:
    """Read model, version, levels, calendar and strict, as they are written in an address."""
    asked: dict[str, object] = {}
    for name, value in query.multi_items():
        if name not in known:
            raise BadInput(
                f"no parameter is called {shown(name)!r}; known are {', '.join(known)}",
                field="query",
            )
        if name in {"model", "calendar"}:
            asked[name] = value
        elif name == "version" and value.isdecimal() and len(value) <= _DIGITS:
            asked[name] = int(value)
        elif name == "strict" and value.lower() in _TRUE:
            asked[name] = _TRUE[value.lower()]
        elif name == "levels":
            asked[name] = list(_levels(value))
        else:
            kind = "a whole number" if name == "version" else "true or false"
            raise BadInput(f"{name} must be {kind}", field=name)
    return asked


_DIGITS: Final = 9


def _levels(value: str) -> Iterator[float]:
    for level in value.split(",")[:100]:
        try:
            yield float(level)
        except ValueError:
            raise BadInput("levels must be percents, as in levels=80,95", field="levels") from None


def _history(table: Table, asked: dict[str, object], state: AppState) -> dict[str, object]:
    """Take bars where the file has them, and else the column that the model forecasts."""
    dates = {"dates": table.dates} if table.dates else {}
    if all(field in table.columns for field in BARS):
        return {"bars": dict(table.columns), **dates}
    target = state["store"].current(str(asked.get("model", DEFAULT_MODEL))).manifest.target
    if target not in table.columns:
        error = BadTable(
            f"the model forecasts the {target}, and the file has no such column; it has"
            f" {', '.join(table.columns) or 'none of prices'}"
        )
        error.reading = str(table.reading)
        raise error
    return {"prices": table.columns[target], **dates}


def written(answer: PredictResponse) -> bytes:
    """Write an answer as two lines of CSV."""
    names = {"model", "version", "target", "forecast_date", "last_price", "prediction", "naive"}
    row = {name: value for name, value in answer.items() if name in names}
    for interval in answer["intervals"]:
        level = f"{interval['level']:g}"
        row[f"low_{level}"], row[f"high_{level}"] = interval["low"], interval["high"]
    row["warnings"] = " ".join(warning["code"] for warning in answer["warnings"])
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(row)
    lines.writerow(row.values())
    return text.getvalue().encode()


def written_batch(answer: Mapping[str, Any]) -> bytes:
    """Write the answer of a batch as CSV, a line for each instrument."""
    text = io.StringIO()
    lines = csv.writer(text)
    levels = list(answer["intervals"])
    ends = [(end, level) for level in levels for end in ("low", "high")]
    warned: dict[int, list[str]] = {}
    for warning in answer["warnings"]:
        if warning["index"] is not None:
            warned.setdefault(warning["index"], []).append(warning["code"])
    faults = {fault["index"]: fault["message"] for fault in answer["errors"]}
    lines.writerow(
        ["instrument", "model", "version", "target", "last_price", "prediction"]
        + [f"{end}_{level}" for end, level in ends]
        + ["warnings", "error"]
    )
    for at, name in enumerate(answer["instruments"]):
        lines.writerow(
            [name, answer["model"], answer["version"], answer["target"]]
            + [answer["last_prices"][at], answer["predictions"][at]]
            + [answer["intervals"][level][end][at] for end, level in ends]
            + [" ".join(warned.get(at, [])), faults.get(at, "")]
        )
    return text.getvalue().encode()
