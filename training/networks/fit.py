"""The loop: what a network sees and what it should give, until it fits."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import keras
import onnx

from app.forecasting.arrays import Float32s
from training import progress
from training.errors import Diverged
from training.export import keras_to_onnx, onnx_nodes
from training.networks import keras_networks, numpy_rnn
from training.recipes.recipe import Network, QuantileNetwork, Recipe, ScratchNetwork

_BATCH: Final = 512
"""Windows at once where nothing is fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What the network sees (n, steps, features), and what it should give (n, 1)."""

    inputs: Float32s
    targets: Float32s


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A network that was fitted, whatever it was fitted with."""

    outputs: Callable[[Float32s], Float32s]
    """Maps inputs (n, steps, features) to outputs (n, 1), by the library that fitted it."""
    to_onnx: Callable[[], onnx.ModelProto]
    losses: dict[str, list[float]]
    """One number an epoch: "loss", and "val_loss" where there were validation windows."""


def fit(recipe: Recipe, pairs: Pairs, validation: Pairs | None, *, seed: int) -> Fitted:
    """
    Fit the recipe's network.

    Raises Diverged where the loss stops being a number, with the epoch.
    """
    with watched(recipe.fit.epochs) as after_epoch:
        if isinstance(recipe.network, QuantileNetwork):
            raise TypeError("a network of quantiles is fitted by quantile_fit")
        if isinstance(recipe.network, ScratchNetwork):
            return _fit_scratch(recipe, recipe.network, pairs, seed=seed, after_epoch=after_epoch)
        return _fit_keras(
            recipe, recipe.network, pairs, validation, seed=seed, after_epoch=after_epoch
        )


@contextlib.contextmanager
def watched(epochs: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """
    Give a function to call with each finished epoch, counted from 0 as Keras does, and its losses.

    It shows them, and raises Diverged where the loss is no longer a number.
    """
    with progress.epochs(epochs) as show:

        def after_epoch(epoch: int, losses: dict[str, float]) -> None:
            show(epoch + 1, losses)
            if not math.isfinite(losses["loss"]):
                raise Diverged(
                    f"the loss is {losses['loss']} after epoch {epoch + 1}: nothing was published;"
                    " try a smaller learning_rate"
                )

        yield after_epoch


def _fit_keras(  # noqa: PLR0913 - what a fit is made of
    recipe: Recipe,
    described: Network,
    pairs: Pairs,
    validation: Pairs | None,
    *,
    seed: int,
    after_epoch: Callable[[int, dict[str, float]], None],
) -> Fitted:
    # what an earlier fit of this process left behind would pile up
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    _, steps, features = pairs.inputs.shape
    network = keras_networks.build(described, steps=steps, features=features)
    network.compile(
        optimizer=keras.optimizers.Adam(recipe.fit.learning_rate),
        loss=recipe.fit.loss,
        # a step is a few small products: compiled whole, and an epoch in one call, so that
        # the time goes into them (docs/performance.md)
        jit_compile=True,
        steps_per_execution=math.ceil(len(pairs.inputs) / recipe.fit.batch_size),
    )
    callbacks: list[Any] = [keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)]
    if validation is not None and recipe.fit.patience is not None:
        patience = recipe.fit.patience
        callbacks.append(
            keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
        )
    history = network.fit(
        pairs.inputs,
        pairs.targets,
        validation_data=None if validation is None else (validation.inputs, validation.targets),
        epochs=recipe.fit.epochs,
        batch_size=recipe.fit.batch_size,
        callbacks=callbacks,
        verbose=0,
    )

    def to_onnx() -> onnx.ModelProto:
        own = keras_networks.in_keras_own_layers(network, described)
        return onnx_nodes.of_keras(network) if own is None else keras_to_onnx.convert(own)

    return Fitted(
        outputs=lambda inputs: network.predict(inputs, batch_size=_BATCH, verbose=0),
        to_onnx=to_onnx,
        losses=history.history,
    )


def _fit_scratch(
    recipe: Recipe,
    described: ScratchNetwork,
    pairs: Pairs,
    *,
    seed: int,
    after_epoch: Callable[[int, dict[str, float]], None],
) -> Fitted:
    losses: list[float] = []

    def keep(epoch: int, loss: float) -> None:
        losses.append(2 * loss)  # the article's is half of the squared error
        after_epoch(epoch, {"loss": losses[-1]})

    weights = numpy_rnn.fit(
        pairs.inputs,
        pairs.targets,
        units=described.units,
        epochs=recipe.fit.epochs,
        learning_rate=recipe.fit.learning_rate,
        truncate=described.truncate,
        clip=described.clip,
        seed=seed,
        after_epoch=keep,
    )
    steps = pairs.inputs.shape[1]
    return Fitted(
        outputs=lambda inputs: numpy_rnn.predict(weights, inputs),
        to_onnx=lambda: onnx_nodes.of_scratch(weights, steps=steps),
        losses={"loss": losses},
    )
