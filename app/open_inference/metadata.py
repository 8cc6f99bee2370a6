"""/v2: what the Open Inference Protocol tells of a server and its models."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from app.api.models import refused_models
from app.api.schemas import MAX_WINDOWS
from app.errors import NotReady, NotSupported
from app.forecasting.forecaster import Model
from app.inference.model_store import ModelStore
from app.observability import metrics
from app.open_inference.codec import (
    DATATYPE,
    INPUT,
    PREDICTION,
    QUANTILES,
    output_names,
    window_shapes,
)
from app.open_inference.infer import Version
from app.open_inference.schemas import (
    ERRORS,
    Duration,
    ModelMetadata,
    ModelReady,
    ModelStatistics,
    RepositoryEntry,
    ServerLive,
    ServerMetadata,
    ServerReady,
    Statistics,
)
from app.transport import request_body
from app.transport.dependencies import StoreDependency, state_of

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"], responses=ERRORS)

_EXTENSIONS: Final = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]
_PLATFORM: Final = "onnx_onnxv1"

_Document = dict[str, Any]


@router.get("/health/live", summary="The process answers")
async def server_live() -> ServerLive:
    """Ask nothing of anything."""
    return ServerLive(live=True)


@router.get("/health/ready", summary="Forecasts can be had")
async def server_ready(request: Request, store: StoreDependency) -> ServerReady:
    """Say whether any model answers; both members, as clients differ in which they read."""
    if state_of(request)["shutdown"].begun or not store.served:
        raise NotReady("no model is ready to answer")
    return ServerReady(live=True, ready=True)


@router.get("", summary="What this server is")
@router.get("/", include_in_schema=False)
async def server_metadata(request: Request) -> ServerMetadata:
    """Name the server, its version, and what of the protocol it speaks."""
    app = request.app
    return ServerMetadata(name=app.title, version=app.version, extensions=_EXTENSIONS)


# before those of a model: a model of that name has no metadata of its own
@router.get("/models/stats", summary="What every model has answered so far")
async def every_statistics(store: StoreDependency) -> Statistics:
    """Count over all workers, and all protocols."""
    return await run_in_threadpool(statistics, store, None, None)


@router.get("/models/{name}/ready", summary="A model answers")
async def model_ready(name: str, store: StoreDependency) -> ModelReady:
    """Say yes, or answer 404 or 503."""
    return ModelReady(name=store.current(name).manifest.name, ready=True)


@router.get("/models/{name}/versions/{version}/ready", summary="A version answers")
async def version_ready(name: str, version: Version, store: StoreDependency) -> ModelReady:
    """Load it, where it is not; say yes, or answer 404 or 503."""
    model = await run_in_threadpool(store.pinned, name, version)
    return ModelReady(name=model.manifest.name, ready=True)


@router.get("/models/{name}", summary="What a model takes and gives")
async def model_metadata(name: str, store: StoreDependency) -> ModelMetadata:
    """Describe the version that answers."""
    return await run_in_threadpool(describe, store, store.current(name))


@router.get("/models/{name}/versions/{version}", summary="What a version takes and gives")
async def version_metadata(name: str, version: Version, store: StoreDependency) -> ModelMetadata:
    """Describe a version."""
    return await run_in_threadpool(lambda: describe(store, store.pinned(name, version)))


@router.get("/models/{name}/config", summary="A model's configuration, as Triton has it")
async def model_config(name: str, store: StoreDependency) -> _Document:
    """Describe the version that answers."""
    return config_of(store.current(name))


@router.get("/models/{name}/versions/{version}/config", summary="That of a version")
async def version_config(name: str, version: Version, store: StoreDependency) -> _Document:
    """Describe a version."""
    return config_of(await run_in_threadpool(store.pinned, name, version))


@router.get("/models/{name}/stats", summary="What a model has answered so far")
async def model_statistics(name: str, store: StoreDependency) -> Statistics:
    """Count over all workers, and all protocols."""
    store.current(name)
    return await run_in_threadpool(statistics, store, name, None)


@router.get("/models/{name}/versions/{version}/stats", summary="What a version has answered")
async def version_statistics(name: str, version: Version, store: StoreDependency) -> Statistics:
    """Count over all workers, and all protocols."""
    await run_in_threadpool(store.pinned, name, version)
    return await run_in_threadpool(statistics, store, name, version)


_INDEX_BODY: Final = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
                "example": {"ready": True},
            }
        }
    }
}
_MAX_INDEX_BODY: Final = 64 * 1024


class _IndexRequest(BaseModel):
    """What is asked of the index."""

    ready: Any = False
    """Whether only what is ready is listed."""


@router.post(
    "/repository/index",
    summary="The models that are loaded, and those that were refused",
    openapi_extra=_INDEX_BODY,
)
async def repository_index(request: Request, store: StoreDependency) -> list[RepositoryEntry]:
    """List them; `{"ready": true}` leaves out the refused."""
    content = await request_body.read(request, _MAX_INDEX_BODY, media_type=None)
    wanted = request_body.parse(_IndexRequest, content or b"{}")
    return repository_entries(store, only_ready=wanted.ready is True)


def repository_entries(store: ModelStore, *, only_ready: bool) -> list[RepositoryEntry]:
    """List the models that are loaded, and those that were refused."""
    entries = [
        RepositoryEntry(name=name, version=str(model.manifest.version), state="READY", reason="")
        for name, model in sorted(store.served.items())
    ]
    for each in [] if only_ready else refused_models(store):
        entry = RepositoryEntry(name=each.name, state="UNAVAILABLE", reason=each.reason)
        if each.version is not None:
            entry["version"] = str(each.version)
        entries.append(entry)
    return entries


@router.post("/repository/models/{name}/load", include_in_schema=False)
@router.post("/repository/models/{name}/unload", include_in_schema=False)
async def read_only(name: str) -> Response:  # noqa: ARG001 - as its path has it
    """Refuse: who may ask for forecasts may not decide what answers."""
    raise NotSupported("models are published by python -m training, not by this protocol")


def describe(store: ModelStore, model: Model) -> ModelMetadata:
    """Say what a version takes and gives; reads the disk."""
    manifest = model.manifest
    return {
        "name": manifest.name,
        "versions": [str(version) for version in store.versions(manifest.name)],
        "platform": _PLATFORM,
        "inputs": [{"name": INPUT, "datatype": DATATYPE, "shape": [-1, *window_shapes(model)[0]]}],
        "outputs": [
            {"name": name, "datatype": DATATYPE, "shape": [-1, *_given(model)[name]]}
            for name in output_names(model)
        ],
    }


def config_of(model: Model) -> _Document:
    """Return the configuration of a version, as Triton has it."""
    manifest, kind = model.manifest, f"TYPE_{DATATYPE}"
    return {
        "name": manifest.name,
        "platform": _PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"specific": {"versions": [manifest.version]}},
        "max_batch_size": MAX_WINDOWS,
        "input": [{"name": INPUT, "data_type": kind, "dims": [*window_shapes(model)[0]]}],
        # of one dimension, which is the batch: Triton has no tensor without any
        "output": [
            {"name": name, "data_type": kind, "dims": _given(model)[name] or [1]}
            | ({} if _given(model)[name] else {"reshape": {"shape": []}})
            for name in output_names(model)
        ],
        "dynamic_batching": {},
        "parameters": {
            "fields": {"string_value": ",".join(manifest.fields)},
            "quantiles": {"string_value": ",".join(map(str, manifest.quantiles))},
        },
    }


def _given(model: Model) -> dict[str, list[int]]:
    """Return the dimensions of each output, but that of the windows."""
    return {PREDICTION: [], QUANTILES: [len(model.manifest.quantiles)]}


def statistics(store: ModelStore, name: str | None, version: int | None) -> Statistics:
    """Count what was answered; by all versions of all models where none is named."""
    counted = metrics.totals_by_version()
    known = {(each, model.manifest.version) for each, model in store.served.items()}
    return {
        "model_stats": [
            _of_version(*key, counted.get(key, metrics.VersionTotals()))
            for key in sorted(known | counted.keys())
            if key[0] in store.served
            and (name is None or key[0] == name)
            and (version is None or key[1] == version)
        ]
    }


def _of_version(name: str, version: int, counted: metrics.VersionTotals) -> ModelStatistics:
    return {
        "name": name,
        "version": str(version),
        "last_inference": int(1000 * counted.last),
        "inference_count": int(counted.forecasts),
        "execution_count": int(counted.runs),
        "inference_stats": {
            "success": _duration(counted.answered, counted.wait_s + counted.run_s),
            # refused before they ran: how long that took is not kept by version. What is counted
            # while we read may have its answer counted first
            "fail": _duration(max(0.0, counted.requests - counted.answered), 0.0),
            "queue": _duration(counted.answered, counted.wait_s),
            "compute_input": _duration(counted.answered, 0.0),
            "compute_infer": _duration(counted.answered, counted.run_s),
            "compute_output": _duration(counted.answered, 0.0),
        },
        "batch_stats": [],
    }


def _duration(count: float, seconds: float) -> Duration:
    return {"count": int(count), "ns": int(1e9 * seconds)}
