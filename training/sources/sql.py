"""A table or a query of a database -> bars; the one door to SQLAlchemy."""

import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from sqlalchemy import exc

from training.errors import BadConfig, BadData, SourceUnreachable
from training.sources import csv_files

Name: TypeAlias = Literal[
    "instrument", "date", "open", "high", "low", "close", "adjclose", "volume"
]

_PRICES: Final[tuple[Name, ...]] = ("open", "high", "low", "close", "adjclose")
_OPTIONAL: Final = frozenset({"adjclose", "volume"})
_NUMERIC: Final = frozenset({int, float, Decimal, str, type(None)})
_CHUNK: Final = 50_000
"""Rows that are fetched, checked and made numbers at a time."""
_CONNECT: Final[dict[str, dict[str, int | str]]] = {
    "postgresql": {
        # of a database without an encoding the driver would give bytes
        "client_encoding": "utf8",
        "connect_timeout": 10,
        # a server that is gone without a word is noticed within a minute, not hours
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    },
    "sqlite": {"timeout": 10},
}
"""A driver's settings where the URL says nothing of them; times are in seconds."""
_SQLITE_LATER: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_SQLITE_READS: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)
"""What a statement may do."""
_SQLITE_SCHEMA: Final = frozenset({"table_info", "table_xinfo", "table_list"})
"""Settings (PRAGMA) that set nothing and say what is there."""
_ONLY_READS: Final = "a source is only read: this attaches, writes, sets or loads something"


