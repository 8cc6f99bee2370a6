"""The one pre-processing: against plain loops, and its invariances."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from app.forecasting import scalers
from app.forecasting.arrays import Floats
from app.forecasting.scalers import LevelScaler, ReturnScaler
from tests.builders import random_walk

PERCENT = ReturnScaler(unit="percent")

prices = st.floats(1e-3, 1e6, allow_nan=False, allow_infinity=False)
windows = arrays(np.float64, (4, 12, 1), elements=prices)
bars = arrays(np.float64, (4, 12, 4), elements=prices)


def test_minmax_maps_the_training_extremes_to_0_and_1() -> None:
    scaler = LevelScaler.fit("minmax", np.array([10.0, 30.0, 20.0]))

    inputs = scaler.inputs(np.array([[[10.0], [20.0], [30.0], [50.0]]]))

    assert inputs.dtype == np.float32
    assert inputs[0, :, 0].tolist() == [0.0, 0.5, 1.0, 2.0]


def test_standard_maps_the_training_rows_to_mean_0_and_deviation_1() -> None:
    rows = random_walk(500)
    scaler = LevelScaler.fit("standard", rows)

    inputs = scaler.inputs(rows[None, :, None])

    assert inputs.mean() == pytest.approx(0, abs=1e-5)
    assert inputs.std() == pytest.approx(1, abs=1e-5)


def test_a_constant_series_is_scaled_to_0() -> None:
    for kind in ("minmax", "standard"):
        scaler = LevelScaler.fit(kind, np.full(9, 5.0))

        assert scaler.inputs(np.full((1, 3, 1), 5.0)).tolist() == [[[0.0], [0.0], [0.0]]]


def test_windows_beyond_the_training_rows_are_told() -> None:
    scaler = LevelScaler.fit("minmax", np.array([10.0, 30.0]))
    seen = np.array([[[10.0], [30.0]], [[9.9], [20.0]], [[20.0], [30.1]]])

    assert scaler.outside(seen).tolist() == [False, True, True]
    assert ReturnScaler().outside(seen).tolist() == [False, False, False]


def returns_by_hand(window: list[float], scaler: ReturnScaler) -> tuple[list[float], float]:
    """Return a window's standardised returns and its volatility, as the docstring says."""
    moves = [math.log(b / a) for a, b in itertools.pairwise(window)]
    weights = [scaler.decay**age for age in range(len(moves))][::-1]
    variance = sum(w * r * r for w, r in zip(weights, moves, strict=True)) / sum(weights)
    volatility = math.sqrt(variance + scaler.floor**2)
    return [max(-scaler.clip, min(scaler.clip, r / volatility)) for r in moves], volatility


@given(windows)
def test_returns_are_those_of_a_plain_loop(batch: Floats) -> None:
    scaler = ReturnScaler()

    inputs = scaler.inputs(batch)

    assert inputs.shape == (4, scaler.steps(12), 1)
    for window, given_inputs in zip(batch[:, :, 0].tolist(), inputs[:, :, 0], strict=True):
        expected, _ = returns_by_hand(window, scaler)
        assert given_inputs == pytest.approx(expected, rel=1e-4, abs=1e-6)


@given(bars)
def test_moves_of_bars_are_those_of_a_plain_loop(batch: Floats) -> None:
    found = scalers.moves(batch)

    assert found.shape == (4, 11, 4)
    assert found.dtype == np.float64
    for window, moves in zip(batch.tolist(), found, strict=True):
        by_hand = [
            [
                100 * math.log(opened / before[3]),
                100 * math.log(high / opened),
                100 * math.log(low / opened),
                100 * math.log(close / opened),
            ]
            for before, (opened, high, low, close) in itertools.pairwise(window)
        ]
        assert moves == pytest.approx(np.array(by_hand), rel=1e-9, abs=1e-9)


@given(windows)
def test_moves_of_a_single_field_are_its_log_returns_in_percent(batch: Floats) -> None:
    found = scalers.moves(batch)

    assert found.shape == (4, 11, 1)
    for window, moves in zip(batch[:, :, 0].tolist(), found[:, :, 0], strict=True):
        by_hand = [100 * math.log(later / earlier) for earlier, later in itertools.pairwise(window)]
        assert moves == pytest.approx(by_hand, rel=1e-9, abs=1e-9)


@given(st.one_of(bars, windows))
def test_in_percent_the_inputs_are_the_moves_as_they_are(batch: Floats) -> None:
    inputs = PERCENT.inputs(batch)

    assert inputs.dtype == np.float32
    assert inputs.shape == (4, PERCENT.steps(12), batch.shape[2])
    assert np.array_equal(inputs, scalers.moves(batch).astype(np.float32))


