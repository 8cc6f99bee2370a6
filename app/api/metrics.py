"""GET /metrics: what Prometheus reads."""

from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.observability import metrics

router = APIRouter(tags=["health"])

_EXAMPLE: Final = 'nextday_requests_total{route="/predict",status="200"} 1.0'


# not async: with several workers it reads files
@router.get(
    "/metrics",
    summary="Metrics, for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
)
def read_metrics() -> Response:
    """Tell of answers, times, runs and models, over all workers."""
    return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})
