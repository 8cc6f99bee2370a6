"""J: the JSON of vendors' interfaces, with prices or with an error in their place."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tools.price_files.price_file import HOURLY, WEEKLY, Expect, PriceFile, Said, Truth, truth_of
from tools.price_files.sessions import EVERY_DAY
from tools.price_files.vendor_json import (
    Document,
    alpha_vantage,
    binance,
    millis,
    polygon,
    tiingo,
    twelve_data,
    yahoo,
)
from tools.price_files.walks import FIELDS, SHARE, Chance, a_walk

KIND: Final = "J JSON"

_MEDIA_TYPE: Final = "application/json"

Maker = Callable[..., Document]
_VENDORS: Final[tuple[Maker, ...]] = (binance, alpha_vantage, polygon, tiingo, yahoo, twelve_data)


def _as_file(
    document: Document,
    shape: str,
    expect: Expect = Expect.SOUND,
    said: tuple[Said, ...] = (),
    truth: Truth | None = None,
) -> PriceFile:
    """Return a document as a file."""
    if truth is None and expect is not Expect.FAULTY:
        truth = truth_of(document.walk, adjusted=document.adjusted)
    return _file(f"{shape}: {document.vendor}", document.content, expect, said, truth)


def _file(
    shape: str, content: Any, expect: Expect, said: tuple[Said, ...], truth: Truth | None
) -> PriceFile:
    text = json.dumps(content, ensure_ascii=False)
    return PriceFile(KIND, shape, text.encode(), expect, truth, said=said, media_type=_MEDIA_TYPE)


def any_vendor(chance: Chance) -> PriceFile:
    """Make a vendor's document."""
    return _as_file(chance.choice(_VENDORS)(chance), "as it is")


def rows_of_nothing(chance: Chance) -> PriceFile:
    """Write null for a day's prices, as Yahoo does for holidays, and for today."""
    document = yahoo(chance)
    walk = document.walk
    row = chance.choice((len(walk) - 1, chance.randrange(1, len(walk))))
    result = document.content["chart"]["result"][0]
    for cells in document.rows[0].values():
        cells[row] = None
    adjusted = document.adjusted
    if adjusted is not None:
        result["indicators"]["adjclose"][0]["adjclose"][row] = None
        adjusted = [each for at, each in enumerate(adjusted) if at != row]
    truth = truth_of(walk.without([row]), adjusted=adjusted)
    return _as_file(document, "null for a day", Expect.NOTED, truth=truth)


_SENTENCE: Final = (
    "Thank you for using our service! Our standard API rate limit is 25 requests per day, and"
    " that of {name} is reached. Please subscribe to any of the premium plans to remove it."
)


def an_error(chance: Chance) -> PriceFile:
    """Answer with a vendor's error in place of prices, a very long one at times."""
    name = chance.choice(("AAPL", "IBM", "BTCUSDT", "this key"))
    sentence = chance.choice(
        (
            _SENTENCE.format(name=name),
            f"No data found, symbol {name} may be delisted",
            f"Unknown API Key for {name}.",
            f"Invalid symbol {name}.",
            f"Please supply a token to ask for {name}",
        )
    )
    if chance.random() < 0.2:
        sentence = f"{sentence} " + "And then some more of the same. " * chance.randrange(30, 4000)
    vendor, content = chance.choice(
        (
            ("Alpha Vantage", {"Note": sentence}),
            ("Alpha Vantage", {"Information": sentence}),
            ("Alpha Vantage", {"Error Message": sentence}),
            (
                "Yahoo",
                {
                    "chart": {
                        "result": None,
                        "error": {"code": "Not Found", "description": sentence},
                    }
                },
            ),
            (
                "Yahoo",
                {
                    "finance": {
                        "result": None,
                        "error": {"code": "Unauthorized", "description": sentence},
                    }
                },
            ),
            ("Polygon", {"status": "ERROR", "request_id": "6a7e4663", "error": sentence}),
            (
                "Polygon",
                {"status": "NOT_AUTHORIZED", "request_id": "6a7e4663", "message": sentence},
            ),
            (
                "Twelve Data",
                {"code": 404, "message": sentence, "status": "error", "meta": {"symbol": name}},
            ),
            ("Binance", {"code": -1121, "msg": sentence}),
            ("Tiingo", {"detail": sentence}),
        )
    )
    said = (re.escape(sentence[:60]),)
    return _file(f"an error: {vendor}", content, Expect.FAULTY, (said,), None)


def no_rows(chance: Chance) -> PriceFile:
    """Answer without any row."""
    content: Any = chance.choice(
        (
            [],
            {},
            None,
            {"Meta Data": {}, "Time Series (Daily)": {}},
            {
                "ticker": "AAPL",
                "queryCount": 0,
                "resultsCount": 0,
                "adjusted": True,
                "status": "OK",
            },
            {"chart": {"result": [], "error": None}},
            {
                "chart": {
                    "result": [{"meta": {"symbol": "AAPL"}, "indicators": {"quote": [{}]}}],
                    "error": None,
                }
            },
            {"meta": {"symbol": "AAPL"}, "values": [], "status": "ok"},
            {"price": "189.22"},
            {"c": 189.2, "h": 190.1, "l": 187.2, "o": 188.0},
            "prices",
            42,
            [[]],
            [{}],
            [1, 2, 3],
        )
    )
    return _file("no rows", content, Expect.FAULTY, (), None)


