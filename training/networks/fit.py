"""The loop: what a network sees and what it should give, until it fits."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import keras

from app.forecasting.arrays import Float32s
from training import progress
from training.errors import Diverged
from training.networks import keras_networks, numpy_rnn
from training.networks.numpy_rnn import Weights
from training.recipes.network_kinds import Network, QuantileNetwork, ScratchNetwork
from training.recipes.recipe import Fit, Recipe

Losses: TypeAlias = dict[str, list[float]]

_BATCH: Final = 512
"""Windows at once where nothing is fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What the network sees (n, steps, features), and what it should give (n, 1)."""

    inputs: Float32s
    targets: Float32s


@dataclass(frozen=True, slots=True, eq=False)
class FittedKeras:
    """A network that Keras fitted."""

    network: keras.Model
    spec: Network
    losses: Losses
    """One number an epoch: "loss", and "val_loss" where there were validation windows."""

    def outputs(self, inputs: Float32s) -> Float32s:
        """Map inputs (n, steps, features) to outputs (n, 1), by Keras."""
        outputs: Float32s = self.network.predict(inputs, batch_size=_BATCH, verbose=0)
        return outputs


@dataclass(frozen=True, slots=True, eq=False)
class FittedScratch:
    """A network that NumPy fitted."""

    weights: Weights
    steps: int
    losses: Losses
    """One number an epoch: "loss"."""

    def outputs(self, inputs: Float32s) -> Float32s:
        """Map inputs (n, steps, features) to outputs (n, 1), by NumPy."""
        return numpy_rnn.predict(self.weights, inputs)


def fit(
    recipe: Recipe, pairs: Pairs, validation: Pairs | None, *, seed: int
) -> FittedKeras | FittedScratch:
    """
    Fit the recipe's network.

    Raises Diverged where the loss stops being a number, with the epoch.
    """
    spec = recipe.network
    if isinstance(spec, QuantileNetwork):
        raise TypeError("a network of quantiles is fitted by quantile_fit")
    if isinstance(spec, ScratchNetwork):
        return _fit_scratch(recipe, spec, pairs, seed=seed)
    return _fit_keras(recipe.fit, spec, pairs, validation, seed=seed)


@contextlib.contextmanager
def epoch_reporter(epochs: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """
    Give a function to call with each finished epoch, counted from 0 as Keras does, and its losses.

    It shows them, and raises Diverged where the loss is no longer a number.
    """
    with progress.epochs(epochs) as show:

        def report(epoch: int, losses: dict[str, float]) -> None:
            show(epoch + 1, losses)
            if not math.isfinite(losses["loss"]):
                raise Diverged(
                    f"the loss is {losses['loss']} after epoch {epoch + 1}: nothing was published;"
                    " try a smaller learning_rate"
                )

        yield report


def _fit_keras(
    settings: Fit, spec: Network, pairs: Pairs, validation: Pairs | None, *, seed: int
) -> FittedKeras:
    # what an earlier fit of this process left behind would pile up
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    _, steps, features = pairs.inputs.shape
    network = keras_networks.build(spec, steps=steps, features=features)
    network.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=settings.loss,
        # a step is a few small products: compiled whole, and an epoch in one call, so that
        # the time goes into them (docs/performance.md)
        jit_compile=True,
        steps_per_execution=math.ceil(len(pairs.inputs) / settings.batch_size),
    )
    with epoch_reporter(settings.epochs) as report:
        callbacks: list[Any] = [keras.callbacks.LambdaCallback(on_epoch_end=report)]
        if validation is not None and settings.patience is not None:
            callbacks.append(
                keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True)
            )
        history = network.fit(
            pairs.inputs,
            pairs.targets,
            validation_data=None if validation is None else (validation.inputs, validation.targets),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            callbacks=callbacks,
            verbose=0,
        )
    return FittedKeras(network, spec, history.history)


def _fit_scratch(recipe: Recipe, spec: ScratchNetwork, pairs: Pairs, *, seed: int) -> FittedScratch:
    losses: list[float] = []
    descent = numpy_rnn.Descent(
        epochs=recipe.fit.epochs,
        learning_rate=recipe.fit.learning_rate,
        truncate=spec.truncate,
        clip=spec.clip,
    )
    _, steps, features = pairs.inputs.shape
    with epoch_reporter(recipe.fit.epochs) as report:

        def after_epoch(epoch: int, loss: float) -> None:
            losses.append(2 * loss)  # the article's is half of the squared error
            report(epoch, {"loss": losses[-1]})

        weights = numpy_rnn.fit(
            numpy_rnn.initial(features, spec.units, seed=seed),
            pairs.inputs,
            pairs.targets,
            descent,
            after_epoch=after_epoch,
        )
    return FittedScratch(weights, steps, {"loss": losses})
