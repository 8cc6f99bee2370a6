"""Price files made up by tools/price_files: what is said of them is what their bytes say."""

import csv
import json
import random
from datetime import date
from pathlib import Path

import pytest

from tools.price_files.asks import Answer
from tools.price_files.catalogue import KINDS, a_file, files
from tools.price_files.dates import STYLES
from tools.price_files.layout import Layout
from tools.price_files.numbers import AMERICAN, COMMA, EUROPEAN, INDIAN, SWISS, TRIMMED, NumberStyle
from tools.price_files.price_file import Expect, PriceFile, Truth
from tools.price_files.runs import Plan, run
from tools.price_files.sessions import sessions
from tools.price_files.tables import LAYOUTS, a_table
from tools.price_files.verdicts import Answers, Verdict, judge

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("seed", range(2))
def test_the_truth_is_what_a_plain_reader_finds(layout: Layout, seed: int) -> None:
    table = a_table(random.Random(seed), layout, date_style=STYLES["iso"])  # noqa: S311 - nothing secret
    sheet, truth = table.sheet, table.truth()

    text = sheet.content().decode(sheet.encoding)
    lines = text.splitlines()[len(sheet.preamble) : len(text.splitlines()) - len(sheet.footer)]
    heads, *rows = csv.reader(lines, delimiter=sheet.delimiter, skipinitialspace=True)
    rows = rows[::-1] if sheet.is_newest_first else rows
    columns = {column.role: at for at, column in enumerate(sheet.columns)}

    def prices(role: str) -> list[float]:
        return [sheet.style.read(row[columns[role]]) for row in rows]

    assert heads[: len(columns)] == [column.head for column in sheet.columns][: len(columns)]
    assert [row[columns["date"]][:10] for row in rows] == [str(day) for day in truth.dates or ()]
    factors = [1.0] * len(rows)
    if "adj" in columns:
        ratios = [to / of for to, of in zip(prices("adj"), prices("close"), strict=True)]
        factors = [ratio / ratios[-1] for ratio in ratios]
    for field, right in truth.bars.items():
        found = [price * factor for price, factor in zip(prices(field), factors, strict=True)]
        assert found == pytest.approx(right, rel=1e-12)
        if set(factors) == {1.0}:
            assert found == right


@pytest.mark.parametrize("letter", KINDS)
def test_the_same_seed_makes_the_same_files(letter: str) -> None:
    for number in range(26):
        file = a_file(3, letter, number)

        assert file == a_file(3, letter, number)
        assert file.content != a_file(4, letter, number).content or not file.is_sound
        assert (file.truth is not None) or file.expect is Expect.FAULTY


def test_kinds_come_in_turn_whichever_are_chosen() -> None:
    names = [file.name for file in files(1, 6, "ac")]

    assert names == ["A0", "C0", "A1", "C1", "A2", "C2"]
    assert [file.name for file in files(1, 6, "ac", first=1, step=2)] == ["C0", "C1", "C2"]


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("iso", "2024-07-05"),
        ("american-short", "7/5/2024"),
        ("german-two", "05.07.24"),
        ("name-day", "Jul 05, 2024"),
        ("serial", "45478"),
        ("milliseconds", "1720137600000"),
        ("fr", "05 juil. 2024"),
        ("es-long", "5 de julio de 2024"),
        ("chinese-short", "2024年7月5日"),
        ("day-name-joined", "05JUL2024"),
    ],
)
def test_days_are_written_in_many_ways(style: str, text: str) -> None:
    assert STYLES[style](date(2024, 7, 5)) == text


@pytest.mark.parametrize(
    ("style", "value", "decimals", "text"),
    [
        (AMERICAN, 1234567.5, 2, "1,234,567.50"),
        (INDIAN, 143945.68, 2, "1,43,945.68"),
        (EUROPEAN, 1234.5, 2, "1.234,50"),
        (COMMA, 18.45, 3, "18,450"),
        (SWISS, 9999.0, 1, "9'999.0"),
        (TRIMMED, 0.0000412, 8, "4.12e-05"),
        (NumberStyle(prefix="$"), 12.0, 2, "$12.00"),
        (NumberStyle(",", ".", suffix=" €"), 1188.9, 2, "1.188,90 €"),
    ],
)
def test_numbers_are_written_and_read_back(
    style: NumberStyle, value: float, decimals: int, text: str
) -> None:
    assert style.write(value, decimals) == text
    assert style.read(text) == value


