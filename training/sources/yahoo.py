"""Daily bars from Yahoo; the one door to yfinance, which is an extra."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from training import progress
from training.errors import BadConfig, BadData, SourceUnreachable
from training.sources import csv_files

_COLUMNS: Final = {
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adjclose": "Adj Close",
    "volume": "Volume",
}
_TIMEOUT_S: Final = 30.0
_LISTED: Final = 10


class YahooSource(BaseModel):
    """Daily bars of some symbols, as Yahoo has them when they are asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["yahoo"]
    symbols: Annotated[
        tuple[Annotated[str, Field(pattern=r"^\S+$")], ...], Field(strict=False, min_length=1)
    ]
    """As Yahoo writes them: AAPL, ^GSPC, SAP.DE, EURUSD=X."""
    since: date | None = None
    """The first date wanted; without one, all that there are."""


def read(source: YahooSource) -> pd.DataFrame:
    """
    Read bars as `csv_files.tidy_bars` gives them, a symbol at a time; not of a session under way.

    Raises BadData with the symbols that Yahoo has no prices of, SourceUnreachable where it does
    not answer, asks for fewer requests or has no prices of any symbol, and BadConfig where
    yfinance is not installed.
    """
    try:
        import yfinance  # noqa: PLC0415 - an extra
        from yfinance.exceptions import YFTickerMissingError  # noqa: PLC0415 - the same
    except ImportError:
        raise BadConfig('kind = "yahoo" needs yfinance: pip install "nextday[yahoo]"') from None
    since = {"period": "max"} if source.since is None else {"start": source.since}
    symbols = tuple(dict.fromkeys(source.symbols))
    parts: list[pd.DataFrame] = []
    missing: list[str] = []
    hidden = yfinance.config.debug.hide_exceptions
    # hidden, an error is a line of its log, and a symbol in good health has no rows
    yfinance.config.debug.hide_exceptions = False
    try:
        for symbol in progress.track(symbols, unit="symbol"):
            try:
                ticker = yfinance.Ticker(symbol)
                # adjusted by us: a frame of yfinance does not tell whether it was
                history = ticker.history(
                    **since, auto_adjust=False, actions=False, timeout=_TIMEOUT_S
                )
                sessions = ticker.history_metadata.get("currentTradingPeriod") or {}
            except Exception as error:  # noqa: BLE001 - it takes apart whatever was answered
                status = getattr(getattr(error, "response", None), "status_code", None)
                if status != HTTPStatus.NOT_FOUND and not isinstance(error, YFTickerMissingError):
                    raise SourceUnreachable(f"Yahoo, {symbol}: {error!r}") from None
                missing.append(f"{symbol} ({getattr(error, 'rationale', 'not found')})")
                continue
            rows = raw(symbol, history, sessions.get("regular"))
            parts.append(rows)
            if rows.empty:
                missing.append(f"{symbol} (no sessions)")
    finally:
        yfinance.config.debug.hide_exceptions = hidden
    if missing:
        reason = f"no prices of {len(missing)} of {len(symbols)} symbols: " + ", ".join(
            missing[:_LISTED]
        )
        if len(missing) == len(symbols) > 1:
            # it says so of every symbol to those whom it does not want to serve
            raise SourceUnreachable(f"Yahoo: {reason}")
        raise BadData("Yahoo", reason)
    return csv_files.tidy_bars(pd.concat(parts, ignore_index=True))


def raw(symbol: str, history: pd.DataFrame, session: dict[str, Any] | None) -> pd.DataFrame:
    """
    Return what `Ticker.history` gives, not adjusted, as `csv_files.tidy_bars` takes it.

    `history` is indexed by the midnights that its sessions begin with, in the zone of the
    exchange. `session` is the exchange's present or next one, from `start` to `end`: before it
    has ended its bar is none.
    Raises BadData for a frame of another make, such as an adjusted one.
    """
    lacks = [column for column in _COLUMNS.values() if column not in history]
    if lacks:
        columns = ", ".join(map(str, history.columns))
        raise BadData(
            f"Yahoo, {symbol}", f"no column {', '.join(lacks)}; the columns are {columns}"
        )
    if session is not None and pd.Timestamp.now("UTC") < session["end"]:
        history = history[history.index < session["start"].normalize()]
    numbers = {name: history[column].to_numpy(np.float64) for name, column in _COLUMNS.items()}
    dates = pd.DatetimeIndex(history.index).tz_localize(None).normalize().as_unit("us")
    return pd.DataFrame({"instrument": symbol, "date": dates, **numbers})
