"""The composition root: settings -> store -> app. `python -m app` runs it."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import anyio.to_thread
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from app import __version__
from app.api import calendars, csv_upload, health, models, predict, predict_batch, web_page
from app.fastpath.protocol import ForecastProtocol
from app.inference.microbatching import MicroBatcher
from app.inference.model_store import ModelStore
from app.inference.onnx_session import SessionCache
from app.inference.proving import GraphProver
from app.inference.worker_threads import SWITCH_S, LowPriorityThread, WorkerThreads
from app.observability import log_config, metrics
from app.observability.access_log import RequestLog
from app.observability.request_record import Recorder, Recorders
from app.open_inference import infer, metadata, timeseries
from app.serving.app_state import AppState
from app.serving.auth import AccessControl
from app.serving.body_budget import BodyBudget
from app.serving.graceful_shutdown import GracefulShutdown
from app.serving.pipeline import Pipeline
from app.serving.reload_signal import on_sighup
from app.settings import Settings, from_environment
from app.transport import openapi, problem_details, redirects
from app.transport.middleware import RequestMiddleware

_log = logging.getLogger(__name__)

HTTP_PROTOCOL: Final = ForecastProtocol
"""What reads a connection. `HttpConnection`, its base class, is the same without the fast path."""

_ROUTERS: Final = (
    predict.router,
    predict_batch.router,
    csv_upload.router,
    calendars.router,
    models.router,
    health.router,
    metadata.router,
    infer.router,
    timeseries.router,
    web_page.router,
)

_THREADS: Final = 4
"""For what reads the disk: of the framework, and of the event loop."""

_MOST_PINNED: Final = 32
"""Requests that wait for a version that is not in memory."""

_ADD_UP_S: Final = 1.0
"""Between two sums of what requests tell: it is kept until then, some 50 bytes a request."""

_LAG_EVERY_S: Final = 0.05
"""Between two looks at how late the event loop is: a stall of a tenth of a second is seen."""

_COLLECT_AFTER: Final = (20_000, 2, 2)
"""
Objects, and collections of younger ones, between two collections of garbage. Python's own 700
objects are those of a few requests; and of its ten and ten, what refused requests leave in cycles
would wait until it is 100,000 objects, which scatter memory for good.
"""


def serve() -> ASGIApp:
    """Return the app that production runs, as the environment says."""
    settings = from_environment()
    log_config.configure_logging(settings.log_level)
    sys.setswitchinterval(SWITCH_S)
    return create_app(settings)


def create_app(settings: Settings) -> ASGIApp:
    """Build the service over the models of `settings.models`."""
    # FastAPI, with the scripts of /docs in a package: its own page loads them from elsewhere
    app = FastAPIOffline(
        title="nextday",
        summary="The next session's forecast of any instrument, and what it is worth.",
        description="Not investment advice. `skill` in every answer says how well the model did"
        ' against "tomorrow = today" on sessions that it had not seen.',
        version=__version__,
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lambda _: _life(settings),
    )
    for router in _ROUTERS:
        app.include_router(router)
    problem_details.install(app)
    redirects.install(app)
    openapi.install(app)
    paths = {route.path for route in app.routes if isinstance(route, Route)}
    observed = RequestMiddleware(app, paths, settings.deadline_seconds)
    if not settings.cors_origins:
        return observed
    # before keys are asked for: a browser asks without one whether it may send it
    return CORSMiddleware(
        observed, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
    )


@contextlib.asynccontextmanager
async def _life(settings: Settings) -> AsyncIterator[AppState]:
    """Make all that lives as long as the app does, and end it."""
    prover = GraphProver()
    store = ModelStore(
        settings.models,
        SessionCache(settings.open_models, threads=settings.threads),
        noticed=metrics.record_load,
        prover=prover,
    )
    loader, pinned = LowPriorityThread("loader"), LowPriorityThread("pinned", _MOST_PINNED)
    # before the first request is taken: whoever can connect gets an answer
    await loader.run(store.refresh)
    metrics.record_process(len(store.served))
    if not store.served:
        _log.warning("no model to serve in %s yet", settings.models)
    # each of the many that there would be keeps memory of its own
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "disk"))
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    async with contextlib.AsyncExitStack() as ending:
        for each in (loader, pinned, prover):
            ending.callback(each.close)
        asked = asyncio.Event()
        for endless in (
            _watch(store, loader, prover, settings.poll_seconds, asked),
            _count(),
            _measure_lag(),
        ):
            ending.callback(asyncio.create_task(endless).cancel)
        workers = WorkerThreads(settings.background_threads, settings.max_batches)
        ending.callback(workers.close)
        batcher = MicroBatcher(
            settings.max_waiting, metrics, deadline_s=settings.deadline_seconds, loader=loader
        )
        shutdown = GracefulShutdown(settings.drain_seconds)
        state = AppState(
            settings=settings,
            store=store,
            batcher=batcher,
            workers=workers,
            pipeline=Pipeline(store, batcher, workers, pinned),
            shutdown=shutdown,
            access=AccessControl(settings.key_digests, settings.rate_limit),
            bodies=BodyBudget(settings.max_held_bytes),
            recorders=Recorders(_recorders(settings, ending)),
        )
        ending.callback(metrics.flush)
        if settings.grpc_port is not None:
            from app.grpc import server  # noqa: PLC0415 - an extra, which may not be installed

            await ending.enter_async_context(server.serving(state, settings, version=__version__))
        _keep_what_is_here()
        with shutdown.on_sigterm(), on_sighup(asked.set):
            yield state


def _keep_what_is_here() -> None:
    """Let what was made by now not be looked through for garbage again."""
    gc.freeze()
    # an empty collection tells Python so, which else waits for a quarter of what its last found
    gc.collect()
    gc.set_threshold(*_COLLECT_AFTER)


def _recorders(settings: Settings, ending: contextlib.AsyncExitStack) -> Iterator[Recorder]:
    """Yield all that want to be told of requests; they are closed at the end."""
    yield metrics.record_request
    if settings.request_log:
        request_log = RequestLog(sys.stdout.buffer)
        ending.callback(request_log.flush)
        yield request_log.record
    if settings.otlp_endpoint is not None:
        from app.observability.tracing import Traces  # noqa: PLC0415 - an extra, which may not be installed

        traces = Traces(settings.otlp_endpoint)
        ending.callback(traces.close)
        yield traces.record


async def _count() -> None:
    """Add up what requests tell for as long as the app lives."""
    while True:
        await asyncio.sleep(_ADD_UP_S)
        metrics.flush()


async def _measure_lag() -> None:
    """Note how late the event loop is for as long as the app lives."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(_LAG_EVERY_S)
        metrics.record_lag(max(0.0, loop.time() - began - _LAG_EVERY_S))


async def _watch(
    store: ModelStore,
    loader: LowPriorityThread,
    prover: GraphProver,
    every_s: float,
    asked: asyncio.Event,
) -> None:
    """Follow the published versions for as long as the app lives, at once where that is asked."""
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), every_s)
        asked.clear()
        try:
            await loader.run(store.refresh)
            await loader.run(prover.rest)
            metrics.record_process(len(store.served))
        except Exception:  # noqa: BLE001 - a watch that ended would go unnoticed
            # the models that are loaded go on serving; the next round tries again
            _log.exception("could not look for new versions")
