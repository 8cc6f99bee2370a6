"""The card of the model of any instrument: what it is, how well it does, what it is not."""

import numpy as np

from app.artifact.manifest import Draft
from training.datasets.quantile_levels import LEVELS
from training.evaluation.accuracy import GARCH, Accuracy
from training.evaluation.walk_forward import CLOSES, NETWORK


def card(name: str, draft: Draft, accuracy: Accuracy) -> str:
    """Return the card, as Markdown."""
    fitted, held_out = draft.trained_on, draft.scores
    against = accuracy.compare(NETWORK, GARCH)
    covered, of_closes = (
        accuracy.scored[name].inside(accuracy.actual, 90).mean() for name in (NETWORK, CLOSES)
    )
    median = accuracy.scored[NETWORK].quantiles[:, len(LEVELS) // 2]
    t = "none" if against.t is None else format(against.t, ".1f")
    return f"""# {name}

{draft.recipe["title"]}.

It forecasts the next session's close of any instrument from the {draft.window} sessions before it.
**The middle of the forecast is the last price with a small drift**, {np.mean(median):.3f} % a
session on average: nobody is known to forecast daily closes better than that by an amount that
a user would see. What the model adds is how far the price may go: the intervals.

Fitted on {fitted.windows:,} windows of {len(fitted.instruments)} instruments, {fitted.first} to
{fitted.last}; seed {draft.seed}. It knows no instrument by name.

## How well it does

{held_out.sessions:,} forecasts of {held_out.instruments} instruments, {held_out.first} to
{held_out.last}, each made by a fit that had seen nothing of that session or later; the fit that
is published has since seen them too.

- Median against tomorrow = today: mean absolute error {held_out.mae_vs_naive:.4f} of it, root mean
  squared error {held_out.rmse_vs_naive:.4f}.
- Intervals against GARCH(1,1) with Student's t, fitted for each instrument on its past 1,250
  sessions: CRPS {against.skill:+.2%} (Diebold-Mariano t = {t}), better on
  {against.wins:.0%} of the instruments.
- The 90 % interval held {covered:.1%} of the closes.
- From closes alone: CRPS {accuracy.compare(CLOSES, GARCH).skill:+.2%} against the same GARCH; the
  90 % interval held {of_closes:.1%}.

## Where it fails

- It knows prices only: no news, no earnings dates, no other market. Ahead of announcements its
  intervals are too narrow.
- An unadjusted split or dividend in the posted bars looks like a crash to it.
- The instruments that it was judged on are those that survived to be in the data, so that
  collapses are rarer in it than in life.
- Worst instrument: {accuracy.walk.data.panel.names[against.worst_instrument]}, CRPS
  {against.worst_skill:+.2%} against GARCH.

Not investment advice.
"""
