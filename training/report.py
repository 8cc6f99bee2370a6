"""What people read about a model: its card."""

from app.artifact import Draft, Scores
from training.recipe import Recipe


def card(name: str, recipe: Recipe, draft: Draft) -> str:
    """Return the model card, as Markdown: what it is, how well it does, what it is not."""
    scores, fitted = draft.scores, draft.trained_on
    mae = f"{scores.mae:.4f} | {scores.naive_mae:.4f} | {scores.mae_vs_naive:.4f}"
    rmse = f"{scores.rmse:.4f} | {scores.naive_rmse:.4f} | {scores.rmse_vs_naive:.4f}"
    return f"""# {name}

{recipe.title}.
Source of the recipe: {recipe.source}.

It forecasts the next session's {draft.target} from the {draft.window} before it.
Fitted on {fitted.windows:,} windows of {len(fitted.instruments)} instrument(s),
{fitted.first} to {fitted.last}; seed {draft.seed}.

## How well it does

{scores.sessions:,} forecasts of {scores.instruments} instrument(s), {scores.first} to
{scores.last}, none of them used for fitting. Errors in {scores.unit}.

| | this model | tomorrow = today | ratio |
|---|---|---|---|
| mean absolute error | {mae} |
| root mean squared error | {rmse} |

{verdict(scores)}

Not investment advice.
"""


def verdict(scores: Scores) -> str:
    """Say in plain words what the scores mean."""
    t = "" if scores.dm_t is None else f" (Diebold-Mariano t = {scores.dm_t:+.1f})"
    if scores.dm_t is None or abs(scores.dm_t) < _BEYOND_NOISE:
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


_BEYOND_NOISE = 2.0
"""Two standard errors: about one in twenty by chance."""
