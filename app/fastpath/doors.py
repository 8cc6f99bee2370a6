"""Which requests may be answered where they arrive, and how each of them is read and written."""

import re
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from pydantic_core import to_json

from app.api import predict, predict_codec
from app.forecasting.forecaster import Forecast
from app.observability.request_record import Headers, RequestRecord
from app.open_inference import codec, infer
from app.open_inference.codec import TensorRequest
from app.serving.pipeline import ForecastQuery, Pipeline
from app.transport import request_body
from app.transport.encoded_answer import EncodedAnswer
from app.transport.headers import media_type

_INFER: Final = re.compile(
    rb"/v2/models/([a-z0-9][a-z0-9._-]{0,63})(?:/versions/([1-9][0-9]{0,8}))?/infer"
)
_PREDICT: Final = predict.PATH.encode()
_FOR_THE_FRAMEWORK: Final = {b"content-encoding", b"origin", b"expect"}
"""Headers of requests that others see to: to decompress, to answer browsers (CORS), to wait."""
_DIGITS: Final = 9


class PredictCall(NamedTuple):
    """A request to `/predict` that was read, and waits for its forecast."""

    query: ForecastQuery

    def encode(self, forecast: Forecast) -> EncodedAnswer:
        """Write the answer; raise Suspicious where the caller is strict."""
        return EncodedAnswer(to_json(predict_codec.answer(self.query, forecast)))


class InferCall(NamedTuple):
    """The same of infer."""

    query: ForecastQuery
    posted: TensorRequest

    def encode(self, forecast: Forecast) -> EncodedAnswer:
        """Write the answer."""
        manifest = self.query.choice.model.manifest
        return codec.write(self.posted, infer.outputs_of(forecast), manifest)


class PredictDoor(NamedTuple):
    """POST /predict."""

    route: str = predict.PATH

    def read(
        self, pipeline: Pipeline, headers: Headers, content: bytes, record: RequestRecord
    ) -> PredictCall | None:
        """Begin a query; None where a version has to be loaded, or the history is long."""
        posted = predict_codec.parse(content)
        choice = pipeline.choose_loaded(posted.model, posted.version, headers, content)
        if choice is None:
            return None
        query = pipeline.begin(posted, choice, record)
        return None if query.is_long or not query.part.network.ready else PredictCall(query)


class InferDoor(NamedTuple):
    """POST /v2/models/{name}/infer, of a version or of the one that is served."""

    name: str
    version: int | None
    route: str = infer.ROUTE

    def read(
        self, pipeline: Pipeline, headers: Headers, content: bytes, record: RequestRecord
    ) -> InferCall | None:
        """Begin a query; None where a version has to be loaded, and of several windows."""
        choice = pipeline.choose_loaded(self.name, self.version, headers, content)
        if choice is None:
            return None
        posted = infer.parse(headers, content, choice.model)
        if len(posted.windows) > 1:
            return None
        query = pipeline.begin(infer.single(posted, choice), choice, record)
        return InferCall(query, posted) if query.part.network.ready else None


Call: TypeAlias = PredictCall | InferCall
Door: TypeAlias = PredictDoor | InferDoor


def find(url: bytes, headers: Headers, most_bytes: int) -> Door | None:
    """Return the door of a POST; None where the framework has to see to it."""
    is_json = False
    for name, value in headers:
        if name == b"content-type":
            is_json = value == request_body.JSON or media_type(value) == request_body.JSON
        elif name == b"content-length":
            if len(value) > _DIGITS or int(value) > most_bytes:
                return None
        # an answer in CSV may be preferred
        elif name in _FOR_THE_FRAMEWORK or (name == b"accept" and b"text/" in value.lower()):
            return None
    if url == _PREDICT:
        return _predict if is_json else None
    found = _INFER.fullmatch(url)
    return _infer(*found.groups()) if found else None


_predict: Final = PredictDoor()


@lru_cache(256)
def _infer(name: bytes, version: bytes | None) -> InferDoor:
    return InferDoor(name.decode(), int(version) if version else None)