@given(st.one_of(bars, windows))
def test_in_percent_the_outputs_are_returns_of_the_last_field(batch: Floats) -> None:
    outputs = np.array([[-250.0, 0.0, 3.0]] * 4, dtype=np.float32)

    found = PERCENT.prices(batch, outputs)

    last = batch[:, -1, -1:]
    assert found == pytest.approx(last * np.exp([-2.5, 0.0, 0.03]), rel=1e-12)
    assert np.array_equal(found[:, 1], last[:, 0])


def test_the_scaler_of_the_first_published_model_still_gives_its_numbers() -> None:
    file = b'{"kind": "returns", "decay": 0.94, "floor": 0.0001, "clip": 10.0}'
    window = random_walk(12)

    scaler = scalers.parse(file)

    assert scaler == ReturnScaler()
    expected, volatility = returns_by_hand(window.tolist(), ReturnScaler())
    assert scaler.inputs(window[None, :, None])[0, :, 0] == pytest.approx(expected, rel=1e-5)
    [[price]] = scaler.prices(window[None, :, None], np.array([[2.0]], dtype=np.float32))
    assert price == pytest.approx(window[-1] * math.exp(2 * volatility), rel=1e-12)


def test_a_forecast_return_is_in_units_of_the_windows_volatility() -> None:
    window = random_walk(12)
    _, volatility = returns_by_hand(window.tolist(), ReturnScaler())

    [[price]] = ReturnScaler().prices(window[None, :, None], np.array([[0.5]], dtype=np.float32))

    assert price == pytest.approx(window[-1] * math.exp(0.5 * volatility), rel=1e-12)


@pytest.mark.parametrize(
    "scaler",
    [
        LevelScaler.fit("minmax", random_walk(90)),
        LevelScaler.fit("standard", random_walk(90)),
        ReturnScaler(),
        PERCENT,
    ],
    ids=["minmax", "standard", "returns", "percent"],
)
def test_targets_and_prices_are_each_others_inverse(scaler: LevelScaler | ReturnScaler) -> None:
    rows = random_walk(40)
    batch = np.stack([rows[start : start + 12] for start in range(20)])[:, :, None]
    nexts = rows[12:32]

    outputs = scaler.targets(batch, nexts)

    assert outputs.shape == (20, 1)
    assert scaler.prices(batch, outputs)[:, 0] == pytest.approx(nexts, rel=1e-6)


@given(windows, st.floats(-6, 6))
def test_returns_know_no_price_level(batch: Floats, exponent: float) -> None:
    factor = 10.0**exponent
    scaler, outputs = ReturnScaler(), np.full((4, 1), 0.3, dtype=np.float32)

    assert scaler.inputs(batch * factor) == pytest.approx(scaler.inputs(batch), rel=1e-5, abs=1e-6)
    assert scaler.prices(batch * factor, outputs) / factor == pytest.approx(
        scaler.prices(batch, outputs), rel=1e-9
    )


def test_a_window_that_does_not_move_is_no_division_by_zero() -> None:
    flat = np.full((1, 5, 1), 7.0)

    assert not ReturnScaler().inputs(flat).any()
    assert ReturnScaler().prices(flat, np.array([[1.0]], dtype=np.float32)) == pytest.approx(
        7.0, rel=1e-3
    )


@pytest.mark.parametrize(
    "scaler", [LevelScaler.fit("minmax", random_walk(90)), ReturnScaler(decay=0.97)]
)
def test_scalers_survive_their_file(scaler: LevelScaler | ReturnScaler) -> None:
    assert scalers.parse(scaler.model_dump_json().encode()) == scaler


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'{"kind": "robust"}',
        b'{"kind": "minmax"}',
        b'{"kind": "minmax", "offset": 1, "scale": 0, "low": 1, "high": 1}',
        b'{"kind": "minmax", "offset": NaN, "scale": 1, "low": 1, "high": 1}',
        b'{"kind": "returns", "decay": 2}',
        b'{"kind": "returns", "unknown": 1}',
        b'{"kind": "returns", "unit": "basis points"}',
    ],
)
def test_what_is_no_scaler_is_refused(document: bytes) -> None:
    with pytest.raises(ValidationError):
        scalers.parse(document)


def test_a_recipes_scaler_is_fitted_by_kind() -> None:
    rows = random_walk(50)

    assert scalers.fit("returns", rows) == ReturnScaler()
    assert scalers.fit("minmax", rows) == LevelScaler.fit("minmax", rows)