class SqlSource(BaseModel):
    """Daily bars in a database, all instruments in one table or in the answer to one query."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["sql"]
    url: SecretStr
    """
    As SQLAlchemy has it: postgresql://user@host/database or sqlite:///prices.db. PostgreSQL's own
    library finds a password that is not in it: PGPASSWORD, PGPASSFILE or ~/.pgpass.
    """
    table: str | None = None
    """A table or view, as name or schema.name; this or `query`."""
    query: Annotated[str | None, Field(validate_default=True)] = None
    """One SELECT; :since in it is `since` as ISO text, or 0001-01-01 where there is none."""
    columns: dict[Name, str] = {}
    """Which column is which, where its name does not say so; matched as those of CSV files are."""
    since: date | None = None
    """The first date wanted."""
    timezone: ZoneInfo | None = None
    """
    Where given, the zone whose date a timestamp with a zone has. Else it is the date that the
    timestamp shows in its own; PostgreSQL keeps none of a timestamp, and shows UTC.
    """
    timeout_s: Annotated[int, Field(ge=1)] = 300
    """How long the database may take; PostgreSQL for each 50,000 rows."""

    @field_validator("query")
    @classmethod
    def _table_or_query(cls, query: str | None, info: ValidationInfo) -> str | None:
        # of this field and not of the whole, whose input, password and all, a message may show
        if (query is None) == (info.data.get("table") is None):
            raise ValueError("give a table or a query, and not both")
        return query


def read(source: SqlSource) -> pd.DataFrame:
    """
    Read bars as `csv_files.tidy_bars` gives them, in a transaction that cannot write.

    Dates are dates, timestamps or ISO text; a timestamp is taken for its date, see
    `SqlSource.timezone`. Numbers are of any kind, or text; text that is no number counts as
    none. An instrument is text or a whole number.
    Raises BadData with the table, the column and the row at fault, SourceUnreachable for what
    may work later, BadConfig for a URL that is none, or of a database whose driver is not here.
    No message holds a password.
    """
    url = _url(source)
    where = f"{url.set(query={}).render_as_string()}, {source.table or 'the query'}"
    engine = _engine(url)
    parts: list[pd.DataFrame] = []
    with _faults(where), engine.connect() as connection:
        connection.execution_options(postgresql_readonly=True)
        _restrict(connection, source.timeout_s)
        result = connection.execute(
            _statement(connection, source, where),
            {"since": (source.since or date.min).isoformat()},
            execution_options={"stream_results": True},
        )
        try:
            there = list(result.keys())
            columns = _columns(where, there, source.columns)
            wanted: sa.Result[Any] = result.columns(*map(there.index, columns.values()))
            for rows in wanted.partitions(_CHUNK):
                parts.append(_frame(where, columns, rows, len(parts) * _CHUNK, source.timezone))
        except BadData:
            # after an error of its own it is closed, and to close it again would hide the reason
            result.close()
            raise
    if not parts:
        raise BadData(where, "no rows")
    raw = pd.concat(parts, ignore_index=True)
    for name, column in columns.items():
        if name in _PRICES and raw[name].isna().all():
            raise BadData(where, f"column {column}: no number in {len(raw)} rows")
    if source.since is not None:
        raw = raw[raw["date"] >= pd.Timestamp(source.since)]
        if raw.empty:
            raise BadData(where, f"no rows since {source.since}")
    return csv_files.tidy_bars(raw)


def _url(source: SqlSource) -> sa.URL:
    try:
        url = sa.make_url(source.url.get_secret_value())
    except (exc.ArgumentError, ValueError):
        # what it says may hold a part of the password
        raise BadConfig(
            "url: not that of a database, such as postgresql://user@host/database"
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _engine(url: sa.URL) -> sa.Engine:
    backend = url.get_backend_name()
    if backend == "sqlite":
        url = _read_only(url)
    given = {key: value for key, value in _CONNECT.get(backend, {}).items() if key not in url.query}
    try:
        return sa.create_engine(url, connect_args=given, poolclass=sa.NullPool)
    except exc.NoSuchModuleError:
        raise BadConfig(f"url: no database {url.drivername!r} is known") from None
    except ModuleNotFoundError as error:
        raise BadConfig(f"url: {url.drivername} needs the package {error.name}") from None


def _read_only(url: sa.URL) -> sa.URL:
    """Return the URL of a SQLite file by which it is opened for reading alone."""
    file = Path(url.database or "")
    if not file.is_file():
        # SQLite would make an empty one
        raise BadData(url.render_as_string(), "no such file")
    return url.set(
        database=file.absolute().as_uri(), query={**url.query, "mode": "ro", "uri": "true"}
    )


@contextmanager
def _faults(where: str) -> Iterator[None]:
    """Say what the database refuses as one of our errors."""
    try:
        yield
    except exc.NoSuchTableError:
        raise BadData(where, "no such table") from None
    except exc.SQLAlchemyError as error:
        reason = next(iter(str(getattr(error, "orig", None) or error).splitlines()), "no reason")
        if _may_pass(error):
            raise SourceUnreachable(f"{where}: {reason}") from None
        raise BadData(where, _ONLY_READS if _is_denied(error, reason) else reason) from None


def _is_denied(error: exc.SQLAlchemyError, reason: str) -> bool:
    """Tell whether `_authorize` refused; the code is lost where a statement makes others."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_AUTH or reason.startswith("not authorized")


def _may_pass(error: exc.SQLAlchemyError) -> bool:
    """Tell whether it is about the connection, the server or its load, not what was asked."""
    if not isinstance(error, exc.OperationalError | exc.InterfaceError):
        return False
    # SQLite calls everything operational; its extended codes have the code in the low byte
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _SQLITE_LATER


