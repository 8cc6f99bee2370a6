"""The client that waits, against the running service."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import nextday
import numpy as np
import pandas as pd
import pytest
from nextday import Client, Forecast, Retries

from tests.builders import random_bars
from tests.clients.flaky import FORECAST, Reply, closed_port, flaky
from tests.clients.prices import bars_of, days_of, frame
from tools.testbed.service import serving

KEY = "made-up-key-of-a-test"


def test_bars_with_dates_and_a_calendar_give_a_dated_forecast(url: str) -> None:
    prices = frame(60, last="2026-11-20")
    with Client(url) as client:
        found = client.predict(
            bars=bars_of(prices), dates=days_of(prices), calendar="XNYS", levels=[50, 95]
        )

    assert isinstance(found, Forecast)
    assert (found.model, found.target) == ("default", "close")
    assert found.forecast_date == date(2026, 11, 23)
    # the Labor Day that weekdays know nothing of
    assert found.sessions_missing == 0
    assert {notice.code for notice in found.warnings} == {"not_a_session"}
    assert found.warnings[0].row == days_of(prices).index(date(2026, 9, 7))
    assert found.last_price == found.naive == prices["Close"].iloc[-1]
    assert [interval.level for interval in found.intervals] == [50, 95]
    wide, narrow = found.interval(95), found.interval(50)
    assert wide.low < narrow.low < found.prediction < narrow.high < wide.high
    assert found.skill.forecasts > 100_000
    assert found.calibration is not None
    assert found.calibration.method == "model"
    with pytest.raises(KeyError):
        found.interval(80)


def test_prices_may_be_a_list_an_array_or_whatever_yields_numbers(url: str) -> None:
    closes = random_bars(60)["close"]
    with Client(url) as client:
        answers = [
            client.predict(each)
            for each in (closes, tuple(closes), np.array(closes), (price for price in closes))
        ]

    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert "close_only" in {notice.code for notice in answers[0].warnings}
    assert answers[0].forecast_date is None


def test_days_and_levels_may_be_of_pandas_or_numpy(url: str) -> None:
    prices = frame(60)
    bars = bars_of(prices)
    text = [str(day) for day in days_of(prices)]
    levels = [80, 95]
    with Client(url) as client:
        answers = [
            client.predict(bars=bars, dates=days, levels=each, calendar="weekdays")
            for days in (text, days_of(prices), prices.index, prices.index.to_numpy())
            for each in (levels, np.array(levels))
        ]
        by_file = client.predict_csv(prices.to_csv().encode(), levels=np.array([33.5]))

    assert answers.count(answers[0]) == len(answers) == 8
    assert answers[0].forecast_date == date(2026, 11, 23)
    assert by_file.intervals[0].level == 33.5


def test_an_answer_cannot_be_changed(url: str) -> None:
    with Client(url) as client:
        found = client.predict(bars=random_bars(60))

    with pytest.raises(dataclasses.FrozenInstanceError):
        found.prediction = 1.0  # type: ignore[misc]


def test_a_batch_answers_in_columns_and_a_bad_window_costs_no_other(url: str) -> None:
    good = random_bars(60)
    with Client(url) as client:
        found = client.predict_batch(bars=[good, {"open": [1.0]}, good], levels=[80, 97.5])
        single = client.predict(bars=good)

    assert found.predictions[1] is None
    assert found.predictions[0] == found.predictions[2]
    assert found.predictions[0] == pytest.approx(single.prediction)
    assert found.last_prices[0] == single.last_price
    assert set(found.intervals) == {"80", "97.5"}
    assert found.intervals["80"].low[0] == pytest.approx(single.interval(80).low)
    [failure] = found.errors
    assert (failure.index, failure.code) == (1, "bad_input")
    table = found.to_frame()
    assert [*table] == [
        "last_price", "prediction", "low_80", "high_80", "low_97.5", "high_97.5", "error",
    ]  # fmt: skip
    assert table["error"].tolist()[1] == failure.message
    assert table["prediction"].isna().tolist() == [False, True, False]


def test_a_file_is_given_by_its_path_or_its_bytes(url: str, tmp_path: Path) -> None:
    prices = frame(130, last="2019-12-31")
    file = tmp_path / "prices.csv"
    prices.iloc[::-1].to_csv(file)
    options: dict[str, Any] = {"calendar": "weekdays", "levels": [33.3], "version": 3}
    with Client(url) as client:
        by_path = client.predict_csv(file, **options)
        by_name = client.predict_csv(str(file), **options)
        by_bytes = client.predict_csv(file.read_bytes(), **options)

    assert by_path == by_name == by_bytes
    assert by_path.forecast_date == date(2020, 1, 1)
    assert [interval.level for interval in by_path.intervals] == [33.3]
    assert by_path.calibration is not None
    assert by_path.calibration.method == "history"
    assert by_path.intervals[0].coverage is not None


def test_models_are_listed_and_described(url: str) -> None:
    with Client(url) as client:
        [listed] = client.models().models
        described = client.model("default")
        ready = client.ready()

    assert listed.name == described.name == "default"
    assert listed.fields == ("open", "high", "low", "close")
    assert listed.window == described.manifest.window == 60
    assert listed.version in described.versions
    assert described.manifest.trained_on.cutoff == date(2020, 1, 1)
    assert listed.created_at == described.manifest.created_at < datetime.now(UTC)
    ratio = described.manifest.scores.mae_vs_naive
    assert listed.skill.mae_skill_vs_naive == pytest.approx(1 - ratio, abs=1e-6)
    assert listed.skill.mae_skill_vs_naive > 0
    assert described.manifest.files["model.onnx"].size > 1000
    assert described.manifest.close_only is not None
    assert described.rollout is None
    assert ready.models == {"default": listed.version}
    assert ready.refused == ()


@pytest.mark.parametrize(
    ("asked", "kind", "where"),
    [
        pytest.param(
            {"prices": [1, 2]},
            nextday.BadInput,
            ("window_too_short", "prices", None),
            id="too few",
        ),
        pytest.param(
            {"prices": [*[100.0] * 41, float("nan"), *[100.0] * 30]},
            nextday.BadInput,
            ("bad_price", "prices", 41),
            id="not a number",
        ),
        pytest.param({}, nextday.BadInput, ("bad_input", None, None), id="nothing"),
        pytest.param(
            {"prices": [1.0] * 60, "dates": [date(2026, 1, 1)] * 60},
            nextday.BadInput,
            ("bad_date", "dates", 1),
            id="days that do not rise",
        ),
        pytest.param(
            {"prices": [1.0] * 60, "model": "none"},
            nextday.NotFound,
            ("no_such_model", None, None),
            id="no such model",
        ),
        pytest.param(
            {"prices": [1.0] * 60, "calendar": "MARS"},
            nextday.NotFound,
            ("no_such_calendar", None, None),
            id="no such calendar",
        ),
    ],
)
def test_what_is_the_callers_fault_says_where(
    url: str,
    asked: dict[str, Any],
    kind: type[nextday.NextdayError],
    where: tuple[str, str | None, int | None],
) -> None:
    with Client(url) as client, pytest.raises(kind) as raised:
        client.predict(**asked)

    error = raised.value
    assert isinstance(error, nextday.CallerError)
    assert (error.code, error.field, error.index) == where
    assert error.status in {404, 422}
    assert where[0] in str(error)
    assert error.detail in str(error)


def test_strict_refuses_what_looks_damaged_by_its_row(url: str) -> None:
    bars = random_bars(80)
    split = {
        name: [*column[:70], *(price / 4 for price in column[70:])] for name, column in bars.items()
    }
    with Client(url) as client:
        told = client.predict(bars=split)
        with pytest.raises(nextday.BadInput) as raised:
            client.predict(bars=split, strict=True)
        with pytest.raises(nextday.BadInput, match="suspicious"):
            client.forecast(pd.DataFrame(split), strict=True)
        assert client.forecast(pd.DataFrame(split), strict=False).warnings

    assert raised.value.code == "suspicious"
    assert raised.value.index == 70
    assert 70 in {notice.row for notice in told.warnings}


def test_a_key_is_sent_and_a_missing_one_is_named() -> None:
    with serving(Path("models"), api_keys=KEY, rate_limit="3/minute") as service:
        url = f"http://127.0.0.1:{service.port}"
        with Client(url) as client, pytest.raises(nextday.NotAllowed) as refused:
            client.models()
        with Client(url, api_key=KEY, retries=Retries(total_s=0.5)) as client:
            found = [client.models() for _ in range(3)]
            # a minute is longer than this client waits
            with pytest.raises(nextday.RateLimited) as limited:
                client.models()

    assert found[0].models[0].name == "default"
    assert (refused.value.status, refused.value.code) == (401, "unauthorized")
    assert limited.value.code == "rate_limited"
    assert limited.value.retry_after_s is not None
    assert limited.value.retry_after_s > 1


def test_nobody_there_is_unreachable_and_says_where() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    retries = Retries(attempts=2, first_s=0.01)

    with Client(url, retries=retries) as client, pytest.raises(nextday.Unreachable) as raised:
        client.models()

    assert url in str(raised.value)
    assert isinstance(raised.value, nextday.ServiceError)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"<html>hello</html>", "is this a nextday service?", id="a page"),
        pytest.param({"model": 3}, "model: a string was expected", id="another kind"),
        pytest.param({}, "model", id="nothing of it"),
    ],
)
def test_an_answer_of_something_else_is_no_forecast(body: Any, said: str) -> None:
    with (
        flaky(Reply(200, body=body)) as server,
        Client(server.url) as client,
        pytest.raises(nextday.UnexpectedAnswer, match=said.replace("?", r"\?")),
    ):
        client.predict([1.0] * 60)


def test_members_of_a_newer_service_are_ignored() -> None:
    newer = FORECAST | {"horizon": 1, "skill": {**FORECAST["skill"], "rmse": 2.0}}  # type: ignore[dict-item]
    with flaky(Reply(200, body=newer), Reply(200)) as server, Client(server.url) as client:
        assert client.predict([1.0] * 60) == client.predict([1.0] * 60)


def test_threads_share_a_client_and_its_connections() -> None:
    with flaky() as server, Client(server.url) as client:
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: client.predict([1.0] * 60), range(200)))
        connections = server.connections

    assert len(set(map(repr, answers))) == 1
    assert len(server.requests) == 200
    assert connections <= 8


def test_threads_get_each_its_own_answer(url: str) -> None:
    series = [random_bars(60, seed=seed) for seed in range(16)]
    with Client(url) as client:
        one_by_one = [client.predict(bars=bars).prediction for bars in series]
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(lambda bars: client.predict(bars=bars), series))

    assert [each.last_price for each in together] == [bars["close"][-1] for bars in series]
    # a batch of forecasts may differ from a single one in the last bits
    assert [each.prediction for each in together] == pytest.approx(one_by_one, rel=1e-6)
