"""
The recurrent network written out in NumPy: forward, back through time, and down the slope.

One state h of so many units is carried over the steps of a window, from h = 0:
h_t = activation(x_t W + h_(t-1) U + b); the forecast is y = h_T V + c, one number.
Shapes: inputs are (n, steps, features), states (n, steps, units), outputs and targets (n, 1),
all without unit; everything inside is float64.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, Literal, TypeAlias

import numpy as np

from app.forecasting.arrays import Float32s, Floats

Activation: TypeAlias = Literal["sigmoid", "tanh"]

_LARGEST_OUTPUT: Final = 10.0
"""V begins within this, either side of 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What is fitted; also the gradients of what is fitted, one for each weight."""

    kernel: Floats
    """W, (features, units): what the input adds to the state."""
    recurrent: Floats
    """U, (units, units): what the state before adds to the state."""
    bias: Floats
    """b, (units,)."""
    output: Floats
    """V, (units, 1): what the last state says of the target."""
    output_bias: Floats
    """c, (1,)."""


def initial(features: int, units: int, *, seed: int) -> Weights:
    """
    Return what a fit with the sigmoid begins with.

    The kernel is Glorot's, the recurrent orthogonal.
    """
    # Not uniform between 0 and 1, as the article has it: over 100 units the sums then run to tens
    # from the second step on, every sigmoid says 1 whatever the input, and its slope is nil.
    random = np.random.default_rng(seed)
    reach = np.sqrt(6 / (features + units))
    kernel = random.uniform(-reach, reach, (features, units))
    recurrent, triangle = np.linalg.qr(random.standard_normal((units, units)))
    # without its sign the factorisation is not uniform over all rotations
    recurrent = recurrent * np.sign(np.diag(triangle))
    # the error reaches the states through V: a small one would need more than 2,500 steps of 1e-4
    to_output = random.uniform(-_LARGEST_OUTPUT, _LARGEST_OUTPUT, (units, 1))
    return Weights(
        kernel=kernel,
        recurrent=recurrent,
        # sigmoids rest at 1/2: from there every sum is 0, where they are steepest, and so is y
        bias=-0.5 * recurrent.sum(axis=0),
        output=to_output,
        output_bias=-0.5 * to_output.sum(axis=0),
    )


def step(weights: Weights, states: Floats, inputs: Floats, activation: Activation) -> Floats:
    """Return the states (n, units) that follow `states` (n, units) on `inputs` (n, features)."""
    return _activate(
        inputs @ weights.kernel + states @ weights.recurrent + weights.bias, activation
    )


def output(weights: Weights, states: Floats) -> Floats:
    """Return what states (n, units) forecast, (n, 1)."""
    return states @ weights.output + weights.output_bias


def forward(
    weights: Weights, inputs: Floats | Float32s, *, activation: Activation = "sigmoid"
) -> tuple[Floats, Floats]:
    """Return the states after every step (n, steps, units), and the outputs (n, 1)."""
    inputs = inputs.astype(np.float64)
    windows, steps, _ = inputs.shape
    state = np.zeros((windows, len(weights.bias)))
    states = np.empty((windows, steps, len(weights.bias)))
    for t in range(steps):
        state = step(weights, state, inputs[:, t], activation)
        states[:, t] = state
    return states, output(weights, state)


def gradients(
    weights: Weights,
    inputs: Floats | Float32s,
    targets: Floats | Float32s,
    *,
    truncate: int | None,
    activation: Activation = "sigmoid",
) -> tuple[float, Weights]:
    """
    Return the loss, half the sum of the squared errors, and its gradients.

    The error is carried back through the newest `truncate` steps, through all where it is None:
    the older ones then count as given, and add nothing to the kernel, recurrent and bias.
    """
    inputs = inputs.astype(np.float64)
    windows, steps, _ = inputs.shape
    states, outputs = forward(weights, inputs, activation=activation)
    errors = outputs - targets

    kernel = np.zeros_like(weights.kernel)
    recurrent = np.zeros_like(weights.recurrent)
    bias = np.zeros_like(weights.bias)
    nothing = np.zeros((windows, len(bias)))
    oldest = 0 if truncate is None else max(0, steps - truncate)
    carried = errors @ weights.output.T
    for t in range(steps - 1, oldest - 1, -1):
        before = states[:, t - 1] if t else nothing
        sums = carried * _slope(states[:, t], activation)
        kernel += inputs[:, t].T @ sums
        recurrent += before.T @ sums
        bias += sums.sum(axis=0)
        carried = sums @ weights.recurrent.T
    loss = 0.5 * float(np.square(errors).sum())
    return loss, Weights(kernel, recurrent, bias, states[:, -1].T @ errors, errors.sum(axis=0))


@dataclass(frozen=True, slots=True)
class Descent:
    """The article's settings of gradient descent."""

    epochs: int
    learning_rate: float
    truncate: int | None
    """Steps that an error is carried back; None for all."""
    clip: float
    """The largest element of a gradient, either way."""

    def step(self, weights: Weights, slopes: Weights) -> Weights:
        """Return the weights after one step down their gradients."""

        def moved(name: str) -> Floats:
            slope = np.clip(getattr(slopes, name), -self.clip, self.clip)
            stepped: Floats = getattr(weights, name) - self.learning_rate * slope
            return stepped

        return Weights(**{each.name: moved(each.name) for each in fields(Weights)})


def fit(
    weights: Weights,
    inputs: Floats | Float32s,
    targets: Floats | Float32s,
    descent: Descent,
    *,
    after_epoch: Callable[[int, float], None],
) -> Weights:
    """
    Descend from the first weights one window at a time, in order; return the last.

    `after_epoch` gets each epoch, counted from 0, and the mean of its losses, each as it was
    before its window's step; what it raises ends the fit.
    """
    for epoch in range(descent.epochs):
        total = 0.0
        for n in range(len(inputs)):
            one = slice(n, n + 1)
            loss, slopes = gradients(weights, inputs[one], targets[one], truncate=descent.truncate)
            weights = descent.step(weights, slopes)
            total += loss
        after_epoch(epoch, total / len(inputs))
    return weights


def predict(weights: Weights, inputs: Floats | Float32s) -> Float32s:
    """Return the forecasts (n, 1) of a network fitted by `fit`."""
    _, outputs = forward(weights, inputs)
    return outputs.astype(np.float32)


def _activate(sums: Floats, activation: Activation) -> Floats:
    if activation == "tanh":
        return np.tanh(sums)
    # 1 / (1 + exp(-sums)) without its overflow
    return 0.5 + 0.5 * np.tanh(0.5 * sums)


def _slope(states: Floats, activation: Activation) -> Floats:
    """Return the activation's derivative, from what it gave."""
    return 1 - np.square(states) if activation == "tanh" else states * (1 - states)
