"""CSV files -> one tidy frame of prices: instrument, date, price, close; oldest first."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from training.errors import BadData

_DATE_FORMATS: Final = ("%Y-%m-%d", "%m/%d/%y", "%m/%d/%Y", "%d-%b-%y", "%d-%b-%Y")
_DATE_NAMES: Final = "2026-11-20, 11/20/26, 20-Nov-26"


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """
    Read one instrument: a `Date` column and the first of `columns` that the file has.

    Dates are ISO, M/D/YY or D-Mon-YY, one kind a file, newest or oldest first. Names are
    matched without regard to case, spaces and underscores; other columns are ignored, but for
    `Close`, which a forecast of anything else is held against.
    Raises BadData with the file, the line and the reason.
    """
    rows = _rows(path)
    by_name = {_plain(str(column)): column for column in rows.columns}
    if "date" not in by_name:
        raise BadData(path, f"no column Date; the columns are {_listed(rows)}", line=1)
    column = next((by_name[_plain(name)] for name in columns if _plain(name) in by_name), None)
    if column is None:
        wanted = " or ".join(columns)
        raise BadData(path, f"no column {wanted}; the columns are {_listed(rows)}", line=1)
    if rows.empty:
        raise BadData(path, "no rows below the header")
    prices = pd.DataFrame(
        {
            "instrument": path.stem,
            "date": _dates(path, rows[by_name["date"]]),
            "price": _prices(path, rows[column]),
            "close": _prices(path, rows[by_name["close"]]) if "close" in by_name else np.nan,
        }
    )
    _refuse(path, prices["date"].duplicated(), rows[by_name["date"]], "comes twice")
    return prices.sort_values("date", ignore_index=True)


def read_folder(folder: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read every CSV of a folder, one instrument each; raise BadData."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise BadData(
            folder,
            "no CSV files; put one file for each instrument there, named for it, with a header"
            f" such as Date,Open,High,Low,Close,Volume, and at least Date and {columns[-1]}",
        )
    return pd.concat([read_csv(path, columns) for path in paths], ignore_index=True)


def sine(points: int = 200) -> pd.DataFrame:
    """
    Return the from-scratch article's series, sin(0), sin(1) and so on, lifted by 10.

    Prices are above zero; what is lifted is scaled away again, and errors stay those of a sine.
    """
    values = 10 + np.sin(np.arange(points, dtype=np.float64))
    days = pd.date_range("2000-01-01", periods=points)
    return pd.DataFrame({"instrument": "sine", "date": days, "price": values, "close": np.nan})


def digest(prices: pd.DataFrame) -> str:
    """Return the SHA-256 of a tidy frame: of its values, not of how the files were written."""
    sha = hashlib.sha256()
    for instrument, rows in prices.groupby("instrument", sort=True):
        sha.update(f"{instrument}:{len(rows)}\n".encode())
        sha.update(rows["date"].to_numpy().astype("datetime64[D]").astype("<i8").tobytes())
        sha.update(rows["price"].to_numpy().astype("<f8").tobytes())
    return sha.hexdigest()


def _rows(path: Path) -> pd.DataFrame:
    """Read a file as text, indexed by line number, without its empty lines."""
    try:
        rows = pd.read_csv(
            path,
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
    prices = pd.to_numeric(texts, errors="coerce").astype(np.float64)
    _refuse(path, prices.isna() | np.isinf(prices), texts, "is not a number")
    _refuse(path, prices <= 0, texts, "is not above zero")
    return prices


def _refuse(path: Path, faulty: pd.Series, texts: pd.Series, reason: str) -> None:
    if faulty.any():
        row = int(faulty.to_numpy().argmax())
        raise BadData(path, f"{texts.iloc[row]!r} {reason}", line=int(texts.index[row]))


def _plain(column: str) -> str:
    return column.strip().lower().replace(" ", "").replace("_", "")


def _listed(rows: pd.DataFrame) -> str:
    return ", ".join(str(column) for column in rows.columns)
