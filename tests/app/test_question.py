"""A question once checked can be put to another model, as if that had been asked."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.api import predict
from app.api.examples import EXAMPLE_BARS
from app.api.schemas import PredictRequest
from app.errors import BadInput
from app.forecasting.forecaster import Model
from app.inference.model_store import ModelStore
from app.serving.canary import Choice
from tests.builders import publish, publish_quantiles

SESSIONS = 10
BARS = {field: column[:SESSIONS] for field, column in EXAMPLE_BARS.items()}
DATES = [f"2026-08-{day:02}" for day in range(3, 3 + SESSIONS)]


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Model]:
    publish(tmp_path, name="point", window=3)
    publish(tmp_path, name="long", window=SESSIONS + 1)
    publish_quantiles(tmp_path, name="bars", window=4)
    publish_quantiles(tmp_path, name="open", window=5, fields=("open",))
    store = ModelStore(tmp_path)
    store.refresh()
    return {name: store.current(name) for name in ("point", "long", "bars", "open")}


def outcome(question: Any) -> Any:
    """Return all that a question holds, or why there is none."""
    try:
        held = question()
    except BadInput as error:
        return str(error)
    return {**held._asdict(), "history": held.history.tolist(), "window": held.window.tolist()}


@pytest.mark.parametrize(
    "terms",
    [{}, {"levels": [50.0]}, {"levels": []}, {"strict": True}, {"dates": DATES}],
    ids=["nothing more", "levels", "no levels", "strict", "dates"],
)
@pytest.mark.parametrize("kind", ["prices", "bars"])
def test_another_model_is_asked_the_same(
    models: dict[str, Model], kind: str, terms: dict[str, Any]
) -> None:
    values = {"prices": BARS["close"], "bars": BARS}[kind]
    # as JSON, since the body is strict: dates are text
    posted = PredictRequest.model_validate_json(json.dumps({kind: values} | terms))

    compared = 0
    for first in models.values():
        for other in models.values():
            try:
                question = predict.understand(posted, Choice(first))
            except BadInput:
                continue
            expected = outcome(partial(predict.understand, posted, Choice(other)))
            assert outcome(partial(question.of, other)) == expected
            compared += 1
    # bars are asked of three models, prices of two: none has the sessions for the long one
    assert compared == {"prices": 2, "bars": 3}[kind] * len(models)
