"""The recurrent network in NumPy, against loops, differences and the numbers of the articles."""

import dataclasses
import math
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from app.forecasting.arrays import Float32s, Floats
from app.forecasting.scalers import LevelScaler
from training.evaluation import point_scores
from training.networks import numpy_rnn
from training.networks.numpy_rnn import Activation, Descent, Weights

NAMES = [field.name for field in dataclasses.fields(Weights)]
RECURRENT_NAMES = ["kernel", "recurrent", "bias"]

every_activation = pytest.mark.parametrize("activation", get_args(Activation))
every_shape = pytest.mark.parametrize(
    ("windows", "steps", "features", "units"), [(1, 1, 1, 1), (1, 6, 1, 4), (3, 5, 2, 3)]
)


def random_weights(*, features: int, units: int, seed: int = 1) -> Weights:
    random = np.random.default_rng(seed)
    return Weights(
        kernel=random.normal(size=(features, units)),
        recurrent=random.normal(size=(units, units)),
        bias=random.normal(size=units),
        output=random.normal(size=(units, 1)),
        output_bias=random.normal(size=1),
    )


def random_pairs(
    *, windows: int, steps: int, features: int, seed: int = 2
) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    return random.normal(size=(windows, steps, features)), random.normal(size=(windows, 1))


def by_name(weights: Weights) -> dict[str, Floats]:
    return {name: getattr(weights, name) for name in NAMES}


def nudged(weights: Weights, name: str, place: tuple[int, ...], by: float) -> Weights:
    changed = getattr(weights, name).copy()
    changed[place] += by
    return dataclasses.replace(weights, **{name: changed})


def newest_steps_loss(
    weights: Weights, given: Floats, inputs: Floats, targets: Floats, activation: Activation
) -> float:
    """Return the loss after some steps from a state (n, units) that is given."""
    state = given
    for t in range(inputs.shape[1]):
        state = numpy_rnn.step(weights, state, inputs[:, t], activation)
    return float(0.5 * np.square(numpy_rnn.output(weights, state) - targets).sum())


def assert_slopes_of_newest_steps(
    slopes: Weights,
    weights: Weights,
    given: Floats,
    inputs: Floats,
    targets: Floats,
    *,
    activation: Activation,
) -> None:
    """Assert what central differences say, for every single weight."""
    reach = 1e-5
    for name, slope in by_name(slopes).items():
        for place in np.ndindex(slope.shape):
            above, below = (
                newest_steps_loss(
                    nudged(weights, name, place, by), given, inputs, targets, activation
                )
                for by in (reach, -reach)
            )
            expected = (above - below) / (2 * reach)
            assert slope[place] == pytest.approx(expected, rel=1e-6, abs=1e-8), (name, place)


def plain_states(weights: Weights, window: Floats, activation: Activation) -> list[list[float]]:
    """Return the states of one window (steps, features), number by number."""
    squash = math.tanh if activation == "tanh" else lambda total: 1 / (1 + math.exp(-total))
    units = len(weights.bias)
    states = [[0.0] * units]
    for x in window.tolist():
        before = states[-1]
        states.append(
            [
                squash(
                    weights.bias[j]
                    + sum(x[i] * weights.kernel[i, j] for i in range(len(x)))
                    + sum(before[i] * weights.recurrent[i, j] for i in range(units))
                )
                for j in range(units)
            ]
        )
    return states[1:]


def plain_output(weights: Weights, state: list[float]) -> float:
    return float(
        weights.output_bias[0]
        + sum(h * v for h, v in zip(state, weights.output[:, 0], strict=True))
    )


def plain_gradients(
    weights: Weights, inputs: Floats, targets: Floats, *, back: int, activation: Activation
) -> Weights:
    """Carry each window's error `back` steps back, number by number."""
    slopes = Weights(**{name: np.zeros_like(each) for name, each in by_name(weights).items()})
    units = len(weights.bias)
    for window, target in zip(inputs, targets[:, 0], strict=True):
        states = [[0.0] * units, *plain_states(weights, window, activation)]
        error = plain_output(weights, states[-1]) - target
        slopes.output_bias[0] += error
        carried = []
        for j in range(units):
            slopes.output[j, 0] += error * states[-1][j]
            carried.append(error * weights.output[j, 0])
        t = len(window)
        for _ in range(min(back, len(window))):
            sums = [
                each * (1 - h * h if activation == "tanh" else h * (1 - h))
                for each, h in zip(carried, states[t], strict=True)
            ]
            for j in range(units):
                slopes.bias[j] += sums[j]
                for i, x in enumerate(window[t - 1]):
                    slopes.kernel[i, j] += x * sums[j]
                for i, h in enumerate(states[t - 1]):
                    slopes.recurrent[i, j] += h * sums[j]
            carried = [
                sum(sums[j] * weights.recurrent[i, j] for j in range(units)) for i in range(units)
            ]
            t -= 1
    return slopes


def sine() -> tuple[LevelScaler, Floats, Floats]:
    """Return the lifted sine as the product sees it: its scaler, windows of 50 and nexts."""
    prices = 2 + np.sin(np.arange(200.0))
    windows = np.lib.stride_tricks.sliding_window_view(prices[:-1], 50)[:, :, None]
    return LevelScaler.fit("standard", prices[:150]), windows, prices[50:]


