"""
CSV files -> one tidy frame, oldest first within each instrument.

Of prices for the recipes that forecast one column (instrument, date, price, close), or of bars
(instrument, date, open, high, low, close, volume), which `quality` checks.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app import regular_files
from app.errors import BadTable
from app.market_data import bar_frequency
from app.market_data.price_files import reader as price_files
from app.market_data.price_files.table import RawTable
from training import progress
from training.errors import BadData

OHLC: Final = ("open", "high", "low", "close")
"""The price columns of a frame of bars, in the order that networks see them."""


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """
    Read one instrument: its dates, and the first of `columns` that the file has.

    Files are read as the service reads them (`app.market_data.price_files`). Names are matched
    without regard to case, spaces and punctuation; other columns are ignored, but for the close,
    which a forecast of anything else is compared with.
    Raises BadData with the file, the line and the reason.
    """
    [table] = _tables(path, columns).values()
    return _column(path, path.stem, table, columns)


def read_folder(
    folder: Path, columns: Sequence[str], *, instrument_column: str | None = None
) -> pd.DataFrame:
    """
    Read every CSV of a folder; raise BadData.

    A file is one instrument's, named for it, unless it is the only one or a column is said to name
    the instruments: then it may hold many, below each other.
    """
    paths = _files(folder, columns[-1])
    is_long = len(paths) == 1
    return pd.concat(
        [
            _column(path, name or path.stem, table, columns)
            for path in paths
            for name, table in _tables(path, columns, by=instrument_column, is_long=is_long).items()
        ],
        ignore_index=True,
    )


def _column(path: Path, name: str, table: RawTable, columns: Sequence[str]) -> pd.DataFrame:
    if "wanted" not in table.columns:
        wanted, there = " or ".join(columns), ", ".join(filter(None, table.heads))
        raise BadData(path, f"no column {wanted}; the columns are {there}")
    prices = pd.DataFrame(
        {
            "instrument": name,
            "date": _dates(path, table),
            "price": _prices(path, table, "wanted"),
            "close": _prices(path, table, "close") if "close" in table.columns else np.nan,
        }
    )
    twice = prices["date"].duplicated()
    if twice.any():
        row = int(twice.to_numpy().argmax())
        raise BadData(path, f"{prices['date'][row]:%Y-%m-%d} comes twice", line=table.lines[row])
    return prices


def read_bars(
    path: Path, *, instrument_column: str | None = None, is_long: bool = False
) -> pd.DataFrame:
    """
    Read bars: instrument, date, open, high, low, close, volume.

    Files are read as the service reads them (`app.market_data.price_files`), of one instrument each
    unless `is_long`, or a column is said to name the instruments; see `tidy_bars` for prices. A
    date may come twice, in the file's order: `quality.check` says so by date.
    Raises BadData with the file, the line and the reason.
    """
    tables = _tables(path, (), by=instrument_column, is_long=is_long)
    return tidy_bars(pd.concat([_bars(path, name, table) for name, table in tables.items()]))


def read_bars_folder(
    folder: Path, *, most: int | None = None, instrument_column: str | None = None
) -> pd.DataFrame:
    """
    Read the bars of every CSV of a folder, or the first so many; raise BadData.

    A file is one instrument's, named for it, unless it is the only one or a column is said to name
    the instruments: then it may hold many, below each other.
    """
    paths = _files(folder, "Open, High, Low, Close")[:most]
    is_long = len(paths) == 1
    return pd.concat(
        [
            read_bars(path, instrument_column=instrument_column, is_long=is_long)
            for path in progress.track(paths, unit="file")
        ],
        ignore_index=True,
    )


def _tables(
    path: Path, wanted: Sequence[str], *, by: str | None = None, is_long: bool = False
) -> dict[str | None, RawTable]:
    try:
        content = regular_files.require(path).read_bytes()
        tables = price_files.read_raw(content, wanted, by=by, is_long=is_long)
    except OSError as error:
        raise BadData(path, f"cannot be read: {error.strerror}") from None
    except BadTable as error:
        read_as = "" if error.reading is None else f"; {error.reading}"
        raise BadData(path, f"{error}{read_as}") from None
    for table in tables.values():
        for warning in table.warnings:
            if warning.code == "order_unknown":
                raise BadData(path, warning.message)
            if warning.code in _SAID:
                progress.say(f"{path}: {warning.message}")
    return tables


_SAID: Final = frozenset({"time_zone_unknown", "unfinished_bar"})
"""Warnings that no check of training repeats by date."""


def _bars(path: Path, name: str | None, table: RawTable) -> pd.DataFrame:
    missing = [field for field in OHLC if field not in table.columns]
    if missing:
        there = ", ".join(filter(None, table.heads))
        raise BadData(path, f"no column {', '.join(missing)}; the columns are {there}")
    columns = {field: table.columns[field] for field in OHLC}
    if "adjusted" in table.columns:
        columns["adjclose"] = table.columns["adjusted"]
    volume = np.nan if table.volumes is None else table.volumes
    frame = {"instrument": name or path.stem, "date": _dates(path, table), **columns}
    return pd.DataFrame({**frame, "volume": volume})


def _dates(path: Path, table: RawTable) -> NDArray[np.datetime64]:
    if table.dates is None:
        raise BadData(path, "no column holds dates; add a column Date")
    return np.array(table.dates, dtype="datetime64[us]")


def _prices(path: Path, table: RawTable, role: str) -> NDArray[np.float64]:
    """Return a column of prices; raise BadData with the line of one that is none."""
    prices = np.array(table.columns[role])
    bad = ~(np.isfinite(prices) & (prices > 0))
    if bad.any():
        row = int(bad.argmax())
        fault = "is no number above zero" if np.isnan(prices[row]) else "is not above zero"
        raise BadData(
            path, f"the {role if role != 'wanted' else 'price'} {fault}", line=table.lines[row]
        )
    return prices


def tidy_bars(raw: pd.DataFrame) -> pd.DataFrame:
    """
    Return bars as every source gives them, from instrument, date and numbers in any order.

    Where there is an adjusted close (`adjclose`), all four prices are multiplied by adjusted
    close / close, so that neither dividends nor splits are moves. A price that is not finite or
    not above zero becomes NaN. Volume is as given, NaN where there is none. Rows come by
    instrument and date, those that share both in the order given.
    Raises BadData for bars of an instrument that are weekly, monthly or longer.
    """
    prices = raw[list(OHLC)]
    if "adjclose" in raw:
        prices = prices.mul(raw["adjclose"] / raw["close"], axis=0)
    bars = pd.DataFrame(
        {
            "instrument": raw["instrument"],
            "date": raw["date"],
            **prices.where(np.isfinite(prices) & (prices > 0)),
            "volume": raw.get("volume", np.nan),
        }
    )
    bars = bars.sort_values(["instrument", "date"], kind="stable", ignore_index=True)
    for name, days in bars.groupby("instrument")["date"]:
        frequency = bar_frequency.longer_than_daily(days.drop_duplicates().tolist())
        if frequency is not None:
            raise BadData(str(name), f"these are {frequency} bars; give daily ones")
    return bars


def plain_name(column: str) -> str:
    """Return a column's name as it is matched: Adj Close, adj_close and AdjClose are one."""
    name = column.strip().lower().replace(" ", "").replace("_", "")
    return _SAME.get(name, name)


