"""/v1/timeseries: KServe's forecast API, with times that are right."""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import assert_problem, publish, publish_quantiles, random_walk, serving

SERIES = random_walk(5).tolist()


def asked(*inputs: dict[str, Any], **members: Any) -> dict[str, Any]:
    whole = {"type": "univariate_time_series", "name": "x", "series": SERIES, "frequency": "D"}
    options = members.pop("options", {"horizon": 1})
    return {
        "model": "default",
        "inputs": [whole | each for each in inputs or ({},)],
        "options": options,
    } | members


def post(models: Path, body: dict[str, Any]) -> Any:
    with serving(models) as client:
        return client.post("/v1/timeseries/forecast", json=body)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish_quantiles(tmp_path, fields=("close",))
    return tmp_path


def test_quantiles_are_the_ends_of_the_intervals(models: Path) -> None:
    quantiles = [0.9, 0.5, 0.025, 0.2]
    with serving(models) as client:
        plain = client.post("/predict", json={"prices": SERIES, "levels": [80, 95, 60]}).json()
        answer = client.post(
            "/v1/timeseries/forecast", json=asked(options={"horizon": 1, "quantiles": quantiles})
        ).json()

    [output] = answer["outputs"]
    [content] = output["content"]
    eighty, wide, sixty = plain["intervals"]
    assert (answer["status"], output["status"], answer["error"]) == ("completed", "completed", None)
    assert content["mean_forecast"] == [plain["prediction"]]
    assert list(content["quantiles"]) == ["0.9", "0.5", "0.025", "0.2"]
    assert [each for [each] in content["quantiles"].values()] == pytest.approx(
        [eighty["high"], plain["prediction"], wide["low"], sixty["low"]]
    )


@pytest.mark.parametrize(
    ("frequency", "start", "after"),
    [
        ("D", "2026-11-16", "2026-11-21"),
        ("day", "2026-11-16T22:00:00+00:00", "2026-11-21T22:00:00+00:00"),
        # five weekdays from Monday end on Friday; the next is Monday's
        ("B", "2026-11-16", "2026-11-23"),
        ("business_day", "2026-11-18T16:00:00", "2026-11-25T16:00:00"),
        ("B", None, None),
    ],
)
def test_the_time_is_that_of_the_session_after_the_series(
    models: Path, frequency: str, start: str | None, after: str | None
) -> None:
    answer = post(models, asked({"frequency": frequency, "start_timestamp": start})).json()

    [content] = answer["outputs"][0]["content"]
    assert content["start_timestamp"] == after
    assert (content["frequency"], content["quantiles"]) == (frequency, None)


def test_several_series_are_answered_in_order(models: Path) -> None:
    other = [2 * price for price in SERIES]

    answer = post(models, asked({"name": "a"}, {"name": "b", "series": other})).json()

    contents = [output["content"][0] for output in answer["outputs"]]
    assert [content["name"] for content in contents] == ["a", "b"]
    assert contents[1]["mean_forecast"][0] == pytest.approx(2 * contents[0]["mean_forecast"][0])


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (asked(options={"horizon": 2}), "not_supported", "horizon"),
        (asked(options={"horizon": 1, "quantiles": [1.0]}), "bad_input", "options.quantiles"),
        (asked({"type": "multivariate_time_series"}), "not_supported", "inputs[0].type"),
        (asked({"frequency": "H"}), "not_supported", "inputs[0].frequency"),
        (asked({}, {"series": [*SERIES[:-1], -1.0]}), "bad_price", "inputs[1].series"),
        (asked({}, {"series": SERIES[:3]}), "window_too_short", "inputs[1].series"),
        (asked({"series": ["x"] * 5}), "bad_input", "inputs[0].series"),
        (asked({"start_timestamp": "soon"}), "bad_input", "start_timestamp"),
        (
            asked({"start_timestamp": "2026-11-21", "frequency": "B"}),
            "bad_input",
            "start_timestamp",
        ),
        (asked({"start_timestamp": "9999-12-31"}), "bad_input", "start_timestamp"),
    ],
)
def test_what_cannot_be_forecast_is_told(
    models: Path, body: dict[str, Any], code: str, field: str
) -> None:
    assert assert_problem(post(models, body), 422, code)["field"] == field


def test_a_point_model_has_no_quantiles(tmp_path: Path) -> None:
    publish(tmp_path, window=5)

    refused = post(tmp_path, asked(options={"horizon": 1, "quantiles": [0.5]}))

    assert_problem(refused, 422, "not_supported")
    assert post(tmp_path, asked()).status_code == 200


def test_models_of_bars_alone_are_not_listed(models: Path) -> None:
    publish_quantiles(models, name="bars")
    with serving(models) as client:
        listed = client.get("/v1/timeseries/models").json()["models"]

    assert [model["id"] for model in listed] == ["default"]
    assert_problem(post(models, asked(model="bars")), 422, "bad_input")
    assert_problem(post(models, asked(model="other")), 404, "no_such_model")
