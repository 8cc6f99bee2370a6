"""Bars out of databases: SQLite, and a PostgreSQL that the tests start; and what goes wrong."""

import contextlib
import gc
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.training.waiting import LONGEST_S
from training.errors import BadConfig, BadData, SourceUnreachable
from training.sources import csv_files
from training.sources.sql import SqlSource, read

COLUMNS = "instrument, date, open, high, low, close, adjclose, volume"
BAR = ("A", "2020-01-02", 10.0, 12.0, 9.0, 11.0, 5.5, 300)
SECRET = "s3cret/w@rd"  # noqa: S105 - no message may hold it


def sqlite(
    folder: Path, *rows: tuple[Any, ...], columns: str = COLUMNS, table: str = "bars"
) -> str:
    """Make a database of these rows, whose columns are of no type, and return its URL."""
    path = folder / "prices.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} ({columns})")
        marks = ", ".join("?" * len(columns.split(",")))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
    return f"sqlite:///{path}"


def source(url: str, **said: Any) -> SqlSource:
    if not {"table", "query"} & said.keys():
        said["table"] = "bars"
    return SqlSource(kind="sql", url=url, **said)  # type: ignore[arg-type]


def bar(**changed: Any) -> tuple[Any, ...]:
    return tuple({**dict(zip(COLUMNS.split(", "), BAR, strict=True)), **changed}.values())


NUMBER = st.none() | st.sampled_from(["", "nan", 0.0, -1.0, 1e999, "7.5"]) | st.floats(0.01, 1e6)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "A-2", "B"]),
        st.dates(date(1950, 1, 1), date(2030, 1, 1)).map(str),
        *[NUMBER] * 6,
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[:2],
)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_a_table_gives_what_csv_files_of_the_same_bars_do(
    tmp_path: Path, rows: list[tuple[Any, ...]]
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    whole = bar(instrument="C")
    for name in {row[0] for row in [*rows, whole]}:
        lines = [
            ",".join("" if cell is None else str(cell) for cell in row[1:])
            for row in [*rows, whole]
            if row[0] == name
        ]
        header = "Date,Open,High,Low,Close,Adj Close,Volume"
        (folder / f"{name}.csv").write_text("\n".join([header, *lines]))

    read_bars = read(source(sqlite(folder, *rows, whole)))

    pd.testing.assert_frame_equal(read_bars, csv_files.read_bars_folder(folder))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("Instrument, DATE, Open, High, Low, Close, Adj_Close, Volume", {}),
        (
            'ticker, day, o, h, l, c, "Adj Close", v',
            {
                "columns": {
                    "instrument": "ticker",
                    "date": "Day",
                    "open": "o",
                    "high": "h",
                    "low": "l",
                    "close": "c",
                    "volume": "v",
                }
            },
        ),
    ],
)
def test_columns_are_matched_as_those_of_files_or_named(
    tmp_path: Path, columns: str, said: dict[str, Any]
) -> None:
    url = sqlite(tmp_path, BAR, columns=columns)

    for given_by in ({"table": "bars"}, {"query": "SELECT * FROM bars"}):
        [row] = read(source(url, **said, **given_by)).itertuples(index=False)
        assert row[2:] == (5.0, 6.0, 4.5, 5.5, 300.0)


def test_adjusted_close_and_volume_may_be_missing_but_not_if_named(tmp_path: Path) -> None:
    url = sqlite(tmp_path, BAR[:6], columns="instrument, date, open, high, low, close")

    read_bars = read(source(url))

    assert read_bars["close"].tolist() == [11.0]
    assert read_bars["volume"].isna().all()
    with pytest.raises(BadData, match="no column adj; the columns are instrument, date, open"):
        read(source(url, columns={"adjclose": "adj"}))


def test_one_column_may_be_two_things(tmp_path: Path) -> None:
    url = sqlite(tmp_path, BAR)

    [row] = read(source(url, columns={"open": "close"})).itertuples(index=False)

    assert row[2:6] == (5.5, 6.0, 4.5, 5.5)


@pytest.mark.parametrize("given_by", ["table", "query"])
@pytest.mark.parametrize("form", ["{}", "{} 16:00:00", "{}T00:00:00.000000", "{}T23:59:59-05:00"])
def test_only_rows_since_a_date_are_read(tmp_path: Path, given_by: str, form: str) -> None:
    days = [form.format(f"2020-01-0{day}") for day in (3, 1, 2)]
    url = sqlite(tmp_path, *(bar(date=day) for day in days))
    said = {"table": "bars", "query": "SELECT * FROM bars WHERE date >= :since"}

    read_bars = read(source(url, since=date(2020, 1, 2), **{given_by: said[given_by]}))

    assert read_bars["date"].astype(str).tolist() == ["2020-01-02", "2020-01-03"]
    assert len(read(source(url, **{given_by: said[given_by]}))) == 3
    with pytest.raises(BadData, match="no rows since 2021-01-01"):
        read(source(url, since=date(2021, 1, 1), query="SELECT * FROM bars"))


