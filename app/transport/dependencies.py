"""What a route takes from its request: the app's state, and the record of the request."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from app.inference.model_store import ModelStore
from app.observability.request_record import RequestRecord
from app.serving.app_state import AppState
from app.serving.body_budget import Reservation


def state_of(request: Request) -> AppState:
    """Return what the app hands to its routes."""
    state: AppState = request.scope["state"]
    return state


def record_of(request: Request) -> RequestRecord:
    """Return what is recorded of this request; see middleware.py."""
    record: RequestRecord = request.scope["record"]
    return record


def room_of(request: Request) -> Reservation:
    """Return the memory that is reserved for this request; see middleware.py."""
    room: Reservation = request.scope["room"]
    return room


def route_path(scope: Scope) -> str:
    """Return the path of a request below the prefix that a proxy has taken off."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


# async: a plain function would be sent to the thread pool for each request
async def _store(request: Request) -> ModelStore:
    return state_of(request)["store"]


StoreDependency = Annotated[ModelStore, Depends(_store)]
