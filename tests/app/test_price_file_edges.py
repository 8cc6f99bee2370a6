"""Where rules of reading end: the last file that is read, and the first that is refused."""

from datetime import date, timedelta
from typing import Any

import pytest

from app.errors import BadTable
from app.market_data.price_files import reader
from tests.app.price_walk import CLOSES, DAYS, SESSIONS, WALK, epoch

LINES = [f"{bar.day},{bar.close}" for bar in WALK]


def two(head: str, rows: Any) -> str:
    return "\n".join([head, *(",".join(map(str, row)) for row in rows)])


def priced(*others: Any, head: str) -> str:
    """Return dates and closes, with columns beside them that are the same in each row."""
    return two(head, [[bar.day, bar.close, *others] for bar in WALK])


READ = {
    "Excel's word for a delimiter that nothing is parted by": "sep=;\nDate,Close\n"
    + "\n".join(LINES),
    "microseconds that Excel has made powers of": two(
        "time,close", [[f"{epoch(bar.day, 10**6):.12e}", bar.close] for bar in WALK]
    ),
    "times of twelve hours": two(
        "Date,Time,Close", [[bar.day, "12:00 AM", bar.close] for bar in WALK]
    ),
    "hours of the next day, as Japan writes them": two(
        "Date,Time,Close", [[bar.day, "25:30", bar.close] for bar in WALK]
    ),
    "a weekday and a closing time": two(
        "Date,Close", [[f"{bar.day:%a, %d %b %Y} 04:00 PM", bar.close] for bar in WALK]
    ).replace("Date,Close\n", '"Date",Close\n'),
    "a title of an index beside": priced(4000.5, head="Date,Close,Close of S&P").replace("&", ""),
    "adjusted highs, of which no use is made": priced(1, head="Date,Close,Adj High"),
    "percent beside": priced("0.1%", head="Date,Close,Close %"),
    "volumes of all kinds": two(
        "Date,Close,Volume",
        [
            [bar.day, bar.close, ("1.2M", "3e5", "inf", "n/a", "1.2.3K", "9" * 99, "7")[n % 7]]
            for n, bar in enumerate(WALK)
        ],
    ),
    "row numbers as R writes them": "Date,Close\n"
    + "\n".join(f"{n},{line}" for n, line in enumerate(LINES, 1)),
    "row names of dates as R writes them": "Close,Volume\n"
    + "\n".join(f"{line},5" for line in LINES),
    "a delimiter at the end of each line": "Date,Close,\n"
    + "\n".join(f"{line}," for line in LINES),
    "rows that are shorter than the header": "Date,Close,Note\n" + "\n".join(LINES),
    "a column of notes": priced("said to be final", head="Date,Close,Note"),
    "a letter alone that is no close": priced("9.5", head="Date,Close,C"),
    "an adjusted close alone": "Date,Adj Close\n" + "\n".join(LINES),
}


@pytest.mark.parametrize("shape", READ)
def test_the_last_that_is_read(shape: str) -> None:
    content = READ[shape]
    if "weekday" in shape:
        content = "\n".join(
            line if line.startswith('"Date') else '"{}",{}'.format(*line.rsplit(",", 1))
            for line in content.splitlines()
        )

    table = reader.read(content.encode())

    assert (table.dates, table.columns["close"]) == (DAYS, CLOSES)


def edited(row: int, line: str) -> str:
    return "\n".join(["Date,Close", *LINES[:row], line, *LINES[row + 1 :]])


