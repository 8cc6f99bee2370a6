"""What people read about a model: its card, and the report of the fit with its pictures."""

import html
from collections.abc import Mapping
from typing import Final

import numpy as np

from app.artifact.manifest import Draft, Scores
from app.forecasting.arrays import Floats
from training.evaluation import point_scores
from training.evaluation.holdout import HeldOutForecasts
from training.recipes.recipe import Recipe
from training.reports import plots

_CHANCE: Final = 0.05
_SHARE: Final = 0.01
"""A test ought to find a difference of this share of the naive error."""


def card(name: str, recipe: Recipe, draft: Draft) -> str:
    """Return the model card, as Markdown: what it is, how well it does, what it is not."""
    scores = draft.scores
    mae = f"{scores.mae:.4f} | {scores.naive_mae:.4f} | {scores.mae_vs_naive:.4f}"
    rmse = f"{scores.rmse:.4f} | {scores.naive_rmse:.4f} | {scores.rmse_vs_naive:.4f}"
    return f"""# {name}

{recipe.title}.
Source of the recipe: {recipe.source}.

{_fitted(draft)}

## How well it does

{_scored_on(draft)} Errors in {scores.unit}.

| | this model | tomorrow = today | ratio |
|---|---|---|---|
| mean absolute error | {mae} |
| root mean squared error | {rmse} |

{verdict_in_words(scores)}

Not investment advice.
"""


def _fitted(draft: Draft) -> str:
    fitted = draft.trained_on
    return (
        f"It forecasts the next session's {draft.target} from the {draft.window} before it.\n"
        f"Fitted on {fitted.windows:,} windows of {len(fitted.instruments)} instrument(s),\n"
        f"{fitted.first} to {fitted.last}; seed {draft.seed}."
    )


def _scored_on(draft: Draft) -> str:
    scores = draft.scores
    return (
        f"{scores.sessions:,} forecasts of {scores.instruments} instrument(s),"
        f" {scores.first} to\n{scores.last}, none of them used for fitting."
    )


