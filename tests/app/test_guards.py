"""What is said of prices that look damaged: the right row, and nothing where there is nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.artifact.manifest import Distribution
from app.forecasting import novelty, screening
from app.forecasting.arrays import Floats
from app.market_data import anomalies
from app.transport.openapi_examples import EXAMPLE_BARS, EXAMPLE_PRICES
from tests.builders import publish, serving

SEEDS = range(20)


def walk(seed: int, volatility: float = 0.015, sessions: int = 60) -> Floats:
    """Return closes (sessions, 1) of a random walk with fat tails."""
    moves = volatility * np.random.default_rng(seed).standard_t(4, sessions) / np.sqrt(2)
    closes: Floats = 100 * np.exp(np.cumsum(moves))[:, None]
    return closes


def said(closes: Floats) -> list[tuple[str, int | None]]:
    """Return codes and rows, as a request has them: `look` is asked where `glance` says so."""
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
    for loss in (0.33, 0.37, 0.6, 0.7):
        closes = walk(4)
        closes[30:] *= closes[29] / closes[30] * (1 - loss)

        assert said(closes) == []


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
