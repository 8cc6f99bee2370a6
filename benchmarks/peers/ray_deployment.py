"""A deployment of Ray Serve: `python -m benchmarks.peers.ray_deployment PORT`."""

import sys
from pathlib import Path
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers.onnx_network import OnnxNetwork


@serve.deployment(max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0.5})
class Forecaster:
    """The network, as a deployment of Ray Serve."""

    def __init__(self, folder: Path) -> None:
        self._network = OnnxNetwork(folder)

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.001)
    async def forecast(self, windows: list[list[float]]) -> list[float]:
        """Forecast from the windows that have been put together."""
        prices: list[float] = self._network.forecast(windows).tolist()
        return prices

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer one request."""
        question = await request.json()
        return {"prediction": await self.forecast(question["prices"])}


if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])},
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
    deployment = Forecaster.bind(Path.cwd())  # type: ignore[attr-defined] # made by the decorator
    serve.run(deployment, route_prefix="/predict", blocking=True)
