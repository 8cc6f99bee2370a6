"""Pictures of accuracy: PNG, the same bytes for the same values, small enough for documents."""

import struct
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy import stats

from app.forecasting.arrays import Floats
from tests.builders import random_walk
from training.reports import accuracy_plots

LEVELS = np.array([0.005, 0.025, *np.arange(1, 10) / 10, 0.975, 0.995])
THIRDS = ("calm third", "middle third", "wild third")
RANDOM = np.random.default_rng(1)
SKILLS = RANDOM.normal(0.005, 0.004, 160)
COVERAGES = RANDOM.normal(0.9, 0.02, 160)


def fan(sessions: int, *, newest: int | None = None, title: str = "made up") -> bytes:
    """Draw the newest of a walk of 1 %, forecast by the distributions that it is drawn from."""
    prices = random_walk(sessions + 1)
    quantiles = prices[:-1, None] * np.exp(0.01 * stats.norm.ppf(LEVELS))
    dates = np.datetime64("2020-01-01") + np.arange(sessions, dtype="timedelta64[D]")
    chosen = slice(-(newest or sessions), None)
    return accuracy_plots.fan(dates[chosen], prices[1:][chosen], quantiles[chosen], LEVELS, title)


def observed(forecasters: int) -> Mapping[str, Floats]:
    off = 0.01 * np.sin(2 * np.pi * LEVELS)
    return {f"forecaster {number}": LEVELS + number * off for number in range(forecasters)}


def coverages(forecasters: int) -> Mapping[str, Floats]:
    return {f"forecaster {n}": np.array([0.9, 0.9 + n / 100, 0.87]) for n in range(forecasters)}


PICTURES: dict[str, Callable[[], bytes]] = {
    "reliability": lambda: accuracy_plots.reliability(LEVELS, observed(4)),
    "reliability of one": lambda: accuracy_plots.reliability(LEVELS, observed(1)),
    "pit": lambda: accuracy_plots.pit_histogram(np.linspace(0, 1, 5000)),
    "pit in finer bins": lambda: accuracy_plots.pit_histogram(np.linspace(0, 1, 5000), bins=20),
    "pit of one session": lambda: accuracy_plots.pit_histogram(np.array([0.3])),
    "fan": lambda: fan(120),
    "fan of one session": lambda: fan(1),
    "terciles": lambda: accuracy_plots.coverage_by_tercile(THIRDS, coverages(4), 90),
    "terciles of one": lambda: accuracy_plots.coverage_by_tercile(THIRDS, coverages(1), 80),
    "instruments": lambda: accuracy_plots.by_instrument(COVERAGES, (COVERAGES + 0.9) / 2, 90),
    "instruments far apart": lambda: accuracy_plots.by_instrument(
        np.linspace(0, 1, 30), COVERAGES[:30], 95
    ),
    "one instrument": lambda: accuracy_plots.by_instrument(COVERAGES[:1], COVERAGES[:1], 90),
    "skills": lambda: accuracy_plots.skill_by_instrument(SKILLS, "GARCH(1,1)-t"),
    "one skill": lambda: accuracy_plots.skill_by_instrument(SKILLS[:1], "GARCH(1,1)-t"),
    "no skill": lambda: accuracy_plots.skill_by_instrument(np.zeros(3), "GARCH(1,1)-t"),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES.keys())
def test_a_picture_is_a_small_png_with_the_same_bytes_each_time(draw: Callable[[], bytes]) -> None:
    picture = draw()

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture == draw()
    assert b"tEXt" not in picture
    assert b"tIME" not in picture
    width, height = struct.unpack(">II", picture[16:24])
    assert 700 <= width <= 900
    assert height < width
    assert len(picture) < 60_000


def test_no_two_pictures_are_the_same() -> None:
    assert len({draw() for draw in PICTURES.values()}) == len(PICTURES)


def test_a_fan_shows_the_newest_120_sessions() -> None:
    assert fan(300) == fan(300, newest=120)
    assert fan(300) != fan(300, newest=119)


def test_a_fan_shows_bands_of_which_the_levels_have_no_quantiles() -> None:
    prices, dates = (
        random_walk(30),
        np.datetime64("2020-01-01") + np.arange(30, dtype="timedelta64[D]"),
    )
    coarse, fine = np.array([0.1, 0.5, 0.9]), np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
    # Student's t with 4 degrees of freedom is what the service interpolates in
    drawn = [
        accuracy_plots.fan(
            dates, prices, prices[:, None] + stats.t.ppf(levels, 4), levels, "made up"
        )
        for levels in (coarse, fine)
    ]

    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("name", ["BRK$A_B", "BRK$A_B$", r"$\nonsense{$", "^GSPC <&>"])
def test_a_name_is_written_as_it_is(name: str) -> None:
    drawn: list[Callable[[str], bytes]] = [
        lambda name: fan(5, title=name),
        lambda name: accuracy_plots.reliability(LEVELS, {name: LEVELS}),
        lambda name: accuracy_plots.coverage_by_tercile(THIRDS, {name: np.full(3, 0.9)}, 90),
        lambda name: accuracy_plots.skill_by_instrument(SKILLS, name),
    ]

    # were it read as mathematics, nonsense would raise
    for draw in drawn:
        assert draw(name) != draw(name[:-1])


def test_a_fifth_forecaster_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 4 forecasters, given 5"):
        accuracy_plots.reliability(LEVELS, observed(5))
    with pytest.raises(ValueError, match="at most 4 forecasters, given 5"):
        accuracy_plots.coverage_by_tercile(THIRDS, coverages(5), 90)


def test_the_order_of_instruments_changes_nothing() -> None:
    after = (COVERAGES + 0.9) / 2

    assert accuracy_plots.skill_by_instrument(
        SKILLS, "GARCH(1,1)-t"
    ) == accuracy_plots.skill_by_instrument(SKILLS[::-1], "GARCH(1,1)-t")
    assert accuracy_plots.by_instrument(COVERAGES, after, 90) == accuracy_plots.by_instrument(
        COVERAGES[::-1], after[::-1], 90
    )