_SAME: Final = {"timestamp": "date", "adjustedclose": "adjclose"}
"""How Alpha Vantage names what Yahoo and Tiingo agree on."""


def sine(points: int = 200) -> pd.DataFrame:
    """
    Return the from-scratch article's series, sin(0), sin(1) and so on, lifted by 10.

    Prices are above zero; what is lifted is scaled away again, and errors stay those of a sine.
    """
    values = 10 + np.sin(np.arange(points, dtype=np.float64))
    days = pd.date_range("2000-01-01", periods=points)
    return pd.DataFrame({"instrument": "sine", "date": days, "price": values, "close": np.nan})


def digest(prices: pd.DataFrame) -> str:
    """
    Return the SHA-256 of a tidy frame: of its values, not of how the files were written.

    Of the price where there is one, else of open, high, low and close.
    """
    columns = ("price",) if "price" in prices else OHLC
    sha = hashlib.sha256()
    for instrument, rows in prices.groupby("instrument", sort=True):
        sha.update(f"{instrument}:{len(rows)}\n".encode())
        sha.update(rows["date"].to_numpy().astype("datetime64[D]").astype("<i8").tobytes())
        for column in columns:
            sha.update(rows[column].to_numpy().astype("<f8").tobytes())
    return sha.hexdigest()


def _files(folder: Path, needed: str) -> list[Path]:
    """Return the CSV files of a folder, by instrument."""
    paths = sorted(folder.glob("*.csv"), key=lambda path: path.stem)
    if not paths:
        raise BadData(
            folder,
            "no CSV files; put one file for each instrument there, named for it, with a header"
            f" such as Date,Open,High,Low,Close,Volume, and at least Date and {needed}",
        )
    return paths
