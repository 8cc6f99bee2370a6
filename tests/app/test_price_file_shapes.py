"""
The shapes in which files were misread, each made up here: what is read is computed from the walk.

The walk is one instrument, seventy sessions. Whoever answers the first close has read a file that
begins with the newest day backwards.
"""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from app.errors import BadTable
from app.market_data.exchange_calendars import zone_of
from app.market_data.price_files import reader
from tests.app.price_walk import CLOSES, DAYS, SESSIONS, WALK, epoch, walk


def text(
    head: Sequence[str], rows: Sequence[Sequence[Any]], *, by: str = ",", newest_first: bool = False
) -> str:
    made = io.StringIO()
    lines = csv.writer(made, delimiter=by, lineterminator="\n")
    lines.writerow(head)
    lines.writerows(reversed(rows) if newest_first else rows)
    return made.getvalue()


def bars(
    head: str = "Date,Open,High,Low,Close",
    day: Callable[[date], object] = str,
    price: Callable[[float], object] = "{:.2f}".format,
    **how: Any,
) -> str:
    rows = [[day(bar.day), *map(price, bar[1:])] for bar in WALK]
    return text(head.split(","), rows, **how)


def comma(price: float) -> str:
    return f"{price:.2f}".replace(".", ",")


def months(day: date) -> str:
    names = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.".split()  # noqa: SIM905
    return f"{day.day} {names[day.month - 1]} {day.year}"


MIXED = {
    "an index without a name": bars(",open,high,low,close", newest_first=True),
    "a head that nobody knows": bars("Stichtag der Notiz,Open,High,Low,Close", newest_first=True),
    "an index called index": bars("index,Open,High,Low,Close", newest_first=True),
    "Date (UTC)": bars("Date (UTC),Open,High,Low,Close", newest_first=True),
    "seconds": bars(day=epoch),
    "milliseconds": bars("time,o,h,l,c", day=lambda day: epoch(day, 1000)),
    "microseconds": bars("open_time,open,high,low,close", day=lambda day: epoch(day, 10**6)),
    "Excel's days": bars(day=lambda day: (day - date(1899, 12, 30)).days),
    "digits alone": bars(
        "TRADE_DATE,OPEN,HIGH,LOW,CLOSE", day="{:%Y%m%d}".format, newest_first=True
    ),
    "months in French": bars(day=months, newest_first=True),
    "an American form": bars(day="{:%m/%d/%Y}".format),
    "a British form": bars(day="{:%d-%b-%y}".format),
    "a date and a midnight": bars(day="{} 00:00:00-04:00".format),
    "Polish": bars("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie"),
    "German with semicolons": bars(
        "Datum,Eröffnung,Hoch,Tief,Schlusskurs", "{:%d.%m.%Y}".format, comma, by=";"
    ),
    "Investing in German": bars(
        "Datum,Zuletzt,Eröffn.,Hoch,Tief", "{:%d.%m.%Y}".format, comma
    ).replace("Zuletzt,Eröffn.,Hoch,Tief", "Eröffn.,Hoch,Tief,Zuletzt"),
    "Nordic, behind sep=": "sep=;\n"
    + bars("Date,Opening price,High price,Low price,Closing price", price=comma, by=";"),
    "Turkish": bars("Tarih,Açılış,Yüksek,Düşük,Şimdi", "{:%d.%m.%Y}".format, comma, by=";"),
    "Chinese": bars("日期,开盘,最高,最低,收盘"),
    "Korean": bars("일자,시가,고가,저가,종가"),
    "Russian": bars("Дата,Откр.,Макс.,Мин.,Закрытие", "{:%d.%m.%Y}".format, comma, by=";"),
    "R's": bars(",AAPL.Open,AAPL.High,AAPL.Low,AAPL.Close"),
    "flattened": bars("Date,Open_AAPL,High_AAPL,Low_AAPL,Close_AAPL"),
    "tuples": text(
        ["Date", *(f"('{name}', 'AAPL')" for name in ("Open", "High", "Low", "Close"))],
        [[bar.day, *bar[1:]] for bar in WALK],
    ),
    "a second header": bars("Date,Open,High,Low,Close\n,AAPL,AAPL,AAPL,AAPL").replace('"', ""),
    "yfinance's levels": bars(
        "Price,Open,High,Low,Close\nTicker,AAPL,AAPL,AAPL,AAPL\nDate,,,,"
    ).replace('"', ""),
    "a title above, a note below": "ACME - prices, daily\n\n" + bars() + "Source: somebody\n",
    "a header again": bars().replace("2024-06-03", "Date,Open,High,Low,Close\n2024-06-03"),
    "units beside names": bars("Date,Open (USD),High (USD),Low (USD),Close (USD)"),
    "currencies": bars(price="${:,.2f}".format),
    "thousands apart": bars(price="{:,.2f} kr".format),
    "a weekday": text(
        ["Date", "Day", "Open", "High", "Low", "Close"],
        [[bar.day, f"{bar.day:%A}", *bar[1:]] for bar in WALK],
    ),
    "a symbol": text(
        ["Symbol", "Time", "Open", "High", "Low", "Last", "%Chg"],
        [["AAPL", bar.day, *bar[1:], "0.10%"] for bar in WALK],
        newest_first=True,
    )
    + '"Downloaded as of 07-13-2024 08:00am CDT"\n',
}


