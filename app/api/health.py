"""GET /livez and GET /readyz: is the process there, and can forecasts be had."""

from fastapi import APIRouter, Request

from app.api.models import refused_models
from app.api.schemas import Live, Ready
from app.errors import NotReady
from app.transport.dependencies import StoreDependency, state_of
from app.transport.problem_details import documented

router = APIRouter(tags=["health"])


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


def _why_not(store: StoreDependency) -> str:
    refused = refused_models(store)
    if not refused:
        return "no model is published in the models folder yet"
    first = refused[0]
    return f"{len(refused)} model(s) were refused; {first.name}: {first.reason}"
