"""What is posted: exactly one of prices and bars, and bars that could be true."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders import (
    PRICES,
    Columns,
    assert_problem,
    newest,
    publish,
    publish_quantiles,
    random_bars,
    serving,
)

BARS = random_bars(20)


def changed(field: str, row: int, price: Any) -> Columns:
    column = [*BARS[field]]
    column[row] = price
    return BARS | {field: column}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/predict", {}, "exactly one of prices and bars"),
        ("/predict", {"prices": PRICES, "bars": BARS}, "exactly one of prices and bars"),
        ("/predict", {"prices": None, "bars": None}, "exactly one of prices and bars"),
        ("/predict/batch", {}, "exactly one of windows and bars"),
        ("/predict/batch", {"windows": [], "bars": []}, "exactly one of windows and bars"),
    ],
    ids=["none", "both", "null", "no batch", "two batches"],
)
def test_exactly_one_is_posted(tmp_path: Path, path: str, body: Any, said: str) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        response = client.post(path, json=body)

    assert said in assert_problem(response, 422, "bad_input")["detail"]


def test_null_is_not_given(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)

    with serving(tmp_path) as client:
        response = client.post("/predict", json={"prices": None, "bars": BARS})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("bars", "code", "field", "index", "said"),
    [
        pytest.param(
            changed("low", 17, 200.0),
            "bad_price",
            "bars.low",
            17,
            "bars.low[17] is above that session's open or close",
            id="a low above",
        ),
        pytest.param(
            changed("high", 0, 1.0),
            "bad_price",
            "bars.high",
            0,
            "bars.high[0] is below that session's open or close",
            id="a high below, before the window",
        ),
        pytest.param(
            changed("open", 3, 0), "bad_price", "bars.open", 3, "is not above zero", id="zero"
        ),
        pytest.param(
            changed("close", 19, -1), "bad_price", "bars.close", 19, "not above", id="negative"
        ),
        pytest.param(changed("high", 4, "1"), "bad_input", "bars.high", 4, "number", id="text"),
        pytest.param(changed("high", 4, None), "bad_input", "bars.high", 4, "number", id="null"),
        pytest.param(
            BARS | {"high": BARS["high"][1:]},
            "bad_input",
            "bars.high",
            None,
            "bars.high holds 19 prices and bars.open 20",
            id="unequal",
        ),
        pytest.param(
            newest(BARS, 4), "window_too_short", "bars.close", None, "at least 5", id="too few"
        ),
        pytest.param(
            {field: [] for field in BARS}, "window_too_short", "bars.close", None, "5", id="none"
        ),
        pytest.param(
            {field: BARS[field] for field in ("open", "high", "low")},
            "bad_input",
            "bars.close",
            None,
            "required",
            id="a column missing",
        ),
        pytest.param(
            BARS | {"volume": [1.0] * 20},
            "bad_input",
            None,
            None,
            "known are open, high, low, close",
            id="a column too many",
        ),
        pytest.param([BARS], "bad_input", "bars", None, "object", id="a list"),
        pytest.param(PRICES, "bad_input", "bars", None, "object", id="prices"),
    ],
)
def test_bars_that_cannot_be_true_are_named(  # noqa: PLR0917 - a row of the table
    tmp_path: Path, bars: Any, code: str, field: str | None, index: int | None, said: str
) -> None:
    publish_quantiles(tmp_path)

    with serving(tmp_path) as client:
        alone = client.post("/predict", json={"bars": bars})
        batch = client.post("/predict/batch", json={"bars": [BARS, bars]}).json()

    problem = assert_problem(alone, 422, code)
    assert said in problem["detail"]
    assert (problem.get("field"), problem.get("index")) == (field, index)
    [error] = batch["errors"]
    assert (error["index"], error["code"]) == (1, code)
    assert said in error["message"]
    assert [value is None for value in batch["predictions"]] == [False, True]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_bars_that_are_not_finite_are_named(tmp_path: Path, number: str) -> None:
    publish_quantiles(tmp_path)
    columns = ", ".join(f'"{field}": [1, 1, {number}, 1, 1]' for field in BARS)

    with serving(tmp_path) as client:
        response = client.post(
            "/predict",
            content=f'{{"bars": {{{columns}}}}}',
            headers={"Content-Type": "application/json"},
        )

    assert "bars.open[2] is not a finite" in assert_problem(response, 422, "bad_price")["detail"]


@pytest.mark.parametrize("far", [pytest.param(0.9e-4, id="rounded"), pytest.param(2e-4, id="not")])
@pytest.mark.parametrize(
    ("field", "from_the_body"),
    [("low", lambda low, up: low * (1 + up)), ("high", lambda high, up: high / (1 + up))],
)
def test_a_feeds_rounding_is_forgiven(
    tmp_path: Path, field: str, from_the_body: Callable[[float, float], float], far: float
) -> None:
    publish_quantiles(tmp_path)
    body = min if field == "low" else max
    edge = body(BARS["open"][7], BARS["close"][7])

    with serving(tmp_path) as client:
        response = client.post(
            "/predict", json={"bars": changed(field, 7, from_the_body(edge, far))}
        )

    assert response.status_code == (200 if far < 1e-4 else 422)


def test_the_largest_numbers_are_prices(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    most = 1.7976931348623157e308

    with serving(tmp_path) as client:
        response = client.post("/predict", json={"bars": {field: [most] * 5 for field in BARS}})

    # nothing moves, so nothing is forecast to: the interval has no width
    assert response.json()["prediction"] == most


def test_columns_not_read_are_checked_too(tmp_path: Path) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        response = client.post("/predict", json={"bars": changed("low", 2, 500.0)})

    assert assert_problem(response, 422, "bad_price")["field"] == "bars.low"


def test_ten_thousand_bars_are_taken_and_one_more_is_not(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    five = newest(BARS, 5)

    with serving(tmp_path) as client:
        most = client.post("/predict/batch", json={"bars": [five] * 10_000, "levels": [90]})
        more = client.post("/predict/batch", json={"bars": [five] * 10_001})

    assert len(most.json()["intervals"]["90"]["low"]) == 10_000
    assert "10000" in assert_problem(more, 422, "bad_input")["detail"]


def test_what_is_sent_is_not_repeated(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    marker = "x-marker-x" * 500

    with serving(tmp_path) as client:
        responses = [
            client.post("/predict", json={"bars": BARS | {marker: [1.0]}}),
            client.post("/predict", json={"bars": {marker: marker}}),
            client.post("/predict", json={"bars": changed("low", 1, marker)}),
        ]

    for response in responses:
        assert_problem(response, 422, "bad_input")
        # of the name of an unknown member the first letters
        assert response.text.count("x-marker-x") <= 2
