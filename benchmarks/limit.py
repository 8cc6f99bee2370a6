"""
What onnxruntime does with the network and nothing around it: the limit of any server.

    python -m benchmarks.limit FOLDER --seconds 2

One thread, one `run` after the other, of 1, 16 and 256 windows; printed as JSON.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.peers.onnx_network import OnnxNetwork

BATCHES: Final = (1, 16, 256)

_WINDOW: Final = 60


def main() -> None:
    """Time each size for so long."""
    parser = argparse.ArgumentParser(description="Time onnxruntime alone.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    session = OnnxNetwork(options.folder).session
    found = {}
    for batch in BATCHES:
        inputs = {"window": np.random.default_rng(0).random((batch, _WINDOW, 1), np.float32)}
        session.run(None, inputs)
        times = []
        began = time.perf_counter()
        while time.perf_counter() < began + options.seconds:
            # processor time, and the median: what else the machine does must not lower the limit
            before = time.process_time()
            session.run(None, inputs)
            times.append(time.process_time() - before)
        usual = statistics.median(times)
        found[batch] = {"windows_a_second": batch / usual, "p50_ms": 1000 * usual}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