def not_daily(chance: Chance) -> PriceFile:
    """Make documents of hours or weeks, which say so by their stamps or their names."""
    walk = a_walk(chance, calendar=EVERY_DAY, length=chance.randrange(100, 300), scale=SHARE)
    sort = chance.choice(("hours", "weeks"))
    step = timedelta(hours=1) if sort == "hours" else timedelta(weeks=1)
    first = datetime(2021, 3, 1, tzinfo=UTC)
    moments = [first + step * row for row in range(len(walk))]
    said = HOURLY if sort == "hours" else WEEKLY
    vendor = chance.choice((binance, polygon, twelve_data, yahoo, alpha_vantage))
    document = vendor(chance, walk=replace(walk, calendar="XNYS"))
    content = document.content
    if document.vendor == "Binance":
        for row, moment in zip(document.rows, moments, strict=True):
            row[0], row[6] = millis(moment), millis(moment + step) - 1
    elif document.vendor == "Polygon":
        rows = document.rows[::-1] if document.is_newest_first else document.rows
        for row, moment in zip(rows, moments, strict=True):
            row["t"] = millis(moment)
    elif document.vendor == "Twelve Data":
        content["meta"]["interval"] = "1h" if sort == "hours" else "1week"
        form = "%Y-%m-%d %H:%M:%S" if sort == "hours" else "%Y-%m-%d"
        for row, moment in zip(document.rows, reversed(moments), strict=True):
            row["datetime"] = moment.strftime(form)
    elif document.vendor == "Yahoo":
        result = content["chart"]["result"][0]
        result["timestamp"] = [int(moment.timestamp()) for moment in moments]
        result["meta"]["dataGranularity"] = "1h" if sort == "hours" else "1wk"
    else:
        form = "%Y-%m-%d %H:%M:%S" if sort == "hours" else "%Y-%m-%d"
        series = [*content.pop("Time Series (Daily)").values()]
        name = "Time Series (60min)" if sort == "hours" else "Weekly Time Series"
        content[name] = {
            moment.strftime(form): bar
            for moment, bar in zip(reversed(moments), series, strict=True)
        }
    return _as_file(document, f"bars of {sort}", Expect.FAULTY, (said,))


def several(chance: Chance) -> PriceFile:
    """Answer for two symbols at once, as Twelve Data and others do when asked for two."""
    first = twelve_data(chance)
    second = twelve_data(
        chance, walk=a_walk(chance, days=first.walk.days, scale=SHARE, calendar="XNYS")
    )
    sort = chance.choice(("by symbol", "below each other", "two results"))
    content: Any = {"AAPL": first.content, "MSFT": second.content}
    said: Said = (r"AAPL", r"several", r"instruments", r"symbols", r"more than one")
    if sort == "below each other":
        content = [
            {"symbol": name, "date": row["datetime"], **{each: float(row[each]) for each in FIELDS}}
            for name, document in (("AAPL", first), ("MSFT", second))
            for row in document.rows
        ]
    elif sort == "two results":
        one, other = yahoo(chance), yahoo(chance)
        content = {
            "chart": {
                "result": [each.content["chart"]["result"][0] for each in (one, other)],
                "error": None,
            }
        }
    return _file(f"two symbols, {sort}", content, Expect.FAULTY, (said,), None)


def spoilt(chance: Chance) -> PriceFile:
    """Spoil a price of one row, or the length of a column."""
    document = chance.choice((binance, polygon, tiingo, twelve_data))(chance)
    row = chance.randrange(len(document.rows))
    cells: Any = document.rows[row]
    key: Any = {"Binance": 4, "Polygon": "c"}.get(document.vendor, "close")
    low: Any = {"Binance": 3, "Polygon": "l"}.get(document.vendor, "low")
    sort = chance.choice(("zero", "text", "impossible", "gone", "negative", "a list"))
    if sort == "gone" and not isinstance(cells, list):
        del cells[key]
    elif sort == "impossible":
        cells[low] = type(cells[low])(float(cells[key]) * 1.5)
    else:
        cells[key] = {"zero": 0, "text": "n/a", "negative": "-5.1", "a list": [1]}.get(sort, "")
    said = (
        (
            rf"\b{row}\b",
            rf"\b{row + 1}\b",
            rf"\b{len(document.rows) - 1 - row}\b",
            r"\d{4}-\d\d-\d\d",
        ),
    )
    return _as_file(document, f"a price spoilt, {sort}", Expect.FAULTY, said)


def uneven(chance: Chance) -> PriceFile:
    """Make columns of other lengths, or the document cut off."""
    document = yahoo(chance)
    if chance.random() < 0.5:
        document.rows[0]["close"].pop(chance.randrange(len(document.walk)))
        return _as_file(document, "columns of other lengths", Expect.FAULTY)
    file = _as_file(document, "cut off", Expect.FAULTY)
    return replace(file, content=file.content[: -chance.randrange(2, 4000)])


def a_day_twice(chance: Chance) -> PriceFile:
    """Give a day twice, with other prices."""
    document = chance.choice((binance, polygon, tiingo, twelve_data))(chance)
    row = chance.randrange(1, len(document.rows) - 1)
    again = document.rows[row]
    again = [*again] if isinstance(again, list) else {**again}
    for key in (
        (1, 2, 3, 4)
        if isinstance(again, list)
        else [each for each in again if each in {*FIELDS, *"ohlc", "adjClose"}]
    ):
        again[key] = type(again[key])(float(again[key]) * 1.03)
    document.rows.insert(row, again)
    return _as_file(document, "a day twice, other prices", Expect.FAULTY)


SOUND: Final = (any_vendor, any_vendor, any_vendor, any_vendor, rows_of_nothing)
FAULTY: Final = (an_error, an_error, not_daily, no_rows, several, spoilt, uneven, a_day_twice)
