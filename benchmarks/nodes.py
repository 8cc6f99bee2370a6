"""
How long one window takes through each recipe's recurrent nodes: four layers of 50, 60 steps.

    python -m benchmarks.nodes
"""

import statistics
import time
from typing import Final

import numpy as np

from app.inference.onnx_session import OnnxNetwork
from training.export import graphs
from training.networks import keras_networks
from training.networks.fit import FittedKeras
from training.recipes import library
from training.recipes.network_kinds import Network

_RECIPES: Final = (
    "goog-lstm50",
    "goog-peephole50",
    "goog-coupled50",
    "goog-gru50",
    "goog-bilstm50",
)
_ROUNDS: Final = 200
_CALLS: Final = 20


def main() -> None:
    """Time the graphs in turn, unfitted, on one thread; print medians, as Markdown."""
    described = [library.load(name).network for name in _RECIPES]
    simple = Network(kind="rnn", layers=4, units=50)
    sessions: dict[str, OnnxNetwork] = {
        each.kind: _session(each) for each in [*described, simple] if isinstance(each, Network)
    }
    window = np.random.default_rng(0).random((1, 60, 1), dtype=np.float32)
    found: dict[str, list[float]] = {kind: [] for kind in sessions}
    for _ in range(_ROUNDS):
        for kind, session in sessions.items():
            began = time.perf_counter()
            for _ in range(_CALLS):
                session.run(window)
            found[kind].append((time.perf_counter() - began) / _CALLS)
    medians = {kind: statistics.median(times) for kind, times in found.items()}
    print("| | ms a window | of the LSTM's |\n|---|---|---|")
    for kind, seconds in medians.items():
        print(f"| {kind} | {seconds * 1000:.3f} | {seconds / medians['lstm']:.2f} |")


def _session(network: Network) -> OnnxNetwork:
    unfitted = FittedKeras(keras_networks.build(network, steps=60, features=1), network, {})
    return OnnxNetwork(graphs.to_bytes(graphs.of_point(unfitted)), steps=60, features=1)


if __name__ == "__main__":
    main()
