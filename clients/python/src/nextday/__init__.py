"""
Ask a nextday service for the next session's forecast.

    import nextday

    print(nextday.forecast(frame, calendar="XNYS"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextday.answers import (
    BatchForecast,
    BatchNotice,
    Bounds,
    Calibration,
    Failure,
    Forecast,
    Interval,
    ModelList,
    ModelSummary,
    Notice,
    Ready,
    RefusedModel,
    Skill,
)
from nextday.async_client import AsyncClient
from nextday.client import DEFAULT_URL, Client
from nextday.errors import (
    BadFrame,
    BadInput,
    CallerError,
    NextdayError,
    NotAllowed,
    NotFound,
    RateLimited,
    ServiceError,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from nextday.manifests import Manifest, ModelDetail
from nextday.retries import Retries

if TYPE_CHECKING:
    from typing import Unpack

    import pandas as pd

    from nextday._questions import Options

__all__ = [
    "DEFAULT_URL",
    "AsyncClient",
    "BadFrame",
    "BadInput",
    "BatchForecast",
    "BatchNotice",
    "Bounds",
    "Calibration",
    "CallerError",
    "Client",
    "Failure",
    "Forecast",
    "Interval",
    "Manifest",
    "ModelDetail",
    "ModelList",
    "ModelSummary",
    "NextdayError",
    "NotAllowed",
    "NotFound",
    "Notice",
    "RateLimited",
    "Ready",
    "RefusedModel",
    "Retries",
    "ServiceError",
    "Skill",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "forecast",
]


def forecast(
    prices: pd.DataFrame | pd.Series[float],
    *,
    url: str = DEFAULT_URL,
    api_key: str | None = None,
    **options: Unpack[Options],
) -> Forecast:
    """Forecast the session after a frame, as `Client.forecast` does, of a service just once."""
    with Client(url, api_key=api_key) as client:
        return client.forecast(prices, **options)
