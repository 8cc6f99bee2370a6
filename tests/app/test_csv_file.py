"""Files as vendors give them, read without a guess; others refused in a sentence."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadTable
from app.market_data.price_files import reader

YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2026-01-05,100.0,102.0,99.0,101.0,50.5,1000
2026-01-06,101.0,103.0,100.0,102.0,51.0,1000
2026-01-07,51.0,52.0,50.0,51.5,51.5,2000
"""
DAYS = [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)]
CLOSES = [101.0, 102.0, 103.5]

VENDORS = sorted((Path(__file__).parent / "vendors").glob("*.csv"))
"""Three sessions as they write them, made up."""


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda file: file.stem)
def test_what_vendors_write_is_read(vendor: Path) -> None:
    table = reader.read(vendor.read_bytes())

    assert table.dates
    assert table.dates[:3] == DAYS
    assert table.columns["close"][:3] == CLOSES
    assert table.warnings == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_letters_may_be_of_any_kind(encoding: str) -> None:
    german = next(file for file in VENDORS if file.stem == "german").read_text("utf-8")

    assert reader.read(german.encode(encoding)).columns["close"] == CLOSES


def test_prices_are_adjusted_by_the_adjusted_close_in_units_of_the_last() -> None:
    table = reader.read(YAHOO.encode())

    assert table.columns["close"] == [50.5, 51.0, 51.5]
    assert table.columns["open"] == [50.0, 50.5, 51.0]


def test_newest_first_is_turned_and_lines_are_kept() -> None:
    lines = YAHOO.splitlines()
    table = reader.read("\n".join([lines[0], *lines[:0:-1]]).encode())

    assert table.dates == DAYS
    assert table.lines == [4, 3, 2]
    assert table.columns == reader.read(YAHOO.encode()).columns
    assert table.warnings == []


def test_what_is_out_of_order_is_sorted_and_told() -> None:
    text = "Date,Close\n2026-01-05,1\n2026-01-07,3\n2026-01-06,2\n2026-01-08,4\n"

    table = reader.read(text.encode())

    assert table.columns["close"] == [1, 2, 3, 4]
    assert [each.code for each in table.warnings] == ["unsorted_dates"]
    assert "line 4" in table.warnings[0].message


def test_of_two_lines_of_a_day_the_first_is_taken_and_it_is_told() -> None:
    text = "Date,Close\n2026-01-05,1\n2026-01-06,2\n2026-01-06,2.1\n2026-01-07,3\n"

    table = reader.read(text.encode())

    assert table.columns["close"] == [1, 2, 3]
    assert [each.code for each in table.warnings] == ["duplicate_date"]
    assert table.warnings[0].message.startswith("line 4 ")


def test_days_without_trading_are_left_out_and_told() -> None:
    text = "Date,Open,Close\n2026-01-05,1,1\n2026-01-06,null,null\n2026-01-07,3,3\n\n"

    table = reader.read(text.encode())

    assert table.dates == [DAYS[0], DAYS[2]]
    assert [each.code for each in table.warnings] == ["empty_rows"]


def test_a_column_of_prices_is_enough() -> None:
    table = reader.read(b"187.2\n188.1\n189\n")

    assert (table.dates, table.columns) == (None, {"close": [187.2, 188.1, 189.0]})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("187,25", 187.25),
        ("$1,234.0", 1234.0),
        # the delimiter decides
        ("$1,234", 1.234),
        ("1 43 945,68", 143945.68),
        ("1,43,945.68", 143945.68),
        ("187.5 kr", 187.5),
        ("CHF 1’234.50", 1234.5),
        ("1 234,50 €", 1234.5),
        ("1'234.50", 1234.5),
        ("1e3", 1000.0),
    ],
)
def test_numbers(text: str, value: float) -> None:
    table = reader.read(f"Date;Close\n2026-01-05;{text}\n".encode())

    assert table.columns["close"] == [value]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b" \n \n", "empty"),
        (b"PK\x03\x04xl/workbook.xml", "save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "save the sheet as CSV"),
        (b"\x1f\x8b\x08", "Content-Encoding: gzip"),
        (b"%PDF-1.4", "a PDF"),
        (b"PAR1", "Parquet"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b'{"prices": [1]}', "application/json"),
        (b"[1, 2, 3]", "no daily prices"),
        (b"\x00\x01\x02\x03", "no text"),
        (b"Date,Volume\n2026-01-05,1\n", "names no column of prices"),
        (b"1,2,3\n4,5,6\n", "no header: add a first line"),
        (b"Date,Close\n", "no prices below"),
        (b"Date,Close\n2026-01-05,\n", "no line of the file holds a price"),
        (b"Date,Close\n2026-01-05,1\n2026-01-06,abc\n", "line 3: close is no number"),
        (b"Date,Close\n2026-01-05,1\n2026-01-06,0\n", "3 (2026-01-06): close is not above zero"),
        (b"Date,Close\n2026-01-05,1\n2026-01-06,-4\n", "3 (2026-01-06): close is not above zero"),
        (b"Date,Close\n2026-01-05,1\n2026-01-06,1e999\n", "3 (2026-01-06): close is not finite"),
        (b"Date,Open,Close\n2026-01-05,1,1\n2026-01-06,,2\n", "3 (2026-01-06): open is missing"),
        (b"Date,Close\nyesterday,1\n", "line 2: this date is of no form known"),
        (b"Date,Close\n2026-02-30,1\n", "line 2"),
        (b"Date,Close\n2026-01-05,1\n01/06/2026,2\n", "line 3: this date is not written like"),
        (b"Date,Close\n01/02/2026,1\n13/02/2026,2\n02/14/2026,2\n", "not written like"),
        (b"Date,Close\n01/02/2026,1\n", "day/month or month/day"),
        (b"Date,Close,Ticker\n2026-01-05,1,A\n2026-01-05,2,B\n", "2 instruments"),
        (b'Date,Close\n2026-01-05,"1\n', "line"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(BadTable) as caught:
        reader.read(content)

    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_month_too_many_shows_which_is_the_month() -> None:
    british = reader.read(b"Date,Close\n11/12/2026,1\n14/12/2026,2\n")
    american = reader.read(b"Date,Close\n12/11/2026,1\n12/14/2026,2\n")
    by_neighbours = reader.read(b"Date,Close\n03/02/2026,1\n04/02/2026,2\n05/02/2026,3\n")

    assert british.dates == american.dates == [date(2026, 12, 11), date(2026, 12, 14)]
    assert by_neighbours.dates == [date(2026, 2, 3), date(2026, 2, 4), date(2026, 2, 5)]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_is_read_or_refused(content: bytes) -> None:
    try:
        table = reader.read(content)
    except BadTable:
        return
    assert all(price > 0 for column in table.columns.values() for price in column)
    assert len(table.lines) == len(next(iter(table.columns.values())))


HEADS = st.sampled_from(["Date", "Close", "Open", "1", "2026-01-05", "01/02/26", "", "x", "-1"])
CELLS = st.sampled_from(["1", "2026-01-05", "01/02/26", "", "x", "nan", "1,5", "1e400"])


@given(
    st.lists(HEADS, max_size=6),
    st.lists(st.lists(CELLS, max_size=6), max_size=5),
    st.sampled_from(",;\t"),
)
def test_any_table_is_read_or_refused(head: list[str], rows: list[list[str]], by: str) -> None:
    text = "\n".join(by.join(row) for row in [head, *rows])
    try:
        table = reader.read(text.encode())
    except BadTable:
        return
    assert all(0 < price < float("inf") for column in table.columns.values() for price in column)
