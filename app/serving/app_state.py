"""What the app hands to its routes."""

from typing import TYPE_CHECKING, Annotated, TypedDict

from fastapi import Depends, Request

from app.inference.microbatching import MicroBatcher
from app.inference.model_store import ModelStore
from app.inference.worker_threads import WorkerThreads
from app.observability.request_record import Recorders
from app.serving.auth import AccessControl
from app.serving.graceful_shutdown import GracefulShutdown
from app.settings import Settings

if TYPE_CHECKING:
    from app.fastpath.endpoints import Endpoints
    from app.fastpath.header_cache import Heads
    from app.serving.pipeline import Endpoint


class AppState(TypedDict):
    """What lives as long as the app does."""

    settings: Settings
    store: ModelStore
    batches: MicroBatcher
    background: WorkerThreads
    heads: "Heads[Endpoint]"
    endpoints: "Endpoints"
    draining: GracefulShutdown
    access: AccessControl
    recorders: Recorders


def state_of(request: Request) -> AppState:
    """Return what the app hands to its routes."""
    state: AppState = request.scope["state"]
    return state


# async: a plain function would be sent to the thread pool for each request
async def _store(request: Request) -> ModelStore:
    return state_of(request)["store"]


StoreDependency = Annotated[ModelStore, Depends(_store)]
