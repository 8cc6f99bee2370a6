"""
Daily prices in the JSON of vendors' interfaces, made a sheet as that of a CSV file.

Known are lists of records, of rows and of columns, as Binance, Alpha Vantage, Polygon, Tiingo,
Yahoo's chart, Twelve Data, Finnhub and pandas write them. A vendor's error in place of prices is
answered in the vendor's words, bounded.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from app.errors import BadTable
from app.market_data.price_files.cells import dates, headings
from app.market_data.price_files.quoting import several
from app.market_data.price_files.sheets.csv_sheet import (
    FIRST_ROWS,
    MAX_COLUMNS,
    MAX_ROWS,
    Row,
    Sheet,
)
from app.market_data.price_files.sheets.decoding import Lines

_Json: TypeAlias = Any
"""Whatever JSON may hold."""
MAX_BYTES: Final = 2**21
"""A hundred years of daily bars; what JSON becomes in memory is many times larger."""
_MAX_DEPTH: Final = 8
_MAX_WORDS: Final = 200
"""Characters of a vendor's message that are passed on."""
_ERRORS: Final = (
    "error message", "error", "errors", "note", "information", "message", "msg", "detail",
    "description", "reason", "s", "errmsg", "status_message",
)  # fmt: skip
_SHORT: Final = {
    "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "t": "timestamp",
    "vw": "vwap", "n": "trades", "adjclose": "adj close",
}  # fmt: skip
_DATE: Final = "date"
_KLINE: Final = 12
_GRANULARITIES: Final = {
    "1h": "hourly", "60m": "hourly", "1m": "1-minute", "5m": "5-minute", "15m": "15-minute",
    "30m": "30-minute", "90m": "90-minute", "5d": "5-day", "1wk": "weekly", "1mo": "monthly",
    "3mo": "quarterly",
}  # fmt: skip


def of_json(content: bytes) -> Sheet | None:
    """
    Read a message; None where it is none of JSON.

    Raises BadTable where it holds no daily prices, with the vendor's own words where it has some.
    """
    start = content[:1024].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")[:1]
    if start not in {b"{", b"["}:
        return None
    if len(content) > MAX_BYTES:
        raise BadTable(f"JSON of prices may hold at most {MAX_BYTES} bytes; send the rest as CSV")
    text = content.decode(Lines(content).encoding, "replace")
    try:
        # numbers as they are written: they are read as those of a file are
        message = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise BadTable("this begins as JSON does and is none") from None
    rows, zone = _rows(message)
    first = [row for _, row in zip(range(FIRST_ROWS), rows, strict=False)]
    if len(first) < 2:  # noqa: PLR2004 - a header and a session
        raise BadTable(_words(message) or "this JSON holds no daily prices that are known here")
    return Sheet(first, rows, "JSON", "", "record", zone=zone)


def _rows(message: _Json) -> tuple[Iterator[Row], ZoneInfo | None]:
    """Return a header and the records below it, and the exchange's zone where it is named."""
    chart = _yahoo(message)
    if chart is not None:
        return chart
    if isinstance(message, dict) and message.keys() & {"prices", "bars", "windows"}:
        raise BadTable("this is a request in JSON; send it with Content-Type: application/json")
    found = _find(message, 0)
    if found is None:
        raise BadTable(_words(message) or "this JSON holds no daily prices that are known here")
    return _numbered(found), None


