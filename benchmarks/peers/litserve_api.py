"""An API of LitServe with batching: `python -m benchmarks.peers.litserve_api PORT`."""

import sys
from pathlib import Path
from typing import Any

import litserve

from benchmarks.peers.onnx_network import OnnxNetwork


class Forecaster(litserve.LitAPI):
    """The network, as an API of LitServe."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the server's own
        """Open the session, in the worker process."""
        self._network = OnnxNetwork(Path())

    def decode_request(self, request: dict[str, Any]) -> list[float]:
        """Take the window out of a body."""
        prices: list[float] = request["prices"]
        return prices

    def batch(self, inputs: list[list[float]]) -> list[list[float]]:
        """Put windows together: NumPy takes the list as it is."""
        return inputs

    def predict(self, x: list[list[float]]) -> list[float]:
        """Forecast from the windows that the server has put together."""
        prices: list[float] = self._network.forecast(x).tolist()
        return prices

    def unbatch(self, output: list[float]) -> list[float]:
        """Give each request its own price."""
        return output

    def encode_response(self, output: float) -> dict[str, float]:
        """Write one answer."""
        return {"prediction": output}


if __name__ == "__main__":
    server = litserve.LitServer(
        Forecaster(max_batch_size=16, batch_timeout=0.01),
        accelerator="cpu",
        workers_per_device=1,
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