@pytest.mark.parametrize(
    ("text", "timezone", "day"),
    [
        ("2020-01-02", None, "2020-01-02"),
        ("2020-01-02", "Asia/Tokyo", "2020-01-02"),
        (" 2020-01-02 23:30:00 ", None, "2020-01-02"),
        ("2020-01-02T23:30:00", "Asia/Tokyo", "2020-01-02"),
        ("2020-01-02T00:00:00+09:00", None, "2020-01-02"),
        ("2020-01-02T00:00:00+09:00", "UTC", "2020-01-01"),
        ("2020-01-01T15:00:00Z", "Asia/Tokyo", "2020-01-02"),
        ("2020-01-02T21:00:00Z", "America/New_York", "2020-01-02"),
    ],
)
def test_a_timestamp_is_taken_for_its_date_in_its_own_zone_or_the_one_given(
    tmp_path: Path, text: str, timezone: str | None, day: str
) -> None:
    url = sqlite(tmp_path, bar(date=text))

    [read_day] = read(source(url, timezone=timezone))["date"].astype(str)

    assert read_day == day


def test_bars_that_share_a_date_stay_in_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = [bar(instrument=name, volume=number) for number in range(3) for name in ("B", "A")]

    read_bars = read(source(sqlite(tmp_path, *rows)))

    assert read_bars["instrument"].tolist() == ["A", "A", "A", "B", "B", "B"]
    assert read_bars["volume"].tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"instrument": None}, "column instrument, row 2: None names no instrument"),
        ({"instrument": " "}, "column instrument, row 2: ' ' names no instrument"),
        ({"instrument": 1.5}, "column instrument, row 2: 1.5 names no instrument"),
        ({"date": None}, "column date, row 2: None is no date"),
        ({"date": "01/02/2020"}, "column date, row 2: '01/02/2020' is no date, like 2026-11-20"),
        ({"date": 1577923200}, "column date, row 2: 1577923200 is no date"),
        ({"low": b"1.5"}, "column low, row 2: b'1.5' is no number"),
    ],
)
def test_a_value_of_a_wrong_kind_is_named_by_column_and_row(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    url = sqlite(tmp_path, BAR, bar(**changed))

    with pytest.raises(BadData) as raised:
        read(source(url))

    assert f"{tmp_path}/prices.db, bars, {said}" in str(raised.value)


def test_whole_numbers_may_name_instruments_and_padding_does_not_count(tmp_path: Path) -> None:
    url = sqlite(tmp_path, bar(instrument=10107), bar(instrument="AB      "))

    assert read(source(url))["instrument"].tolist() == ["10107", "AB"]


def test_rows_are_counted_over_all_that_were_fetched(tmp_path: Path) -> None:
    url = sqlite(tmp_path, *[BAR] * 50_000, bar(date="tomorrow"))

    with pytest.raises(BadData, match="row 50001: 'tomorrow' is no date"):
        read(source(url))
    assert len(read(source(url, query="SELECT * FROM bars WHERE date < 't'"))) == 50_000


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"close": "$1.50"}, "column close: no number in 1 rows"),
        ({"adjclose": None}, "column adjclose: no number in 1 rows"),
    ],
)
def test_a_column_without_a_single_price_is_a_wrong_one(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadData, match=said):
        read(source(sqlite(tmp_path, bar(**changed))))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"table": "prices"}, "prices: no such table"),
        ({"query": "SELECT * FROM prices"}, "no such table: prices"),
        ({"query": "SELECT FROM"}, "syntax error"),
        ({"query": "SELECT * FROM bars WHERE close > :least"}, "parameter 'least'"),
        ({"query": "SELECT * FROM bars WHERE 0"}, "no rows"),
        ({"query": "DELETE FROM bars RETURNING *"}, "a source is only read"),
        ({"query": "SELECT date, close FROM bars"}, "no column instrument, open, high, low;"),
    ],
)
def test_what_cannot_be_asked_is_bad_data(
    tmp_path: Path, said: dict[str, str], reason: str
) -> None:
    url = sqlite(tmp_path, BAR)

    with pytest.raises(BadData, match=reason):
        read(source(url, **said))

    assert len(read(source(url))) == 1


