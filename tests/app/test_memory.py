"""What a request that waits holds: its prices, and little beside them."""

import json
import tracemalloc
from pathlib import Path

from app.api import predict_codec
from app.inference.model_store import ModelStore
from app.serving.canary import Choice
from app.serving.pipeline import ForecastQuery, query_for
from app.transport.openapi_examples import EXAMPLE_PRICES
from tests.builders import publish

PRICES = json.dumps({"prices": EXAMPLE_PRICES}).encode()


def test_what_waits_holds_little_but_its_prices(tmp_path: Path) -> None:
    publish(tmp_path, window=60)
    store = ModelStore(tmp_path)
    store.refresh()
    choice = Choice(store.current("default"))

    def waiting() -> ForecastQuery:
        return query_for(predict_codec.parse(PRICES), choice)

    first = waiting()
    tracemalloc.start()
    try:
        many = [waiting() for _ in range(100)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held / len(many) < len(EXAMPLE_PRICES) * 8 + 400
    assert first.history[:, 0].tolist() == list(EXAMPLE_PRICES)
