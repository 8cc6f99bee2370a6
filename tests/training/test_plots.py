"""Pictures: PNG, the same bytes for the same values, small where they must be."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.builders import random_walk
from training.evaluation.holdout import HeldOutForecasts
from training.reports import plots


def judged(sessions: int, *, instruments: int = 1) -> HeldOutForecasts:
    walks = [random_walk(sessions + 1, seed=seed) for seed in range(instruments)]
    last = np.concatenate([walk[:-1] for walk in walks])
    days = np.datetime64("2020-01-01") + np.arange(sessions, dtype="timedelta64[D]")
    return HeldOutForecasts(
        dates=np.tile(days, instruments),
        actual=np.concatenate([walk[1:] for walk in walks]),
        expected=last * 0.99,
        last=last,
        prior_close=None,
        instruments=np.repeat([f"i{number}" for number in range(instruments)], sessions),
        scale=1.0,
        losses={},
    )


ERRORS = np.random.default_rng(1).normal(size=300)
PICTURES: dict[str, Callable[[], bytes]] = {
    "losses": lambda: plots.loss_curves({"loss": [1.0, 0.5], "val_loss": [1.5, 0.8]}),
    "losses that fall far": lambda: plots.loss_curves({"loss": [1.0, 0.1, 0.001]}),
    "losses of one epoch": lambda: plots.loss_curves({"loss": [1.0]}),
    "no losses": lambda: plots.loss_curves({}),
    "losses of 0": lambda: plots.loss_curves({"loss": [1.0, 0.0]}),
    "forecasts": lambda: plots.forecasts(judged(250)),
    "forecasts of several": lambda: plots.forecasts(judged(30, instruments=3)),
    "one forecast": lambda: plots.forecasts(judged(1)),
    "errors": lambda: plots.errors(ERRORS, ERRORS * 2, "price"),
    "no errors": lambda: plots.errors(np.zeros(3), np.zeros(3), "price"),
    "lag": lambda: plots.lag({-1: 0.9, 0: 0.8, 1: 0.7}, {-1: 0.9, 0: -0.3, 1: -0.001}),
    "no lag": lambda: plots.lag({-1: None, 0: None, 1: None}, {-1: None, 0: None, 1: None}),
    "thumbnail": lambda: plots.thumbnail(judged(500)),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES.keys())
def test_a_picture_is_a_png_that_says_neither_when_nor_with_what_it_was_drawn(
    draw: Callable[[], bytes],
) -> None:
    picture = draw()

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture == draw()
    assert b"tEXt" not in picture
    assert b"tIME" not in picture


@pytest.mark.parametrize("held_out", [judged(250), judged(500), judged(500, instruments=3)])
def test_a_thumbnail_is_small(held_out: HeldOutForecasts) -> None:
    assert len(plots.thumbnail(held_out)) < 40_000


def test_all_of_a_short_test_is_drawn() -> None:
    assert plots.drawn_part(judged(250)).all()


@pytest.mark.parametrize("held_out", [judged(251), judged(100, instruments=2)])
def test_the_last_60_sessions_of_the_first_instrument_are_drawn_of_more(
    held_out: HeldOutForecasts,
) -> None:
    chosen = plots.drawn_part(held_out)

    first = np.flatnonzero(held_out.instruments == "i0")
    assert np.flatnonzero(chosen).tolist() == first[-60:].tolist()


def test_of_several_with_fewer_sessions_than_60_all_of_the_first_is_drawn() -> None:
    assert plots.drawn_part(judged(30, instruments=2)).sum() == 30
