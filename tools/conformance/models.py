"""Models of each kind to be asked for, made by hand: a point, quantiles, bars with closes alone."""

from pathlib import Path

from app.artifact.manifest import CloseOnly
from tools.testbed import models as testbed

POINT = "point"
QUANTILES = "quantiles"
BARS = "bars"


def publish_all(root: Path) -> None:
    """Publish them, each in two versions whose forecasts differ."""
    for version, scale in ((1, 1.0), (2, 1.01)):
        testbed.publish(root, POINT, version, scale=scale)
        testbed.publish_quantiles(
            root, name=QUANTILES, version=version, fields=("close",), graph=_spread(scale, 1)
        )
        testbed.publish_quantiles(
            root,
            name=BARS,
            version=version,
            graph=_spread(scale, 4),
            close_graph=_spread(scale, 1),
            close_only=CloseOnly(scores=testbed.scores()),
        )


def _spread(scale: float, features: int) -> bytes:
    each = [scale * quantile for quantile in testbed.NORMAL]
    # five sessions are four moves
    return testbed.spread_graph(steps=4, features=features, each=each, least=0.1)
