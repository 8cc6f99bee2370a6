"""The methods: each as HTTP has it, by the same code."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final, Never, ParamSpec, TypeVar

from google.protobuf.json_format import ParseDict

from app.errors import BadInput, NotFound, Unavailable
from app.grpc import codec
from app.grpc import inference_pb2 as pb
from app.grpc.coalescing import CallCoalescer
from app.grpc.interceptor import Call, Method
from app.inference.model_store import ModelStore
from app.inference.worker_threads import INLINE_BYTES
from app.open_inference import metadata
from app.open_inference.infer import Inference, checked, gives_of, rows_of
from app.serving import canary
from app.serving.app_state import AppState
from app.serving.canary import Choice
from app.serving.pipeline import note_choice, note_forecast, shadow

_T = TypeVar("_T")
_Asked = ParamSpec("_Asked")

OPEN: Final = {"ServerLive", "ServerReady"}
"""Methods that need no key, as their paths over HTTP."""

_version = re.compile(r"[1-9][0-9]{0,8}")


class Servicer:
    """`inference.GRPCInferenceService`."""

    def __init__(self, state: AppState, version: str, gathering: CallCoalescer) -> None:
        """Answer by what the app hands to its routes; `version` is the server's own."""
        self._state = state
        self._gathering = gathering
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
        ready = not self._state["draining"].begun and bool(self._state["store"].served)
        return pb.ServerReadyResponse(ready=ready)

    async def _model_ready(self, _: Call, message: bytes) -> pb.ModelReadyResponse:
        """Say yes or no: what is not there is not ready, and that is no error."""
        asked = codec.parse(pb.ModelReadyRequest, message)
        try:
            await self._choice(asked.name, asked.version)
        except (NotFound, Unavailable):
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def _metadata(self, _: Call, __: bytes) -> pb.ServerMetadataResponse:
        extensions = ["model_configuration", "model_repository", "statistics"]
        return pb.ServerMetadataResponse(
            name="nextday", version=self._server, extensions=extensions
        )

    async def _model_metadata(self, _: Call, message: bytes) -> pb.ModelMetadataResponse:
        document = await self._described(
            message, metadata.model_metadata, metadata.version_metadata
        )
        return ParseDict(dict(document), pb.ModelMetadataResponse())

    async def _model_config(self, _: Call, message: bytes) -> pb.ModelConfigResponse:
        document = await self._described(message, metadata.model_config, metadata.version_config)
        return ParseDict({"config": document}, pb.ModelConfigResponse())

    async def _model_statistics(self, _: Call, message: bytes) -> pb.ModelStatisticsResponse:
        if codec.parse(pb.ModelStatisticsRequest, message).name:
            document = await self._described(
                message, metadata.model_statistics, metadata.version_statistics
            )
        else:
            document = await metadata.every_statistics(self._state["store"])
        return ParseDict(dict(document), pb.ModelStatisticsResponse())

    async def _index(self, _: Call, message: bytes) -> pb.RepositoryIndexResponse:
        asked = codec.parse(pb.RepositoryIndexRequest, message)
        models = await metadata.repository_index(self._state["store"], {"ready": asked.ready})
        return ParseDict({"models": models}, pb.RepositoryIndexResponse())

    async def _infer(self, call: Call, message: bytes) -> pb.ModelInferResponse:
        background, batches = self._state["background"], self._state["batches"]
        # to refuse must cost less than to answer
        (batches if len(message) <= INLINE_BYTES else background).admit()
        most = self._state["settings"].max_body_bytes
        request = await _where_it_fits(len(message), codec.parse_request, message, most)
        choice = await self._choice(
            request.model_name, request.model_version, call, content=message
        )
        asked = await _where_it_fits(len(message), _understand, request, choice)
        note_choice(call.seen, asked)
        network = asked.part.network
        if not network.ready:
            await asyncio.to_thread(network.open)
        with canary.counted(choice):
            if len(asked.posted.windows) > 1:
                return codec.response(await asked.together(call.seen, background, _stays))
            if call.is_one_of_many:
                await self._gathering.others()
            forecast, run = await batches.forecast(asked.part, asked.window, asked.levels)
            note_forecast(call.seen, forecast, run)
            answer = asked.written(forecast)
        shadow(asked, forecast, batches)
        return codec.response(answer)

    async def _choice(
        self, name: str, version: str, call: Call | None = None, *, content: bytes = b""
    ) -> Choice:
        """Choose who answers; raises what `Store.pinned` and `Store.current` do."""
        store, number = self._state["store"], _number(version)
        if number is None:
            return canary.choose(store, name, call.headers if call else (), content)
        served = store.served.get(name)
        if served is not None and served.manifest.version == number:
            return Choice(served)
        return Choice(await asyncio.to_thread(store.pinned, name, number))

    async def _described(
        self,
        message: bytes,
        current: Callable[[str, ModelStore], Awaitable[_T]],
        pinned: Callable[[str, int, ModelStore], Awaitable[_T]],
    ) -> _T:
        """Return what HTTP tells of a model, or of a version of it; all who ask do so alike."""
        asked = codec.parse(pb.ModelMetadataRequest, message)
        number = _number(asked.version)
        if number is None:
            return await current(asked.name, self._state["store"])
        return await pinned(asked.name, number, self._state["store"])


def _understand(request: pb.ModelInferRequest, choice: Choice) -> Inference:
    """Check what was posted; raise BadInput where the model cannot forecast from it."""
    model = choice.model
    question = codec.question(request, rows=rows_of(model), gives=gives_of(model))
    return checked(question, choice)


def _number(version: str) -> int | None:
    if not version:
        return None
    if not _version.fullmatch(version):
        raise BadInput("a version is a whole number from 1", field="model_version")
    return int(version)


async def _where_it_fits(
    size: int,
    work: Callable[_Asked, _T],
    *args: _Asked.args,
    **kwargs: _Asked.kwargs,
) -> _T:
    """Do work on a message of so many bytes: at once, or in a thread."""
    if size <= INLINE_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


async def _stays() -> Never:
    """Wait for a caller to leave: gRPC cancels the call, which ends the work that it waits for."""
    while True:
        await asyncio.Event().wait()
