"""POST /predict/batch, through the front door."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.forecasting.scalers import ReturnScaler
from app.main import create_app
from app.settings import Settings
from tests.asgi import Answer, running
from tests.builders import PRICES, assert_problem, levels, publish, serving


def test_answers_come_in_columns_in_the_order_of_the_windows(tmp_path: Path) -> None:
    publish(tmp_path, scale=0.5)

    with serving(tmp_path) as client:
        answer = client.post(
            "/predict/batch", json={"windows": [PRICES, [150.0, 160.0, 180.0]]}
        ).json()

    assert answer["predictions"] == pytest.approx([102.0, 140.0], rel=1e-6)
    assert answer["last_prices"] == [104.0, 180.0]
    assert answer["intervals"] == {}
    assert answer["errors"] == []
    assert (answer["model"], answer["version"], answer["skill"]["forecasts"]) == ("default", 1, 252)


def test_more_windows_than_one_call_takes_give_the_same_forecasts(tmp_path: Path) -> None:
    publish(tmp_path, scaler=ReturnScaler())
    windows = [[100.0 + index, 101.0, 102.0] for index in range(600)]

    with serving(tmp_path) as client:
        together = client.post("/predict/batch", json={"windows": windows}).json()["predictions"]
        alone = [
            client.post("/predict", json={"prices": windows[index]}).json()["prediction"]
            for index in (0, 255, 256, 511, 599)
        ]

    assert [together[index] for index in (0, 255, 256, 511, 599)] == alone


def test_no_windows_are_no_forecasts(tmp_path: Path) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        none = client.post("/predict/batch", json={"windows": []}).json()
        none_good = client.post("/predict/batch", json={"windows": [[1], [2]]}).json()

    assert (none["predictions"], none["errors"]) == ([], [])
    assert none_good["predictions"] == none_good["last_prices"] == [None, None]
    assert len(none_good["errors"]) == 2


def test_ten_thousand_windows_are_taken_and_one_more_is_not(tmp_path: Path) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        most = client.post("/predict/batch", json={"windows": [PRICES] * 10_000})
        more = client.post("/predict/batch", json={"windows": [PRICES] * 10_001})

    assert len(most.json()["predictions"]) == 10_000
    assert "10000" in assert_problem(more, 422, "bad_input")["detail"]


def test_what_is_bad_is_named_wherever_it_lies(tmp_path: Path) -> None:
    publish(tmp_path)
    windows: list[Any] = [PRICES] * 200
    bad = {3: None, 63: [1.0], 64: "x", 128: [[1.0]], 130: [1.0, -2.0, 3.0], 199: {"a": 1}}
    for place, item in bad.items():
        windows[place] = item
    # longer than the window: the newest are used
    windows[7] = [9.0, *PRICES]

    with serving(tmp_path) as client:
        answer = client.post("/predict/batch", json={"windows": windows}).json()

    assert [error["index"] for error in answer["errors"]] == list(bad)
    assert [place for place, it in enumerate(answer["predictions"]) if it is None] == list(bad)
    good = [it for it in answer["predictions"] if it is not None]
    assert good == pytest.approx([104.0] * 194)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ('{"windows": [[1.0, 2.0.0, 3.0]]}', 400, "not_json"),
        ('{"windows": [[1.0, 2.0, 3.0], [1.0 2.0]]}', 400, "not_json"),
        ('{"windows": [' + "[1.0, 2.0, 3.0]," * 100 + "[1.0, 2..0, 3.0]]}", 400, "not_json"),
        ('{"windows": [' + "[1.0, 2..0, 3.0]," * 100 + "[1.0, 2.0, 3.0]]}", 400, "not_json"),
        ('{"windows": [[1.0, 2.0, 3.0]], "model": }', 400, "not_json"),
        ('{"windows": [[1.0, 2.0, 3.0]], "bars": []}', 422, "bad_input"),
        ('{"windows": [[1.0, 2.0, 3.0]], "more": 1}', 422, "bad_input"),
        ('{"model": "default"}', 422, "bad_input"),
    ],
)
def test_a_body_that_is_wrong_is_told_as_a_whole(
    tmp_path: Path, body: str, status: int, code: str
) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        answer = client.post(
            "/predict/batch", content=body, headers={"Content-Type": "application/json"}
        )

    assert_problem(answer, status, code)


@pytest.mark.parametrize(
    "body",
    [
        # of two members of one name the last counts, as JSON parsers have it
        '{"windows": [[1.0, 2.0, 3.0]], "windows": [[4.0, 5.0, 6.0]]}',
        '{"levels": null, "windows": [[4.0, 5.0, 6.0]]}',
        '{"windows":\n[ [4.0,5.0 , 6.0] ] , "model" : "default"}',
    ],
)
def test_the_windows_are_those_of_the_member(tmp_path: Path, body: str) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        answer = client.post(
            "/predict/batch", content=body, headers={"Content-Type": "application/json"}
        )

    assert answer.json()["last_prices"] == [6.0]


def test_too_many_batches_are_told_when_to_come_back(tmp_path: Path) -> None:
    publish(tmp_path)
    body = json.dumps({"windows": [PRICES] * 5000}).encode()

    async def posting() -> list[Answer]:
        app = create_app(Settings(models=tmp_path, max_batches=1))
        async with running(app) as client:
            return await asyncio.gather(*(client.post("/predict/batch", body) for _ in range(3)))

    found = asyncio.run(posting())

    assert sorted(answer.status for answer in found) == [200, 503, 503]
    assert {answer.body["code"] for answer in found if answer.status == 503} == {"too_busy"}


def test_a_batch_whose_client_leaves_ends(tmp_path: Path) -> None:
    publish(tmp_path)
    body = json.dumps({"windows": [PRICES] * 10_000}).encode()
    parts = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return parts.pop(0) if len(parts) > 1 else parts[0]

    async def posting() -> Answer:
        async with running(create_app(Settings(models=tmp_path))) as client:
            return await client.exchange("/predict/batch", receive, len(body))

    # nobody reads it
    assert asyncio.run(posting()).status == 499


def test_the_cap_is_its_own(tmp_path: Path) -> None:
    publish(tmp_path)

    # of one window as that of a single forecast
    with serving(tmp_path, max_body_bytes=40, max_batch_body_bytes=60) as client:
        fits = client.post("/predict/batch", json={"windows": [PRICES]})
        over = client.post("/predict/batch", json={"windows": [PRICES] * 3})
        long = client.post("/predict/batch", json={"windows": [[1.5] * 11]})

    assert fits.status_code == 200
    assert_problem(over, 413, "body_too_large")
    assert_problem(long, 413, "body_too_large")


def test_a_version_may_be_pinned_and_warnings_count_windows(tmp_path: Path) -> None:
    publish(tmp_path, version=1, scaler=levels(low=100, high=103.5))
    publish(tmp_path, version=2)

    with serving(tmp_path) as client:
        answer = client.post(
            "/predict/batch", json={"windows": [PRICES, PRICES, [1]], "version": 1}
        ).json()

    [warning] = answer["warnings"]
    assert answer["version"] == 1
    assert warning["code"] == "outside_training_range"
    assert warning["message"].startswith("2 window(s)")
