"""The LSTM layer against Keras's own, a plain loop, and finite differences."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.networks.lstm import LSTM, bidirectional

FORMS = [
    pytest.param({}, id="plain"),
    pytest.param({"peepholes": True}, id="peepholes"),
    pytest.param({"coupled": True}, id="coupled"),
    pytest.param({"peepholes": True, "coupled": True}, id="both"),
    pytest.param({"backwards": True}, id="backwards"),
]


def random(*shape: int, seed: int = 3) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def filled(form: dict[str, bool], *, units: int, features: int, sequences: bool = True) -> LSTM:
    """Return a layer whose weights are all other than zero."""
    layer = LSTM(units, return_sequences=sequences, **form)
    layer.build((None, 5, features))
    layer.set_weights(
        [random(*weight.shape, seed=index) * 0.5 for index, weight in enumerate(layer.weights)]
    )
    return layer


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def by_hand(layer: LSTM, window: Any) -> Any:
    """Return all states of one window (steps, features), as the docstring says."""
    kernel, recurrent, bias, *rest = (weight.astype(np.float64) for weight in layer.get_weights())
    peephole = rest[0] if rest else np.zeros((3, layer.units))
    state = cell = np.zeros(layer.units)
    states = []
    for x in window[::-1] if layer.backwards else window:
        parts = np.split(x @ kernel + state @ recurrent + bias, 3 if layer.coupled else 4)
        entering = sigmoid(parts[0] + peephole[0] * cell)
        forget = 1 - entering if layer.coupled else sigmoid(parts[1] + peephole[1] * cell)
        cell = forget * cell + entering * np.tanh(parts[-2])
        state = sigmoid(parts[-1] + peephole[2] * cell) * np.tanh(cell)
        states.append(state)
    return np.array(states[::-1] if layer.backwards else states)


@pytest.mark.parametrize("form", FORMS)
def test_states_are_those_of_a_plain_loop(form: dict[str, bool]) -> None:
    layer = filled(form, units=4, features=3)
    windows = random(2, 7, 3)

    states = layer(windows).numpy()

    for window, found in zip(windows, states, strict=True):
        assert found == pytest.approx(by_hand(layer, window), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sequences", [True, False])
def test_gradients_are_those_of_finite_differences(
    form: dict[str, bool], *, sequences: bool
) -> None:
    layer = filled(form, units=3, features=2, sequences=sequences)
    windows, weight_of = random(2, 6, 2), random(2, 6, 3, seed=9)

    def loss_by_hand() -> float:
        states = np.array([by_hand(layer, window) for window in windows])
        if sequences:
            return float((states * weight_of).sum())
        last = states[:, 0 if layer.backwards else -1]
        return float((last * weight_of[:, -1]).sum())

    with tf.GradientTape() as tape:
        outputs = layer(windows)
        loss = tf.reduce_sum(outputs * (weight_of if sequences else weight_of[:, -1]))
    gradients = tape.gradient(loss, layer.trainable_variables)

    assert float(loss) == pytest.approx(loss_by_hand(), rel=1e-4)
    weights = layer.get_weights()
    for index, gradient in enumerate(gradients):
        numeric = np.zeros(weights[index].shape)
        for place in np.ndindex(*numeric.shape):
            ends = []
            for step in (1e-2, -1e-2):
                moved = [weight.copy() for weight in weights]
                moved[index][place] += step
                layer.set_weights(moved)
                ends.append(loss_by_hand())
            numeric[place] = (ends[0] - ends[1]) / 2e-2
        layer.set_weights(weights)
        assert gradient.numpy() == pytest.approx(numeric, rel=2e-3, abs=2e-3)


def test_a_plain_layer_is_keras_own_forwards_and_in_its_gradients() -> None:
    ours = filled({}, units=6, features=2)
    keras_own = keras.layers.LSTM(6, return_sequences=True)
    keras_own.build((None, 9, 2))
    keras_own.set_weights(ours.get_weights())
    windows = tf.constant(random(4, 9, 2))

    found = []
    for layer in (ours, keras_own):
        with tf.GradientTape() as tape:
            tape.watch(windows)
            states = layer(windows)
            loss = tf.reduce_sum(states**3)
        found.append((states, *tape.gradient(loss, [windows, *layer.trainable_variables])))

    for ours_value, keras_value in zip(*found, strict=True):
        assert ours_value.numpy() == pytest.approx(keras_value.numpy(), rel=1e-4, abs=1e-5)


def test_two_directions_are_those_of_keras() -> None:
    window = keras.Input((5, 2))
    ours = keras.Model(window, bidirectional(3, return_sequences=True)(window))
    last = keras.Model(window, bidirectional(3, return_sequences=False)(window))
    theirs = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))
    theirs_last = keras.layers.Bidirectional(keras.layers.LSTM(3))
    for layer, model in ((theirs, ours), (theirs_last, last)):
        layer.build((None, 5, 2))
        layer.set_weights(model.get_weights())
    windows = random(4, 5, 2)

    assert ours(windows).numpy() == pytest.approx(theirs(windows).numpy(), abs=1e-6)
    assert last(windows).numpy() == pytest.approx(theirs_last(windows).numpy(), abs=1e-6)


def test_weights_begin_as_keras_begins_them() -> None:
    layer = LSTM(50)
    layer.build((None, 60, 50))

    kernel, recurrent, bias = layer.get_weights()

    assert np.abs(kernel).max() <= np.sqrt(6 / (50 + 200))
    assert recurrent @ recurrent.T == pytest.approx(np.eye(50), abs=1e-5)
    assert bias.tolist() == [0.0] * 50 + [1.0] * 50 + [0.0] * 100
