"""Fit the model of any instrument on every session there is, and publish it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from app.artifact.layout import CARD
from app.artifact.manifest import BARS, CloseOnly, Distribution, Draft, TrainingRange
from app.forecasting import novelty, screening
from app.forecasting.forecaster import Model
from app.forecasting.scalers import ReturnScaler
from training import provenance
from training.datasets.panel import Panel, Rows, WindowSet
from training.datasets.quantile_levels import LEVELS
from training.datasets.windows import as_date
from training.evaluation.accuracy import Accuracy
from training.evaluation.walk_forward import CLOSES, NETWORK
from training.export import graphs
from training.export.parity import QuantileParity
from training.export.stable_bytes import stable_graph
from training.networks import quantile_fit
from training.networks.quantile_fit import FittedQuantiles
from training.progress import say
from training.publishing.publish import Release, publish
from training.reports import accuracy_card, accuracy_page

_PARITY_WINDOWS: Final = 256


def release(
    accuracy: Accuracy,
    root: Path,
    name: str,
    *,
    keep: int | None = None,
    before_publishing: Callable[[Model], object] = lambda _: None,
) -> Release:
    """
    Refit both networks on all sessions, and publish them with what the walk forward showed.

    Its scores and its calibration rest on forecasts of sessions that no fit had seen; the
    published fit has seen them all. `keep` is that of `publish`; `before_publishing` is called last
    before it, under the lock of publishers, and raises where nothing should be published any
    more. Raises ParityError and PublishError.
    """
    walk = accuracy.walk
    panel, steps = walk.data.panel, walk.recipe.window - 1
    ends = panel.ends(steps)
    say(f"refitting on all {len(ends):,} windows, {panel.dates.min()} to {panel.dates.max()}")
    bars, closes = (
        quantile_fit.fit(
            walk.recipe, WindowSet(panel, ends, steps, closes_only), LEVELS, seed=walk.seed
        )
        for closes_only in (False, True)
    )
    draft = _draft(accuracy, ends)
    parity = _parity(WindowSet(panel, ends, steps), bars, closes)

    def prove(model: Model) -> None:
        parity.prove(model)
        before_publishing(model)

    graph, close_graph = (
        graphs.to_bytes(stable_graph(graphs.of_quantiles(each))) for each in (bars, closes)
    )
    card = {CARD: accuracy_card.card(name, draft, accuracy).encode()}
    model = publish(
        root,
        name,
        draft=draft,
        graph=graph,
        close_graph=close_graph,
        scaler=ReturnScaler(unit="percent"),
        reports=card | accuracy_page.files(name, draft, accuracy),
        prove=prove,
        keep=keep,
    )
    return Release(model, root / name / str(model.manifest.version), parity.worst)


def _parity(windows: WindowSet, bars: FittedQuantiles, closes: FittedQuantiles) -> QuantileParity:
    panel, ends, steps = windows.panel, windows.ends, windows.steps
    shown = ends[np.linspace(0, len(ends) - 1, min(len(ends), _PARITY_WINDOWS)).astype(int)]
    return QuantileParity(
        bars=panel.bars(shown, steps),
        expected=bars.outputs(panel.windows(shown, steps)),
        expected_of_closes=closes.outputs(panel.windows(shown, steps, closes_only=True)),
    )


def _draft(accuracy: Accuracy, ends: Rows) -> Draft:
    walk, panel = accuracy.walk, accuracy.walk.data.panel
    first, last = as_date(panel.dates.min()), as_date(panel.dates.max())
    return Draft(
        window=walk.recipe.window,
        fields=BARS,
        target=walk.recipe.target,
        output="quantiles",
        quantiles=tuple(LEVELS.tolist()),
        calibration=accuracy.calibrations[NETWORK],
        close_only=CloseOnly(
            scores=accuracy.scores(CLOSES), calibration=accuracy.calibrations[CLOSES]
        ),
        recipe=walk.recipe.model_dump(),
        seed=walk.seed,
        trained_on=TrainingRange(
            first=first,
            last=last,
            cutoff=last + timedelta(days=1),
            instruments=panel.names,
            windows=len(ends),
        ),
        distribution=distribution_of(panel, ends, walk.recipe.window - 1),
        data_digest=walk.data.digest,
        scores=accuracy.scores(NETWORK),
        created_at=datetime.now(UTC).replace(microsecond=0),
        libraries=provenance.libraries(),
        git_commit=provenance.git_commit(),
    )


def distribution_of(panel: Panel, ends: Rows, steps: int) -> Distribution:
    """Return what the windows of `steps` moves that end at these rows are like."""
    screened = [screening.screen(panel.bars(part, steps)) for part in panel.chunks(ends)]
    return novelty.distribution_of(
        screening.Screening(*map(np.concatenate, zip(*screened, strict=True)))
    )
