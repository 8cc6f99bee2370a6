"""Every score against a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import random_walk
from training import scores

pairs = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=40)


@given(pairs)
def test_errors_are_those_of_a_plain_loop(values: list[tuple[float, float]]) -> None:
    actual, expected = np.array(values).T
    absolute = squared = 0.0
    for a, b in values:
        absolute += abs(a - b)
        squared += (a - b) ** 2

    assert scores.mae(actual, expected) == pytest.approx(absolute / len(values))
    assert scores.rmse(actual, expected) == pytest.approx(math.sqrt(squared / len(values)))


@pytest.mark.parametrize("count", [5, 21, 503])
def test_diebold_mariano_is_that_of_a_plain_loop(count: int) -> None:
    generator = np.random.default_rng(count)
    ours, naive = generator.gamma(2, size=count), generator.gamma(2, size=count)

    differences = [a - b for a, b in zip(ours, naive, strict=True)]
    mean = sum(differences) / count
    lags = math.floor(4 * (count / 100) ** (2 / 9))
    variance = sum((d - mean) ** 2 for d in differences) / count
    for lag in range(1, lags + 1):
        covariance = 0.0
        for index in range(lag, count):
            covariance += (differences[index] - mean) * (differences[index - lag] - mean) / count
        variance += 2 * (1 - lag / (lags + 1)) * covariance

    assert scores.diebold_mariano(ours, naive) == pytest.approx(mean / math.sqrt(variance / count))


def test_diebold_mariano_knows_which_is_better() -> None:
    loss = np.abs(np.diff(random_walk(500)))

    better = scores.diebold_mariano(loss * 0.9, loss)
    worse = scores.diebold_mariano(loss * 1.1, loss)

    assert better is not None
    assert worse is not None
    assert better < -2 < 2 < worse


def test_forecasts_that_never_differ_have_no_t() -> None:
    loss = np.ones(9)

    assert scores.diebold_mariano(loss, loss) is None
