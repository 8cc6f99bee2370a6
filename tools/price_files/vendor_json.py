"""The JSON of vendors' interfaces, with the prices of a walk."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from tools.price_files.sessions import EVERY_DAY
from tools.price_files.tables import adjusted_closes
from tools.price_files.walks import FIELDS, SHARE, Chance, Walk, a_walk


@dataclass(slots=True)
class Document:
    """A vendor's document that may be spoilt, and what it says."""

    vendor: str
    walk: Walk
    content: Any
    rows: list[Any]
    """The part that holds a row for each day, as the document has it."""
    is_newest_first: bool = False
    adjusted: list[float] | None = None


def _text(walk: Walk, row: int, name: str, decimals: int = 0) -> str:
    return f"{walk.bars[name][row]:.{max(walk.decimals, decimals)}f}"


def millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def binance(chance: Chance, walk: Walk | None = None) -> Document:
    """Klines: lists of numbers and of numbers as text."""
    walk = walk or a_walk(chance, calendar=EVERY_DAY)
    rows = []
    for row, day in enumerate(walk.days):
        opened = millis(datetime.combine(day, time(), UTC))
        prices = [_text(walk, row, name, 8) for name in FIELDS]
        rows.append(
            [
                opened,
                *prices,
                "148976.11427815",
                opened + 86_399_999,
                "2434.19055334",
                308,
                "1756.87",
                "28.46",
                "0",
            ]
        )
    return Document("Binance", walk, rows, rows)


def alpha_vantage(chance: Chance, walk: Walk | None = None) -> Document:
    """TIME_SERIES_DAILY, and the adjusted one; also of coins and currencies."""
    walk = walk or a_walk(chance, calendar="XNYS", scale=SHARE)
    adjusted = adjusted_closes(chance, walk) if chance.random() < 0.5 else None
    series = {}
    for row in reversed(range(len(walk))):
        bar = {f"{at}. {name}": _text(walk, row, name, 4) for at, name in enumerate(FIELDS, 1)}
        if adjusted is None:
            bar["5. volume"] = str(walk.volumes[row])
        else:
            bar["5. adjusted close"] = f"{adjusted[row]:.8f}".rstrip("0")
            bar |= {
                "6. volume": str(walk.volumes[row]),
                "7. dividend amount": "0.0000",
                "8. split coefficient": "1.0",
            }
        series[walk.days[row].isoformat()] = bar
    meta = {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": walk.symbol,
        "3. Last Refreshed": str(walk.days[-1]),
        "4. Output Size": "Compact",
        "5. Time Zone": "US/Eastern",
    }
    content = {"Meta Data": meta, "Time Series (Daily)": series}
    return Document(
        "Alpha Vantage", walk, content, [*series.values()], is_newest_first=True, adjusted=adjusted
    )


def polygon(chance: Chance, walk: Walk | None = None) -> Document:
    """Aggregates: milliseconds of New York's midnight."""
    walk = walk or a_walk(chance, calendar="XNYS", scale=SHARE)
    zone = ZoneInfo("America/New_York")
    rows = [
        {
            "v": walk.volumes[row],
            "vw": walk.bars["close"][row],
            **{name[0]: walk.bars[name][row] for name in FIELDS},
            "t": millis(datetime.combine(day, time(), zone)),
            "n": 1000 + row,
        }
        for row, day in enumerate(walk.days)
    ]
    newest_first = chance.random() < 0.3
    rows = rows[::-1] if newest_first else rows
    content = {
        "ticker": walk.symbol,
        "queryCount": len(rows),
        "resultsCount": len(rows),
        "adjusted": True,
        "results": rows,
        "status": chance.choice(("OK", "DELAYED")),
        "request_id": "6a7e466379af0a71039d60cc78e72282",
        "count": len(rows),
    }
    return Document("Polygon", walk, content, rows, newest_first)


def tiingo(chance: Chance, walk: Walk | None = None) -> Document:
    """Rows with adjusted prices beside the others."""
    walk = walk or a_walk(chance, calendar="XNYS", scale=SHARE)
    adjusted = adjusted_closes(chance, walk)
    rows = []
    for at, day in enumerate(walk.days):
        factor = adjusted[at] / walk.bars["close"][at]
        row: dict[str, Any] = {"date": f"{day}T00:00:00.000Z"}
        row |= {name: walk.bars[name][at] for name in ("close", "high", "low", "open")}
        row["volume"] = walk.volumes[at]
        row["adjClose"] = adjusted[at]
        row |= {
            f"adj{name.title()}": walk.bars[name][at] * factor for name in ("high", "low", "open")
        }
        rows.append(row | {"adjVolume": walk.volumes[at], "divCash": 0.0, "splitFactor": 1.0})
    return Document("Tiingo", walk, rows, rows, adjusted=adjusted)


_YAHOO: Final = {
    "XNYS": ("America/New_York", "USD", time(9, 30)),
    "XTKS": ("Asia/Tokyo", "JPY", time(9)),
    "XASX": ("Australia/Sydney", "AUD", time(10)),
    "XETR": ("Europe/Berlin", "EUR", time(9)),
    "XHKG": ("Asia/Hong_Kong", "HKD", time(9, 30)),
}


def yahoo(chance: Chance, walk: Walk | None = None) -> Document:
    """The chart: columns, stamped by the opening of an exchange whose zone is in `meta`."""
    walk = walk or a_walk(chance, calendar=chance.choice([*_YAHOO]), scale=SHARE)
    name, currency, opening = _YAHOO.get(walk.calendar, _YAHOO["XNYS"])
    zone = ZoneInfo(name)
    adjusted = adjusted_closes(chance, walk) if chance.random() < 0.7 else None
    moments = [datetime.combine(day, opening, zone) for day in walk.days]
    offset = moments[-1].utcoffset()
    assert offset is not None
    quote: dict[str, Any] = {each: [*walk.bars[each]] for each in FIELDS} | {
        "volume": [*walk.volumes]
    }
    indicators: dict[str, Any] = {"quote": [quote]}
    if adjusted is not None:
        indicators["adjclose"] = [{"adjclose": [*adjusted]}]
    meta = {
        "currency": currency,
        "symbol": walk.symbol,
        "instrumentType": "EQUITY",
        "gmtoffset": int(offset.total_seconds()),
        "timezone": moments[-1].tzname(),
        "exchangeTimezoneName": name,
        "regularMarketPrice": walk.bars["close"][-1],
        "chartPreviousClose": walk.bars["close"][0],
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
    }
    stamps = [int(each.timestamp()) for each in moments]
    result = {"meta": meta, "timestamp": stamps, "indicators": indicators}
    return Document(
        "Yahoo", walk, {"chart": {"result": [result], "error": None}}, [quote], adjusted=adjusted
    )


def twelve_data(chance: Chance, walk: Walk | None = None) -> Document:
    """Values as text, newest first."""
    walk = walk or a_walk(chance, calendar="XNYS", scale=SHARE)
    rows = [
        {"datetime": walk.days[row].isoformat()}
        | {name: _text(walk, row, name, 5) for name in FIELDS}
        | {"volume": str(walk.volumes[row])}
        for row in reversed(range(len(walk)))
    ]
    meta = {
        "symbol": walk.symbol,
        "interval": "1day",
        "currency": "USD",
        "exchange_timezone": "America/New_York",
        "exchange": "NASDAQ",
        "type": "Common Stock",
    }
    content = {"meta": meta, "values": rows, "status": "ok"}
    return Document("Twelve Data", walk, content, rows, is_newest_first=True)
