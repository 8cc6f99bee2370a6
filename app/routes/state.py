"""What the app hands to its routes."""

from typing import TYPE_CHECKING, Annotated, TypedDict

from fastapi import Depends, Request

from app.access import Access
from app.background import Background
from app.batching import Batches
from app.draining import Draining
from app.seen import Tellers
from app.settings import Settings
from app.store import Store

if TYPE_CHECKING:
    from app.heads import Heads
    from app.routes.asked import Endpoint
    from app.routes.endpoints import Endpoints


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
