"""The networks, whole, in Keras."""

from collections.abc import Callable
from typing import Any, Final

import keras
from keras import layers

from training.networks.lstm import LSTM, bidirectional
from training.recipes.network_kinds import Network

_Layer = Callable[..., Any]

# Our LSTM fits in less than half of Keras's time, with the same weights in the same order
_FITTED: Final[dict[str, _Layer]] = {
    "lstm": LSTM,
    "bilstm": bidirectional,
    "peephole-lstm": lambda units, **options: LSTM(units, peepholes=True, **options),
    "coupled-lstm": lambda units, **options: LSTM(units, coupled=True, **options),
    "gru": layers.GRU,
    "rnn": layers.SimpleRNN,
}
_KERAS_OWN: Final[dict[str, _Layer]] = {
    "lstm": layers.LSTM,
    "bilstm": lambda units, **options: layers.Bidirectional(layers.LSTM(units, **options)),
}


def build(network: Network, *, steps: int, features: int) -> keras.Model:
    """Return an unfitted network that maps (batch, steps, features) to (batch, 1)."""
    return _stack(network, _FITTED[network.kind], steps=steps, features=features)


def in_keras_own_layers(fitted: keras.Model, network: Network) -> keras.Model | None:
    """Return the fitted network made of Keras's own layers alone, or None where it has none."""
    if network.kind not in _KERAS_OWN:
        return None
    _, steps, features = fitted.inputs[0].shape
    own = _stack(network, _KERAS_OWN[network.kind], steps=steps, features=features)
    own.set_weights(fitted.get_weights())
    return own


def _stack(network: Network, recurrent: _Layer, *, steps: int, features: int) -> keras.Model:
    window = keras.Input((steps, features), name="window")
    x = window
    for layer in range(network.layers):
        last = layer == network.layers - 1
        x = recurrent(network.units, return_sequences=not last)(x)  # (batch, [steps,] units)
        if network.dropout:
            x = layers.Dropout(network.dropout)(x)
    if network.correction is None:
        outputs = layers.Dense(1)(x)  # (batch, 1)
    else:
        # zero at first, so that unfitted it repeats the last price
        bounded = layers.Dense(1, activation="tanh", kernel_initializer="zeros")(x)
        outputs = layers.Rescaling(network.correction)(bounded)  # (batch, 1)
    return keras.Model(window, outputs)
