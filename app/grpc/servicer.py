"""The methods: each as HTTP has it, by the same code."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Never, TypeVar

from google.protobuf.json_format import ParseDict

from app.errors import BadInput, NotFound, Unavailable
from app.forecasting.forecaster import Model
from app.grpc import codec
from app.grpc import inference_pb2 as pb
from app.grpc.coalescing import CallCoalescer
from app.grpc.interceptor import Call, Method
from app.inference.worker_threads import INLINE_BYTES
from app.open_inference import infer, metadata
from app.open_inference.codec import TensorRequest
from app.serving.app_state import AppState
from app.serving.canary import Choice

_T = TypeVar("_T")

_version = re.compile(r"[1-9][0-9]{0,8}")


class Servicer:
    """`inference.GRPCInferenceService`."""

    def __init__(self, state: AppState, version: str, coalescer: CallCoalescer) -> None:
        """Answer by what the app hands to its routes; `version` is the server's own."""
        self._state = state
        self._coalescer = coalescer
        self._server = version

    @property
    def methods(self) -> dict[str, Method]:
        """Every method by its name."""
        return {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
            "ModelConfig": self._model_config,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._index,
        }

    async def _live(self, _: Call, __: bytes) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    async def _ready(self, _: Call, __: bytes) -> pb.ServerReadyResponse:
        ready = not self._state["shutdown"].begun and bool(self._state["store"].served)
        return pb.ServerReadyResponse(ready=ready)

    async def _model_ready(self, _: Call, message: bytes) -> pb.ModelReadyResponse:
        """Say yes or no: what is not there is not ready, and that is no error."""
        asked = codec.parse(pb.ModelReadyRequest, message)
        try:
            await self._state["pipeline"].choose(asked.name, _number(asked.version), (), b"")
        except (NotFound, Unavailable):
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def _metadata(self, _: Call, __: bytes) -> pb.ServerMetadataResponse:
        extensions = ["model_configuration", "model_repository", "statistics"]
        return pb.ServerMetadataResponse(
            name="nextday", version=self._server, extensions=extensions
        )

    async def _model_metadata(self, _: Call, message: bytes) -> pb.ModelMetadataResponse:
        model = await self._asked_of(message)
        document = await asyncio.to_thread(metadata.describe, self._state["store"], model)
        return ParseDict(dict(document), pb.ModelMetadataResponse())

    async def _model_config(self, _: Call, message: bytes) -> pb.ModelConfigResponse:
        model = await self._asked_of(message)
        return ParseDict({"config": metadata.config_of(model)}, pb.ModelConfigResponse())

    async def _model_statistics(self, _: Call, message: bytes) -> pb.ModelStatisticsResponse:
        asked, version = codec.parse(pb.ModelStatisticsRequest, message), None
        if asked.name:
            await self._asked_of(message)
            version = _number(asked.version)
        store, name = self._state["store"], asked.name or None
        document = await asyncio.to_thread(metadata.statistics, store, name, version)
        return ParseDict(dict(document), pb.ModelStatisticsResponse())

    async def _index(self, _: Call, message: bytes) -> pb.RepositoryIndexResponse:
        asked = codec.parse(pb.RepositoryIndexRequest, message)
        models = metadata.repository_entries(self._state["store"], only_ready=asked.ready)
        return ParseDict({"models": models}, pb.RepositoryIndexResponse())

    async def _infer(self, call: Call, message: bytes) -> pb.ModelInferResponse:
        # room for a small one there was before the message was read
        if len(message) > INLINE_BYTES:
            self._state["pipeline"].admit(len(message))
        posted, choice = await self._read_request(call, message)
        if call.is_one_of_many and len(posted.windows) == 1:
            await self._coalescer.others()
        call.room.grow_by(infer.answer_bytes(posted, choice.model))
        outputs = await infer.forecast_tensors(
            self._state["pipeline"], posted, choice, call.record, _stays
        )
        return codec.response(posted, outputs, choice.model.manifest)

    async def _read_request(self, call: Call, message: bytes) -> tuple[TensorRequest, Choice]:
        """Read a request; its parsed message, which may be larger than it, is kept no longer."""
        pipeline, most = self._state["pipeline"], self._state["settings"].max_body_bytes
        request = await self._where_it_fits(message, lambda: codec.parse_request(message, most))
        version = _number(request.model_version)
        choice = await pipeline.choose(request.model_name, version, call.headers, message)
        read = partial(codec.read, request, choice.model)
        return await self._where_it_fits(message, read), choice

    async def _where_it_fits(self, message: bytes, work: Callable[[], _T]) -> _T:
        """Do work on a message: at once, or in a thread; raises TooBusy, and what `work` does."""
        if len(message) <= INLINE_BYTES:
            return work()
        return await self._state["pipeline"].run(lambda _: work(), _stays)

    async def _asked_of(self, message: bytes) -> Model:
        """Return the model that is asked about, or a version of it; all who ask do so alike."""
        asked, store = codec.parse(pb.ModelMetadataRequest, message), self._state["store"]
        version = _number(asked.version)
        if version is None:
            return store.current(asked.name)
        return await asyncio.to_thread(store.pinned, asked.name, version)


def _number(version: str) -> int | None:
    if not version:
        return None
    if not _version.fullmatch(version):
        raise BadInput("a version is a whole number from 1", field="model_version")
    return int(version)


async def _stays() -> Never:
    """Wait for a caller to leave: gRPC cancels the call, which ends the work that it waits for."""
    while True:
        await asyncio.Event().wait()
