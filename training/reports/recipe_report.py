"""
Every source system, fitted anew and compared with what it published and what costs nothing.

    python -m training recipes --run all --data DIR
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from training.evaluation import point_scores
from training.evaluation.holdout import HoldoutResult
from training.recipes.recipe import Recipe
from training.reports import model_report, plots

_HEADER: Final = (
    "| recipe | its source published | Keras's own layers | MAE | range, seeds"
    " | tomorrow = today | prior close | times tomorrow = today | RMSE"
    " | loss, first and last epoch | fit, s |"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One recipe, fitted with one seed."""

    recipe: Recipe
    seed: int
    seconds: float
    mae: float
    rmse: float
    naive_mae: float
    naive_rmse: float
    prior_close_mae: float | None
    sessions: int
    losses: tuple[float, float]
    """After the first epoch and the last."""
    lagging: str
    """What the lag plot shows, in plain words."""
    picture: bytes

    @classmethod
    def of(cls, outcome: HoldoutResult, seconds: float) -> Self:
        """Take what a fit of so many seconds came to."""
        held_out, scores = outcome.held_out, outcome.scores
        losses, prior = held_out.losses["loss"], held_out.prior_close
        return cls(
            recipe=outcome.recipe,
            seed=outcome.seed,
            seconds=seconds,
            mae=scores.mae,
            rmse=scores.rmse,
            naive_mae=scores.naive_mae,
            naive_rmse=scores.naive_rmse,
            prior_close_mae=None if prior is None else point_scores.mae(held_out.actual, prior),
            sessions=scores.sessions,
            losses=(losses[0], losses[-1]),
            lagging=model_report.lag_in_words(held_out),
            picture=plots.thumbnail(held_out),
        )


def write(rows: Sequence[Row], page: Path, command: str) -> None:
    """Write the page, and a picture of each recipe into the folder `recipes` beside it."""
    pictures = page.parent / "recipes"
    pictures.mkdir(parents=True, exist_ok=True)
    first = sorted((row for row in rows if row.seed == 1), key=lambda row: row.recipe.name)
    for row in first:
        (pictures / f"{row.recipe.name}.png").write_bytes(row.picture)
    page.write_text(_page(rows, first, command), encoding="utf-8")


def _page(rows: Sequence[Row], first: Sequence[Row], command: str) -> str:
    table = [_HEADER, "|---" * _HEADER.count(" | ") + "|---|"]
    sections = []
    for row in first:
        maes = [each.mae for each in rows if each.recipe.name == row.recipe.name]
        published = ", ".join(f"{name} {value}" for name, value in row.recipe.published.items())
        reference = row.recipe.keras_mae or ""
        prior = "" if row.prior_close_mae is None else f"{row.prior_close_mae:.2f}"
        table.append(
            f"| [`{row.recipe.name}`](#{row.recipe.name}) | {published} | {reference}"
            f" | {row.mae:.4g} | {_range(maes)} | {row.naive_mae:.4g} | {prior}"
            f" | {row.mae / row.naive_mae:.2f} | {row.rmse:.4g}"
            f" | {row.losses[0]:.4f}, {row.losses[1]:.4f} | {row.seconds:.0f} |"
        )
        sections.append(
            f"## {row.recipe.name}\n\n"
            f"{row.recipe.title}.\n{row.recipe.source}.\n"
            f"{_length(row)}{row.lagging}\n\n"
            f"![Actual prices, the forecast and tomorrow = today](recipes/{row.recipe.name}.png)\n"
        )
    worse = sum(
        float(np.median([each.mae for each in rows if each.recipe.name == row.recipe.name]))
        > row.naive_mae
        for row in first
    )
    return (
        "# Every source system, and what it is worth\n\n"
        "Each of the systems that this project grows from, fitted anew on its own data with its"
        " own settings, and scored on its own test sessions.\n"
        "Beside it stand the figures that its source published, the last price as the forecast"
        " (tomorrow = today), and the close of the evening before, which anyone has by the time"
        " that the next open is asked for.\n"
        f"Written by `{command}`; MAE, RMSE and pictures are those of seed 1, the range is that of"
        " so many seeds from 1, in the unit of the prices. The column of Keras's own layers has the"
        " MAE of one run of the same recipe in them, seed 1.\n\n"
        f"Of {len(first)} recipes, {worse} do worse than tomorrow = today (median over the seeds)."
        "\nThe pictures show why: the forecast is a smoothed copy of the days before, one day"
        " late.\n\n" + "\n".join(table) + "\n\n" + "\n".join(sections)
    )


def _length(row: Row) -> str:
    if row.recipe.data.generate:
        return "No prices: what comes next can be known.\n"
    return f"{row.sessions} sessions to test on: far too few to rank models by.\n"


def _range(maes: Sequence[float]) -> str:
    if len(maes) == 1:
        return ""
    return f"{min(maes):.4g} to {max(maes):.4g}, {len(maes)}"