def test_a_step_gives_the_numbers_of_the_introduction() -> None:
    both = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    weights = Weights(
        kernel=both[2:],
        recurrent=both[:2],
        bias=np.array([0.1, -0.1]),
        output=np.array([[1.0], [2.0]]),
        output_bias=np.array([0.1]),
    )

    first = numpy_rnn.step(weights, np.zeros((1, 2)), np.array([[1.0]]), "tanh")
    second = numpy_rnn.step(weights, first.round(3), np.array([[2.0]]), "tanh")

    np.testing.assert_allclose(first.round(3), [[0.537, 0.462]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(second, [[0.85972772, 0.88365397]], rtol=0, atol=5e-9)
    np.testing.assert_allclose(numpy_rnn.output(weights, second), [[2.72703566]], rtol=0, atol=5e-9)


@every_activation
@every_shape
def test_states_and_outputs_are_those_of_a_plain_loop(
    windows: int, steps: int, features: int, units: int, activation: Activation
) -> None:
    weights = random_weights(features=features, units=units)
    inputs, _ = random_pairs(windows=windows, steps=steps, features=features)

    states, outputs = numpy_rnn.forward(weights, inputs, activation=activation)

    plain = [plain_states(weights, window, activation) for window in inputs]
    np.testing.assert_allclose(states, plain, rtol=1e-12)
    expected = [[plain_output(weights, each[-1])] for each in plain]
    np.testing.assert_allclose(outputs, expected, rtol=1e-12)


@every_activation
@every_shape
def test_gradients_are_what_differences_say(
    windows: int, steps: int, features: int, units: int, activation: Activation
) -> None:
    weights = random_weights(features=features, units=units)
    inputs, targets = random_pairs(windows=windows, steps=steps, features=features)

    loss, slopes = numpy_rnn.gradients(
        weights, inputs, targets, truncate=None, activation=activation
    )

    nothing = np.zeros((windows, units))
    expected = newest_steps_loss(weights, nothing, inputs, targets, activation)
    assert loss == pytest.approx(expected, rel=1e-12)
    assert_slopes_of_newest_steps(slopes, weights, nothing, inputs, targets, activation=activation)


@every_activation
@pytest.mark.parametrize("truncate", [1, 2, 5])
def test_truncated_gradients_take_the_state_before_the_newest_steps_as_given(
    truncate: int, activation: Activation
) -> None:
    weights = random_weights(features=2, units=3)
    inputs, targets = random_pairs(windows=3, steps=6, features=2)

    _, slopes = numpy_rnn.gradients(
        weights, inputs, targets, truncate=truncate, activation=activation
    )

    states, _ = numpy_rnn.forward(weights, inputs, activation=activation)
    given, newest = states[:, -truncate - 1], inputs[:, -truncate:]
    assert_slopes_of_newest_steps(slopes, weights, given, newest, targets, activation=activation)


@every_activation
@pytest.mark.parametrize("truncate", [0, 1, 2, 5, 6])
def test_truncated_gradients_are_those_of_a_plain_loop_that_stops(
    truncate: int, activation: Activation
) -> None:
    weights = random_weights(features=2, units=3)
    inputs, targets = random_pairs(windows=3, steps=6, features=2)

    _, slopes = numpy_rnn.gradients(
        weights, inputs, targets, truncate=truncate, activation=activation
    )

    plain = plain_gradients(weights, inputs, targets, back=truncate, activation=activation)
    for name in NAMES:
        expected = getattr(plain, name)
        np.testing.assert_allclose(getattr(slopes, name), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("truncate", [6, 7, 100])
def test_truncating_at_the_window_or_beyond_changes_nothing(truncate: int) -> None:
    weights = random_weights(features=1, units=4)
    inputs, targets = random_pairs(windows=3, steps=6, features=1)

    _, whole = numpy_rnn.gradients(weights, inputs, targets, truncate=None)
    _, truncated = numpy_rnn.gradients(weights, inputs, targets, truncate=truncate)

    for name in NAMES:
        np.testing.assert_array_equal(getattr(truncated, name), getattr(whole, name))


@pytest.mark.parametrize("truncate", [0, 1, 4])
def test_truncating_touches_the_recurrent_layer_alone(truncate: int) -> None:
    weights = random_weights(features=1, units=4)
    inputs, targets = random_pairs(windows=3, steps=6, features=1)

    _, whole = numpy_rnn.gradients(weights, inputs, targets, truncate=None)
    _, truncated = numpy_rnn.gradients(weights, inputs, targets, truncate=truncate)

    for name in NAMES:
        same = np.array_equal(getattr(truncated, name), getattr(whole, name))
        assert same == (name not in RECURRENT_NAMES), name


def fitted_from_seed(
    inputs: Floats | Float32s,
    targets: Floats | Float32s,
    descent: Descent,
    *,
    units: int,
    seed: int,
    after_epoch: Callable[[int, float], None] = lambda *_: None,
) -> Weights:
    weights = numpy_rnn.initial(inputs.shape[2], units, seed=seed)
    return numpy_rnn.fit(weights, inputs, targets, descent, after_epoch=after_epoch)


def test_a_fit_goes_down_one_window_at_a_time_in_order() -> None:
    inputs, targets = random_pairs(windows=3, steps=6, features=2)
    losses: list[float] = []

    fitted = fitted_from_seed(
        inputs,
        targets,
        Descent(2, 0.01, 2, 1e9),
        units=4,
        seed=3,
        after_epoch=lambda _, loss: losses.append(loss),
    )

    weights = numpy_rnn.initial(2, 4, seed=3)
    expected: list[float] = []
    for n in [0, 1, 2] * 2:
        loss, slopes = numpy_rnn.gradients(
            weights, inputs[n : n + 1], targets[n : n + 1], truncate=2
        )
        expected.append(loss)
        moved = {
            name: each - 0.01 * getattr(slopes, name) for name, each in by_name(weights).items()
        }
        weights = Weights(**moved)
    for name in NAMES:
        np.testing.assert_allclose(getattr(fitted, name), getattr(weights, name), rtol=1e-12)
    assert losses == pytest.approx([np.mean(expected[:3]), np.mean(expected[3:])])


def test_no_weight_moves_further_than_the_clip_lets_it() -> None:
    inputs, targets = random_pairs(windows=1, steps=6, features=2)

    fitted = fitted_from_seed(inputs, 1e6 + targets, Descent(1, 0.5, None, 0.25), units=4, seed=3)

    before = numpy_rnn.initial(2, 4, seed=3)
    for name in NAMES:
        moves = np.abs(getattr(fitted, name) - getattr(before, name))
        # so far off is the target that every slope is beyond the clip
        np.testing.assert_allclose(moves, 0.5 * 0.25, rtol=1e-12)


def test_a_seed_gives_the_same_bits_again_and_another_seed_does_not() -> None:
    inputs, targets = random_pairs(windows=3, steps=6, features=1)

    once, again, other = (
        fitted_from_seed(inputs, targets, Descent(2, 0.01, 2, 10), units=4, seed=seed)
        for seed in (1, 1, 2)
    )

    for name in NAMES:
        np.testing.assert_array_equal(getattr(once, name), getattr(again, name))
        assert not np.array_equal(getattr(once, name), getattr(other, name))


def test_what_after_epoch_raises_ends_the_fit() -> None:
    inputs, targets = random_pairs(windows=1, steps=6, features=1)
    seen: list[int] = []

    def stop_after_two(epoch: int, _: float) -> None:
        seen.append(epoch)
        if epoch == 1:
            raise FloatingPointError

    with pytest.raises(FloatingPointError):
        fitted_from_seed(
            inputs, targets, Descent(9, 0.01, 2, 10), units=4, seed=1, after_epoch=stop_after_two
        )

    assert seen == [0, 1]


def test_an_untrained_network_at_rest_stays_there_and_forecasts_zero() -> None:
    weights = numpy_rnn.initial(1, 100, seed=1)
    rest = np.full((1, 100), 0.5)

    after = numpy_rnn.step(weights, rest, np.zeros((1, 1)), "sigmoid")

    np.testing.assert_allclose(after, rest, rtol=1e-12)
    np.testing.assert_allclose(numpy_rnn.output(weights, after), 0, rtol=0, atol=1e-10)


def test_forecasts_are_the_outputs_in_the_precision_that_is_served() -> None:
    weights = random_weights(features=2, units=4)
    inputs, _ = random_pairs(windows=3, steps=6, features=2)

    forecasts = numpy_rnn.predict(weights, inputs)

    assert forecasts.dtype == np.float32
    np.testing.assert_array_equal(
        forecasts, numpy_rnn.forward(weights, inputs)[1].astype(np.float32)
    )


def test_sums_of_any_size_neither_overflow_nor_leave_zero_to_one() -> None:
    weights = random_weights(features=1, units=2)
    inputs = np.array([[[1e9]], [[-1e9]]])

    states, _ = numpy_rnn.forward(weights, inputs)

    np.testing.assert_array_equal(np.sort(states[:, 0], axis=0), [[0, 0], [1, 1]])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_articles_sine_is_forecast_better_than_the_article_did(seed: int) -> None:
    scaler, windows, nexts = sine()
    inputs, targets = scaler.inputs(windows), scaler.targets(windows, nexts)
    epochs: list[int] = []
    losses: list[float] = []

    def after_epoch(epoch: int, loss: float) -> None:
        epochs.append(epoch)
        losses.append(loss)

    weights = fitted_from_seed(
        inputs[:100],
        targets[:100],
        Descent(25, 0.0001, 5, 10),
        units=100,
        seed=seed,
        after_epoch=after_epoch,
    )

    assert epochs == list(range(25))
    assert losses[0] > losses[4] > losses[24]
    forecasts = scaler.prices(windows[100:], numpy_rnn.predict(weights, inputs[100:]))
    assert point_scores.rmse(nexts[100:], forecasts[:, 0]) < 0.127
