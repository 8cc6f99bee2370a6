"""A service of BentoML with adaptive batching: windows in, prices out."""

import os
from pathlib import Path

import bentoml

from benchmarks.peers.onnx_network import OnnxNetwork


@bentoml.service(
    workers=1,
    traffic={"timeout": 60},
    metrics={"enabled": os.environ.get("PEER_METRICS") != "off"},  # noqa: TID251 - not ours
    logging={"access": {"enabled": False}},
)
class Forecaster:
    """The network, as a service of BentoML."""

    def __init__(self) -> None:
        self._network = OnnxNetwork(Path())

    @bentoml.api(batchable=True, max_batch_size=16)
    def predict(self, prices: list[list[float]]) -> list[float]:
        """Forecast from the windows (n, 60) that the server has put together."""
        forecasts: list[float] = self._network.forecast(prices).tolist()
        return forecasts