REFUSED = {
    "a date among times since 1970": (
        two("time,close", [[epoch(bar.day), bar.close] for bar in WALK[:-1]] + [["soon", 1.0]]),
        f"line {SESSIONS + 1}",
    ),
    "a count that no year has": (
        two("time,close", [[epoch(bar.day), bar.close] for bar in WALK[:-1]] + [[1717, 1.0]]),
        "no number of seconds or days",
    ),
    "a day that Excel cannot have meant": (
        two(
            "date,close",
            [[(bar.day - date(1899, 12, 30)).days, bar.close] for bar in WALK[:-1]] + [[99999, 1]],
        ),
        "no number of seconds or days",
    ),
    "a header alone": ("Date,Close\n", "no prices below it"),
    "a header, and lines of commas": ("Date,Close\n,\n,\n,\n", "no prices below it"),
    "nothing": ("\n\n", "empty"),
    "changes alone": (
        two("Date,Change", [[bar.day, 0.5 + n / 100] for n, bar in enumerate(WALK)]),
        "names no column of prices",
    ),
    "opens beside instruments": (
        two("Date,Open,IBM,SAP", [[bar.day, bar.open, bar.high, bar.low] for bar in WALK]),
        "if each is an instrument, send one at a time",
    ),
    "two columns of numbers, and no close": (
        two("Date,IBM,SAP", [[bar.day, bar.high, bar.low] for bar in WALK]),
        "closes of several instruments",
    ),
    "points and commas, each before three digits": (
        "Date;Close\n"
        + "\n".join(f"{bar.day};{('1.234', '1,234')[n % 2]}" for n, bar in enumerate(WALK)),
        "numbers with a point and others with a comma",
    ),
    "a point that may part thousands": (
        "Datum;Schluss\n"
        + "\n".join(f"{bar.day:%d.%m.%Y};18.45{n % 10}" for n, bar in enumerate(WALK)),
        "could be thousands or three decimals",
    ),
    "a number of a hundred thousand digits": (edited(9, f"{DAYS[9]},{'9' * 100_000}"), "line 11"),
    "a column too many": ("Date,Close," + ",".join("abc" for _ in range(2000)), "columns"),
    "bars of four hours": (
        two(
            "Date,Close",
            [[f"{bar.day} {h:02}:00", bar.close] for bar in WALK[:20] for h in (4, 8, 12, 16)],
        ),
        "4-hour bars",
    ),
    "bars of a quarter of an hour": (
        two(
            "Date,Close",
            [[f"{bar.day} 10:{m:02}", bar.close] for bar in WALK[:20] for m in (0, 15, 30, 45)],
        ),
        "15-minute bars",
    ),
    "a quote that never ends": ('Date,Close\n"' + "\n".join(LINES), "line"),
    "a picture": ("\x00\x01\x02PNG\x00", "no text"),
    "a cell of two lines": (
        "Date;Open;Close\n"
        + "\n".join(
            f"{bar.day:%d.%m.%Y};{bar.open};" + (f'"{n}\n7,5"' if n == 3 else f"{bar.close}0,5")
            for n, bar in enumerate(WALK)
        ).replace(".5", ",5"),
        "line ",
    ),
    "a day as Excel counts them, and one that is none": (
        two("When,Price", [[45385 + 2 * n, 7.5 + n] for n in range(9)]).replace("45401", "4539-1"),
        "line",
    ),
    "a close of zero": (edited(9, f"{DAYS[9]},0"), f"line 11 ({DAYS[9]})"),
}


@pytest.mark.parametrize("shape", REFUSED)
def test_the_first_that_is_refused(shape: str) -> None:
    content, said = REFUSED[shape]

    with pytest.raises(BadTable) as caught:
        reader.read(content.encode())

    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_sundays_without_an_offset_are_told_of() -> None:
    rows = [[f"{bar.day - timedelta(days=1)} 23:00", bar.close] for bar in WALK]

    table = reader.read(two("Date,Close", rows).encode())

    assert [warning.code for warning in table.warnings] == ["time_zone_unknown"]


def test_a_newest_bar_at_another_time_may_not_have_ended() -> None:
    rows = [[f"{bar.day} 16:00", bar.close] for bar in WALK]
    rows[-1][0] = f"{DAYS[-1]} 11:20"

    table = reader.read(two("Date,Close", rows).encode())

    assert [warning.code for warning in table.warnings] == ["unfinished_bar"]
    assert f"line {SESSIONS + 1} ({DAYS[-1]}), the newest" in table.warnings[0].message


def test_an_empty_row_with_a_date_that_cannot_be_read_is_left_out() -> None:
    table = reader.read("\n".join(["Date,Close", *LINES, "2024-99-99,"]).encode())

    assert (table.dates, table.columns["close"]) == (DAYS, CLOSES)
    assert [left.line for left in table.reading.left_out] == [SESSIONS + 2]


def test_an_adjusted_column_without_a_price_changes_nothing() -> None:
    rows = [[bar.day, bar.close, bar.close / 2] for bar in WALK]
    adjusted = reader.read(two("Date,Close,Adj Close", rows).encode())
    alone = reader.read(two("Date,Open,Adj Close", rows).encode())

    assert adjusted.columns["close"] == CLOSES
    assert alone.columns == {"close": [pytest.approx(close / 2) for close in CLOSES]}


def test_training_takes_a_file_as_it_is() -> None:
    rows = [[bar.day, bar.close, 0] for bar in WALK]
    rows[5][1], rows[6][0] = "", rows[7][0]

    [table] = reader.read_raw(two("Date,Close,Adj Close", rows).encode()).values()

    assert table.dates is not None
    assert len(table.dates) == SESSIONS
    assert table.columns["close"][5] != table.columns["close"][5]


def test_training_splits_a_file_by_the_column_that_it_is_told() -> None:
    rows = [[bar.day, "ba"[n % 2], bar.close] for n, bar in enumerate(WALK)]
    content = two("Date,Desk,Close", rows)

    tables = reader.read_raw(content.encode(), by="desk")

    assert {name: len(table.lines) for name, table in tables.items()} == {"b": 35, "a": 35}
    with pytest.raises(
        BadTable, match="no column of texts is called Floor; the columns are Date, Desk"
    ):
        reader.read_raw(content.encode(), by="Floor")
    [alone] = reader.read_raw("\n".join(["Date,Close", *LINES]).encode(), is_long=True)
    assert alone is None
