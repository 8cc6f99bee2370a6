"""The sessions of networks: so many of them, and opened again when they are wanted."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from app.forecasting.forecaster import forecast
from app.inference.model_store import ModelStore
from app.inference.onnx_session import SessionCache
from tests.builders import publish


def test_sessions_are_bounded_and_open_again_without_the_disk(tmp_path: Path) -> None:
    for name in ("first", "second", "third"):
        publish(tmp_path, name)
    found = ModelStore(tmp_path, SessionCache(2))
    found.refresh()
    models = [found.current(name) for name in ("first", "second", "third")]
    # all were opened and proved, in the order of their names
    assert [model.network.ready for model in models] == [False, True, True]
    shutil.rmtree(tmp_path)

    again = forecast(models[0], np.full((1, 3, 1), 150.0))

    assert again.predictions == pytest.approx([150.0])
    # one of the two was closed for it: the one used longest ago
    assert [model.network.ready for model in models] == [True, False, True]
    forecast(models[0], np.full((1, 3, 1), 150.0))
    models[1].network.open()
    assert [model.network.ready for model in models] == [True, True, False]
