"""What lives as long as the app does, and what the app hands to its routes."""

from typing import TypedDict

from app.inference.microbatching import MicroBatcher
from app.inference.model_store import ModelStore
from app.inference.worker_threads import WorkerThreads
from app.observability.request_record import Recorders
from app.serving.auth import AccessControl
from app.serving.body_budget import BodyBudget
from app.serving.graceful_shutdown import GracefulShutdown
from app.serving.pipeline import Pipeline
from app.settings import Settings


class AppState(TypedDict):
    """What lives as long as the app does."""

    settings: Settings
    store: ModelStore
    batcher: MicroBatcher
    workers: WorkerThreads
    pipeline: Pipeline
    shutdown: GracefulShutdown
    access: AccessControl
    bodies: BodyBudget
    recorders: Recorders