@pytest.mark.parametrize("shape", MIXED)
def test_what_vendors_write_is_read(shape: str) -> None:
    content = MIXED[shape].replace('"Date', "Date").encode()

    table = reader.read(content)

    assert table.dates == DAYS
    assert table.columns["close"] == CLOSES
    assert table.columns["high"] == [bar.high for bar in WALK]
    assert table.warnings == []


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("cp932", "日付,始値,高値,安値,終値"),
        ("gb18030", "日期,开盘价,最高价,最低价,收盘价"),
        ("big5", "日期,開盤價,最高價,最低價,收盤價"),
        ("cp949", "일자,시가,고가,저가,종가"),
        ("cp1252", "Datum,Öppningskurs,Högstakurs,Lägstakurs,Stängningskurs"),
        ("cp1250", "Data,Otwarcie,Najwyższy,Najniższy,Zamknięcie"),
        ("cp1251", "Дата,Открытие,Максимум,Минимум,Закрытие"),
        ("cp1254", "Tarih,Açılış,En Yüksek,En Düşük,Kapanış"),
        ("utf-16", "Datum,Eröffnung,Hoch,Tief,Schluss"),
        ("utf-8-sig", "Fecha,Apertura,Máximo,Mínimo,Último"),
    ],
)
def test_letters_may_be_of_any_kind(encoding: str, head: str) -> None:
    table = reader.read(bars(head).encode(encoding))

    assert (table.dates, table.columns["close"]) == (DAYS, CLOSES)
    assert list(table.columns) == ["open", "high", "low", "close"]


