"""CSV files in all their shapes, and what is wrong with them by file and line."""

import hashlib
import re
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.builders import random_walk, write_csv
from training.errors import BadData
from training.sources import csv_files


@pytest.mark.parametrize("form", ["iso", "us", "name"])
@pytest.mark.parametrize("order", ["oldest", "newest"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_dates_of_three_kinds_in_both_orders_read_the_same(
    tmp_path: Path, form: str, order: str, ending: str
) -> None:
    prices = random_walk(400)
    path = write_csv(tmp_path / "A.csv", prices, form=form, order=order)  # type: ignore[arg-type]
    path.write_bytes(path.read_bytes().replace(b"\n", ending.encode()))

    read = csv_files.read_csv(path, ["Open"])

    assert list(read.columns) == ["instrument", "date", "price", "close"]
    assert read["price"].tolist() == prices.tolist()
    assert read["date"].is_monotonic_increasing
    assert str(read["date"].iloc[0].date()) == "2020-01-01"
    assert set(read["instrument"]) == {"A"}


@pytest.mark.parametrize(
    ("header", "wanted"),
    [("Adj Close", "adj_close"), ("adjclose", "Adj Close"), (" OPEN ", "Open"), ("Open", "open")],
)
def test_columns_are_matched_without_case_spaces_and_underscores(
    tmp_path: Path, header: str, wanted: str
) -> None:
    path = write_csv(tmp_path / "A.csv", [1, 2, 3], column=header)

    assert csv_files.read_csv(path, [wanted])["price"].tolist() == [1, 2, 3]


def test_the_first_column_that_the_file_has_is_read(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("Date,Close,Adj Close\n2020-01-02,2,1\n")

    assert csv_files.read_csv(path, ["Adj Close", "Close"])["price"].tolist() == [1]
    assert csv_files.read_csv(path, ["Settle", "Close"])["price"].tolist() == [2]


def test_the_close_is_read_beside_what_is_forecast_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("Date,Open,Close\n2020-01-03,3,4\n2020-01-02,1,2\n")

    read = csv_files.read_csv(path, ["Open"])

    assert (read["price"].tolist(), read["close"].tolist()) == ([1, 3], [2, 4])
    path.write_text("Date,Open,Close\n2020-01-02,1,2\n2020-01-03,3,x\n")
    with pytest.raises(BadData, match="line 3: the close is no number"):
        csv_files.read_csv(path, ["Open"])


def test_the_sine_is_the_articles_above_zero() -> None:
    made = csv_files.sine()

    assert len(made) == 200
    assert (made["price"] - 10).tolist() == pytest.approx(np.sin(np.arange(200)).tolist())
    assert made["price"].min() > 0


def test_a_byte_order_mark_blank_lines_and_an_unnamed_column_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_bytes("\ufeffDate,Open,\n2020-01-02,1,\n\n2020-01-03,2,\n\n".encode())

    assert csv_files.read_csv(path, ["Open"])["price"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "Date,Close\n2020-01-02,1\n",
            "no column Open; the columns are Date, Close",
            id="column",
        ),
        pytest.param("Rank,Open\n2,1\n1,4\n", "no column holds dates", id="no date"),
        pytest.param("Date,Open\n", "no prices below it", id="no rows"),
        pytest.param("", "the file is empty", id="empty"),
        pytest.param(
            "Date,Open\n2020-01-02,1\n2020-13-03,2\n",
            "line 3: this date is not written like",
            id="date",
        ),
        pytest.param(
            "Date,Open\n2020-01-02,1\n1/3/20,2\n", "line 3: this date is not written", id="mixed"
        ),
        pytest.param(
            "Date,Open\n2020-01-02,1\n\n2020-01-03,x\n", "line 4: the price is no num", id="number"
        ),
        pytest.param("Date,Open\n2020-01-02,null\n", "line 2: the price is no number", id="null"),
        pytest.param("Date,Open\n2020-01-02\n", "line 2: the price is no number", id="missing"),
        pytest.param(
            "Date,Open\n2020-01-02,inf\n", "line 2: the price is no number", id="infinite"
        ),
        pytest.param("Date,Open\n2020-01-02,0\n", "line 2: the price is not above zero", id="zero"),
        pytest.param("Date,Open\n2020-01-02,-1\n", "line 2: the price is not above", id="negative"),
        pytest.param(
            "Date,Open\n2020-01-02,1\n2020-01-02,1\n",
            "line 3: 2020-01-02 comes twice",
            id="twice",
        ),
        pytest.param("\0\0\0", "", id="binary"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "A.csv"
    path.write_text(text)

    with pytest.raises(BadData) as raised:
        csv_files.read_csv(path, ["Open"])

    assert str(raised.value).startswith(str(path))
    assert said in str(raised.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_bytes(b"PK\x03\x04")

    with pytest.raises(BadData, match=r"missing\.csv: cannot be read"):
        csv_files.read_csv(tmp_path / "missing.csv", ["Open"])
    with pytest.raises(BadData, match=r"sheet\.csv: this is a spreadsheet"):
        csv_files.read_csv(tmp_path / "sheet.csv", ["Open"])


def test_a_folder_is_one_frame_of_all_its_instruments(tmp_path: Path) -> None:
    write_csv(tmp_path / "B.csv", [3, 4])
    write_csv(tmp_path / "A.csv", [1, 2])
    (tmp_path / "README.md").write_text("not prices")

    read = csv_files.read_folder(tmp_path, ["Open"])

    assert read["instrument"].tolist() == ["A", "A", "B", "B"]
    assert read["price"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("folder", [".", "missing"])
def test_a_folder_without_prices_says_what_to_put_there(tmp_path: Path, folder: str) -> None:
    with pytest.raises(BadData, match="put one file for each instrument there"):
        csv_files.read_folder(tmp_path / folder, ["Open"])


def test_a_digest_knows_values_not_how_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    prices = random_walk(50)
    iso = csv_files.read_csv(write_csv(tmp_path / "A.csv", prices), ["Open"])
    path = write_csv(tmp_path / "other" / "A.csv", prices, form="us", order="newest")
    changed = iso.assign(price=np.where(iso["price"].index == 7, 1.0, iso["price"]))

    assert csv_files.digest(iso) == csv_files.digest(csv_files.read_csv(path, ["Open"]))
    assert csv_files.digest(iso) != csv_files.digest(changed)
    assert csv_files.digest(iso) != csv_files.digest(iso.assign(instrument="B"))


def test_a_digest_of_prices_is_of_the_dates_and_the_price_alone() -> None:
    """Published manifests hold it, so it must stay what it is."""
    days = pd.to_datetime(["1970-01-02", "1970-01-05"])
    prices = pd.DataFrame({"instrument": "A", "date": days, "price": [1.5, 2.5], "close": 3.0})

    content = b"A:2\n" + struct.pack("<2q", 1, 4) + struct.pack("<2d", 1.5, 2.5)

    assert csv_files.digest(prices) == hashlib.sha256(content).hexdigest()


YAHOO = """\
Date,Open,High,Low,Close,Adj Close,Volume
2020-01-02,10,12,9,11,5.5,300
2020-01-03,20,22,18,20,20,400
"""
ALPHA_VANTAGE = """\
timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient
2020-01-03,20,22,18,20,20,400,0,1
2020-01-02,10,12,9,11,5.5,300,0,1
"""
TIINGO = """\
date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor
2020-01-02,11,12,9,10,300,5.5,6,4.5,5,300,0,1
2020-01-03,20,22,18,20,400,20,22,18,20,400,0,1
"""


@pytest.mark.parametrize("text", [YAHOO, ALPHA_VANTAGE, TIINGO])
def test_bars_are_adjusted_by_the_adjusted_close_of_every_vendor(tmp_path: Path, text: str) -> None:
    path = tmp_path / "A.csv"
    path.write_text(text)

    read = csv_files.read_bars(path)

    expected = pd.DataFrame(
        {
            "instrument": "A",
            "date": pd.to_datetime(["2020-01-02", "2020-01-03"]),
            "open": [5.0, 20.0],
            "high": [6.0, 22.0],
            "low": [4.5, 18.0],
            "close": [5.5, 20.0],
            "volume": [300.0, 400.0],
        }
    )
    pd.testing.assert_frame_equal(read, expected)


def test_bars_without_an_adjusted_close_or_volume_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("Date,Open,High,Low,Close\n2020-01-02,10,12,9,11\n")

    [row] = csv_files.read_bars(path)[["open", "high", "low", "close", "volume"]].to_numpy()

    np.testing.assert_array_equal(row, [10, 12, 9, 11, np.nan])


@pytest.mark.parametrize("text", ["", "null", "x", "0", "-1", "inf", "1e999"])
def test_a_price_that_is_none_is_not_a_number_in_its_row_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "A.csv"
    path.write_text(f"Date,Open,High,Low,Close\n2020-01-02,1,1,1,1\n2020-01-03,2,{text},2,2\n")

    read = csv_files.read_bars(path)

    np.testing.assert_array_equal(
        read[["open", "high", "low", "close"]].to_numpy(), [[1, 1, 1, 1], [2, np.nan, 2, 2]]
    )


@pytest.mark.parametrize(
    "closes", ["1,", "1,null", "1,0", "1,-1", "1,inf", "0,1", "x,1", "1e-300,1e300"]
)
def test_where_close_or_adjusted_close_is_none_no_price_is_known(
    tmp_path: Path, closes: str
) -> None:
    path = tmp_path / "A.csv"
    head = "Date,Open,High,Low,Close,Adj Close\n2020-01-01,1,1,1,1,1\n"
    path.write_text(f"{head}2020-01-02,1,1,1,{closes}\n")

    assert csv_files.read_bars(path)[["open", "high", "low"]].iloc[1].isna().all()


DAYS = [(7, 105), (3, 101), (2, 100), (6, 103), (6, 104), (7, 105), (4, 102)]


def test_dates_that_come_twice_are_kept_twice_in_the_files_order(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    rows = [f"2020-01-{day:02},{price},{price},{price},{price}" for day, price in DAYS]
    path.write_text("\n".join(["Date,Open,High,Low,Close", *rows]))

    read = csv_files.read_bars(path)

    assert read["close"].tolist() == [100, 101, 102, 103, 104, 105, 105]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Date,Open,Close\n2020-01-02,1,1\n", "no column high, low; the columns are Date"),
        ("Open,High,Low,Close\n1,1,1,1\n", "no column holds dates"),
        ("Date,Open,High,Low,Close\n", "no prices below it"),
        ("Date,Open,High,Low,Close\nMonday,1,1,1,1\n", "line 2: this date is of no form"),
        ("", "the file is empty"),
    ],
)
def test_bars_that_cannot_be_read_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "A.csv"
    path.write_text(text)

    with pytest.raises(BadData, match=said):
        csv_files.read_bars(path)


def test_a_folder_of_bars_is_one_frame_by_instrument(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("B", "A-2", "A"):
        (tmp_path / f"{name}.csv").write_text(YAHOO)

    read = csv_files.read_bars_folder(tmp_path)

    assert read["instrument"].tolist() == ["A", "A", "A-2", "A-2", "B", "B"]
    assert read["close"].tolist() == [5.5, 20.0] * 3
    assert list(read.index) == list(range(6))
    printed = capsys.readouterr().err.splitlines()
    assert [re.sub(r"\d+ s$", "0 s", line) for line in printed] == [
        "file 1/3, 0 s",
        "file 2/3, 0 s",
        "file 3/3, 0 s",
    ]


def test_a_large_folder_says_only_now_and_then_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(45):
        (tmp_path / f"{number}.csv").write_text(YAHOO)

    csv_files.read_bars_folder(tmp_path)

    printed = capsys.readouterr().err
    assert 5 < len(printed.splitlines()) < 15
    assert "file 45/45" in printed


def test_a_folder_without_bars_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="at least Date and Open, High, Low, Close"):
        csv_files.read_bars_folder(tmp_path)


def test_a_digest_of_bars_knows_each_price_not_how_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "A.csv").write_text(YAHOO)
    (tmp_path / "other" / "A.csv").write_text(ALPHA_VANTAGE.replace(",20,22,", ",20.0,2.2e1,"))
    read = csv_files.read_bars(tmp_path / "A.csv")

    made = csv_files.digest(read)

    assert made == csv_files.digest(csv_files.read_bars(tmp_path / "other" / "A.csv"))
    for column in ("open", "high", "low", "close"):
        changed = read.assign(**{column: read[column] + [0, 1e-9]})
        assert csv_files.digest(changed) != made
    swapped = read.rename(columns={"high": "low", "low": "high"})
    assert csv_files.digest(swapped) != made


@pytest.mark.parametrize(("step", "said"), [(7, "weekly"), (30, "monthly")])
def test_bars_of_weeks_are_refused_whatever_the_source(step: int, said: str) -> None:
    days = pd.date_range("2020-01-06", periods=40, freq=f"{step}D")
    raw = pd.DataFrame({"instrument": "A", "date": days, **dict.fromkeys(csv_files.OHLC, 1.0)})

    with pytest.raises(BadData, match=f"A: these are {said} bars"):
        csv_files.tidy_bars(raw)
