"""A runtime of MLServer, as one would write it: prices in, their last and their mean out."""

from collections.abc import Callable
from typing import Any, Final

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse

_GIVES: Final[dict[str, Callable[[Any], Any]]] = {
    "last": lambda windows: windows[:, -1],
    "mean": lambda windows: windows.mean(axis=1),
}


class Prices(MLModel):  # type: ignore[misc]  # it has no types here
    """The model; which outputs were asked for is the runtime's to see to, as in MLServer's own."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        wanted = [output.name for output in payload.outputs or []] or list(_GIVES)
        given = {each.name: each for each in payload.inputs}
        if "window" not in given or not set(wanted) <= _GIVES.keys():
            raise InferenceError("the model takes window, and gives last and mean")
        windows = self.decode(given["window"], default_codec=NumpyCodec)
        outputs = [NumpyCodec.encode_output(name, _GIVES[name](windows)) for name in wanted]
        return InferenceResponse(
            id=payload.id, model_name=self.name, model_version=self.version, outputs=outputs
        )
