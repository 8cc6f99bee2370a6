"""SQL that writes: a `query` of [source] reads prices, and leaves nothing behind."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from training.errors import BadData
from training.sources.sql import SqlSource, read

COLUMNS = "instrument, date, open, high, low, close"
BAR = ("A", "2020-01-02", 10.0, 12.0, 9.0, 11.0)
SELECT = f"SELECT {COLUMNS} FROM bars"  # noqa: S608 - columns of ours


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "all prices?.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE bars ({COLUMNS})")
        connection.execute("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?)", BAR)
        connection.execute("CREATE INDEX dates ON bars (date)")
        connection.execute(f"CREATE VIEW seen AS {SELECT}")
    return path


def source(path: Path, query: str) -> SqlSource:
    url = f"sqlite:///{str(path).replace('?', '%3F')}"
    return SqlSource(kind="sql", url=url, query=query)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "query",
    [
        "ATTACH '{made}' AS made",
        "ATTACH 'file:{made}?mode=rwc' AS made",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '{made}'",
        "VACUUM main INTO '{made}'",
        "CREATE TABLE made AS SELECT 1",
        "CREATE TEMP TABLE made AS SELECT 1",
        "CREATE VIRTUAL TABLE made USING fts5(text)",
        "CREATE TRIGGER made AFTER INSERT ON bars BEGIN SELECT 1; END",
        "CREATE INDEX made ON bars (date)",
        "DROP TABLE bars",
        "ALTER TABLE bars RENAME TO made",
        "INSERT INTO bars VALUES ('B', '2020-01-02', 1, 1, 1, 1) RETURNING *",
        "WITH new AS (SELECT 'B') INSERT INTO bars (instrument) SELECT * FROM new RETURNING *",
        "UPDATE bars SET close = 1 RETURNING *",
        "DELETE FROM bars RETURNING *",
        "REPLACE INTO bars VALUES ('B', '2020-01-02', 1, 1, 1, 1)",
        "ANALYZE",
        "REINDEX",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = WAL",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "SELECT load_extension('{made}')",
        "SELECT * FROM bars; ATTACH '{made}' AS made",
    ],
)
def test_sql_that_writes_is_refused_and_leaves_nothing(prices: Path, query: str) -> None:
    made, before = prices.parent / "made.db", prices.read_bytes()

    with pytest.raises(BadData, match=r"a source is only read|one statement at a time"):
        read(source(prices, query.format(made=made)))

    assert [path.name for path in prices.parent.iterdir()] == [prices.name]
    assert prices.read_bytes() == before


@pytest.mark.parametrize(
    "query",
    [
        SELECT,
        "SELECT * FROM seen",
        "WITH some AS (SELECT * FROM bars) SELECT * FROM some ORDER BY date",
        "SELECT instrument, max(date) AS date, open, high, low, close FROM bars GROUP BY 1",
        "WITH RECURSIVE n AS (SELECT * FROM bars UNION SELECT * FROM n) SELECT * FROM n",
    ],
)
def test_sql_that_reads_is_not(prices: Path, query: str) -> None:
    assert read(source(prices, query))["close"].tolist() == [11.0]


@pytest.mark.parametrize("is_open", [False, True], ids=["at rest", "while it is written"])
def test_sql_that_reads_a_write_ahead_log_sees_the_newest_rows(
    prices: Path, *, is_open: bool
) -> None:
    with contextlib.closing(sqlite3.connect(prices)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE bars SET close = 10.5")
        writer.commit()
        if is_open:
            assert read(source(prices, SELECT))["close"].tolist() == [10.5]
    assert read(source(prices, SELECT))["close"].tolist() == [10.5]
