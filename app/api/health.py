"""GET /livez, /readyz and /metrics: is the process there, can forecasts be had, and how it does."""

from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.api.models import refused_models
from app.api.schemas import Live, Ready
from app.errors import NotReady
from app.observability import metrics
from app.transport.dependencies import StoreDependency, state_of
from app.transport.problem_details import documented

router = APIRouter(tags=["health"])

_METRICS: Final = 'nextday_requests_total{route="/predict",status="200"} 1.0'


@router.get("/livez", summary="The process answers")
async def live() -> Live:
    """Ask nothing of anything: a failure here means that the process should be restarted."""
    return Live()


@router.get("/readyz", summary="Forecasts can be had", responses=documented(503))
async def ready(request: Request, store: StoreDependency) -> Ready:
    """
    Say which version answers under each name; 503 as long as none does, or the process stops.

    Every model listed has made a forecast before it was listed.
    """
    if state_of(request)["shutdown"].begun:
        raise NotReady("the process was told to stop, and will; ask another")
    if not store.served:
        raise NotReady(_why_not(store))
    return Ready(
        models={name: model.manifest.version for name, model in sorted(store.served.items())},
        refused=refused_models(store),
    )


# not async: with several workers it reads files
@router.get(
    "/metrics",
    summary="Metrics, for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": _METRICS}}}},
)
def read_metrics() -> Response:
    """Tell of answers, times, runs and models, over all workers."""
    return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _why_not(store: StoreDependency) -> str:
    refused = refused_models(store)
    if not refused:
        return "no model is published in the models folder yet"
    first = refused[0]
    return f"{len(refused)} model(s) were refused; {first.name}: {first.reason}"
