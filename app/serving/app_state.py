"""What the app hands to its routes."""

from typing import TYPE_CHECKING, Annotated, TypedDict

from fastapi import Depends, Request

from app.inference.microbatching import Batches
from app.inference.model_store import Store
from app.inference.worker_threads import Background
from app.observability.request_record import Tellers
from app.serving.auth import Access
from app.serving.graceful_shutdown import Draining
from app.settings import Settings

if TYPE_CHECKING:
    from app.fastpath.endpoints import Endpoints
    from app.fastpath.header_cache import Heads
    from app.serving.pipeline import Endpoint


class State(TypedDict):
    """What lives as long as the app does."""

    settings: Settings
    store: Store
    batches: Batches
    background: Background
    heads: "Heads[Endpoint]"
    endpoints: "Endpoints"
    draining: Draining
    access: Access
    tellers: Tellers


def state_of(request: Request) -> State:
    """Return what the app hands to its routes."""
    state: State = request.scope["state"]
    return state


# async: a plain function would be sent to the thread pool for each request
async def _store(request: Request) -> Store:
    return state_of(request)["store"]


TheStore = Annotated[Store, Depends(_store)]
