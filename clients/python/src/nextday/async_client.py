"""The client of asyncio: the same questions, awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeVar

import httpx2

from nextday import _questions
from nextday.client import DEFAULT_TIMEOUT_S, DEFAULT_URL, settings_of
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


class AsyncClient:
    """
    A service to ask, over connections that are kept open; tasks may share one.

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
        self._http = httpx2.AsyncClient(**settings_of(url, api_key, timeout))

    async def forecast(
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
        return await self._ask(_questions.forecast(prices, options))

    async def predict(
        self,
        prices: Prices | None = None,
        *,
        bars: Bars | None = None,
        dates: Iterable[date | str] | None = None,
        **options: Unpack[Options],
    ) -> Forecast:
        """Forecast the session after prices or bars, one of them, oldest first."""
        return await self._ask(_questions.predict(prices, bars, dates, options))

    async def predict_batch(
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
        return await self._ask(_questions.predict_batch(windows, bars, options))

    async def predict_csv(
        self, source: str | os.PathLike[str] | bytes, **options: Unpack[Options]
    ) -> Forecast:
        """Forecast the session after a CSV file, given by its path or as its bytes."""
        return await self._ask(_questions.predict_csv(source, options))

    async def models(self) -> ModelList:
        """List the models that answer."""
        return await self._ask(_questions.models())

    async def model(self, name: str) -> ModelDetail:
        """Show a model, its versions and its manifest."""
        return await self._ask(_questions.model(name))

    async def ready(self) -> Ready:
        """Say which models answer; asked once, and Unavailable where none does."""
        return await self._ask(_questions.ready())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _ask(self, question: Question[T]) -> T:
        tries = Tries(Retries(attempts=1) if question.is_probe else self._retries)
        while True:
            try:
                response = await self._http.request(**question.sent())
            except httpx2.RequestError as error:
                failure = _questions.unreachable(error, self._http.base_url)
                await asyncio.sleep(tries.pause(failure, lost=_questions.is_lost(error)))
                continue
            if response.is_success:
                return question.read(response)
            await asyncio.sleep(tries.pause(_questions.failure_of(response), lost=False))
