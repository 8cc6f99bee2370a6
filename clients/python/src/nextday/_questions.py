"""Requests and answers, without sending any: what both clients share."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, SupportsFloat, TypedDict, TypeVar, cast
from urllib.parse import quote

import httpx2

from nextday import _frames, _reading, errors
from nextday.answers import BatchForecast, Forecast, ModelList, Ready
from nextday.errors import BadFrame, NextdayError, Unreachable
from nextday.manifests import ModelDetail

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
Prices = Iterable[SupportsFloat]
"""Whatever yields numbers: a list, an array, a Series."""
Bars = Mapping[str, Prices]
"""The columns open, high, low and close."""


class BatchOptions(TypedDict, total=False):
    """What may be asked beside the prices of many instruments."""

    model: str
    """`default` where none is given."""
    version: int
    """A version to pin; the one being served where none is given."""
    levels: Prices
    """Intervals to give, in percent; 80 and 95 where none are given."""
    strict: bool
    """Whether what looks damaged is refused, and not only told of in `warnings`."""


class Options(BatchOptions, total=False):
    """What may be asked beside the prices of one instrument."""

    calendar: str
    """An exchange by its MIC or alias, `24/7` or `weekdays`: buys `forecast_date`."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A request, and what its answer is read as."""

    method: str
    path: str
    answer: type[T]
    content: bytes | None = None
    media_type: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    is_probe: bool = False
    """Whether the answer is wanted as it is now: it is asked once."""

    def sent(self) -> dict[str, Any]:
        """Return the arguments of httpx's `request`."""
        headers = {"Accept": "application/json"}
        if self.media_type is not None:
            headers["Content-Type"] = self.media_type
        return {
            "method": self.method,
            "url": self.path,
            "content": self.content,
            "params": self.params,
            "headers": headers,
        }

    def read(self, response: httpx2.Response) -> T:
        """Read the answer; raise UnexpectedAnswer where it is none."""
        return _reading.read(self.answer, response.content)


def predict(
    prices: Prices | None,
    bars: Bars | None,
    dates: Iterable[date | str] | None,
    options: Options,
) -> Question[Forecast]:
    """Ask for one instrument."""
    body = _asked(options)
    if prices is not None:
        body["prices"] = _floats(prices)
    if bars is not None:
        body["bars"] = {name: _floats(column) for name, column in bars.items()}
    if dates is not None:
        body["dates"] = [_day(each) for each in dates]
    return _posted("/predict", Forecast, body)


def predict_batch(
    windows: "Iterable[Prices] | pd.DataFrame | pd.Series[float] | None",
    bars: Iterable[Bars] | None,
    options: BatchOptions,
) -> Question[BatchForecast]:
    """Ask for many instruments; raise BadFrame where a frame cannot be sent."""
    if _frames.is_frame(windows):
        if bars is not None:
            raise BadFrame("give a frame, or bars, and not both")
        content, path = _frames.to_csv(windows), "/predict/batch"
        return Question("POST", path, BatchForecast, content, "text/csv", _params(options))
    body = _asked(options)
    if windows is not None:
        body["windows"] = [_floats(window) for window in cast("Iterable[Prices]", windows)]
    if bars is not None:
        body["bars"] = [{name: _floats(column) for name, column in each.items()} for each in bars]
    return _posted("/predict/batch", BatchForecast, body)


def predict_csv(source: str | os.PathLike[str] | bytes, options: Options) -> Question[Forecast]:
    """Ask for the instrument of a file, or of what one holds."""
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    return Question("POST", "/predict", Forecast, content, "text/csv", _params(options))


def _params(options: Options | BatchOptions) -> dict[str, str]:
    params = {}
    for name, value in options.items():
        if name == "levels":
            params[name] = ",".join(f"{level!r}" for level in _floats(options["levels"]))
        elif name == "strict":
            params[name] = "true" if value else "false"
        else:
            params[name] = str(value)
    return params


def forecast(prices: "pd.DataFrame | pd.Series[float]", options: Options) -> Question[Forecast]:
    """Ask for the instrument of a frame; raise BadFrame where it is none."""
    return predict_csv(_frames.to_csv(prices), options)


def models() -> Question[ModelList]:
    """Ask which models there are."""
    return Question("GET", "/models", ModelList)


def model(name: str) -> Question[ModelDetail]:
    """Ask about one model."""
    return Question("GET", f"/models/{quote(name, safe='')}", ModelDetail)


def ready() -> Question[Ready]:
    """Ask whether there are forecasts to be had."""
    return Question("GET", "/readyz", Ready, is_probe=True)


def _asked(options: Options | BatchOptions) -> dict[str, Any]:
    asked: dict[str, Any] = {**options}
    if "levels" in options:
        asked["levels"] = _floats(options["levels"])
    return asked


def _posted(path: str, answer: type[T], body: dict[str, Any]) -> Question[T]:
    return Question("POST", path, answer, json.dumps(body).encode(), "application/json")


def _floats(prices: Prices) -> list[float]:
    # arrays and Decimals too; the service says which are none, by row
    return [float(price) for price in prices]


_moment = re.compile(r"\d{4}-\d\d-\d\d[T ](?!00:00(?::00(?:\.0+)?)?(?:[+-]|$))")
"""A day and a time of day that is not its beginning."""


def _day(day: date | str) -> str:
    """Return a day as the service takes it; raise BadFrame of a moment within one."""
    if isinstance(day, str):
        return day
    # pandas' and NumPy's moments too
    text = str(day)
    if _moment.match(text):
        raise BadFrame(
            f"dates hold a time of day, {text}: give the days of the exchange, or a frame and its"
            " calendar"
        )
    return text[:10]


_BY_STATUS: dict[int, type[NextdayError]] = {
    401: errors.NotAllowed,
    403: errors.NotAllowed,
    404: errors.NotFound,
    429: errors.RateLimited,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
}


def failure_of(response: httpx2.Response) -> NextdayError:
    """Make an error of an answer that is none, by whose fault it is."""
    status = response.status_code
    if status in _BY_STATUS:
        kind = _BY_STATUS[status]
    elif response.is_client_error:
        kind = errors.BadInput
    else:
        kind = errors.ServiceError if response.is_server_error else errors.UnexpectedAnswer
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        # a proxy's, or another server's
        problem = {}
    given = {
        name: problem.get(name) if isinstance(problem.get(name), kind_of) else None
        for name, kind_of in (("code", str), ("field", str), ("index", int), ("read_as", str))
    }
    detail = problem.get("detail") or f"{response.url} answered {status} without saying why"
    return kind(str(detail), status=status, retry_after_s=_retry_after_s(response), **given)


def unreachable(error: httpx2.RequestError, url: httpx2.URL) -> Unreachable:
    """Make an error of a connection that failed."""
    late = isinstance(error, httpx2.TimeoutException)
    reason = "was not in time" if late else str(error) or type(error).__name__
    failure = Unreachable(f"no answer from {url}: {reason}")
    failure.__cause__ = error
    return failure


def is_lost(error: httpx2.RequestError) -> bool:
    """Tell whether to ask again may help: not where an answer is slow to come."""
    kinds = (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ConnectTimeout)
    return isinstance(error, kinds)


def _retry_after_s(response: httpx2.Response) -> float | None:
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
