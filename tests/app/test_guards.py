"""What is said of prices that look damaged: the right row, and nothing where there is nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.artifact.manifest import Distribution
from app.forecasting import novelty, screening
from app.forecasting.arrays import Floats
from app.market_data import anomalies, jumps
from app.transport.openapi_examples import EXAMPLE_BARS, EXAMPLE_PRICES
from tests.builders import publish, serving

SEEDS = range(20)


def walk(seed: int, volatility: float = 0.015, sessions: int = 60) -> Floats:
    """Return closes (sessions, 1) of a random walk with fat tails."""
    moves = volatility * np.random.default_rng(seed).standard_t(4, sessions) / np.sqrt(2)
    closes: Floats = 100 * np.exp(np.cumsum(moves))[:, None]
    return closes


def said(closes: Floats) -> list[tuple[str, int | None]]:
    """Return codes and rows, as a request has them: `explain` is asked where `screen` says so."""
    found = anomalies.explain(closes)
    assert bool(screening.screen(closes[None]).suspects[0]) >= bool(found)
    return [(remark.code, remark.row) for remark in found]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("volatility", [0.003, 0.015, 0.03])
def test_nothing_is_said_of_a_market_that_moves(seed: int, volatility: float) -> None:
    assert said(walk(seed, volatility)) == []


@pytest.mark.parametrize("factor", [f**sign for f in (2.0, 3, 4, 5, 10, 20) for sign in (1, -1)])
@pytest.mark.parametrize("row", [1, 2, 30, 59])
def test_a_split_is_named_wherever_it_is(factor: float, row: int) -> None:
    closes = walk(row)
    closes[row:] *= factor

    assert said(closes) == [("possible_split", row)]


def test_a_split_says_which() -> None:
    closes = walk(1)
    closes[30:] /= 4

    [remark] = anomalies.explain(closes, first=100)

    assert remark.row == 130
    assert "like a split 4 for 1 that was not adjusted for" in remark.message


def test_a_halving_among_such_moves_is_the_market() -> None:
    closes = walk(3, volatility=0.25)
    closes[30:] *= closes[29] / closes[30] / 2

    assert said(closes) == []


def test_bad_news_is_no_split() -> None:
    for loss in (0.2, 0.33):
        closes = walk(4)
        closes[30:] *= closes[29] / closes[30] * (1 - loss)

        assert said(closes) == []


@pytest.mark.parametrize("times", [1.7, 1 / 1.7, 0.4, 0.3, 2.4, 13.6, 190, 1 / 190, 1e9])
@pytest.mark.parametrize("row", [1, 2, 30, 59])
def test_what_neither_split_nor_unit_makes_is_named_too(times: float, row: int) -> None:
    closes = walk(row, volatility=0.005)
    closes[row:] *= closes[row - 1] / closes[row] * times

    assert said(closes) == [("implausible_jump", row)]


def test_a_unit_that_changes_again_and_again_is_no_volatility() -> None:
    closes = walk(5)
    closes[40:50:2] *= 100

    # the row after each is the way back
    assert said(closes) == [("unit_jump", row) for row in range(40, 50)]


@pytest.mark.parametrize("unit", [100, 1_000, 10_000, 1_000_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_any_unit_is_named(unit: int, sign: int) -> None:
    closes = walk(8)
    closes[59:] *= float(unit) ** sign

    assert said(closes) == [("unit_jump", 59)]


def bars_of(closes: Floats, opens: Floats, seed: int = 5) -> Floats:
    """Return bars (sessions, 4) of closes (sessions,), whose ends lie a little outside of both."""
    ends = np.stack([opens, closes])
    wicks = np.exp(0.003 * np.abs(np.random.default_rng(seed).standard_normal((2, len(closes)))))
    return np.stack([opens, ends.max(0) * wicks[0], ends.min(0) / wicks[1], closes], axis=1)


def traded(closes: Floats) -> Floats:
    """Return bars of closes (sessions, 1) that open where the session before closed."""
    column = closes[:, 0]
    return bars_of(column, np.append(column[:1], column[:-1]))


@pytest.mark.parametrize("factor", [2, 8, 15, 50])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("row", [1, 30, 59])
def test_a_split_of_bars_falls_overnight(factor: int, sign: int, row: int) -> None:
    split_bars = traded(walk(9))
    split_bars[row:] *= float(factor) ** sign
    closes = split_bars[:, 3:]

    assert said(split_bars) == [("possible_split", row)]
    # the same closes, reached in the course of the session: something, and no split
    assert said(traded(closes)) == [("implausible_jump", row)]


def squeeze() -> Floats:
    """Return closes (60, 1) that double and halve in a row at their end, as in a short squeeze."""
    moves = 0.03 * np.random.default_rng(11).standard_normal(60)
    moves[46:] = np.log(
        [1.18, 0.91, 1.12, 1.27, 0.88, 1.5, 1.19, 1.97, 2.3, 0.55, 1.68, 0.7, 0.49, 1.1]
    )
    return 10 * np.exp(np.cumsum(moves))[:, None]


@pytest.mark.parametrize("newest", range(50, 61))
def test_a_short_squeeze_is_no_split(newest: int) -> None:
    closes = squeeze()[:newest]

    for history in (closes, traded(closes)):
        assert "possible_split" not in [code for code, _ in said(history)]


@pytest.mark.parametrize("newest", [40, 45, 60])
def test_a_split_in_the_calm_before_a_turmoil_is_one(newest: int) -> None:
    closes = squeeze()
    closes[39:] /= 2
    overnight = traded(squeeze())
    overnight[39:] /= 2

    assert ("possible_split", 39) in said(closes[:newest])
    assert ("possible_split", 39) in said(overnight[:newest])


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_pence_among_pounds_are_named(factor: float) -> None:
    closes = walk(5)
    closes[40] *= factor

    # there, and back again
    assert said(closes) == [("unit_jump", 40), ("unit_jump", 41)]


@pytest.mark.parametrize(
    ("repeats", "found"), [(4, []), (5, [("stale_run", 11)]), (20, [("stale_run", 11)])]
)
def test_a_run_of_the_same_close_is_named_from_its_second(
    repeats: int, found: list[tuple[str, int]]
) -> None:
    closes = walk(6)
    closes[11 : 11 + repeats] = closes[10]

    assert said(closes) == found


def test_prices_that_never_move_are_stale_from_the_start() -> None:
    assert said(np.full((60, 1), 7.0)) == [("stale_run", 1)]


def test_absurd_prices_are_looked_at_all_the_same() -> None:
    with np.errstate(all="raise"):
        closes = np.array([1e-300, 1e300] * 30)[:, None]

        assert anomalies.explain(closes) == []


def test_novelty_is_the_share_of_windows_that_were_less_unusual() -> None:
    fitted = np.stack([walk(seed, volatility=0.01 + 0.0001 * seed) for seed in range(200)])
    distribution = novelty.distribution_of(screening.screen(fitted))

    usual = novelty.scores(screening.screen(fitted), distribution)
    wild = novelty.scores(screening.screen(walk(1, volatility=0.2)[None]), distribution)

    # of two measures the larger: above a half more often than not
    assert 0.5 < usual.mean() < 0.8
    assert wild.tolist() == [1.0]


def test_percentiles_have_to_rise() -> None:
    rising = tuple(float(level) for level in range(101))

    Distribution(volatility=rising, largest_move=rising)
    with pytest.raises(ValueError, match="101, and rise"):
        Distribution(volatility=rising[::-1], largest_move=rising)


def split(prices: list[float], row: int) -> list[float]:
    return [price if at < row else price / 2 for at, price in enumerate(prices)]


def test_a_request_is_told_of_it_and_refused_where_it_is_strict(tmp_path: Path) -> None:
    publish(tmp_path, window=60)
    # rows count in what was posted, which is more than the window
    body: dict[str, Any] = {"prices": split([*EXAMPLE_PRICES[:5], *EXAMPLE_PRICES], 30)}

    with serving(tmp_path) as client:
        told = client.post("/predict", json=body)
        refused = client.post("/predict", json=body | {"strict": True})
        fine = client.post("/predict", json={"prices": EXAMPLE_PRICES, "strict": True})
        doubled = [2 * price for price in EXAMPLE_PRICES]
        outside = client.post("/predict", json={"prices": doubled, "strict": True})

    assert told.status_code == 200
    [warning] = [each for each in told.json()["warnings"] if each["row"] is not None]
    assert (warning["code"], warning["row"]) == ("possible_split", 30)
    assert refused.status_code == 422
    problem = refused.json()
    assert (problem["code"], problem["index"], problem["field"]) == ("suspicious", 30, "prices")
    assert problem["detail"].startswith("possible_split: ")
    assert fine.status_code == 200
    in_bars = {name: split(column, 30) for name, column in EXAMPLE_BARS.items()}
    with serving(tmp_path) as client:
        refused = client.post("/predict", json={"bars": in_bars, "strict": True})
    assert (refused.status_code, refused.json()["field"]) == (422, "bars")
    # beyond 200, the highest that this model was fitted on
    assert outside.json()["detail"].startswith("outside_training_range: ")


def test_a_batch_is_told_of_each_window_and_strict_costs_the_neighbours_nothing() -> None:
    halved = {field: split(column, 20) for field, column in EXAMPLE_BARS.items()}
    body = {"bars": [EXAMPLE_BARS, halved, EXAMPLE_BARS]}

    with serving(Path("models")) as client:
        told = client.post("/predict/batch", json=body).json()
        strict = client.post("/predict/batch", json=body | {"strict": True}).json()

    assert [(each["code"], each["index"], each["row"]) for each in told["warnings"]] == [
        ("possible_split", 1, 20)
    ]
    assert None not in told["predictions"]
    assert [price is None for price in strict["predictions"]] == [False, True, False]
    assert [(each["index"], each["code"]) for each in strict["errors"]] == [(1, "suspicious")]


def test_what_no_rule_explains_is_unlike_training_everywhere() -> None:
    """Five in a row that move by a fifth: no jump, and nothing that the model has seen."""
    wild = [price * (1.2 if row % 2 else 1) for row, price in enumerate(EXAMPLE_PRICES)]
    # beyond what `screen` lets pass, and explained by the moves beside it
    wild[-1] *= 1.5

    with serving(Path("models")) as client:
        alone = client.post("/predict", json={"prices": wild}).json()
        batch = client.post("/predict/batch", json={"windows": [wild]}).json()
        strict = client.post("/predict", json={"prices": wild, "strict": True})

    assert screening.screen(np.array(wild)[None, :, None]).suspects[0]
    assert alone["novelty"] == 1.0
    assert "unlike_training" in {each["code"] for each in alone["warnings"]}
    assert "unlike_training" in {each["code"] for each in batch["warnings"]}
    assert strict.json()["detail"].startswith("unlike_training: ")


@pytest.mark.parametrize("factor", [1.7, 7, 50, 190, 1000])
def test_a_batch_says_of_a_jump_what_a_single_request_does(factor: float) -> None:
    window = {
        field: [price / (factor if row >= 59 else 1) for row, price in enumerate(column)]
        for field, column in EXAMPLE_BARS.items()
    }

    with serving(Path("models")) as client:
        alone = client.post("/predict", json={"bars": window}).json()
        batch = client.post("/predict/batch", json={"bars": [window]}).json()
        strict = client.post("/predict", json={"bars": window, "strict": True})

    [warning] = alone["warnings"]
    assert (warning["code"] in jumps.JUMP_CODES, warning["row"]) == (True, 59)
    assert batch["warnings"] == [warning | {"index": 0}]
    assert (strict.status_code, strict.json()["index"]) == (422, 59)


def test_a_batch_of_nothing_but_doubt_stays_readable() -> None:
    window = split(EXAMPLE_PRICES, 20)

    with serving(Path("models")) as client:
        answer = client.post("/predict/batch", json={"windows": [window] * 1200}).json()

    told = [each for each in answer["warnings"] if each["code"] == "possible_split"]
    [more] = [each for each in answer["warnings"] if each["code"] == "more_suspicions"]
    assert len(told) == 1000
    assert more["message"].startswith("200 more window(s)")


def test_what_the_model_was_fitted_on_is_told(tmp_path: Path) -> None:
    publish(tmp_path, window=5)
    prices = [100.0, 101, 102, 101, 103]

    with serving(tmp_path) as client:
        fitted_to = client.get("/models/default").json()["manifest"]["trained_on"]["last"]
        year = int(fitted_to[:4])
        answers = [
            client.post(
                "/predict", json={"prices": prices, "dates": [f"{y}-03-0{d}" for d in range(1, 6)]}
            ).json()
            for y in (year - 1, year + 1)
        ]

    codes = [[warning["code"] for warning in answer["warnings"]] for answer in answers]
    assert ["in_sample" in each for each in codes] == [True, False]
