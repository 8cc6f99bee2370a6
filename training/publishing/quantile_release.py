"""Fit the model of any instrument on every session there is, and publish it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from app.artifact.layout import CARD
from app.artifact.manifest import BARS as FIELDS
from app.artifact.manifest import CloseOnly, Distribution, Draft, TrainingRange
from app.forecasting import novelty, screening
from app.forecasting.forecaster import Model
from app.forecasting.scalers import ReturnScaler
from training import provenance
from training.datasets.panel import Panel, Rows
from training.datasets.quantile_levels import LEVELS
from training.datasets.windows import as_date
from training.evaluation.accuracy import Accuracy
from training.evaluation.walk_forward import CLOSES, NETWORK
from training.export import graphs
from training.export.parity import QuantileParity
from training.export.stable_bytes import stable_graph
from training.networks import quantile_fit
from training.progress import say
from training.publishing import publish as publishing
from training.recipes.network_kinds import QuantileNetwork
from training.reports import accuracy_card, accuracy_page

_PARITY_WINDOWS: Final = 256


@dataclass(frozen=True, slots=True)
class Released:
    """What came of it."""

    model: Model
    folder: Path
    parity: float
    """Largest difference between served and fitted quantiles, relative to the forecast's."""


def release(  # noqa: PLR0913 - what a released model is made of
    accuracy: Accuracy,
    described: QuantileNetwork,
    root: Path,
    name: str,
    *,
    seed: int,
    keep: int | None = None,
    before_publishing: Callable[[Model], object] = lambda _: None,
) -> Released:
    """
    Refit both networks on all sessions, and publish them with what the walk forward showed.

    Its scores and its calibration rest on forecasts of sessions that no fit had seen; the
    published fit has seen them all. `keep` is that of `publish`; `before_publishing` is called last
    before it, under the lock of publishers, and raises where nothing should be published any
    more. Raises ParityError and PublishError.
    """
    walk = accuracy.walk
    panel, recipe = walk.data.panel, walk.recipe
    steps = recipe.window - 1
    ends = panel.ends(steps)
    say(f"refitting on all {len(ends):,} windows, {panel.dates.min()} to {panel.dates.max()}")
    fitted = {
        part: quantile_fit.fit(
            recipe, described, panel, ends, LEVELS, seed=seed, closes_only=part == CLOSES
        )
        for part in (NETWORK, CLOSES)
    }
    draft = Draft(
        window=recipe.window,
        fields=FIELDS,
        target=recipe.target,
        output="quantiles",
        quantiles=tuple(LEVELS.tolist()),
        calibration=accuracy.calibrations[NETWORK],
        close_only=CloseOnly(
            scores=accuracy.scores(CLOSES),
            calibration=accuracy.calibrations[CLOSES],
        ),
        recipe=recipe.model_dump(),
        seed=seed,
        trained_on=TrainingRange(
            first=as_date(panel.dates.min()),
            last=as_date(panel.dates.max()),
            cutoff=as_date(panel.dates.max()) + timedelta(days=1),
            instruments=panel.names,
            windows=len(ends),
        ),
        distribution=distribution_of(panel, ends, steps),
        data_digest=walk.data.digest,
        scores=accuracy.scores(NETWORK),
        created_at=datetime.now(UTC).replace(microsecond=0),
        libraries=provenance.libraries(),
        git_commit=provenance.git_commit(),
    )
    shown = ends[np.linspace(0, len(ends) - 1, min(len(ends), _PARITY_WINDOWS)).astype(int)]
    parity = QuantileParity(
        bars=panel.bars(shown, steps),
        expected=fitted[NETWORK].outputs(panel.windows(shown, steps)),
        expected_of_closes=fitted[CLOSES].outputs(panel.windows(shown, steps, closes_only=True)),
    )

    def prove(model: Model) -> None:
        parity.prove(model)
        before_publishing(model)

    model = publishing.publish(
        root,
        name,
        draft=draft,
        graph=graphs.to_bytes(stable_graph(graphs.of_quantiles(fitted[NETWORK]))),
        close_graph=graphs.to_bytes(stable_graph(graphs.of_quantiles(fitted[CLOSES]))),
        scaler=ReturnScaler(unit="percent"),
        reports={
            CARD: accuracy_card.card(name, draft, accuracy).encode(),
            **accuracy_page.files(name, draft, accuracy),
        },
        prove=prove,
        keep=keep,
    )
    return Released(model, root / name / str(model.manifest.version), parity.worst)


def distribution_of(panel: Panel, ends: Rows, steps: int) -> Distribution:
    """Return what the windows of `steps` moves that end at these rows are like."""
    seen = [screening.screen(panel.bars(part, steps)) for part in panel.chunks(ends)]
    return novelty.distribution_of(
        screening.Screening(*map(np.concatenate, zip(*seen, strict=True)))
    )
