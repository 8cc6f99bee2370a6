"""The model is backtested on a history, and what the page says of it is right."""

import re
from pathlib import Path
from typing import Final

import numpy as np

from tests.e2e.page.browser import Visit
from tests.e2e.page.prices import csv_of
from tests.e2e.page.shell import shell

TWENTY_YEARS: Final = 5_000
WINDOW: Final = 60
MINUS: Final = "\N{MINUS SIGN}"
SIGNED: Final = rf"([+{MINUS}]?\d+\.\d{{2}})\s%"


def test_the_backtest_compares_the_model_with_the_naive(visit: Visit) -> None:
    visit.drop("made-up.csv", csv_of(700))
    visit.backtest()

    words, table = visit.text("#backtest-summary"), visit.text("#backtest-table")
    assert "tomorrow = today" in words
    assert "640" in table
    [found] = re.findall(rf"{SIGNED}\s+{SIGNED}\sto\s{SIGNED}", table)
    skill, low, high = (float(each.replace(MINUS, "-")) for each in found)
    assert low < skill < high
    assert -2 < skill < 2
    way = "better" if skill > 0 else "worse"
    assert f"{abs(skill):.2f}\u00a0% {way} than “tomorrow = today”" in words
    [held_80, held_95] = re.findall(r"(\d\d\.\d)\s%\s+\d\S+\s%\sto\s\d", table)
    assert 70 < float(held_80) < 90 < float(held_95) <= 100
    # the shipped model was fitted to 2019, and these days are before that
    assert "that flatters it" in words
    visit.picture("backtest")


def test_the_figures_of_the_backtest_are_those_of_a_plain_loop(
    visit: Visit, tmp_path: Path
) -> None:
    content = csv_of(160, first="2025-01-02")
    visit.drop("made-up.csv", content)
    visit.backtest()
    table = " ".join(visit.text("#backtest-table").split())

    # one batch holds all windows: the command that the page gives, and nothing of its arithmetic
    answer = shell(visit.copied("#backtest-summary .copy"), tmp_path)
    closes = [float(line.split(",")[4]) for line in content.splitlines()[1:]][WINDOW:]
    off = [
        abs(guess - close) / last * 100
        for guess, last, close in zip(
            answer["predictions"], answer["last_prices"], closes, strict=True
        )
    ]
    naive = [
        abs(last - close) / last * 100
        for last, close in zip(answer["last_prices"], closes, strict=True)
    ]
    band = answer["intervals"]["80"]
    held = [
        low <= close <= high
        for low, close, high in zip(band["low"], closes, band["high"], strict=True)
    ]
    assert f"{np.mean(off):.3f} %" in table
    assert f"{np.mean(naive):.3f} %" in table
    skill = f"{100 * (1 - sum(off) / sum(naive)):+.2f} %".replace("-", MINUS)
    assert f" {skill} " in table
    assert f"{100 * np.mean(held):.1f} % " in table


def test_a_backtest_can_be_cancelled_and_begun_anew(visit: Visit) -> None:
    visit.drop("made-up.csv", csv_of(TWENTY_YEARS))
    visit.page.click("#tab-backtest")
    visit.page.click("#backtest-start")
    visit.page.click("#backtest-cancel")

    visit.page.wait_for_selector("#backtest-status:has-text('Cancelled.')")
    assert visit.page.is_hidden("#backtest")
    visit.page.click("#backtest-start")
    visit.page.wait_for_selector("#backtest:not([hidden])")
