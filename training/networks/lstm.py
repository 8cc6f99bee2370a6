"""
The LSTM layer of the recipes: Keras's own arithmetic, with back-propagation written out.

What a window's steps have in common is done for all of them at once: the input's part of
the gates before the loop, the weights' gradients after it. That leaves one small matrix
product a step in each direction, and fits in less than half the time of `keras.layers.LSTM`.
Tested against it, and against finite differences.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf
from keras import layers

Tensor: TypeAlias = Any


class LSTM(layers.Layer):  # type: ignore[misc] # Keras ships no types
    """
    Map (batch, steps, features) to the last state (batch, units), or to all of them.

    Weights are laid out as Keras's are: `kernel` (features, gates x units), `recurrent`
    (units, gates x units) and `bias`, gates in the order input, forget, candidate, output.

    `peepholes` (Gers and Schmidhuber, 2000): the gates also see the cell, the input and the
    forget gate the one before the step and the output gate the one after it, through
    `peephole` (3, units) for input, forget and output.
    `coupled`: the forget gate is one minus the input gate, and has no weights.
    `backwards`: the steps are read from the last to the first.
    """

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        peepholes: bool = False,
        coupled: bool = False,
        backwards: bool = False,
    ) -> None:
        super().__init__()
        self.units = units
        self.return_sequences = return_sequences
        self.peepholes = peepholes
        self.coupled = coupled
        self.backwards = backwards
        self._recur = _recurrence(_Form(units, peepholes, coupled))

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights, begun as Keras begins those of its LSTM."""
        gates = 3 if self.coupled else 4
        width = gates * self.units
        self.kernel = self.add_weight(
            shape=(shape[-1], width), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent = self.add_weight(
            shape=(self.units, width), initializer="orthogonal", name="recurrent"
        )
        self.bias = self.add_weight(shape=(width,), initializer=self._first_bias, name="bias")
        if self.peepholes:
            # at zero it begins as a plain LSTM
            self.peephole = self.add_weight(
                shape=(3, self.units), initializer="zeros", name="peephole"
            )

    def call(self, window: Tensor) -> Tensor:
        """Run the window through the layer."""
        steps = tf.transpose(window, (1, 0, 2))  # (steps, batch, features)
        if self.backwards:
            steps = steps[::-1]
        kernel, recurrent = tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.recurrent)
        gates = tf.einsum("tbi,ig->tbg", steps, kernel) + self.bias  # (steps, batch, gates x units)
        peephole = tf.convert_to_tensor(self.peephole) if self.peepholes else tf.zeros((3, 1))
        states = self._recur(gates, recurrent, peephole)  # (steps, batch, units)
        if not self.return_sequences:
            return states[-1]
        if self.backwards:
            states = states[::-1]
        return tf.transpose(states, (1, 0, 2))

    def _first_bias(self, shape: tuple[int, ...], dtype: object = None) -> Tensor:
        """Begin with an open forget gate (Jozefowicz et al., 2015), where there is one."""
        bias = tf.zeros(shape, dtype or "float32")
        if self.coupled:
            return bias
        forget = tf.ones((self.units,), bias.dtype)
        return tf.concat([bias[: self.units], forget, bias[2 * self.units :]], 0)


def bidirectional(units: int, *, return_sequences: bool) -> Callable[[Tensor], Tensor]:
    """Return two LSTMs, one reading backwards, their states side by side, (…, 2 x units)."""
    forward = LSTM(units, return_sequences=return_sequences)
    backward = LSTM(units, return_sequences=return_sequences, backwards=True)
    return lambda window: layers.Concatenate()([forward(window), backward(window)])


def _recurrence(form: "_Form") -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """
    Return the loop over the steps, with its gradient.

    It maps the input's part of the gates (steps, batch, gates x units), the recurrent weights
    and the peepholes to the states (steps, batch, units).
    """

    def run(gates: Tensor, recurrent: Tensor, peephole: Tensor) -> tuple[Tensor, Any]:
        states, cells, activations = form.forward(gates, recurrent, peephole)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            arguments = form.backward(upstream, cells, activations, recurrent, peephole)
            by_recurrent = tf.einsum("tbu,tbg->ug", _delayed(states), arguments)
            return arguments, by_recurrent, form.by_peephole(arguments, cells, peephole)

        return states, gradient

    recurrence: Callable[[Tensor, Tensor, Tensor], Tensor] = tf.custom_gradient(run)
    return recurrence


