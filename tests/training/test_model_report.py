"""The card and the report say in plain words what the scores mean."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from app.forecasting.arrays import Floats
from tests.builders import draft, random_walk
from training.evaluation import point_scores
from training.evaluation.holdout import HeldOutForecasts
from training.recipes import library
from training.reports import model_report

RECIPE = library.load("fb-lstm45")


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (None, "cannot be told apart"),
        (-1.9, "cannot be told apart from repeating the last price (Diebold-Mariano t = -1.9)"),
        (-2.5, "beats repeating the last price by more than chance"),
        (3.9, "loses to repeating the last price, by more than chance"),
    ],
)
def test_a_card_holds_the_figures_beside_the_naive_ones_and_a_verdict(
    t: float | None, said: str
) -> None:
    scores = draft(mae_vs_naive=1.25).scores.model_copy(update={"dm_t": t})
    described = draft().model_copy(update={"scores": scores})

    card = model_report.card("fb", library.load("fb-lstm45"), described)

    assert card.startswith("# fb\n")
    assert "| mean absolute error | 1.2500 | 1.0000 | 1.2500 |" in card
    assert said in card
    assert "Not investment advice." in card


def judged(
    prices: Floats,
    expected: Floats,
    *,
    last: Floats | None = None,
    prior_close: Floats | None = None,
    instruments: int = 1,
) -> HeldOutForecasts:
    """Return forecasts of all of `prices` but the first, whose `expected` is left out too."""
    each = len(prices) - 1
    days = np.datetime64("2020-01-01") + np.arange(each, dtype="timedelta64[D]")
    return HeldOutForecasts(
        dates=np.tile(days, instruments),
        actual=np.tile(prices[1:], instruments),
        expected=np.tile(expected[1:], instruments),
        last=np.tile(prices[:-1] if last is None else last[1:], instruments),
        prior_close=prior_close,
        instruments=np.repeat([f"made up {number}" for number in range(instruments)], each),
        scale=2.0,
        losses={"loss": [0.5, 0.25], "val_loss": [0.5, 0.3]},
    )


def page(
    held_out: HeldOutForecasts, published: dict[str, str] | None = None, name: str = "fb"
) -> str:
    return model_report.files(name, RECIPE, draft(), held_out, published)["report.html"].decode()


def words(text: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", text).split())


def rows(text: str) -> dict[str, list[str]]:
    """Return the table's cells by the name of their row."""
    lines = re.findall(r"<tr><th>(.*?)</th>(.*?)</tr>", text)
    names = [re.sub("<small>.*", "", name) for name, _ in lines]
    cells = [re.findall(r"<t[dh]>(.*?)</t[dh]>", line) for _, line in lines]
    return dict(zip(names, cells, strict=True))


WALK = random_walk(301)
YESTERDAY = np.concatenate([WALK[:1], WALK[:-1]])
NOISY = YESTERDAY + np.random.default_rng(1).normal(0, 0.3, 301)


def test_a_forecast_that_repeats_the_last_price_is_told_to_lag() -> None:
    told = words(page(judged(WALK, NOISY)))

    assert "The forecast lags: its best correlation is with the price of the session" in told
    assert "shows no lag" not in told


def test_a_forecast_that_is_right_is_not_told_to_lag() -> None:
    told = words(page(judged(WALK, WALK)))

    assert "The forecast lags" not in told
    assert "The forecast shows no lag: it correlates 1.000 with the price of the session it" in told


def test_few_sessions_can_show_a_lag_of_prices_but_none_of_their_changes() -> None:
    told = model_report.lag_in_words(judged(WALK[:6], YESTERDAY[:6]))

    assert told.startswith("The forecast lags")
    assert "day-to-day" not in told


@pytest.mark.parametrize("sessions", [1, 30])
def test_prices_and_forecasts_that_never_move_have_a_report(sessions: int) -> None:
    still = np.full(sessions + 1, 100.0)

    told = words(page(judged(still, still)))

    assert "never moves: there is no correlation to show" in told
    assert "nothing to test" in told
    assert rows(page(judged(still, still)))["Directional accuracy"] == ["none", "none", ""]


