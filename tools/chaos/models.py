"""Models for the storms: small, of all parts that a model can have, and told apart bit by bit."""

import hashlib
from pathlib import Path

import numpy as np

from app.artifact import layout
from app.artifact.manifest import BARS, CloseOnly
from app.forecasting.forecaster import Model, answering_part, forecast
from app.forecasting.scalers import ReturnScaler
from tools.testbed.models import QUANTILES, calibration, draft, scores, spread_graph
from tools.testbed.prices import random_bars
from training.publishing.publish import publish

WINDOW = 5
_LEVELS = (50.0, 90.0)


def publish_one(root: Path, name: str, width: float, *, keep: int | None = None) -> Model:
    """Publish a model of bars whose intervals are about so wide: another width, other bits."""
    scaler = ReturnScaler(unit="percent")
    steps = scaler.steps(WINDOW)
    own = calibration(offsets=(-width, -width / 2, 0.0, width / 2, width))
    return publish(
        root,
        name,
        draft=draft(
            window=WINDOW,
            fields=BARS,
            quantiles=QUANTILES,
            calibration=own,
            close_only=CloseOnly(scores=scores(), calibration=own),
        ),
        graph=spread_graph(steps=steps, least=width),
        close_graph=spread_graph(steps=steps, features=1, least=width),
        scaler=scaler,
        reports={layout.CARD: f"# {width}\n".encode(), "report.html": b"<p>for people</p>"},
        prove=lambda _: None,
        keep=keep,
    )


def fingerprint(model: Model) -> str:
    """Return the SHA-256 of all that a caller can see of a model: what it says, what it answers."""
    bars = random_bars(WINDOW)
    windows = np.array([[bars[field] for field in BARS]]).swapaxes(1, 2)
    sha = hashlib.sha256(model.manifest.model_dump_json().encode() + model.card.encode())
    for part, asked in ((model, windows), (answering_part(model, bars=False), windows[:, :, 3:])):
        answered = forecast(part, asked, _LEVELS)
        sha.update(answered.predictions.tobytes() + answered.intervals.tobytes())
    return sha.hexdigest()
