"""What the app hands to its routes."""

from typing import Annotated, TypedDict

from fastapi import Depends, Request

from app.settings import Settings
from app.store import Store


class State(TypedDict):
    """What lives as long as the app does."""

    settings: Settings
    store: Store


# async: a plain function would be sent to the thread pool for each request
async def _settings(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings


async def _store(request: Request) -> Store:
    store: Store = request.state.store
    return store


TheSettings = Annotated[Settings, Depends(_settings)]
TheStore = Annotated[Store, Depends(_store)]
