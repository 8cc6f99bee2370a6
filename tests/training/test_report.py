"""The model card says in plain words what the scores mean."""

import pytest

from tests.builders import draft
from training import recipe, report


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (None, "cannot be told apart"),
        (-1.9, "cannot be told apart from repeating the last price (Diebold-Mariano t = -1.9)"),
        (-2.5, "beats repeating the last price by more than chance"),
        (3.9, "loses to repeating the last price, by more than chance"),
    ],
)
def test_a_card_holds_the_figures_beside_the_naive_ones_and_a_verdict(
    t: float | None, said: str
) -> None:
    scores = draft(mae_vs_naive=1.25).scores.model_copy(update={"dm_t": t})
    described = draft().model_copy(update={"scores": scores})

    card = report.card("fb", recipe.load("fb-lstm45"), described)

    assert card.startswith("# fb\n")
    assert "| mean absolute error | 1.2500 | 1.0000 | 1.2500 |" in card
    assert said in card
    assert "Not investment advice." in card
