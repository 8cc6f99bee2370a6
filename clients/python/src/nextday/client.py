"""The client that waits for its answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TypedDict, TypeVar

import httpx2

from nextday import _questions
from nextday.retries import Retries, Tries

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from datetime import date
    from types import TracebackType
    from typing import Unpack

    import pandas as pd

    from nextday._questions import Bars, BatchOptions, Options, Prices, Question
    from nextday.answers import BatchForecast, Forecast, ModelList, Ready
    from nextday.manifests import ModelDetail

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S = 10.0


class HttpSettings(TypedDict):
    """The arguments of httpx's clients."""

    base_url: str
    headers: dict[str, str]
    timeout: float


def settings_of(url: str, api_key: str | None, timeout: float) -> HttpSettings:
    """Say how to reach a service."""
    headers = {"User-Agent": "nextday-client"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key}"
    return HttpSettings(base_url=url, headers=headers, timeout=timeout)


class Client:
    """
    A service to ask, over connections that are kept open; threads may share one.

    `timeout` is in seconds, of each attempt: to connect, and between two pieces of an answer.
    Every method raises what nextday.errors has.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx2.Client(**settings_of(url, api_key, timeout))

    def forecast(
        self, prices: pd.DataFrame | pd.Series[float], **options: Unpack[Options]
    ) -> Forecast:
        """
        Forecast the session after a frame of daily bars, or a Series of closes.

        Columns are named as vendors name them, in any order; dates are the index or a column,
        newest or oldest first; moments are of the exchange's days where there is a `calendar`.
        Where there are adjusted closes, all prices are adjusted by them. Raises BadFrame where it
        is no frame, or has instruments side by side, and BadInput where the service refuses it:
        several instruments below each other, bars that are not daily.
        """
        return self._ask(_questions.forecast(prices, options))

    def predict(
        self,
        prices: Prices | None = None,
        *,
        bars: Bars | None = None,
        dates: Iterable[date | str] | None = None,
        **options: Unpack[Options],
    ) -> Forecast:
        """Forecast the session after prices or bars, one of them, oldest first."""
        return self._ask(_questions.predict(prices, bars, dates, options))

    def predict_batch(
        self,
        windows: Iterable[Prices] | pd.DataFrame | pd.Series[float] | None = None,
        *,
        bars: Iterable[Bars] | None = None,
        **options: Unpack[BatchOptions],
    ) -> BatchForecast:
        """
        Forecast for up to 10,000 instruments; a bad one costs the others nothing.

        A frame has them below each other, and a column or a level of its index that names them;
        the answer's `instruments` are those names. Raises BadFrame where it cannot be sent.
        """
        return self._ask(_questions.predict_batch(windows, bars, options))

    def predict_csv(
        self, source: str | os.PathLike[str] | bytes, **options: Unpack[Options]
    ) -> Forecast:
        """Forecast the session after a CSV file, given by its path or as its bytes."""
        return self._ask(_questions.predict_csv(source, options))

    def models(self) -> ModelList:
        """List the models that answer."""
        return self._ask(_questions.models())

    def model(self, name: str) -> ModelDetail:
        """Show a model, its versions and its manifest."""
        return self._ask(_questions.model(name))

    def ready(self) -> Ready:
        """Say which models answer; asked once, and Unavailable where none does."""
        return self._ask(_questions.ready())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, question: Question[T]) -> T:
        tries = Tries(Retries(attempts=1) if question.is_probe else self._retries)
        while True:
            try:
                response = self._http.request(**question.sent())
            except httpx2.RequestError as error:
                failure = _questions.unreachable(error, self._http.base_url)
                time.sleep(tries.pause(failure, lost=_questions.is_lost(error)))
                continue
            if response.is_success:
                return question.read(response)
            time.sleep(tries.pause(_questions.failure_of(response), lost=False))
