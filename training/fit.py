"""The loop: a network, what it sees and what it should give, until it fits."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from app.scaling import Float32s
from training import networks, progress
from training.errors import Diverged
from training.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What the network sees (n, steps, features), and what it should give (n, 1)."""

    inputs: Float32s
    targets: Float32s


def fit(recipe: Recipe, pairs: Pairs, validation: Pairs | None, *, seed: int) -> keras.Model:
    """
    Fit the recipe's network; with `validation`, keep the epoch that did best on it.

    Raises Diverged where the loss stops being a number, with the epoch.
    """
    keras.utils.set_random_seed(seed)
    _, steps, features = pairs.inputs.shape
    network = networks.build(recipe.network, steps=steps, features=features)
    optimizer = keras.optimizers.Adam(recipe.fit.learning_rate)
    network.compile(optimizer=optimizer, loss=recipe.fit.loss)
    with progress.epochs(recipe.fit.epochs) as show:

        def after_epoch(epoch: int, logs: dict[str, float]) -> None:
            show(epoch + 1, logs)
            if not math.isfinite(logs["loss"]):
                raise Diverged(
                    f"the loss is {logs['loss']} after epoch {epoch + 1}: nothing was published;"
                    " try a smaller learning_rate"
                )

        callbacks: list[Any] = [keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)]
        if validation is not None:
            callbacks.append(
                keras.callbacks.EarlyStopping(
                    patience=recipe.fit.patience or recipe.fit.epochs, restore_best_weights=True
                )
            )
        network.fit(
            pairs.inputs,
            pairs.targets,
            validation_data=None if validation is None else (validation.inputs, validation.targets),
            epochs=recipe.fit.epochs,
            batch_size=recipe.fit.batch_size,
            callbacks=callbacks,
            verbose=0,
        )
    return network