@dataclass(frozen=True, slots=True)
class _Form:
    """The arithmetic of one form of the LSTM; all sequences are (steps, batch, …)."""

    units: int
    peepholes: bool
    coupled: bool

    def forward(self, gates: Tensor, recurrent: Tensor, peephole: Tensor) -> tuple[Tensor, ...]:
        """Return all states, all cells, and the gates of all steps side by side."""
        steps, width = gates.shape[0], recurrent.shape[1]

        def step(
            t: Tensor, state: Tensor, cell: Tensor, cells: Tensor, activations: Tensor
        ) -> tuple[Tensor, ...]:
            now, cell = self._activate(gates[t] + state @ recurrent, cell, peephole)
            state = now[:, -self.units :] * tf.tanh(cell)
            return t + 1, state, cell, cells.write(t, cell), activations.write(t, now)

        nothing = tf.zeros((tf.shape(gates)[1], self.units), gates.dtype)
        *_, cells, activations = tf.while_loop(
            lambda t, *_: t < steps,
            step,
            (0, nothing, nothing, _array(steps, self.units), _array(steps, width)),
            maximum_iterations=steps,
        )
        cells, activations = cells.stack(), activations.stack()
        # cheaper once for all steps than kept at each
        return activations[:, :, -self.units :] * tf.tanh(cells), cells, activations

    def backward(
        self, delta: Tensor, cells: Tensor, activations: Tensor, recurrent: Tensor, peephole: Tensor
    ) -> Tensor:
        """Return the loss's derivative by the arguments of the gates, from that by the states."""
        steps, width = cells.shape[0], recurrent.shape[1]
        before = _delayed(cells)
        input_gate, forget, candidate, output_gate = self._gates(activations)
        squashed = tf.tanh(cells)
        # what does not depend on later steps, for all of them at once
        gain = candidate - before if self.coupled else candidate
        by_input = gain * input_gate * (1 - input_gate)
        by_forget = before * forget * (1 - forget)
        by_candidate = input_gate * (1 - candidate * candidate)
        by_output = squashed * output_gate * (1 - output_gate)
        by_cell = output_gate * (1 - squashed * squashed)
        back = tf.transpose(recurrent)

        def step(t: Tensor, state: Tensor, cell: Tensor, arguments: Tensor) -> tuple[Tensor, ...]:
            state = state + delta[t]
            leave = state * by_output[t]
            cell = cell + state * by_cell[t]
            if self.peepholes:
                cell = cell + leave * peephole[2]
            parts = [cell * by_input[t]]
            if not self.coupled:
                parts.append(cell * by_forget[t])
            carried = cell * forget[t]
            if self.peepholes:
                for part, weight in zip(parts, tf.unstack(peephole)[:2], strict=False):
                    carried = carried + part * weight
            whole = tf.concat([*parts, cell * by_candidate[t], leave], -1)
            return t - 1, whole @ back, carried, arguments.write(t, whole)

        nothing = tf.zeros_like(cells[0])
        *_, arguments = tf.while_loop(
            lambda t, *_: t >= 0,
            step,
            (steps - 1, nothing, nothing, _array(steps, width)),
            maximum_iterations=steps,
        )
        return arguments.stack()

    def by_peephole(self, arguments: Tensor, cells: Tensor, peephole: Tensor) -> Tensor:
        """Return the loss's derivative by the peepholes."""
        if not self.peepholes:
            return tf.zeros_like(peephole)
        before = _delayed(cells)
        parts = self._split(arguments)
        forget = tf.zeros_like(before) if self.coupled else parts[1]
        products = (parts[0] * before, forget * before, parts[-1] * cells)
        return tf.stack([tf.reduce_sum(each, (0, 1)) for each in products])

    def _activate(self, whole: Tensor, before: Tensor, peephole: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gates of one step side by side, and the cell after it."""
        leading = 1 if self.coupled else 2  # the gates before the candidate
        if self.peepholes:
            peepholes = [weight * before for weight in tf.unstack(peephole)[:leading]]
            none = tf.zeros((tf.shape(before)[0], 2 * self.units), before.dtype)
            whole = whole + tf.concat([*peepholes, none], -1)
        # A sigmoid is half the tanh of half its argument, plus a half: so one function opens
        # all gates at once, the candidate's being the tanh itself.
        share = tf.repeat(tf.constant([*[0.5] * leading, 1.0, 0.5]), self.units)
        activations = share * tf.tanh(share * whole) + (1 - share)
        input_gate, forget, candidate, _ = self._gates(activations)
        cell = forget * before + input_gate * candidate
        if self.peepholes:
            output_gate = tf.sigmoid(whole[:, -self.units :] + peephole[2] * cell)
            activations = tf.concat([activations[:, : -self.units], output_gate], -1)
        return activations, cell

    def _gates(self, activations: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return input, forget, candidate and output gate."""
        input_gate, *forget, candidate, output_gate = self._split(activations)
        return input_gate, 1 - input_gate if self.coupled else forget[0], candidate, output_gate

    def _split(self, whole: Tensor) -> list[Tensor]:
        parts: list[Tensor] = tf.split(whole, 3 if self.coupled else 4, -1)
        return parts


def _delayed(sequence: Tensor) -> Tensor:
    """Return what each step finds: nothing at first, then the step before it."""
    return tf.concat([tf.zeros_like(sequence[:1]), sequence[:-1]], 0)


def _array(steps: int, width: int) -> Tensor:
    return tf.TensorArray("float32", steps, element_shape=(None, width), clear_after_read=False)