def test_sessions_are_those_that_exchanges_held() -> None:
    hong_kong, bombay = sessions("XHKG"), sessions("XBOM")

    assert date(2023, 9, 1) not in hong_kong
    assert date(2023, 9, 4) in hong_kong
    assert date(2026, 2, 1) in bombay
    assert date(2026, 2, 8) not in bombay


TRUTH = Truth([date(2024, 7, 11), date(2024, 7, 12)], {"close": [1.5, 2.5]}, [False, False], 0.05)
RIGHT = {"dates": ["2024-07-11", "2024-07-12"], "bars": {"close": [1.5, 2.5]}, "warnings": []}
BACKWARDS = {"dates": ["2024-07-12", "2024-07-11"], "bars": {"close": [2.5, 1.5]}, "warnings": []}
WARNED = [{"code": "x", "message": "line 7 is odd"}]


def answered(last: float, *, refused: str = "") -> Answer:
    if refused:
        return Answer(422, {"detail": refused})
    return Answer(200, {"last_price": last, "forecast_date": None, "warnings": []})


@pytest.mark.parametrize(
    ("expect", "plain", "strict", "bars", "verdict"),
    [
        (Expect.SOUND, answered(2.5), answered(2.5), RIGHT, Verdict.READ),
        (Expect.SOUND, answered(1.5), answered(1.5), BACKWARDS, Verdict.MISREAD),
        (Expect.SOUND, answered(2.5), answered(2.5), BACKWARDS, Verdict.MISREAD),
        (Expect.SOUND, answered(2.5), answered(0, refused="x: odd"), RIGHT, Verdict.LOST),
        (Expect.NOTED, answered(2.5), answered(0, refused="x: odd"), RIGHT, Verdict.UNHELPFUL),
        (Expect.SOUND, answered(0, refused="no"), answered(0, refused="no"), RIGHT, Verdict.LOST),
        (Expect.FAULTY, answered(2.5), answered(2.5), RIGHT, Verdict.READ),
        (Expect.FAULTY, answered(1.5), answered(1.5), BACKWARDS, Verdict.MISREAD),
        (
            Expect.FAULTY,
            answered(1.5),
            answered(0, refused="line 7"),
            BACKWARDS | {"warnings": WARNED},
            Verdict.WARNED,
        ),
        (
            Expect.FAULTY,
            answered(0, refused="line 7"),
            answered(0, refused="line 7"),
            BACKWARDS,
            Verdict.MISREAD,
        ),
        (
            Expect.FAULTY,
            answered(0, refused="odd"),
            answered(0, refused="odd"),
            BACKWARDS | {"warnings": WARNED},
            Verdict.UNHELPFUL,
        ),
    ],
)
def test_a_verdict_says_what_came_of_a_file(
    expect: Expect, plain: Answer, strict: Answer, bars: dict[str, object], verdict: Verdict
) -> None:
    said = ((r"line 7",),) if expect in {Expect.FAULTY, Expect.NOTED} else ()
    file = PriceFile("A", "shape", b"", expect, TRUTH, said=said)

    assert judge(file, Answers(plain, strict, Answer(200, bars)))[0] is verdict


def test_what_is_no_answer_is_broken() -> None:
    file = PriceFile("A", "shape", b"", Expect.SOUND, TRUTH)
    fine, broken = answered(2.5), Answer(500, {"detail": "Internal server error"})

    assert judge(file, Answers(fine, fine, broken))[0] is Verdict.BROKEN


def test_vendors_documents_are_json() -> None:
    found = [a_file(1, "J", number) for number in range(0, 40, 2)]

    assert all(json.loads(file.content) for file in found)
    assert {file.media_type for file in found} == {"application/json"}


def test_a_run_tells_of_every_file() -> None:
    outcomes = run(Plan(seed=1, files=20, models=MODELS))

    assert [each.name for each in outcomes[:4]] == ["A0", "A1", "B0", "B1"]
    assert not any(each.verdict is Verdict.BROKEN for each in outcomes)
