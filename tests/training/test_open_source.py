"""One [source] table, whatever its kind: what it may say, and that all give the same bars."""

import json
import sqlite3
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from training.errors import BadConfig, BadData
from training.sources import open_source
from training.sources.continuity import check_continuity, summarise
from training.sources.open_source import CsvSource, Source, SqlSource, YahooSource

SOURCE: TypeAdapter[Source] = TypeAdapter(Source)
HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
ROWS = [(f"2020-01-0{day}", 10.0 + day, 12.0 + day, 9.0, 11.0, 5.5, 100.0) for day in (2, 3, 6, 7)]


def database(path: Path) -> SqlSource:
    return SqlSource(kind="sql", url=SecretStr(f"sqlite:///{path}"), table="bars")


def both(folder: Path, rows: list[tuple[Any, ...]]) -> tuple[CsvSource, SqlSource]:
    """Write bars of A as a folder of files and as a database."""
    folder.mkdir(exist_ok=True)
    lines = [HEADER, *(",".join(map(str, row)) for row in rows)]
    (folder / "A.csv").write_text("\n".join(lines))
    path = folder / "prices.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE bars (instrument, date, open, high, low, close, adjclose, volume)"
        )
        connection.executemany("INSERT INTO bars VALUES ('A', ?, ?, ?, ?, ?, ?, ?)", rows)
    return CsvSource(kind="csv", folder=folder), database(path)


@pytest.mark.parametrize(
    ("table", "source"),
    [
        (
            {"kind": "csv", "folder": "prices"},
            CsvSource(kind="csv", folder=Path("prices")),
        ),
        (
            {"kind": "sql", "url": "sqlite:///prices.db", "table": "bars", "since": "2010-01-04"},
            database(Path("prices.db")).model_copy(update={"since": date(2010, 1, 4)}),
        ),
        (
            {"kind": "yahoo", "symbols": ["AAPL", "^GSPC"]},
            YahooSource(kind="yahoo", symbols=("AAPL", "^GSPC")),
        ),
    ],
)
def test_a_table_is_the_source_of_its_kind(table: dict[str, Any], source: Source) -> None:
    assert SOURCE.validate_json(json.dumps(table)) == source


@pytest.mark.parametrize(
    "table",
    [
        {"folder": "prices"},
        {"kind": "parquet", "folder": "prices"},
        {"kind": "csv"},
        {"kind": "csv", "folder": 3},
        {"kind": "csv", "folder": "prices", "since": "2010-01-04"},
        {"kind": "yahoo", "symbols": ["AAPL"], "since": 2010},
    ],
)
def test_a_table_that_is_no_source_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SOURCE.validate_python(table)


def test_a_folder_and_a_table_of_the_same_bars_give_the_same_frame(tmp_path: Path) -> None:
    csv, sql = both(tmp_path, ROWS)

    read = open_source.read(csv)

    assert read["instrument"].tolist() == ["A"] * 4
    assert read["close"].tolist() == [5.5] * 4
    pd.testing.assert_frame_equal(open_source.read(sql), read)


def test_a_new_days_rows_append_and_a_corrected_day_is_noticed(tmp_path: Path) -> None:
    for kind in (0, 1):
        folder = tmp_path / str(kind)
        before = summarise(open_source.read(both(folder, ROWS[:3])[kind]))

        appended = open_source.read(both(folder, ROWS)[kind])
        corrected = open_source.read(
            both(folder, [(*ROWS[0][:4], 11.5, *ROWS[0][5:]), *ROWS[1:]])[kind]
        )

        assert check_continuity(before, appended, date(2020, 1, 7)).new_sessions == 1
        assert check_continuity(before, appended, date(2020, 1, 7)).corrected == ()
        assert check_continuity(before, corrected, date(2020, 1, 7)).corrected == (
            "corrected since: A (prices to 2020-01-06)",
        )


def test_each_kind_tells_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)

    with pytest.raises(BadData, match="no CSV files"):
        open_source.read(CsvSource(kind="csv", folder=tmp_path))
    with pytest.raises(BadData, match="no such file"):
        open_source.read(database(tmp_path / "prices.db"))
    with pytest.raises(BadConfig, match="needs yfinance"):
        open_source.read(YahooSource(kind="yahoo", symbols=("AAPL",)))