OTHER = walk(2, 50.0)
BOTH = [("AAPL", bar) for bar in WALK] + [("MSFT", bar) for bar in OTHER]
REFUSED = {
    "below each other": (
        text(["date", "open", "high", "low", "close", "Name"], [[*b, n] for n, b in BOTH]),
        "2 instruments (AAPL, MSFT), by its column 'Name'",
    ),
    "in a column of any name": (
        text(["Boerse", "Date", "Close"], [[n, b.day, b.close] for n, b in BOTH]),
        "2 instruments (AAPL, MSFT), by its column 'Boerse'",
    ),
    "day by day": (
        text(["Date", "Close"], [[b.day, b.close] for pair in zip(WALK, OTHER) for b in pair]),  # noqa: B905
        "2024-04-03 comes on lines 2 and 3 with other prices",
    ),
    "one after the other, by codes": (
        text(
            ["Date", "secu", "Close"],
            [[b.day - timedelta(days=400), 1301, b.close] for b in OTHER]
            + [[b.day, 1332, b.close] for b in WALK],
        ),
        "2 instruments (1301, 1332)",
    ),
    "side by side under the same heads": (
        text(
            ["Date", "Close", "Close"],
            [[a.day, a.close, b.close] for a, b in zip(WALK, OTHER, strict=True)],
        ),
        "several instruments side by side",
    ),
    "side by side under two levels": (
        "Price,Close,Close\nTicker,AAPL,MSFT\nDate,,\n"
        + "".join(f"{a.day},{a.close},{b.close}\n" for a, b in zip(WALK, OTHER, strict=True)),
        "2 instruments (AAPL, MSFT)",
    ),
    "a wide frame": (
        text(["Date", "A", "C", "MSFT"], [[b.day, b.open, b.close, b.high] for b in WALK]),
        "several instruments",
    ),
    "commas that are not quoted": (
        "Date,Close\n" + "".join(f"{bar.day},{comma(bar.close)}\n" for bar in WALK),
        "line 2 has 3 cells and the header 2",
    ),
    "commas that are not quoted, and heads behind": (
        "Date,Close,\n" + "".join(f"{bar.day},{comma(bar.close)}\n" for bar in WALK),
        "line 2 has 3 cells and the header 2",
    ),
    "a cell that is missing": (
        bars().replace(f"2024-06-03,{WALK[43].open:.2f},", "2024-06-03,"),
        "line 45 has 4 cells and the header 5",
    ),
    "no header": (
        "".join(f"{bar.day},{bar.close}\n" for bar in WALK),
        "no header: add a first line that names the 2 columns, such as Date,Close",
    ),
    "thousands or decimals": (
        bars(price=lambda price: f"{int(price)},{int(price * 7) % 1000:03}"),
        "which could be thousands or three decimals",
    ),
    "hours": (
        text(
            ["Datetime", "Close"],
            [[f"{b.day} {h}:30:00-04:00", b.close] for b in WALK for h in (10, 11, 12)],
        ),
        "hourly bars",
    ),
    "hours in a column of their own": (
        text(
            ["<DATE>", "<TIME>", "<CLOSE>"],
            [[f"{b.day:%Y.%m.%d}", f"{h:02}:00:00", b.close] for b in WALK for h in range(24)],
            by="\t",
        ),
        "hourly bars",
    ),
    "weeks": (
        text(
            ["Date", "Close"],
            [[DAYS[0] + timedelta(weeks=n), close] for n, close in enumerate(CLOSES)],
        ),
        "weekly bars",
    ),
    "months": (
        text(
            ["Date", "Close"],
            [[f"{2015 + n // 12}-{n % 12 + 1:02}-01", close] for n, close in enumerate(CLOSES)],
        ),
        "monthly bars",
    ),
    "an impossible bar": (
        bars(newest_first=True).replace(f"2024-06-28,{WALK[62].open:.2f}", "2024-06-28,1.00"),
        f"line {SESSIONS - 62 + 1} (2024-06-28): low is above",
    ),
    "days that are months": (
        text(
            ["Date", "Close"],
            [[f"{n % 12 + 1:02}/{n % 12 + 1:02}/2024", close] for n, close in enumerate(CLOSES)],
        ),
        "several",
    ),
    "a column of #####": (bars(price=lambda _: "#####"), "line 2: open is no number"),
    "a space by mistake": (
        bars().replace(f"{CLOSES[5]:.2f}", "18 9.2 2"),
        "line 7: close is no number",
    ),
    "a vendor's note": (
        '{"Information": "The limit of this key is reached."}',
        "says: The limit of this key",
    ),
}


@pytest.mark.parametrize("shape", REFUSED)
def test_what_would_be_a_guess_is_refused_by_what_is_wrong(shape: str) -> None:
    content, said = REFUSED[shape]

    with pytest.raises(BadTable) as caught:
        reader.read(content.encode())

    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_refusal_says_what_was_read_as_what() -> None:
    content = bars("Datum,Eröffnung,Hoch,Tief,Schluss").replace(f"{CLOSES[3]:.2f}", "abc")

    with pytest.raises(BadTable) as caught:
        reader.read(content.encode("cp1252"))

    assert caught.value.reading is not None
    assert "close from 'Schluss'" in caught.value.reading
    assert "cp1252" in caught.value.reading


def test_the_delimiter_decides_what_three_digits_after_a_comma_are() -> None:
    content = bars(price=lambda price: f"{price / 10:.3f}".replace(".", ","), by=";")

    assert reader.read(content.encode()).columns["close"] == [
        pytest.approx(close / 10, abs=6e-4) for close in CLOSES
    ]


def test_indian_thousands_are_parted_by_twos() -> None:
    def lakh(price: float) -> str:
        whole, cents = f"{price * 1000:.2f}".split(".")
        return f"{whole[:-5]},{whole[-5:-3]},{whole[-3:]}.{cents}"

    assert reader.read(bars(price=lakh).encode()).columns["close"] == [
        pytest.approx(close * 1000) for close in CLOSES
    ]


