"""The composition root: settings -> store -> app. `uvicorn --factory app.main:serve` runs it."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic import ValidationError

from app import problems, telemetry
from app.routes import health, models, predict
from app.routes.state import State
from app.settings import Settings
from app.store import Store

_log = logging.getLogger(__name__)


def serve() -> FastAPI:
    """Return the app that production runs, as the environment says."""
    try:
        settings = Settings()
    except ValidationError as error:
        faults = (
            f"NEXTDAY_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()
        )
        sys.exit("; ".join(faults))
    telemetry.configure_logging(settings.log_level)
    return create_app(settings)


def create_app(settings: Settings) -> FastAPI:
    """Build the service over the models of `settings.models`."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        store = Store(settings.models, threads=settings.threads)
        # before the first request is taken: whoever can connect gets an answer
        await asyncio.to_thread(store.refresh)
        if not store.served:
            _log.warning("no model to serve in %s yet", settings.models)
        watching = asyncio.create_task(_watch(store, settings.poll_seconds))
        try:
            yield State(settings=settings, store=store)
        finally:
            watching.cancel()

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
    for router in (predict.router, models.router, health.router):
        app.include_router(router)
    problems.install(app)
    return app


async def _watch(store: Store, every_s: float) -> None:
    """Follow the published versions for as long as the app lives."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.to_thread(store.refresh)
        except Exception:  # noqa: BLE001 - a watch that ended would go unnoticed
            # the models that are loaded go on serving; the next round tries again
            _log.exception("could not look for new versions")
