"""The networks, whole, in Keras."""

import keras
from keras import layers

from training.recipe import Network


def build(network: Network, *, steps: int, features: int) -> keras.Model:
    """Return an unfitted network that maps (batch, steps, features) to (batch, 1)."""
    window = keras.Input((steps, features), name="window")
    x = window
    for layer in range(network.layers):
        last = layer == network.layers - 1
        x = layers.LSTM(network.units, return_sequences=not last)(x)  # (batch, [steps,] units)
        if network.dropout:
            x = layers.Dropout(network.dropout)(x)
    if network.correction is None:
        outputs = layers.Dense(1)(x)  # (batch, 1)
    else:
        # zero at first, so that unfitted it repeats the last price
        bounded = layers.Dense(1, activation="tanh", kernel_initializer="zeros")(x)
        outputs = layers.Rescaling(network.correction)(bounded)  # (batch, 1)
    return keras.Model(window, outputs)
