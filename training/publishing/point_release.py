"""Publish a recipe's network of points, with the scores of the sessions that it has not seen."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from app.artifact.layout import CARD
from app.artifact.manifest import Draft, TrainingRange
from app.forecasting import novelty, screening
from training import provenance
from training.datasets import windows
from training.evaluation.holdout import HoldoutResult
from training.export.parity import Parity
from training.publishing.publish import Release, publish
from training.reports import model_report
from training.sources import csv_files

_PARITY_WINDOWS: Final = 256


def release(outcome: HoldoutResult, root: Path, name: str) -> Release:
    """Export, prove on real windows that what is served is what was fitted, and publish."""
    # here, not above: TensorFlow takes seconds to import
    from training.export import graphs  # noqa: PLC0415

    recipe, split, test = outcome.recipe, outcome.split, outcome.split.test
    rows = split.rows_before_cutoff
    draft = Draft(
        window=recipe.window,
        fields=(recipe.target,),
        target=recipe.target,
        output="point",
        recipe=recipe.model_dump(),
        seed=outcome.seed,
        trained_on=TrainingRange(
            first=rows["date"].min().date(),
            last=rows["date"].max().date(),
            cutoff=windows.as_date(split.cutoff),
            instruments=tuple(np.unique(split.training.instruments).tolist()),
            windows=len(split.training),
        ),
        distribution=novelty.distribution_of(screening.screen(split.training.windows)),
        data_digest=csv_files.digest(split.prices),
        scores=outcome.scores,
        created_at=datetime.now(UTC).replace(microsecond=0),
        libraries=provenance.libraries(),
        git_commit=provenance.git_commit(),
    )
    shown = np.linspace(0, len(test) - 1, min(len(test), _PARITY_WINDOWS)).astype(int)
    parity = Parity(test.windows[shown], outcome.held_out.expected[shown])
    card = model_report.card(name, recipe, draft).encode()
    model = publish(
        root,
        name,
        draft=draft,
        graph=graphs.to_bytes(graphs.of_point(outcome.fitted)),
        scaler=outcome.scaler,
        reports={CARD: card}
        | model_report.files(name, recipe, draft, outcome.held_out, recipe.published),
        prove=parity.prove,
    )
    return Release(model, root / name / str(model.manifest.version), parity.worst)