def test_a_query_that_takes_too_long_is_stopped_and_may_be_tried_again(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"

    with pytest.raises(SourceUnreachable, match="the query: interrupted"):
        read(source(sqlite(tmp_path, BAR), query=endless, timeout_s=1))


def test_a_locked_database_may_be_tried_again(tmp_path: Path) -> None:
    url = sqlite(tmp_path, BAR)
    with contextlib.closing(sqlite3.connect(tmp_path / "prices.db")) as writer:
        writer.execute("BEGIN EXCLUSIVE")

        with pytest.raises(SourceUnreachable, match="database is locked"):
            read(source(f"{url}?timeout=0.1"))


def test_a_file_that_is_no_database_is_bad_data_and_none_is_made(tmp_path: Path) -> None:
    (tmp_path / "prices.db").write_text("Date,Open,High,Low,Close\n" * 100)

    with pytest.raises(BadData, match="file is not a database"):
        read(source(f"sqlite:///{tmp_path}/prices.db"))
    with pytest.raises(BadData, match=r"other\.db: no such file"):
        read(source(f"sqlite:///{tmp_path}/other.db"))
    assert [path.name for path in tmp_path.iterdir()] == ["prices.db"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql//user:{SECRET}@host/prices", "not that of a database"),
        (f"postgresql://user:{SECRET}:x@host:port/prices", "not that of a database"),
        ("postgrez://user:s3cret@host/prices", "no database 'postgrez' is known"),
        ("firebird+fdb://user:s3cret@host/prices", "no database 'firebird.fdb' is known"),
        ("oracle+cx_oracle://user:s3cret@host/prices", "needs the package cx_Oracle"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_wrong_config(url: str, said: str) -> None:
    with pytest.raises(BadConfig, match=said) as raised:
        read(source(url))

    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"table": "bars", "query": "SELECT 1"},
        {"table": "bars", "columns": {"price": "close"}},
        {"table": "bars", "timezone": "Mars/Olympus"},
        {"table": "bars", "timeout_s": 0},
        {"table": "bars", "since": "yesterday"},
        {"tabel": "bars"},
    ],
)
def test_a_source_that_is_not_one_is_refused_without_its_password(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        SqlSource.model_validate({"kind": "sql", "url": "postgresql://user:s3cret@host", **said})

    assert "s3cret" not in repr(raised.value.errors())
    assert "s3cret" not in repr(source("postgresql://user:s3cret@host"))


def test_a_server_that_is_not_there_or_silent_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://user:s3cret@127.0.0.1:{port}/prices"
        with pytest.raises(SourceUnreachable, match="timeout") as timed_out:
            read(source(f"{url}?connect_timeout=2"))

    with pytest.raises(SourceUnreachable, match="refused") as refused:
        read(source(url))

    for raised in (timed_out, refused):
        assert f"postgresql+psycopg://user:***@127.0.0.1:{port}/prices, bars" in str(raised.value)
        assert "s3cret" not in str(raised.value)


def test_a_host_that_has_no_address_may_be_tried_again() -> None:
    with pytest.raises(SourceUnreachable, match=r"prices\.invalid"):
        read(source("postgresql://prices.invalid/prices?connect_timeout=2"))


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server: Debian keeps it off the PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Start a server of our own, which listens on a socket alone, and give its conninfo."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    # it refuses root, and a socket's path may have a hundred characters
    user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    owner: dict[str, Any] = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    )

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=LONGEST_S,
            **owner,
        )

    try:
        run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
        access = folder / "data" / "pg_hba.conf"
        access.write_text(f"local all reader scram-sha-256\n{access.read_text()}")
        asked = f"-k {folder} -c listen_addresses='' -c fsync=off -c timezone=Asia/Tokyo"
        run("pg_ctl", "-w", "-o", asked, "-l", str(folder / "log"), "start")
        try:
            yield f"host={folder} user=postgres dbname=postgres"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def prices(postgres: str) -> Iterator[psycopg.Connection]:
    """Give a connection to a table of typed columns, in a schema of its own."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA market")
        connection.execute(
            "CREATE TABLE market.bars (instrument char(8), date date, open numeric(12, 4),"
            " high real, low double precision, close text, adjclose numeric, volume bigint)"
        )
        yield connection
        connection.execute("DROP SCHEMA market CASCADE")


def server(connection: psycopg.Connection, **said: Any) -> SqlSource:
    url = f"postgresql://postgres@/postgres?host={connection.info.host}"
    return source(url, **({"table": "market.bars"} if "query" not in said else {}), **said)


def test_postgresql_gives_the_same_bars_from_columns_of_any_type(
    prices: psycopg.Connection, tmp_path: Path
) -> None:
    rng = np.random.default_rng(7)
    rows = [
        (name, str(day.date()), *(100 + rng.integers(0, 64, 5) / 4).tolist(), number)
        for name in ("B", "A")
        for number, day in enumerate(pd.bdate_range("2020-01-01", periods=300))
    ]
    rows += [("A", "2030-01-01", None, 1.5, 1.5, "null", "NaN", None)]
    with prices.cursor() as cursor:
        cursor.executemany("INSERT INTO market.bars VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", rows)

    read_bars = read(server(prices))

    pd.testing.assert_frame_equal(read_bars, read(source(sqlite(tmp_path, *rows))))
    assert len(read_bars) == 601
    since = read(server(prices, since=date(2020, 12, 1)))
    expected = read_bars[read_bars["date"] >= "2020-12-01"].reset_index(drop=True)
    pd.testing.assert_frame_equal(since, expected)
    query = "SELECT * FROM market.bars WHERE date >= :since"
    pd.testing.assert_frame_equal(read(server(prices, query=query, since=date(2020, 12, 1))), since)
    pd.testing.assert_frame_equal(read(server(prices, query=query)), read_bars)


def test_many_rows_come_a_part_at_a_time(prices: psycopg.Connection) -> None:
    prices.execute(
        "INSERT INTO market.bars SELECT 'A' || n % 7, date '2000-01-01' + n / 7, 1, 1, 1, '1', 1, n"
        " FROM generate_series(0, 120000) n"
    )

    read_bars = read(server(prices))

    assert sorted(read_bars["volume"]) == list(range(120_001))
    assert read_bars["instrument"].nunique() == 7


@pytest.mark.parametrize(
    ("kind", "timezone", "day"),
    [
        ("timestamp", None, "2020-01-02"),
        ("timestamptz", None, "2020-01-01"),
        ("timestamptz", "Asia/Tokyo", "2020-01-02"),
    ],
)
def test_an_instant_is_of_utc_whatever_the_servers_zone_is(
    prices: psycopg.Connection, kind: str, timezone: str | None, day: str
) -> None:
    prices.execute(f"ALTER TABLE market.bars ALTER date TYPE {kind}")
    prices.execute("INSERT INTO market.bars VALUES ('A', '2020-01-02', 1, 1, 1, '1', 1, 1)")

    [read_day] = read(server(prices, timezone=timezone, since=date(2020, 1, 1)))["date"]

    assert str(read_day.date()) == day


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"query": "SELECT * FROM nowhere"}, 'relation "nowhere" does not exist'),
        ({"query": "SELECT nextval('market.steps')"}, "in a read-only transaction"),
        ({"query": "SELECT * FROM market.bars WHERE date > 'soon'"}, "invalid input syntax"),
        ({"query": "SELECT 1 / 0"}, "division by zero"),
        ({"query": "SELECT 'A' instrument, date 'infinity' AS date, 1 AS open, 1 AS high, 1 AS"
          " low, 1 AS close"}, "date too large"),
        ({"query": "SELECT 'A' instrument, true AS date, 1 AS open, 1 AS high, 1 AS low, 1 AS"
          " close"}, "column date, row 1: True is no date"),
        ({"query": "SELECT 'A' instrument, now() AS date, true AS open, 1 AS high, 1 AS low, 1 AS"
          " close"}, "column open, row 1: True is no number"),
    ],
)  # fmt: skip
def test_what_postgresql_refuses_is_bad_data(
    prices: psycopg.Connection, said: dict[str, str], reason: str
) -> None:
    prices.execute("CREATE SEQUENCE market.steps")

    with pytest.raises(BadData, match=reason):
        read(server(prices, **said))
    with pytest.raises(BadData, match=r"market\.bars: no rows"):
        read(server(prices))


def test_a_slow_server_may_be_tried_again(prices: psycopg.Connection) -> None:
    with pytest.raises(SourceUnreachable, match="statement timeout"):
        read(server(prices, query="SELECT pg_sleep(20)", timeout_s=1))


# what psycopg says of its own cursor, which it cannot close any more
@pytest.mark.filterwarnings("ignore:.*ServerCursor:ResourceWarning")
def test_a_server_that_goes_down_may_be_tried_again(
    prices: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    prices.execute("INSERT INTO market.bars VALUES ('A', '2020-01-02', 1, 1, 1, '1', 1, 1)")
    query = "SELECT *, pg_terminate_backend(pg_backend_pid()) FROM market.bars"
    # a record would hold the cursor beyond the test
    with (
        caplog.at_level("CRITICAL", "sqlalchemy.pool"),
        pytest.raises(SourceUnreachable, match=r"terminating connection|closed the connection"),
    ):
        read(server(prices, query=query))
    gc.collect()


def test_a_wrong_password_and_a_missing_right_are_told_without_the_password(
    prices: psycopg.Connection,
) -> None:
    prices.execute("CREATE ROLE reader LOGIN PASSWORD 'right'")
    url = "postgresql://reader:{}@/postgres?host=" + prices.info.host
    try:
        with pytest.raises(SourceUnreachable, match="password authentication failed") as wrong:
            read(source(url.format("s3cret")))
        with pytest.raises(BadData, match="permission denied for schema market"):
            read(source(url.format("right"), query="SELECT * FROM market.bars"))
    finally:
        prices.execute("DROP ROLE reader")
    assert "s3cret" not in str(wrong.value)
