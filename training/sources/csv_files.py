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

from app import regular_files
from training import progress
from training.errors import BadData

OHLC: Final = ("open", "high", "low", "close")
"""The price columns of a frame of bars, in the order that networks see them."""

_SAME: Final = {"timestamp": "date", "adjustedclose": "adjclose"}
"""How Alpha Vantage names what Yahoo and Tiingo agree on."""
_DATE_FORMATS: Final = ("%Y-%m-%d", "%m/%d/%y", "%m/%d/%Y", "%d-%b-%y", "%d-%b-%Y")
_DATE_NAMES: Final = "2026-11-20, 11/20/26, 20-Nov-26"


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """
    Read one instrument: a `Date` column and the first of `columns` that the file has.

    Dates are ISO, M/D/YY or D-Mon-YY, one kind a file, newest or oldest first. Names are
    matched without regard to case, spaces and underscores; other columns are ignored, but for
    `Close`, which a forecast of anything else is compared with.
    Raises BadData with the file, the line and the reason.
    """
    texts = _columns(path, ["Date"], columns)
    price = next(texts[plain_name(name)] for name in columns if plain_name(name) in texts)
    prices = pd.DataFrame(
        {
            "instrument": path.stem,
            "date": _dates(path, texts["date"]),
            "price": _prices(path, price),
            "close": _prices(path, texts["close"]) if "close" in texts else np.nan,
        }
    )
    _refuse(path, prices["date"].duplicated(), texts["date"], "comes twice")
    return prices.sort_values("date", ignore_index=True)


def read_folder(folder: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read every CSV of a folder, one instrument each; raise BadData."""
    paths = _files(folder, columns[-1])
    return pd.concat([read_csv(path, columns) for path in paths], ignore_index=True)


def read_bars(path: Path) -> pd.DataFrame:
    """
    Read one instrument's bars: instrument, date, open, high, low, close, volume.

    Columns and dates are matched as `read_csv` does; see `tidy` for prices. A date may come
    twice, in the file's order: `quality.check` says so by date.
    Raises BadData with the file, the line and the reason.
    """
    texts = _columns(path, ["Date"], ["Open"], ["High"], ["Low"], ["Close"])
    given = [name for name in (*OHLC, "adjclose", "volume") if name in texts]
    numbers: dict[str, pd.Series] = {name: _numbers(texts[name]) for name in given}
    dates = _dates(path, texts["date"])
    return tidy_bars(pd.DataFrame({"instrument": path.stem, "date": dates, **numbers}))


def read_bars_folder(folder: Path, *, most: int | None = None) -> pd.DataFrame:
    """Read the bars of every CSV of a folder, or the first so many; raise BadData."""
    paths = _files(folder, "Open, High, Low, Close")[:most]
    return pd.concat(
        [read_bars(path) for path in progress.track(paths, unit="file")], ignore_index=True
    )


def tidy_bars(raw: pd.DataFrame) -> pd.DataFrame:
    """
    Return bars as every source gives them, from instrument, date and numbers in any order.

    Where there is an adjusted close (`adjclose`), all four prices are multiplied by adjusted
    close / close, so that neither dividends nor splits are moves. A price that is not finite or
    not above zero becomes NaN. Volume is as given, NaN where there is none. Rows come by
    instrument and date, those that share both in the order given.
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
    return bars.sort_values(["instrument", "date"], kind="stable", ignore_index=True)


def plain_name(column: str) -> str:
    """Return a column's name as it is matched: Adj Close, adj_close and AdjClose are one."""
    name = column.strip().lower().replace(" ", "").replace("_", "")
    return _SAME.get(name, name)


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


def _columns(path: Path, *wanted: Sequence[str]) -> dict[str, pd.Series]:
    """Read a file's columns as text, by plain name; it has one or more of each of `wanted`."""
    rows = _rows(path)
    # of two columns of one name the first counts
    texts = {plain_name(str(column)): rows[column] for column in reversed(rows.columns)}
    missing = [names for names in wanted if not any(plain_name(name) in texts for name in names)]
    if missing:
        lacks = ", ".join(" or ".join(names) for names in missing)
        listed = ", ".join(map(str, rows.columns))
        raise BadData(path, f"no column {lacks}; the columns are {listed}", line=1)
    if rows.empty:
        raise BadData(path, "no rows below the header")
    return texts


def _rows(path: Path) -> pd.DataFrame:
    """Read a file as text, indexed by line number, without its empty lines."""
    try:
        rows = pd.read_csv(
            regular_files.require(path),
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            index_col=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except OSError as error:
        raise BadData(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadData(path, "is not UTF-8 text") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise BadData(path, f"is not CSV: {error}") from None
    rows.index = pd.RangeIndex(2, len(rows) + 2)
    rows = rows.fillna("")
    return rows[(rows != "").any(axis=1)]


def _dates(path: Path, texts: pd.Series) -> pd.Series:
    first = texts.iloc[:1]
    form = next(
        (
            form
            for form in _DATE_FORMATS
            if pd.to_datetime(first, format=form, errors="coerce").notna().all()
        ),
        _DATE_FORMATS[0],
    )
    dates = pd.to_datetime(texts, format=form, errors="coerce")
    kinds = f"is not a date like those before it; dates are like {_DATE_NAMES}, one kind a file"
    _refuse(path, dates.isna(), texts, kinds)
    return dates


def _prices(path: Path, texts: pd.Series) -> pd.Series:
    prices = _numbers(texts)
    _refuse(path, prices.isna(), texts, "is not a number")
    _refuse(path, prices <= 0, texts, "is not above zero")
    return prices


def _numbers(texts: pd.Series) -> pd.Series:
    """Return texts as numbers; NaN where one is none, or is not finite."""
    numbers = pd.to_numeric(texts, errors="coerce").astype(np.float64)
    return numbers.where(np.isfinite(numbers))


def _refuse(path: Path, faulty: pd.Series, texts: pd.Series, reason: str) -> None:
    if faulty.any():
        row = int(faulty.to_numpy().argmax())
        raise BadData(path, f"{texts.iloc[row]!r} {reason}", line=int(texts.index[row]))
