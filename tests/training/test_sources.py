"""CSV files in all their shapes, and what is wrong with them by file and line."""

from pathlib import Path

import numpy as np
import pytest

from tests.builders import random_walk, write_csv
from training import sources
from training.errors import BadData


@pytest.mark.parametrize("form", ["iso", "us", "name"])
@pytest.mark.parametrize("order", ["oldest", "newest"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_dates_of_three_kinds_in_both_orders_read_the_same(
    tmp_path: Path, form: str, order: str, ending: str
) -> None:
    prices = random_walk(400)
    path = write_csv(tmp_path / "A.csv", prices, form=form, order=order)  # type: ignore[arg-type]
    path.write_bytes(path.read_bytes().replace(b"\n", ending.encode()))

    read = sources.read_csv(path, ["Open"])

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

    assert sources.read_csv(path, [wanted])["price"].tolist() == [1, 2, 3]


def test_the_first_column_that_the_file_has_is_read(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("Date,Close,Adj Close\n2020-01-02,2,1\n")

    assert sources.read_csv(path, ["Adj Close", "Close"])["price"].tolist() == [1]
    assert sources.read_csv(path, ["Settle", "Close"])["price"].tolist() == [2]


def test_the_close_is_read_beside_what_is_forecast_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("Date,Open,Close\n2020-01-03,3,4\n2020-01-02,1,2\n")

    read = sources.read_csv(path, ["Open"])

    assert (read["price"].tolist(), read["close"].tolist()) == ([1, 3], [2, 4])
    path.write_text("Date,Open,Close\n2020-01-03,3,x\n")
    with pytest.raises(BadData, match="line 2: 'x' is not a number"):
        sources.read_csv(path, ["Open"])


def test_the_sine_is_the_articles_above_zero() -> None:
    made = sources.sine()

    assert len(made) == 200
    assert (made["price"] - 10).tolist() == pytest.approx(np.sin(np.arange(200)).tolist())
    assert made["price"].min() > 0


def test_a_byte_order_mark_blank_lines_and_an_unnamed_column_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_bytes("\ufeffDate,Open,\n2020-01-02,1,\n\n2020-01-03,2,\n\n".encode())

    assert sources.read_csv(path, ["Open"])["price"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "Date,Close\n2020-01-02,1\n",
            "line 1: no column Open; the columns are Date, Close",
            id="column",
        ),
        pytest.param("Day,Open\n2020-01-02,1\n", "line 1: no column Date", id="no date"),
        pytest.param("Date,Open\n", "no rows below the header", id="no rows"),
        pytest.param("", "is not CSV", id="empty"),
        pytest.param(
            "Date,Open\n2020-01-02,1\n2020-13-03,2\n",
            "line 3: '2020-13-03' is not a date",
            id="date",
        ),
        pytest.param(
            "Date,Open\n2020-01-02,1\n1/3/20,2\n", "line 3: '1/3/20' is not a date", id="mixed"
        ),
        pytest.param(
            "Date,Open\n2020-01-02,1\n\n2020-01-03,x\n", "line 4: 'x' is not a number", id="number"
        ),
        pytest.param("Date,Open\n2020-01-02,null\n", "line 2: 'null' is not a number", id="null"),
        pytest.param("Date,Open\n2020-01-02\n", "line 2: '' is not a number", id="missing"),
        pytest.param("Date,Open\n2020-01-02,inf\n", "line 2: 'inf' is not a number", id="infinite"),
        pytest.param("Date,Open\n2020-01-02,0\n", "line 2: '0' is not above zero", id="zero"),
        pytest.param("Date,Open\n2020-01-02,-1\n", "line 2: '-1' is not above zero", id="negative"),
        pytest.param(
            "Date,Open\n2020-01-02,1\n2020-01-02,2\n",
            "line 3: '2020-01-02' comes twice",
            id="twice",
        ),
        pytest.param("\0\0\0", "", id="binary"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "A.csv"
    path.write_text(text)

    with pytest.raises(BadData) as raised:
        sources.read_csv(path, ["Open"])

    assert str(raised.value).startswith(str(path))
    assert said in str(raised.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"Date,Open\n2020-01-02,1\xe9\n")

    with pytest.raises(BadData, match=r"missing\.csv: cannot be read"):
        sources.read_csv(tmp_path / "missing.csv", ["Open"])
    with pytest.raises(BadData, match="is not UTF-8"):
        sources.read_csv(tmp_path / "latin.csv", ["Open"])


def test_a_folder_is_one_frame_of_all_its_instruments(tmp_path: Path) -> None:
    write_csv(tmp_path / "B.csv", [3, 4])
    write_csv(tmp_path / "A.csv", [1, 2])
    (tmp_path / "README.md").write_text("not prices")

    read = sources.read_folder(tmp_path, ["Open"])

    assert read["instrument"].tolist() == ["A", "A", "B", "B"]
    assert read["price"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("folder", [".", "missing"])
def test_a_folder_without_prices_says_what_to_put_there(tmp_path: Path, folder: str) -> None:
    with pytest.raises(BadData, match="put one file for each instrument there"):
        sources.read_folder(tmp_path / folder, ["Open"])


def test_a_digest_knows_values_not_how_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    prices = random_walk(50)
    iso = sources.read_csv(write_csv(tmp_path / "A.csv", prices), ["Open"])
    path = write_csv(tmp_path / "other" / "A.csv", prices, form="us", order="newest")
    changed = iso.assign(price=np.where(iso["price"].index == 7, 1.0, iso["price"]))

    assert sources.digest(iso) == sources.digest(sources.read_csv(path, ["Open"]))
    assert sources.digest(iso) != sources.digest(changed)
    assert sources.digest(iso) != sources.digest(iso.assign(instrument="B"))
