"""The composition root: settings -> store -> app. `python -m app` runs it."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator
from typing import Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from app import problems, telemetry
from app.background import SWITCH_S, Aside, Background
from app.batching import Batches
from app.draining import Draining
from app.heads import Heads
from app.routes import batch, health, metrics, models, predict
from app.routes.shortcut import ShortCut
from app.routes.state import State
from app.runtime import Sessions
from app.settings import Settings, of_environment
from app.store import Store

_log = logging.getLogger(__name__)

_COLLECT_AFTER: Final = 20_000
"""Objects between two collections of garbage: Python's own 700 are those of a few requests."""


def serve() -> ASGIApp:
    """Return the app that production runs, as the environment says."""
    settings = of_environment()
    telemetry.configure_logging(settings.log_level)
    sys.setswitchinterval(SWITCH_S)
    return create_app(settings)


def create_app(settings: Settings) -> ASGIApp:
    """Build the service over the models of `settings.models`."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        store = Store(
            settings.models,
            Sessions(settings.sessions, threads=settings.threads),
            noticed=telemetry.loaded,
        )
        loader = Aside("loader")
        # before the first request is taken: whoever can connect gets an answer
        await loader.run(store.refresh)
        if not store.served:
            _log.warning("no model to serve in %s yet", settings.models)
        watching = asyncio.create_task(_watch(store, loader, settings.poll_seconds))
        background = Background(settings.background_threads, settings.max_batches)
        # what is here by now stays, and need not be looked through again; a request leaves
        # hardly anything that only a collection would find
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        draining = Draining(settings.drain_seconds)
        try:
            with draining.on_sigterm():
                yield State(
                    settings=settings,
                    store=store,
                    batches=Batches(
                        settings.max_waiting, telemetry.ran, gives_way=lambda: loader.is_busy
                    ),
                    background=background,
                    heads=Heads(),
                    draining=draining,
                )
        finally:
            watching.cancel()
            background.close()
            loader.close()

    # FastAPI, with the scripts of /docs in a package: its own page loads them from elsewhere
    app: FastAPI = FastAPIOffline(
        title="nextday",
        summary="The next session's forecast of any instrument, and what it is worth.",
        description="Not investment advice. `skill` in every answer says how well the model did"
        ' against "tomorrow = today" on sessions that it had not seen.',
        version="0.1.0",
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    for router in (predict.router, batch.router, models.router, health.router, metrics.router):
        app.include_router(router)
    problems.install(app)
    return ShortCut(app, {predict.PATH: predict.predict, batch.PATH: batch.predict_batch})


async def _watch(store: Store, loader: Aside, every_s: float) -> None:
    """Follow the published versions for as long as the app lives."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await loader.run(store.refresh)
        except Exception:  # noqa: BLE001 - a watch that ended would go unnoticed
            # the models that are loaded go on serving; the next round tries again
            _log.exception("could not look for new versions")
