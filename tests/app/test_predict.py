"""POST /predict, through the front door."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.forecasting.scalers import ReturnScaler
from tests.builders import (
    PRICES,
    assert_problem,
    fails_above_graph,
    levels,
    publish,
    serving,
)


def test_a_forecast_carries_the_naive_one_and_the_measured_skill(tmp_path: Path) -> None:
    publish(tmp_path, scale=0.5)

    with serving(tmp_path) as client:
        response = client.post("/predict", json={"prices": PRICES})

    # minmax of 100..200: 104 is 0.04, half of it is 102
    assert response.status_code == 200
    assert response.json() == {
        "model": "default",
        "version": 1,
        "target": "close",
        "forecast_date": None,
        "sessions_missing": None,
        "last_price": 104.0,
        "prediction": pytest.approx(102.0, rel=1e-6),
        "naive": 104.0,
        "intervals": [],
        "calibration": None,
        "skill": {
            "mae_skill_vs_naive": 0.0,
            "crps_skill_vs_garch": None,
            "coverage_90": None,
            "forecasts": 252,
        },
        "novelty": None,
        "warnings": [],
    }


def test_only_the_newest_part_of_a_longer_history_is_used(tmp_path: Path) -> None:
    publish(tmp_path, scaler=ReturnScaler())

    with serving(tmp_path) as client:
        short = client.post("/predict", json={"prices": PRICES[-3:]}).json()
        long = client.post("/predict", json={"prices": [17.0, *PRICES]}).json()

    assert short == long


def test_integers_are_prices_and_currency_does_not_matter(tmp_path: Path) -> None:
    publish(tmp_path, scaler=ReturnScaler())

    with serving(tmp_path) as client:
        small = client.post("/predict", json={"prices": [1, 2, 3]}).json()["prediction"]
        large = client.post("/predict", json={"prices": [10**6, 2 * 10**6, 3 * 10**6]}).json()

    # the network repeats the last return, 3/2
    assert small == pytest.approx(4.5, rel=1e-5)
    assert large["prediction"] == pytest.approx(4.5e6, rel=1e-5)


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        pytest.param({}, "bad_input", "exactly one of prices and bars", id="nothing"),
        pytest.param([], "bad_input", "the body: ", id="a list"),
        pytest.param({"prices": PRICES, "price": 1}, "bad_input", "known are", id="unknown member"),
        pytest.param({"prices": PRICES, "version": 0}, "bad_input", "version: ", id="version 0"),
        pytest.param({"prices": PRICES, "version": "1"}, "bad_input", "version: ", id="text"),
        pytest.param({"prices": PRICES, "levels": [100]}, "bad_input", "levels[0]: ", id="level"),
        pytest.param({"prices": PRICES, "levels": [5] * 33}, "bad_input", "levels: ", id="levels"),
    ],
)
def test_members_that_make_no_sense_are_named(
    tmp_path: Path, body: Any, code: str, said: str
) -> None:
    publish(tmp_path, scaler=ReturnScaler())

    with serving(tmp_path) as client:
        response = client.post("/predict", json=body)
        again = client.post("/predict", json={"prices": PRICES})

    assert said in assert_problem(response, 422, code)["detail"]
    assert again.status_code == 200


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_parameters_and_case_of_the_media_type_do_not_matter(
    tmp_path: Path, content_type: str
) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        response = client.post(
            "/predict",
            content=json.dumps({"prices": PRICES}),
            headers={"Content-Type": content_type},
        )

    assert response.status_code == 200


def test_a_body_beyond_the_cap_is_refused_announced_or_not(tmp_path: Path) -> None:
    publish(tmp_path)
    body = json.dumps({"prices": PRICES}).encode()
    headers = {"Content-Type": "application/json"}

    with serving(tmp_path, max_body_bytes=len(body)) as client:
        fits = client.post("/predict", content=body, headers=headers)
        announced = client.post("/predict", content=body + b" ", headers=headers)
        streamed = client.post("/predict", content=iter([body, b" "]), headers=headers)

    assert fits.status_code == 200
    assert_problem(announced, 413, "body_too_large")
    assert_problem(streamed, 413, "body_too_large")


def test_a_request_may_pin_a_version(tmp_path: Path) -> None:
    publish(tmp_path, version=1, scale=0.5)
    publish(tmp_path, version=2, scale=1.0)

    with serving(tmp_path) as client:
        newest = client.post("/predict", json={"prices": PRICES}).json()
        pinned = client.post("/predict", json={"prices": PRICES, "version": 1}).json()

    assert (newest["version"], newest["prediction"]) == (2, pytest.approx(104.0))
    assert (pinned["version"], pinned["prediction"]) == (1, pytest.approx(102.0))


def test_prices_beyond_the_training_range_are_warned_of(tmp_path: Path) -> None:
    publish(tmp_path, scaler=levels(low=100, high=103.5))

    with serving(tmp_path) as client:
        response = client.post("/predict", json={"prices": PRICES})

    assert [each["code"] for each in response.json()["warnings"]] == ["outside_training_range"]


@pytest.mark.parametrize(
    ("ratio", "skill"),
    [
        pytest.param(0.9983988188987256, "0.001601", id="better"),
        pytest.param(1.25, "-0.25", id="worse"),
        pytest.param(1.0000001, "0.0", id="no worse than can be shown"),
    ],
)
def test_skill_is_an_improvement_over_naive(tmp_path: Path, ratio: float, skill: str) -> None:
    publish(tmp_path, mae_vs_naive=ratio)

    with serving(tmp_path) as client:
        answer = client.post("/predict", json={"prices": PRICES})

    assert f'"mae_skill_vs_naive":{skill},' in answer.text


def test_a_model_that_loses_to_naive_says_so(tmp_path: Path) -> None:
    publish(tmp_path, mae_vs_naive=2.83)

    with serving(tmp_path) as client:
        [warning] = client.post("/predict", json={"prices": PRICES}).json()["warnings"]

    assert warning["code"] == "worse_than_naive"
    assert "2.83 times" in warning["message"]


def test_levels_asked_of_a_point_model_are_warned_of(tmp_path: Path) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        answer = client.post("/predict", json={"prices": PRICES, "levels": [80, 95]}).json()

    assert answer["intervals"] == []
    assert [each["code"] for each in answer["warnings"]] == ["no_intervals"]


def test_a_network_that_fails_is_an_error_of_ours_without_its_cause(tmp_path: Path) -> None:
    publish(tmp_path, graph=fails_above_graph(steps=3))

    with serving(tmp_path) as client:
        low = client.post("/predict", json={"prices": [100, 100, 100]})
        high = client.post("/predict", json={"prices": [100, 100, 900]})
        again = client.post("/predict", json={"prices": [100, 100, 100]})

    assert_problem(high, 500, "internal_error")
    assert "Gather" not in high.text
    assert (low.status_code, again.status_code) == (200, 200)


def test_an_error_repeats_nothing_of_what_was_sent(tmp_path: Path) -> None:
    publish(tmp_path)
    marker = "x-marker-x" * 1000

    with serving(tmp_path) as client:
        responses = [
            client.post("/predict", json={marker: 1, "prices": PRICES}),
            client.post("/predict", json={"prices": [marker]}),
            client.post("/predict", json={"prices": PRICES, "model": marker}),
            client.post("/predict", json={"prices": {marker: marker}}),
            client.get(f"/{marker}"),
            client.get(f"/models/{marker}"),
        ]

    for response in responses:
        # of the name of an unknown member the first letters
        assert response.text.count("x-marker-x") <= 2
        assert len(response.content) < 1000