def test_the_table_holds_the_scores_beside_naive_the_evening_before_and_the_source() -> None:
    close = NOISY[1:] + 0.5
    text = page(judged(WALK, NOISY, prior_close=close), {"MAE": "7.66", "MSE": "53.03"})
    actual, last, ours = WALK[1:], WALK[:-1], NOISY[1:]
    forecasts = [ours, last, close]

    def cells(published: str, figures: list[float]) -> list[str]:
        shown = [f"{figure:.4f}" for figure in figures]
        return [published, *shown, f"{figures[0] / figures[1]:.4f}"]

    mae = [float(np.mean(abs(actual - each))) for each in forecasts]
    mse = [float(np.mean((actual - each) ** 2)) for each in forecasts]
    mape = [float(np.mean(100 * abs(actual - each) / actual)) for each in forecasts]
    right = [100 * np.mean((actual > last) == (each > last)) for each in forecasts]
    table = rows(text)
    assert table[""] == [
        "Published by the source",
        "This model",
        "Tomorrow = today",
        "Prior evening's close",
        "Ratio to naive",
    ]
    assert table["MAE"] == cells("7.66", mae)
    assert table["RMSE"] == cells("", [each**0.5 for each in mse])
    assert table["MSE"] == cells("53.03", mse)
    assert table["MASE"] == cells("", [each / 2 for each in mae])
    assert table["MAPE"][1:4] == [f"{each:.3f} %" for each in mape]
    accuracy = ["", f"{right[0]:.1f} %", "none", f"{right[2]:.1f} %", ""]
    assert table["Directional accuracy"] == accuracy
    up = 100 * float(np.mean(actual > last))
    assert f"the commoner direction came in {max(up, 100 - up):.1f} %" in text


def test_what_was_not_published_has_no_column() -> None:
    table = rows(page(judged(WALK, NOISY)))

    assert table[""] == ["This model", "Tomorrow = today", "Ratio to naive"]
    assert "MSE" not in table


def test_several_instruments_are_scored_in_percent_and_tested_by_date() -> None:
    held_out = judged(WALK, NOISY, instruments=3)
    text = page(held_out)
    actual, last, ours = WALK[1:], WALK[:-1], NOISY[1:]

    percent = 100 * abs(actual - ours) / last
    naive = 100 * abs(actual - last) / last
    t = point_scores.diebold_mariano(percent, naive)
    assert t is not None
    assert rows(text)["MAE"][:2] == [f"{percent.mean():.4f}", f"{naive.mean():.4f}"]
    assert f"p = {point_scores.p_value(t, 300):.2g} " in text
    assert " 300 sessions. " in text
    assert "The last 60 held-out sessions of made up 0." in text


def test_a_short_test_is_said_to_rank_nothing() -> None:
    told = words(page(judged(WALK[:22], NOISY[:22])))

    ours, naive = abs(WALK[1:22] - NOISY[1:22]), abs(WALK[1:22] - WALK[:21])
    needed = point_scores.sessions_needed(ours, naive, 0.01)
    assert needed is not None
    assert (
        "21 sessions. To find a difference of 1 % of the naive error, a test would need about"
        f" {needed:,} sessions: this one cannot rank models, unless they differ by" in told
    )


def test_a_test_that_is_long_enough_is_said_to_be() -> None:
    barely = YESTERDAY * (1 + np.random.default_rng(1).normal(0, 1e-5, 301))

    assert "this one is long enough to rank models by" in page(judged(WALK, barely))


def test_a_few_sessions_need_a_larger_t_to_be_more_than_chance() -> None:
    many = draft().scores.model_copy(update={"dm_t": -2.05})
    few = many.model_copy(update={"sessions": 21})

    assert "beats" in model_report.verdict_in_words(many)
    assert "cannot be told apart" in model_report.verdict_in_words(few)


class Balance(HTMLParser):
    """Asserts that every tag is closed in turn; collects what a page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang")
        if tag == "img":
            assert given["alt"]
            self.images.append(given["src"] or "")
        if tag not in {"img", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_escaped_and_asks_for_nothing_but_its_pictures() -> None:
    hostile = """<script>alert("&'{0}")</script>"""
    described = RECIPE.model_copy(update={"title": hostile, "source": hostile})
    held_out = judged(WALK, NOISY)
    published = {"MAE": hostile, hostile: "1"}

    made = model_report.files(hostile, described, draft(), held_out, published)

    text = made["report.html"].decode()
    balance = Balance()
    balance.feed(text)
    balance.close()
    assert balance.open == []
    assert balance.language == "en"
    assert made.keys() == {"report.html", *balance.images}
    assert len(balance.images) == 4
    assert "<script" not in text
    assert "&lt;script&gt;alert(&quot;&amp;&#x27;{0}" in text
    assert not re.search("https?://", text)
    assert "Not investment advice." in text
    assert all(made[image].startswith(b"\x89PNG\r\n\x1a\n") for image in balance.images)