def _restrict(connection: sa.Connection, timeout_s: int) -> None:
    """Refuse to write, and stop what takes too long, where the database has a way to."""
    if connection.dialect.name == "postgresql":
        setting = sa.text("SELECT set_config(:name, :value, true)")
        connection.execute(setting, {"name": "statement_timeout", "value": f"{timeout_s}s"})
        connection.execute(setting, {"name": "TimeZone", "value": "UTC"})
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
        deadline = time.monotonic() + timeout_s
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
        driver.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Let SQLite read; `first` and `second` are what its documentation says of each action."""
    if action == sqlite3.SQLITE_PRAGMA:
        allowed = (first or "").lower() in _SQLITE_SCHEMA
    elif action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() != "load_extension"
    else:
        allowed = action in _SQLITE_READS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _statement(
    connection: sa.Connection, source: SqlSource, where: str
) -> sa.TextClause | sa.Select[Any]:
    if source.query is not None:
        return sa.text(source.query)
    schema, _, name = (source.table or "").rpartition(".")
    there = sa.inspect(connection).get_columns(name, schema or None)
    columns = _columns(where, [column["name"] for column in there], source.columns)
    wanted: list[sa.ColumnClause[Any]] = [
        sa.column(column) for column in dict.fromkeys(columns.values())
    ]
    table = sa.table(name, *wanted, schema=schema or None)
    statement = sa.select(*table.columns)
    if source.since is not None:
        # of no type of ours: the database reads it as one of the column's own
        since = sa.bindparam("since", type_=sa.types.NULLTYPE)
        statement = statement.where(table.columns[columns["date"]] >= since)
    return statement


def _columns(where: str, there: Sequence[str], given: dict[Name, str]) -> dict[Name, str]:
    """Return which column is which; raise BadData for one that is not there."""
    # of two columns of one name the first counts
    by_name = {csv_files.plain_name(column): column for column in reversed(there)}
    names = {name: given.get(name, name) for name in ("instrument", "date", *_PRICES, "volume")}
    missing = [
        wanted
        for name, wanted in names.items()
        if csv_files.plain_name(wanted) not in by_name and (name in given or name not in _OPTIONAL)
    ]
    if missing:
        raise BadData(
            where,
            f"no column {', '.join(missing)}; the columns are {', '.join(there)}: name in"
            " `columns` those that are called otherwise",
        )
    found = {name: by_name.get(csv_files.plain_name(wanted)) for name, wanted in names.items()}
    return {name: column for name, column in found.items() if column is not None}


def _frame(
    where: str,
    columns: dict[Name, str],
    rows: Sequence[sa.Row[Any]],
    before: int,
    timezone: ZoneInfo | None,
) -> pd.DataFrame:
    """Return these rows, which so many came before, as instrument, date and numbers."""
    made: dict[str, Any] = {}
    for (name, column), values in zip(columns.items(), zip(*rows, strict=True), strict=True):
        cells = _Cells(f"{where}, column {column}", values, before)
        if name == "instrument":
            made[name] = cells.instruments()
        else:
            made[name] = cells.days(timezone) if name == "date" else cells.numbers()
    return pd.DataFrame(made)


@dataclass(frozen=True, slots=True)
class _Cells:
    """The values of one column, as the driver gives them."""

    where: str
    values: Sequence[object]
    before: int
    """Rows that came before these."""

    def instruments(self) -> list[str]:
        names = []
        for row, value in enumerate(self.values):
            # by type, for True is an int too; char(8) comes padded
            name = str(value).strip() if type(value) in {str, int} else ""
            if not name:
                raise self._fault(row, "names no instrument")
            # a name comes once for each session: one object for all of them
            names.append(sys.intern(name))
        return names

    def days(self, timezone: ZoneInfo | None) -> NDArray[np.datetime64]:
        days = []
        for row, value in enumerate(self.values):
            try:
                days.append(_day(value, timezone))
            except ValueError:
                raise self._fault(row, "is no date, like 2026-11-20") from None
        return np.array(days, dtype="datetime64[us]")

    def numbers(self) -> "pd.Series[float]":
        if not set(map(type, self.values)) <= _NUMERIC:
            row = next(row for row, value in enumerate(self.values) if type(value) not in _NUMERIC)
            raise self._fault(row, "is no number")
        numbers = pd.to_numeric(pd.Series(list(self.values), dtype=object), errors="coerce")
        numbers = numbers.astype(np.float64)
        return numbers.where(np.isfinite(numbers))

    def _fault(self, row: int, reason: str) -> BadData:
        return BadData(
            f"{self.where}, row {self.before + row + 1}", f"{self.values[row]!r:.60} {reason}"
        )


def _day(value: object, timezone: ZoneInfo | None) -> date:
    """Return the date of a date, a timestamp or ISO text; raise ValueError."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        zoned = timezone is not None and value.tzinfo is not None
        return (value.astimezone(timezone) if zoned else value).date()
    if isinstance(value, date):
        return value
    raise ValueError
