"""Daily prices in the JSON of vendors, and what they send in place of prices."""

import json
from datetime import timedelta
from typing import Any

import pytest

from app.errors import BadTable
from app.market_data.price_files import reader
from tests.app.price_walk import CLOSES, DAYS, WALK, epoch


def klines() -> Any:
    return [
        [
            epoch(bar.day, 1000, 0),
            *(f"{price:.8f}" for price in bar[1:]),
            "9",
            epoch(bar.day, 1000, 23),
            "1",
            5,
            "1",
            "1",
            "0",
        ]
        for bar in WALK
    ]


def records(**names: str) -> list[dict[str, Any]]:
    return [
        {new: bar._asdict()[old] if old != "day" else str(bar.day) for new, old in names.items()}
        for bar in WALK
    ]


def chart(
    granularity: str = "1d", closes: list[float] = CLOSES, charts: int = 1, zone: str = "Europe/Oz"
) -> Any:
    meta = {"symbol": "A", "dataGranularity": granularity, "exchangeTimezoneName": zone}
    one = {
        "meta": meta,
        "timestamp": [epoch(bar.day) for bar in WALK],
        "indicators": {
            "quote": [{"close": closes}],
            "adjclose": [{"adjclose": [close / 2 for close in closes]}],
        },
    }
    return {"chart": {"result": [one] * charts}}


MESSAGES: dict[str, Any] = {
    "Binance": klines(),
    "Alpha Vantage": {
        "Meta Data": {"2. Symbol": "IBM"},
        "Time Series (Daily)": {
            str(bar.day): {
                f"{n}. {name}": f"{price:.4f}"
                for n, (name, price) in enumerate(
                    zip(("open", "high", "low", "close"), bar[1:], strict=True), 1
                )
            }
            for bar in reversed(WALK)
        },
    },
    "Polygon": {
        "ticker": "AAPL",
        "results": [
            {
                "v": 7,
                "o": bar.open,
                "c": bar.close,
                "h": bar.high,
                "l": bar.low,
                "t": epoch(bar.day, 1000, 4),
            }
            for bar in WALK
        ],
    },
    "Tiingo": [
        {**record, "date": f"{record['date']}T00:00:00.000Z", "volume": 5}
        for record in records(date="day", close="close", high="high", low="low", open="open")
    ],
    "Twelve Data": {
        "meta": {"symbol": "AAPL", "interval": "1day"},
        "values": [
            {name: str(value) for name, value in record.items()}
            for record in reversed(
                records(datetime="day", open="open", high="high", low="low", close="close")
            )
        ],
        "status": "ok",
    },
    "Yahoo's chart": {
        "chart": {
            "result": [
                {
                    "meta": {"symbol": "7203.T", "exchangeTimezoneName": "Asia/Tokyo"},
                    "timestamp": [epoch(bar.day - timedelta(days=1), 1, 15) for bar in WALK],
                    "indicators": {
                        "quote": [
                            {
                                name: [getattr(bar, name) for bar in WALK]
                                for name in ("open", "high", "low", "close")
                            }
                        ]
                    },
                }
            ],
            "error": None,
        }
    },
    "rows below heads": [
        ["date", "open", "high", "low", "close"],
        *([str(bar.day), *bar[1:]] for bar in WALK),
    ],
    "pandas, columns of days": {
        name.title(): {f"{bar.day}T00:00:00.000": getattr(bar, name) for bar in WALK}
        for name in ("open", "high", "low", "close")
    },
    "pandas, split": {
        "columns": ["Open", "High", "Low", "Close"],
        "index": [epoch(bar.day, 1000, 0) for bar in WALK],
        "data": [bar[1:] for bar in WALK],
    },
    "rows, and heads that are described": {
        "dataset": {
            "columns": [{"name": name} for name in ("Date", "Open", "High", "Low", "Close")],
            "data": [[str(bar.day), *bar[1:]] for bar in WALK],
        }
    },
    "one symbol's records in a list": [
        {
            "symbol": "AAPL",
            "bars": records(t="day", o="open", h="high", l="low", c="close"),
        }
    ],
    "columns": {
        "s": "ok",
        "t": [epoch(bar.day) for bar in WALK],
        "o": [bar.open for bar in WALK],
        "h": [bar.high for bar in WALK],
        "l": [bar.low for bar in WALK],
        "c": [bar.close for bar in WALK],
    },
}


@pytest.mark.parametrize("vendor", MESSAGES)
def test_the_json_of_vendors_is_read(vendor: str) -> None:
    table = reader.read(json.dumps(MESSAGES[vendor]).encode())

    assert (table.dates, table.columns["close"]) == (DAYS, CLOSES)
    assert table.columns["low"] == [bar.low for bar in WALK]
    assert (table.reading.encoding, table.warnings) == ("JSON", [])


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"Note": "Please slow down."}, "Please slow down."),
        ({"Error Message": "Invalid API call."}, "Invalid API call."),
        ({"code": -1121, "msg": "Invalid symbol."}, "Invalid symbol."),
        ({"status": "ERROR", "error": "Unknown API Key"}, "Unknown API Key"),
        (
            {
                "chart": {
                    "result": None,
                    "error": {"code": "Not Found", "description": "No data found"},
                }
            },
            "No data found",
        ),
        ({"detail": "Not found."}, "Not found."),
        ({"Note": "x" * 5000}, "x" * 200 + "…"),
        (
            {"AAPL": MESSAGES["Twelve Data"], "MSFT": MESSAGES["Twelve Data"]},
            "2 instruments (AAPL, MSFT)",
        ),
        (
            [
                {"symbol": name, "rows": records(date="day", close="close")}
                for name in ("AAPL", "MSFT")
            ],
            "2 instruments (AAPL, MSFT)",
        ),
        ([[{"error": "too deep to be seen"}]], "too deep to be seen"),
        ([["date", "close"], *[[]] * 100_001], "more than 100000 records"),
        ([["date", "close", *map(str, range(2000))]] * 2, "more than 1024 members"),
        ({"prices": CLOSES}, "send it with Content-Type: application/json"),
        ({"date": [], "close": []}, "no daily prices"),
        (chart(granularity="1h"), "hourly bars"),
        (chart(granularity="7q"), "7q (not daily) bars"),
        (chart(closes=CLOSES[1:]), "not of one length"),
        (chart(charts=2), "2 instruments (A, A)"),
        ({"unrelated": [1, 2, 3]}, "no daily prices that are known here"),
    ],
)
def test_a_message_without_prices_is_answered_in_the_vendors_words(message: Any, said: str) -> None:
    with pytest.raises(BadTable) as caught:
        reader.read(json.dumps(message).encode())

    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("zone", ["Europe/Oz", "../../etc/passwd", ""])
def test_a_chart_of_a_zone_that_nobody_knows_is_of_days_by_utc(zone: str) -> None:
    table = reader.read(json.dumps(chart(zone=zone)).encode())

    assert (table.dates, table.columns["close"]) == (DAYS, CLOSES)


def test_days_with_a_price_alone_are_closes() -> None:
    message = {str(bar.day): str(bar.close) for bar in WALK}

    table = reader.read(json.dumps(message).encode())

    assert (table.dates, table.columns["close"]) == (DAYS, CLOSES)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"date": [', "begins as JSON does and is none"),
        (b"[" * 100_000, "begins as JSON does and is none"),
        (b"[" + b" " * 2**21 + b"]", "at most 2097152 bytes"),
    ],
)
def test_what_begins_as_json_and_is_none_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(BadTable, match=said):
        reader.read(content)