def verdict_in_words(scores: Scores) -> str:
    """Say in plain words what the scores mean."""
    t = "" if scores.dm_t is None else f" (Diebold-Mariano t = {scores.dm_t:+.1f})"
    # a panel's t is over dates, about so many
    dates = max(2, scores.sessions // scores.instruments)
    if scores.dm_t is None or point_scores.p_value(scores.dm_t, dates) >= _CHANCE:
        return (
            f"On these sessions it cannot be told apart from repeating the last price{t}:"
            " its point forecast adds nothing to knowing that price."
        )
    if scores.dm_t > 0:
        return (
            f"It loses to repeating the last price, by more than chance{t}:"
            " use the naive forecast that every answer carries."
        )
    return f"It beats repeating the last price by more than chance{t}."


def files(
    name: str,
    recipe: Recipe,
    draft: Draft,
    held_out: HeldOutForecasts,
    published: Mapping[str, str] | None,
) -> dict[str, bytes]:
    """
    Return the report and its pictures by file name: one page, which needs only those beside it.

    `published` holds the scores that the recipe's source gives, as it writes them, by the
    table's names: MAE, RMSE, MAPE, MASE, Directional accuracy; others get rows of their own.
    """
    lines = {
        "name": name,
        "title": recipe.title,
        "source": recipe.source,
        "fitted": _fitted(draft),
        "scored_on": _scored_on(draft),
        "unit": draft.scores.unit,
        "verdict": verdict_in_words(draft.scores),
        "length": _length(held_out),
        "shown": plots.drawn_in_words(held_out),
        "lag": lag_in_words(held_out),
    }
    escaped = {key: html.escape(line) for key, line in lines.items()}
    page = _PAGE.format(table=_table(held_out, published or {}), **escaped)
    unit = _units(held_out)
    ours, naive = (
        (held_out.actual - held_out.expected) * unit,
        (held_out.actual - held_out.last) * unit,
    )
    return {
        "report.html": page.encode(),
        "loss.png": plots.loss_curves(held_out.losses),
        "forecast.png": plots.forecasts(held_out),
        "errors.png": plots.errors(ours, naive, draft.scores.unit),
        "lag.png": plots.lag(*_shifts(held_out)),
    }


def _units(held_out: HeldOutForecasts) -> Floats:
    """Return (n,) what prices are multiplied by: 1, or for several instruments to percent."""
    return 100 / held_out.last if len(held_out.names) > 1 else np.ones_like(held_out.last)


_DIRECTION: Final = "Directional accuracy"
_ROWS: Final = ("MAE", "RMSE", "MAPE", "MASE", _DIRECTION)


def _scored(held_out: HeldOutForecasts, expected: Floats) -> dict[str, float | None]:
    unit = _units(held_out)
    actual, forecast = held_out.actual * unit, expected * unit
    return {
        "MAE": point_scores.mae(actual, forecast),
        "RMSE": point_scores.rmse(actual, forecast),
        "MAPE": point_scores.mape(held_out.actual, expected),
        "MASE": point_scores.mase(actual, forecast, held_out.scale),
        _DIRECTION: point_scores.directional_accuracy(held_out.actual, expected, held_out.last),
        # shown only where the source published it
        "MSE": point_scores.rmse(actual, forecast) ** 2,
    }


def _table(held_out: HeldOutForecasts, published: Mapping[str, str]) -> str:
    columns = {
        "This model": _scored(held_out, held_out.expected),
        "Tomorrow = today": _scored(held_out, held_out.last),
    }
    if held_out.prior_close is not None:
        columns["Prior evening's close"] = _scored(held_out, held_out.prior_close)
    ours, naive = columns["This model"], columns["Tomorrow = today"]
    heads = [*(["Published by the source"] if published else []), *columns, "Ratio to naive"]
    lines = [f"<tr><th></th>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"]
    base = point_scores.direction_base_rate(held_out.actual, held_out.last)
    for row in [*_ROWS, *(other for other in published if other not in _ROWS)]:
        cells = [html.escape(published.get(row, ""))] if published else []
        cells += [_figure(row, column.get(row)) for column in columns.values()]
        mine, last = ours.get(row), naive.get(row)
        cells.append("" if mine is None or not last else f"{mine / last:.4f}")
        name = html.escape(row)
        if row == _DIRECTION and base is not None:
            name += f"<small>the commoner direction came in {100 * base:.1f} %</small>"
        lines.append(f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return "\n".join(lines)


def _figure(row: str, value: float | None) -> str:
    if value is None:
        return "none"
    if row == _DIRECTION:
        return f"{100 * value:.1f} %"
    return f"{value:.3f} %" if row == "MAPE" else f"{value:.4f}"


def _length(held_out: HeldOutForecasts) -> str:
    """Say what chance would do, and how small a difference so many sessions can find."""
    unit = _units(held_out)
    ours = point_scores.mean_by_date(
        held_out.dates, np.abs(held_out.actual - held_out.expected) * unit
    )
    naive = point_scores.mean_by_date(
        held_out.dates, np.abs(held_out.actual - held_out.last) * unit
    )
    t = point_scores.diebold_mariano(ours, naive)
    needed = point_scores.sessions_needed(ours, naive, _SHARE)
    sessions = len(ours)
    if t is None or needed is None:
        return f"{sessions:,} sessions. Its errors never vary against the naive: nothing to test."
    said = (
        f"A gap this large between it and repeating the last price comes by chance with"
        f" p = {point_scores.p_value(t, sessions):.2g} (Diebold-Mariano, two-sided)."
        f" {sessions:,} sessions. To find a difference of {100 * _SHARE:g} % of the naive error,"
        f" a test would need about {needed:,} sessions: "
    )
    if sessions >= needed:
        return said + "this one is long enough to rank models by."
    found = 100 * _SHARE * (needed / sessions) ** 0.5
    return said + f"this one cannot rank models, unless they differ by {found:.1f} % or more."


def lag_in_words(held_out: HeldOutForecasts) -> str:
    """Say whether the forecast is the price of the session before, and why it would be."""
    levels, changes = _shifts(held_out)
    before, same = levels[-1], levels[0]
    if before is None or same is None:
        return "The price or the forecast never moves: there is no correlation to show."
    # two standard errors: less is no likeness
    if before <= max(same, levels[1] or 0.0, 2 / len(np.unique(held_out.dates)) ** 0.5):
        return (
            f"The forecast shows no lag: it correlates {same:.3f} with the price of the session it"
            f" is for, and {before:.3f} with that of the session before."
        )
    moves = ""
    if changes[-1] is not None and changes[0] is not None:
        moves = (
            f" Its day-to-day changes correlate {changes[-1]:.2f} with those of the session before,"
            f" and {changes[0]:.2f} with those that it was to foresee."
        )
    return (
        f"The forecast lags: its best correlation is with the price of the session before"
        f" ({before:.3f}, and {same:.3f} with the session it is for), so that in a chart it"
        f" follows the price, a session late.{moves}"
    )


def _shifts(held_out: HeldOutForecasts) -> tuple[plots.Correlations, plots.Correlations]:
    """Return the correlations by shift of prices, and of their day-to-day changes."""
    series = held_out.actual, held_out.expected, held_out.instruments
    levels = point_scores.mean_shift_correlations(*series, changes=False)
    return levels, point_scores.mean_shift_correlations(*series, changes=True)


_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
body {{ max-width: 46em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3em .5em; border-bottom: 1px solid #999; text-align: right; }}
th:first-child {{ text-align: left; }}
small {{ display: block; font-weight: normal; }}
figure {{ margin: 1.5em 0; break-inside: avoid; }}
img {{ width: 100%; }}
@media print {{ body {{ max-width: none; margin: 0; font-size: 10pt; }} h2 {{ break-after: avoid; }}
figure {{ width: 80%; }} }}
</style>
</head>
<body>
<h1>{name}</h1>
<p>{title}. Source of the recipe: {source}.</p>
<p>{fitted}</p>
<h2>How well it does</h2>
<p>{scored_on} Unit of MAE and RMSE: {unit}.</p>
<table>
{table}
</table>
<p><strong>{verdict}</strong></p>
<p>{length}</p>
<h2>The forecasts</h2>
<figure><img src="forecast.png" alt="Actual, forecast and naive prices by session">
<figcaption>{shown}</figcaption></figure>
<figure><img src="errors.png" alt="Distribution of this model's and the naive errors">
<figcaption>Errors of this model, and of repeating the last price.</figcaption></figure>
<h2>Does it lag?</h2>
<figure><img src="lag.png" alt="Correlation with the session before, the same and the one after">
<figcaption>{lag}</figcaption></figure>
<p>From one session to the next prices move almost at random. The smallest error is had by
staying near the last price, and that is what a network fitted for small errors learns.</p>
<h2>The fit</h2>
<figure><img src="loss.png" alt="Loss by epoch">
<figcaption>Loss after each epoch.</figcaption></figure>
<p>Not investment advice.</p>
</body>
</html>
"""
