"""Small models of every kind, for attacks."""

from pathlib import Path

from app.artifact.manifest import BARS, CloseOnly
from tools.testbed.models import calibration, publish, publish_quantiles, scores, spread_graph
from tools.testbed.requests import Request, costly, documents, forecasts

NAMES = ("closes", "default")
WINDOW = 5
"""Of the model of bars."""


def publish_models(root: Path) -> None:
    """Publish a model of bars and closes, and one of a single field in two versions."""
    own = calibration(gain=0.01)
    publish_quantiles(
        root,
        own=own,
        close_graph=spread_graph(steps=4, features=1),
        close_only=CloseOnly(scores=scores(), calibration=own),
    )
    publish(root, name="closes")
    publish(root, name="closes", version=2, scale=0.5)


def seeds() -> tuple[list[Request], list[int]]:
    """Return valid requests to these models, and how often each is to be sent."""
    many = [*forecasts("default", WINDOW, fields=len(BARS)), *forecasts("closes", 3, fields=1)]
    few = [*documents("default"), *documents("closes", 2)]
    rare = costly()
    weights = [30] * len(many) + [8] * len(few) + [1] * len(rare)
    return [*many, *few, *rare], weights