def _numbered(rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number > MAX_ROWS:
            raise BadTable(f"the message has more than {MAX_ROWS} records")
        if len(row) > MAX_COLUMNS:
            raise BadTable(f"record {number} has more than {MAX_COLUMNS} members")
        cells = [_cell(value) for value in row]
        # as blank lines of a file are
        if any(cells):
            yield number, cells


def _cell(value: _Json) -> str:
    if value is None or isinstance(value, bool | list | dict):
        return ""
    return str(value).strip()


def _find(message: _Json, depth: int) -> Iterator[list[Any]] | None:
    """Look for the first thing that is a table, from the outside in."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(message, list):
        return _of_list(message, depth)
    if not isinstance(message, dict):
        return None
    for table in (_of_columns(message), _of_days(message), _of_split(message)):
        if table is not None:
            return table
    return _only(
        (name, found)
        for name, value in message.items()
        if isinstance(value, list | dict) and (found := _find(value, depth + 1)) is not None
    )


def _only(tables: Iterable[tuple[str, Iterator[list[Any]]]]) -> Iterator[list[Any]] | None:
    """Return the one table that there is; raise BadTable where there are several."""
    found = list(islice(tables, MAX_COLUMNS))
    if len(found) > 1:
        raise BadTable(
            f"the message holds {several([name for name, _ in found])}; send one at a time"
        )
    return found[0][1] if found else None


def _of_list(items: list[Any], depth: int) -> Iterator[list[Any]] | None:
    records = [item for item in islice(items, FIRST_ROWS) if isinstance(item, dict)]
    if records and len(records) == min(len(items), FIRST_ROWS):
        heads = list(dict.fromkeys(head for record in records for head in record))
        if _are_heads(heads):
            return _records(heads, items)
        return _only(
            (_cell(record.get("symbol") or record.get("ticker")) or f"record {number}", found)
            for number, record in enumerate(records, 1)
            if (found := _find(record, depth + 1)) is not None
        )
    rows = [item for item in islice(items, FIRST_ROWS) if isinstance(item, list)]
    if rows and len(rows) == min(len(items), FIRST_ROWS):
        if all(len(row) == _KLINE for row in rows):
            # without a header, as the reader knows them
            return (row if isinstance(row, list) else [] for row in items)
        heads = [_cell(value) for value in rows[0]]
        if _are_heads(heads):
            return (row if isinstance(row, list) else [] for row in items)
    return None


def _records(heads: list[str], items: Iterable[Any]) -> Iterator[list[Any]]:
    yield [_SHORT.get(head.lower(), head) for head in heads]
    for item in items:
        yield [item.get(head) for head in heads] if isinstance(item, dict) else []


def _of_columns(message: Mapping[str, Any]) -> Iterator[list[Any]] | None:
    """Take equally long lists for columns: {"t": [..], "c": [..]}."""
    columns = {head: value for head, value in message.items() if isinstance(value, list)}
    columns = {
        head: value for head, value in columns.items()
        if not any(isinstance(item, list | dict) for item in value[:5])
    }  # fmt: skip
    lengths = {len(value) for value in columns.values()}
    if len(lengths) == 1 and lengths != {0} and _are_heads(list(columns)):
        return _zipped(columns)
    # as pandas writes a frame: {"Close": {"2026-01-05": 1.0}}
    inner = {head: value for head, value in message.items() if isinstance(value, dict)}
    if (
        len(inner) > 0
        and _are_heads([*inner, _DATE])
        and len({tuple(each) for each in inner.values()}) == 1
    ):
        days = list(next(iter(inner.values())))
        return _zipped(
            {_DATE: days} | {head: list(value.values()) for head, value in inner.items()}
        )
    return None


def _zipped(columns: Mapping[str, list[Any]]) -> Iterator[list[Any]]:
    yield [_SHORT.get(head.lower(), head) for head in columns]
    yield from map(list, zip(*columns.values(), strict=True))


def _of_days(message: Mapping[str, Any]) -> Iterator[list[Any]] | None:
    """Take members called by dates for sessions: {"2026-01-05": {"1. open": ..}}."""
    begin = list(islice(message.items(), 5))
    if not begin or not all(dates.is_date(day) for day, _ in begin):
        return None
    if all(isinstance(values, dict) for _, values in begin):
        heads = list(begin[0][1])
        if _are_heads([*heads, _DATE]):
            return _by_day(heads, message)
    if all(isinstance(values, str) for _, values in begin):
        return _zipped({_DATE: list(message), "close": list(message.values())})
    return None


def _by_day(heads: list[str], message: Mapping[str, Any]) -> Iterator[list[Any]]:
    yield [_DATE, *heads]
    for day, values in message.items():
        yield [day, *(values.get(head) if isinstance(values, dict) else None for head in heads)]


def _of_split(message: Mapping[str, Any]) -> Iterator[list[Any]] | None:
    """Read pandas' `orient="split"`, and others that give heads and rows apart."""
    heads = message.get("columns")
    rows = message.get("data")
    if not (isinstance(heads, list) and isinstance(rows, list)):
        return None
    names = [_cell(head.get("name") if isinstance(head, dict) else head) for head in heads]
    index = message.get("index")
    if isinstance(index, list) and len(index) == len(rows):
        return iter(
            [
                [_DATE, *names],
                *(
                    [day, *row]
                    for day, row in zip(index, rows, strict=True)
                    if isinstance(row, list)
                ),
            ]
        )
    return (
        iter([names, *(row for row in rows if isinstance(row, list))])
        if _are_heads(names)
        else None
    )


def _are_heads(heads: Sequence[str]) -> bool:
    roles = {
        known.role for head in heads if (known := headings.meaning(_SHORT.get(head.lower(), head)))
    }
    return "date" in roles and bool(roles & {"close", "adjusted"})


def _yahoo(message: _Json) -> tuple[Iterator[Row], ZoneInfo | None] | None:
    """Read Yahoo's chart: stamps, and prices in lists elsewhere; its zone is the exchange's."""
    try:
        results = message["chart"]["result"]
        if len(results) > 1:
            names = [str(each["meta"].get("symbol")) for each in results]
            raise BadTable(f"the message holds {several(names)}; send one at a time")
        result = results[0]
        quote = result["indicators"]["quote"][0]
        stamps = result["timestamp"]
        columns = {"timestamp": stamps} | {
            head: quote[head]
            for head in ("open", "high", "low", "close", "volume")
            if head in quote
        }
        adjusted = result["indicators"].get("adjclose") or [{}]
        if "adjclose" in adjusted[0]:
            columns["adj close"] = adjusted[0]["adjclose"]
        if len({len(column) for column in columns.values()}) > 1:
            raise BadTable("the lists of this chart are not of one length")
        granularity = result.get("meta", {}).get("dataGranularity", "1d")
        name = result.get("meta", {}).get("exchangeTimezoneName")
        symbol = result.get("meta", {}).get("symbol")
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    if granularity != "1d":
        name = _GRANULARITIES.get(granularity, f"{str(granularity)[:8]} (not daily)")
        raise BadTable(f"these are {name} bars; send daily ones")
    if isinstance(symbol, str):
        columns["symbol"] = [symbol] * len(stamps)
    try:
        zone = ZoneInfo(name) if isinstance(name, str) else None
    except (ValueError, OSError):
        # ZoneInfoNotFoundError is a KeyError
        zone = None
    except KeyError:
        zone = None
    return _numbered(_zipped(columns)), zone


def _words(message: _Json) -> str | None:
    """Return what a vendor says in place of prices, made fit for a message of ours."""
    found = _error(message, 0)
    if found is None:
        return None
    words = "".join(letter if letter.isprintable() else " " for letter in found[: _MAX_WORDS + 1])
    return (
        "the vendor sent no prices and says: "
        + words[:_MAX_WORDS]
        + ("…" if len(found) > _MAX_WORDS else "")
    )


def _error(message: _Json, depth: int) -> str | None:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(message, list):
        return next((found for item in message[:3] if (found := _error(item, depth + 1))), None)
    if not isinstance(message, dict):
        return None
    lower = {str(key).lower(): value for key, value in message.items()}
    for key in _ERRORS:
        value = lower.get(key)
        if isinstance(value, str) and len(value) > 2:  # noqa: PLR2004 - "ok"
            return value
    nested = (found for value in message.values() if (found := _error(value, depth + 1)))
    return next(nested, None)