@pytest.mark.parametrize("shape", ["Close", "Close,Volume"])
def test_without_dates_the_order_is_said_not_to_be_known(shape: str) -> None:
    rows = [[close, 7 * n + 1][: 1 + shape.count(",")] for n, close in enumerate(CLOSES)]

    table = reader.read(text(shape.split(","), rows).encode())

    assert (table.dates, table.columns["close"]) == (None, CLOSES)
    assert [warning.code for warning in table.warnings] == ["order_unknown"]


TOKYO = text(
    ["Date", "Close"],
    [[f"{bar.day - timedelta(days=1)} 15:00:00+00:00", bar.close] for bar in WALK],
)


def test_stamps_are_of_the_exchanges_days() -> None:
    table = reader.read(TOKYO.encode(), zone_of("XTKS"))

    assert (table.dates, table.warnings) == (DAYS, [])


def test_without_a_calendar_stamps_of_other_weekdays_are_warned_of() -> None:
    table = reader.read(TOKYO.encode())

    assert [warning.code for warning in table.warnings] == ["time_zone_unknown"]


def test_what_is_traded_every_day_is_daily_by_utc() -> None:
    days = [DAYS[0] + timedelta(days=n) for n in range(SESSIONS)]
    rows = [[f"{day}T23:59:59.999Z", close] for day, close in zip(days, CLOSES, strict=True)]

    table = reader.read(text(["timestamp", "close"], rows, newest_first=True).encode())

    assert (table.dates, table.columns["close"], table.warnings) == (days, CLOSES, [])


def test_the_newest_row_without_prices_is_named() -> None:
    content = bars() + "2024-07-12,,,,\n"

    table = reader.read(content.encode())

    assert table.dates == DAYS
    [warning] = table.warnings
    assert warning.code == "empty_rows"
    assert f"line {SESSIONS + 2} (2024-07-12, the newest)" in warning.message


def test_lines_of_dividends_are_named_and_no_fault() -> None:
    lines = bars().splitlines()
    lines.insert(30, "2024-05-14,0.24 Dividend,,,")

    table = reader.read("\n".join(lines).encode())

    assert (table.dates, table.columns["close"]) == (DAYS, CLOSES)
    assert [warning.code for warning in table.warnings] == ["event_rows"]
    assert "line 31" in table.warnings[0].message


@pytest.mark.parametrize("volume", ["", "0"])
def test_a_newest_bar_without_a_volume_may_not_have_ended(volume: str) -> None:
    rows = [[bar.day, bar.close, 1000] for bar in WALK]
    rows[-1][2] = volume

    table = reader.read(text(["Date", "Close", "Volume"], rows).encode())

    assert [warning.code for warning in table.warnings] == ["unfinished_bar"]


def test_what_was_not_adjusted_keeps_its_last_digit() -> None:
    rows = [[bar.day, bar.close, f"{bar.close:.6f}"] for bar in WALK]
    rows[3][2] = f"{WALK[3].close * (1 - 3e-8):.8f}"

    table = reader.read(text(["Date", "Close", "Adj Close"], rows).encode())

    assert table.columns["close"] == CLOSES


def test_adjusted_prices_have_no_noise() -> None:
    rows = [
        [bar.day, bar.close, bar.close / 2 if n < 40 else bar.close] for n, bar in enumerate(WALK)
    ]

    table = reader.read(text(["Date", "Close", "Adj Close"], rows).encode())

    halves = [round(close / 2, 3) if n < 40 else close for n, close in enumerate(CLOSES)]
    assert table.columns["close"] == halves


def test_a_column_that_may_be_the_highs_is_told_of() -> None:
    table = reader.read(bars("Date,Open,Plafond,Low,Close").encode())

    assert [warning.code for warning in table.warnings] == ["unknown_column"]


def test_many_instruments_are_read_where_many_are_wanted() -> None:
    rows = [
        [n, b.day, b.close]
        for n, b in [*BOTH, ("BAD", WALK[0]), ("BAD", WALK[1]._replace(close=0))]
    ]

    tables = reader.read_many(
        text(["unique_id", "ds", "y"], rows).replace("y\n", "close\n").encode()
    )

    assert list(tables) == ["AAPL", "MSFT", "BAD"]
    apple, bad = tables["AAPL"], tables["BAD"]
    assert not isinstance(apple, BadTable)
    assert (apple.dates, apple.columns["close"]) == (DAYS, CLOSES)
    assert isinstance(bad, BadTable)
    assert f"line {2 * SESSIONS + 3}" in str(bad)
