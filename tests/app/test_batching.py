"""Requests that wait together run together, and never at each other's cost."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import TooBusy
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Forecast, Model, forecast_each
from app.inference.microbatching import MicroBatcher
from app.inference.model_store import ModelStore
from app.main import create_app
from app.settings import Settings
from tests.asgi import Answer, running
from tests.builders import fails_above_graph, levels, publish, random_walk

SHIPPED = Path("models")
WINDOW = 60


def shipped() -> Model:
    store = ModelStore(SHIPPED)
    store.refresh()
    model = store.current("default").close_only
    assert model is not None
    return model


def windows(count: int, *, seed: int = 1) -> list[Floats]:
    walk = random_walk(WINDOW + count, seed=seed)
    return [walk[start : start + WINDOW, None] for start in range(count)]


def asked(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


class Watching:
    """Keeps how many windows ran together, and how many requests waited."""

    def __init__(self, runs: list[int]) -> None:
        self.runs, self.waited = runs, list[int]()
        self.models = set[tuple[str, int]]()

    def record_run(self, model: str, version: int, windows: int, waiting: int = 0) -> None:
        self.models.add((model, version))
        self.runs.append(windows)
        self.waited.append(waiting)


async def together(
    batches: MicroBatcher, model: Model, several: Sequence[Floats], own: Sequence[tuple[float, ...]]
) -> list[Forecast | None]:
    answers = await asyncio.gather(
        *(
            batches.forecast(model, window, levels)
            for window, levels in zip(several, own, strict=True)
        )
    )
    return [forecast for forecast, _ in answers]


def test_what_waits_together_runs_together_and_answers_as_alone() -> None:
    model, several = shipped(), windows(18)
    own: list[tuple[float, ...]] = [(80.0,), (), (50.0, 90.0)] * 6
    runs: list[int] = []

    watching = Watching(runs)

    found = asyncio.run(together(MicroBatcher(100, watching), model, several, own))

    assert len(runs) < sum(runs) == len(several)
    assert watching.models == {("default", model.manifest.version)}
    for window, levels_, answer in zip(several, own, found, strict=True):
        [alone] = forecast_each(model, window[None], [levels_])
        assert answer is not None
        assert alone is not None
        assert answer.prediction == pytest.approx(alone.prediction, rel=1e-6)
        assert len(answer.intervals) == len(levels_)
        for ours, theirs in zip(answer.intervals, alone.intervals, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6)


def test_a_run_leaves_the_core_to_what_must_end_soon() -> None:
    loader = SimpleNamespace(is_busy=True)

    async def seconds() -> float:
        batches = MicroBatcher(100, Watching([]), loader=loader)
        model, window = shipped(), windows(1)[0]
        await batches.forecast(model, window, ())
        took = []
        for _ in range(50):
            began = time.perf_counter()
            await batches.forecast(model, window, ())
            took.append(time.perf_counter() - began)
        return min(took)

    longer = asyncio.run(seconds())
    loader.is_busy = False

    # the quickest of each: what else the machine does is in the others
    assert longer > asyncio.run(seconds())


def test_models_take_turns() -> None:
    first, second = shipped(), shipped()
    runs: list[int] = []

    async def both() -> None:
        batches = MicroBatcher(1000, Watching(runs))
        await asyncio.gather(
            together(batches, first, windows(150), [()] * 150),
            together(batches, second, windows(10), [()] * 10),
        )

    asyncio.run(both())

    # the few of the second model do not wait for all of the first
    assert sum(runs) == 160
    assert 10 in runs[:-1]


def test_no_run_is_larger_than_it_may_be() -> None:
    runs: list[int] = []

    asyncio.run(together(MicroBatcher(1000, Watching(runs)), shipped(), windows(300), [()] * 300))

    assert max(runs) <= 64
    assert sum(runs) == 300


def test_a_queue_that_was_full_is_a_short_one_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("app.inference.microbatching.time.monotonic", lambda: now)
    model, several = shipped(), windows(40)

    async def ask(batches: MicroBatcher, count: int) -> int:
        """Return how many of so many at once are answered."""
        found = await asyncio.gather(
            *(batches.forecast(model, window, ()) for window in several[:count]),
            return_exceptions=True,
        )
        assert all(isinstance(each, tuple | TooBusy) for each in found)
        return sum(isinstance(each, tuple) for each in found)

    async def asking() -> list[int]:
        nonlocal now
        batches = MicroBatcher(32, Watching([]))
        answered = [await ask(batches, 32), await ask(batches, 33), await ask(batches, 10)]
        now += 31
        return [*answered, await ask(batches, 32)]

    # as many as may wait; one more, and few who waited longest are kept; still few; all again
    at_first, overfull, after, later = asyncio.run(asking())
    assert (at_first, later) == (32, 32)
    assert 1 <= overfull == after <= 4


def test_whoever_leaves_costs_nothing() -> None:
    runs: list[int] = []

    async def leaving() -> list[object]:
        batches, model = MicroBatcher(100, Watching(runs)), shipped()
        tasks = [
            asyncio.ensure_future(batches.forecast(model, window, ())) for window in windows(4)
        ]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    found = asyncio.run(leaving())

    assert sum(runs) == 3
    assert isinstance(found[1], asyncio.CancelledError)
    assert all(isinstance(found[place], tuple) for place in (0, 2, 3))


def test_a_batch_that_fails_is_run_again_one_by_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, window=5, graph=fails_above_graph(steps=5), scaler=levels())

    async def posting() -> list[Answer]:
        # scaled by the range from 100 to 200, 320 is above 2, where the network fails
        good, bad = asked({"prices": [101.0] * 5}), asked({"prices": [101.0] * 4 + [320.0]})
        async with running(create_app(Settings(models=tmp_path))) as client:
            return await asyncio.gather(
                *(client.post("/predict", body) for body in (good, bad, good, good))
            )

    found = asyncio.run(posting())

    assert [answer.status for answer in found] == [200, 500, 200, 200]
    assert found[1].body["code"] == "internal_error"
    assert found[0].body["prediction"] == found[2].body["prediction"]
    assert "run again one by one" in caplog.text


def test_a_caller_that_is_too_many_is_told_when_to_come_back() -> None:
    async def posting() -> list[Answer]:
        body = asked({"prices": random_walk(WINDOW).tolist()})
        app = create_app(Settings(models=SHIPPED, max_waiting=2))
        async with running(app) as client:
            return await asyncio.gather(*(client.post("/predict", body) for _ in range(4)))

    first, *others = asyncio.run(posting())

    assert first.status == 200
    for refused in others:
        assert (refused.status, refused.body["code"]) == (503, "too_busy")
        assert refused.headers["retry-after"] == "1"
