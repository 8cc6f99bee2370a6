"""The model is taken through a history, and what the page says of it is right."""

import re
from pathlib import Path
from typing import Final

import numpy as np

from tests.e2e.page.browser import Visit
from tests.e2e.page.prices import csv_of
from tests.e2e.page.shell import shell

TWENTY_YEARS: Final = 5_000
WINDOW: Final = 60


def test_the_walk_holds_the_model_against_the_naive(visit: Visit) -> None:
    visit.drop("made-up.csv", csv_of(700))
    visit.walk()

    words, table = visit.text("#walk-words"), visit.text("#walk-table")
    assert "tomorrow = today" in words
    assert "640" in table
    [(ratio, low, high)] = re.findall(r"(\d\.\d{4})\s+(\d\.\d{4})\s\S\s(\d\.\d{4})", table)
    assert float(low) < float(ratio) < float(high)
    assert 0.98 < float(ratio) < 1.02
    [held_80, held_95] = re.findall(r"(\d\d\.\d)\s%\s+\d\S+\s%\s\S\s\d", table)
    assert 70 < float(held_80) < 90 < float(held_95) <= 100
    # the shipped model was fitted to 2019, and these days are before that
    assert "that flatters it" in words
    visit.picture("walk")


def test_the_figures_of_the_walk_are_those_of_a_plain_loop(visit: Visit, tmp_path: Path) -> None:
    content = csv_of(160, first="2025-01-02")
    visit.drop("made-up.csv", content)
    visit.walk()
    table = " ".join(visit.text("#walk-table").split())

    # one batch holds all windows: the command that the page gives, and nothing of its arithmetic
    answer = shell(visit.copied("#walk-words .copy"), tmp_path)
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
    assert f"{sum(off) / sum(naive):.4f} " in table
    assert f"{100 * np.mean(held):.1f} % " in table


def test_a_walk_can_be_cancelled_and_begun_anew(visit: Visit) -> None:
    visit.drop("made-up.csv", csv_of(TWENTY_YEARS))
    visit.page.click("#tab-walk")
    visit.page.click("#walk-start")
    visit.page.click("#walk-cancel")

    visit.page.wait_for_selector("#walk-status:has-text('Cancelled.')")
    assert visit.page.is_hidden("#walk")
    visit.page.click("#walk-start")
    visit.page.wait_for_selector("#walk:not([hidden])")
