"""
How long a recipe takes to fit: ours, Keras's own `fit`, and PyTorch's LSTM, side by side.

    python -m benchmarks.fitting --torch .venv-torch/bin/python

The recipe is `goog-lstm50`: 1,198 windows of 60, four LSTM layers of 50, batches of 32, Adam,
100 epochs; the prices are made up. Each fit is a process of its own, and only the call that
fits is timed, with whatever it compiles. PyTorch needs an environment of its own: `make
bench-fitting` makes one.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from typing import Any, Final

import numpy as np

_WINDOW: Final = 60
_ROWS: Final = 1258
_UNITS: Final = 50
_LAYERS: Final = 4
_BATCH: Final = 32
_SIDES: Final = ("ours", "keras", "keras, an epoch in one call", "torch")


def main() -> None:
    """Run every side in turn, and print a table of medians, as Markdown."""
    parser = argparse.ArgumentParser(description="Time the fit of goog-lstm50.")
    parser.add_argument("--torch", help="a Python that has torch and numpy; left out without one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--sides", default=";".join(_SIDES), help="those to run, separated by ';'")
    parser.add_argument("--side", choices=_SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(_fit(options.side, options.epochs)))
        return
    asked = options.sides.split(";")
    sides = [side for side in _SIDES if side in asked and (side != "torch" or options.torch)]
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(options.rounds):
        for side in sides:
            python = options.torch if side == "torch" else sys.executable
            command = [
                python,
                "-m",
                "benchmarks.fitting",
                "--side",
                side,
                "--epochs",
                str(options.epochs),
            ]
            finished = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
            found[side].append(json.loads(finished.stdout.splitlines()[-1]))
            print(side, found[side][-1], file=sys.stderr)
    ours = statistics.median(each["seconds"] for each in found["ours"])
    print(f"| {options.epochs} epochs | seconds | ours takes | last loss |\n|---|---|---|---|")
    for side in sides:
        seconds = statistics.median(each["seconds"] for each in found[side])
        loss = statistics.median(each["loss"] for each in found[side])
        print(f"| {side} | {seconds:.1f} | {ours / seconds:.2f} of it | {loss:.5f} |")


def _fit(side: str, epochs: int) -> dict[str, float]:
    inputs, targets = _pairs()
    fit = {"ours": _ours, "torch": _torch}.get(side, _keras)
    if side == _SIDES[2]:
        return _keras(inputs, targets, epochs, steps=math.ceil(len(inputs) / _BATCH))
    return fit(inputs, targets, epochs)


def _pairs() -> tuple[Any, Any]:
    """Return the windows of a random walk (n, 60, 1) and what comes next (n, 1), 0 to 1."""
    walk = np.cumsum(np.random.default_rng(0).normal(0, 0.01, _ROWS))
    prices = ((walk - walk.min()) / (walk.max() - walk.min())).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(prices, _WINDOW)[:-1]
    return np.ascontiguousarray(windows)[:, :, None], prices[_WINDOW:, None]


def _ours(inputs: Any, targets: Any, epochs: int) -> dict[str, float]:  # noqa: ANN401 - arrays
    from training.networks.fit import Pairs, fit  # noqa: PLC0415
    from training.recipes import library  # noqa: PLC0415 - each side imports its own

    chosen = library.load("goog-lstm50").with_epochs(epochs)
    began = time.perf_counter()
    fitted = fit(chosen, Pairs(inputs, targets), None, seed=1)
    return {"seconds": time.perf_counter() - began, "loss": fitted.losses["loss"][-1]}


def _keras(inputs: Any, targets: Any, epochs: int, steps: int = 1) -> dict[str, float]:  # noqa: ANN401 - arrays
    import keras  # noqa: PLC0415
    from keras import layers  # noqa: PLC0415

    keras.utils.set_random_seed(1)
    stack = [layers.LSTM(_UNITS, return_sequences=True) for _ in range(_LAYERS - 1)]
    network = keras.Sequential(
        [keras.Input((_WINDOW, 1)), *stack, layers.LSTM(_UNITS), layers.Dense(1)]
    )
    network.compile("adam", "mse", steps_per_execution=steps)
    began = time.perf_counter()
    history = network.fit(inputs, targets, batch_size=_BATCH, epochs=epochs, verbose=0)
    return {"seconds": time.perf_counter() - began, "loss": history.history["loss"][-1]}


def _torch(inputs: Any, targets: Any, epochs: int) -> dict[str, float]:  # noqa: ANN401 - arrays
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    torch.manual_seed(1)
    lstm = nn.LSTM(1, _UNITS, num_layers=_LAYERS, batch_first=True)
    dense = nn.Linear(_UNITS, 1)
    optimizer = torch.optim.Adam([*lstm.parameters(), *dense.parameters()])
    x, y = torch.from_numpy(inputs.copy()), torch.from_numpy(targets.copy())
    began = time.perf_counter()
    losses: list[float] = []
    for _ in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(_BATCH):
            optimizer.zero_grad()
            states, _ = lstm(x[batch])
            loss = nn.functional.mse_loss(dense(states[:, -1]), y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(x))
    return {"seconds": time.perf_counter() - began, "loss": losses[-1]}


if __name__ == "__main__":
    main()
