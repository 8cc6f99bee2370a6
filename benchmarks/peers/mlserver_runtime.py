"""A custom runtime of MLServer: the Open Inference Protocol in, requests batched along axis 0."""

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.onnx_network import OnnxNetwork


class Forecaster(MLModel):
    """The network, as a model of MLServer."""

    async def load(self) -> bool:
        """Open the session."""
        self._network = OnnxNetwork(Path())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Forecast from the windows that the server has put together."""
        windows = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        prices = self._network.forecast(windows)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("prediction", prices[:, None])]
        )
