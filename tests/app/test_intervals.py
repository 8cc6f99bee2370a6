"""Intervals, through the front door: in order, never crossing, adapted by history, measured."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.artifact.manifest import CloseOnly, ModelCalibration
from app.forecasting.scalers import ReturnScaler
from tests.builders import (
    NORMAL,
    QUANTILES,
    Columns,
    assert_problem,
    calibration,
    levels,
    newest,
    publish,
    publish_quantiles,
    random_bars,
    scores,
    serving,
    spread_graph,
)

WINDOW = 5
STEPS = WINDOW - 1


def post(client: TestClient, path: str = "/predict", **body: Any) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def spread_by_hand(bars: Columns, end: int) -> float:
    """Return what the hand-made network gives for the window before row `end`: its mean move."""
    sizes = []
    for row in range(end - STEPS, end):
        opened = bars["open"][row]
        sizes.append(abs(math.log(opened / bars["close"][row - 1])))
        sizes += [abs(math.log(bars[field][row] / opened)) for field in ("high", "low", "close")]
    return 100 * sum(sizes) / len(sizes)


def test_intervals_are_the_networks_quantiles_as_prices_in_the_order_asked(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    bars = random_bars(WINDOW)

    with serving(tmp_path) as client:
        answer = post(client, bars=bars, levels=[95, 80, 95])

    last, spread = bars["close"][-1], spread_by_hand(bars, WINDOW)
    assert answer["prediction"] == answer["last_price"] == answer["naive"] == last
    assert [each["level"] for each in answer["intervals"]] == [95, 80, 95]
    assert answer["intervals"][0] == answer["intervals"][2]
    for interval, score in zip(answer["intervals"][:2], (NORMAL[4], NORMAL[3]), strict=True):
        assert interval["low"] == pytest.approx(last * math.exp(-score * spread / 100), rel=1e-6)
        assert interval["high"] == pytest.approx(last * math.exp(score * spread / 100), rel=1e-6)
        assert interval["coverage"] is None
    assert answer["calibration"] == {"method": "none", "sessions": 0}
    assert answer["warnings"] == []


def test_80_and_95_are_given_where_nothing_is_asked_and_nothing_where_that_is(
    tmp_path: Path,
) -> None:
    publish_quantiles(tmp_path)
    bars = random_bars(WINDOW)

    with serving(tmp_path) as client:
        usual, none = post(client, bars=bars), post(client, bars=bars, levels=[])

    assert [each["level"] for each in usual["intervals"]] == [80, 95]
    assert (none["intervals"], none["warnings"]) == ([], [])


def test_the_manifests_offsets_move_the_quantiles_by_spreads(tmp_path: Path) -> None:
    offsets = (-0.5, 0.0, 0.0, 0.0, 0.5)
    publish_quantiles(tmp_path, own=calibration(offsets=offsets))
    bars = random_bars(WINDOW)

    with serving(tmp_path) as client:
        answer = post(client, bars=bars, levels=[95])

    [interval] = answer["intervals"]
    widest = (NORMAL[4] + 0.5) * spread_by_hand(bars, WINDOW) / 100
    assert interval["high"] == pytest.approx(bars["close"][-1] * math.exp(widest), rel=1e-5)
    assert answer["calibration"] == {"method": "model", "sessions": 5_000}


@pytest.mark.parametrize(
    ("rows", "gain", "method", "sessions"),
    [
        pytest.param(WINDOW, 0.05, "model", 5_000, id="a window"),
        pytest.param(WINDOW + 59, 0.05, "model", 5_000, id="too little history"),
        pytest.param(WINDOW + 60, 0.05, "history", 60, id="just enough"),
        pytest.param(WINDOW + 600, 0.05, "history", 512, id="more than is read"),
        pytest.param(WINDOW + 600, 0.0, "model", 5_000, id="a model that reads none"),
    ],
)
def test_history_is_read_where_there_is_enough_and_the_model_knows_how(
    tmp_path: Path, rows: int, gain: float, method: str, sessions: int
) -> None:
    publish_quantiles(tmp_path, own=calibration(gain=gain))

    with serving(tmp_path) as client:
        answer = post(client, bars=random_bars(rows))

    assert answer["calibration"] == {"method": method, "sessions": sessions}
    measured = [each["coverage"] is not None for each in answer["intervals"]]
    assert measured == [method == "history"] * 2


def adapted_by_hand(bars: Columns, gain: float) -> tuple[list[float], dict[int, float]]:
    """Return the final widths of the 95 and 80 % intervals, and what share of history they held."""
    rows = len(bars["close"])
    widths, held = {95: 0.0, 80: 0.0}, {95: 0, 80: 0}
    for end in range(WINDOW, rows):
        spread = spread_by_hand(bars, end)
        move = 100 * math.log(bars["close"][end] / bars["close"][end - 1])
        reach = {
            80: NORMAL[3] * spread + widths[80] * spread,
            95: NORMAL[4] * spread + widths[95] * spread,
        }
        reach[80] = max(reach[80], 0)
        reach[95] = max(reach[95], reach[80])
        for level, score in ((95, NORMAL[4]), (80, NORMAL[3])):
            held[level] += abs(move) <= reach[level]
            missed = abs(move) / spread - score > widths[level]
            widths[level] += gain * (missed - (1 - level / 100))
    shares = {level: count / (rows - WINDOW) for level, count in held.items()}
    spread = spread_by_hand(bars, rows)
    half80 = max((NORMAL[3] + widths[80]) * spread, 0)
    return [max((NORMAL[4] + widths[95]) * spread, half80), half80], shares


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_history_adapts_and_measures_as_a_plain_loop_does(tmp_path: Path, seed: int) -> None:
    publish_quantiles(tmp_path, own=calibration(gain=0.1))
    bars = random_bars(WINDOW + 100, seed=seed)

    with serving(tmp_path) as client:
        answer = post(client, bars=bars, levels=[95, 80])

    reaches, held = adapted_by_hand(bars, 0.1)
    for interval, reach in zip(answer["intervals"], reaches, strict=True):
        expected = bars["close"][-1] * math.exp(reach / 100)
        assert interval["high"] == pytest.approx(expected, rel=1e-6)
        assert interval["coverage"] == pytest.approx(held[interval["level"]])


@pytest.mark.parametrize("factor", [0.6, 8.0], ids=["too narrow", "too wide"])
def test_history_mends_a_network_that_is_wrong_about_this_instrument(
    tmp_path: Path, factor: float
) -> None:
    graph = spread_graph(steps=STEPS, each=[factor * score for score in NORMAL])
    publish_quantiles(tmp_path, graph=graph, own=calibration(gain=0.2))
    bars = random_bars(WINDOW + 400)

    with serving(tmp_path) as client:
        [without] = post(client, bars=newest(bars, WINDOW), levels=[90])["intervals"]
        [within] = post(client, bars=bars, levels=[90])["intervals"]

    ratio = (within["high"] - within["low"]) / (without["high"] - without["low"])
    assert ratio > 2 if factor < 1 else ratio < 0.5
    assert 0.8 < within["coverage"] < 0.95


def test_the_newest_window_alone_decides_in_a_batch(tmp_path: Path) -> None:
    publish_quantiles(tmp_path, own=calibration(gain=0.2))
    bars = random_bars(WINDOW + 100)

    with serving(tmp_path) as client:
        alone = post(client, bars=newest(bars, WINDOW), levels=[90, 97.5])
        batch = post(client, "/predict/batch", bars=[bars], levels=[90, 97.5, 90])

    assert list(batch["intervals"]) == ["90", "97.5"]
    for column, interval in zip(batch["intervals"].values(), alone["intervals"], strict=True):
        assert column["low"] == [pytest.approx(interval["low"], rel=1e-6)]
        assert column["high"] == [pytest.approx(interval["high"], rel=1e-6)]
    assert batch["predictions"] == [alone["prediction"]]


def test_a_bad_item_is_null_in_the_intervals_too(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    bars = random_bars(WINDOW)
    wild = {field: [1e-300, 1e300, 1e-300, 1.0, 1e300] for field in bars}
    items = [bars, newest(bars, 2), bars | {"low": bars["high"]}, None, wild, bars]

    with serving(tmp_path) as client:
        batch = post(client, "/predict/batch", bars=items)

    assert [error["index"] for error in batch["errors"]] == [1, 2, 3, 4]
    assert [error["code"] for error in batch["errors"]] == [
        "window_too_short",
        "bad_price",
        "bad_input",
        "unforecastable",
    ]
    assert batch["intervals"].keys() == {"80", "95"}
    for column in batch["intervals"].values():
        assert [value is None for value in column["low"]] == [False, *[True] * 4, False]
        assert column["high"][0] == column["high"][5]
    assert batch["last_prices"][1:5] == [None] * 4


moves = st.lists(
    st.tuples(*[st.floats(-0.2, 0.2)] * 2, *[st.floats(0, 0.1)] * 2), min_size=7, max_size=7
)


def bars_of(drawn: list[tuple[float, ...]], *, start: float = 100.0) -> Columns:
    """Return bars from overnight moves, moves of the day, and how far beyond it went."""
    bars: Columns = {"open": [], "high": [], "low": [], "close": []}
    close = start
    for overnight, day, above, below in drawn:
        opened = close * math.exp(overnight)
        close = opened * math.exp(day)
        bars["open"].append(opened)
        bars["high"].append(max(opened, close) * math.exp(above))
        bars["low"].append(min(opened, close) * math.exp(-below))
        bars["close"].append(close)
    return bars


@settings(max_examples=50)
@given(moves, st.lists(st.floats(0.01, 99.99), min_size=2, max_size=5, unique=True))
def test_intervals_never_cross(
    serving_quantiles: TestClient, drawn: list[tuple[float, ...]], asked: list[float]
) -> None:
    answer = post(serving_quantiles, bars=bars_of(drawn), levels=sorted(asked))

    rounding = 1 + 1e-12
    assert all(each["low"] <= answer["prediction"] <= each["high"] for each in answer["intervals"])
    for inner, outer in itertools.pairwise(answer["intervals"]):
        assert outer["low"] <= inner["low"] * rounding
        assert outer["high"] * rounding >= inner["high"]


@settings(max_examples=50)
@given(moves, st.floats(-6, 6))
def test_currency_does_not_matter(
    serving_quantiles: TestClient, drawn: list[tuple[float, ...]], exponent: float
) -> None:
    bars, factor = bars_of(drawn), 10.0**exponent
    scaled = {field: [price * factor for price in column] for field, column in bars.items()}

    answers = [post(serving_quantiles, bars=posted) for posted in (bars, scaled)]

    relative = [
        np.array([answer["prediction"]] + [each["high"] for each in answer["intervals"]])
        / answer["last_price"]
        for answer in answers
    ]
    assert np.abs(relative[0] - relative[1]).max() < 1e-5


@pytest.fixture(scope="module")
def serving_quantiles(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("models")
    publish_quantiles(root, own=calibration(offsets=(-0.3, 0.2, 0.05, 0.1, -0.2)))
    with serving(root) as client:
        yield client


def close_only(own: ModelCalibration | None = None) -> CloseOnly:
    return CloseOnly(scores=scores(mae_vs_naive=1.005, sessions=77), calibration=own)


def test_prices_are_answered_by_the_network_of_closes(tmp_path: Path) -> None:
    publish_quantiles(
        tmp_path,
        own=calibration(gain=0.1),
        close_graph=spread_graph(steps=STEPS, features=1),
        close_only=close_only(),
    )
    prices = random_bars(WINDOW + 80)["close"]

    with serving(tmp_path) as client:
        answer = post(client, prices=prices, levels=[80])
        batch = post(client, "/predict/batch", windows=[prices], levels=[80])

    moved = [abs(math.log(b / a)) for a, b in itertools.pairwise(prices[-WINDOW:])]
    [interval] = answer["intervals"]
    expected = prices[-1] * math.exp(NORMAL[3] * sum(moved) / STEPS)
    assert interval["high"] == pytest.approx(expected, rel=1e-6)
    assert batch["intervals"]["80"]["high"] == [pytest.approx(expected, rel=1e-6)]
    for each in (answer, batch):
        assert [warning["code"] for warning in each["warnings"]] == ["close_only"]
        assert each["skill"]["forecasts"] == 77
    # that network has no calibration, whatever the other one has
    assert answer["calibration"] == {"method": "none", "sessions": 0}


def test_the_network_of_closes_has_a_calibration_of_its_own(tmp_path: Path) -> None:
    publish_quantiles(
        tmp_path,
        close_graph=spread_graph(steps=STEPS, features=1),
        close_only=close_only(calibration(gain=0.1)),
    )
    bars = random_bars(WINDOW + 80)

    with serving(tmp_path) as client:
        of_prices = post(client, prices=bars["close"])
        of_bars = post(client, bars=bars)

    assert of_prices["calibration"] == {"method": "history", "sessions": 80}
    assert of_bars["calibration"] == {"method": "none", "sessions": 0}
    assert (of_bars["skill"]["forecasts"], of_bars["warnings"]) == (252, [])


def test_a_model_of_bars_alone_refuses_prices(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    prices = random_bars(WINDOW)["close"]

    with serving(tmp_path) as client:
        one = client.post("/predict", json={"prices": prices})
        many = client.post("/predict/batch", json={"windows": [prices]})

    for response in (one, many):
        assert "post bars" in assert_problem(response, 422, "bad_input")["detail"]


@pytest.mark.parametrize("field", ["open", "low", "close"])
def test_a_model_of_one_field_takes_that_column_of_bars(tmp_path: Path, field: Any) -> None:
    publish_quantiles(tmp_path, fields=(field,))
    bars = random_bars(WINDOW + 1)

    with serving(tmp_path) as client:
        of_bars, of_prices = post(client, bars=bars), post(client, prices=bars[field])

    assert of_bars == of_prices
    assert (of_bars["target"], of_bars["last_price"]) == (field, bars[field][-1])


def test_bars_may_be_scaled_by_the_range_of_the_training_rows(tmp_path: Path) -> None:
    graph = spread_graph(steps=WINDOW, each=(0.1, 0.2, 0.5, 0.8, 0.9), least=1.0)
    publish_quantiles(tmp_path, scaler=levels(low=100, high=200), graph=graph)
    bars: Columns = {field: [100.0] * WINDOW for field in ("open", "high", "low", "close")}

    with serving(tmp_path) as client:
        within = post(client, bars=bars, levels=[80, 95])
        beyond = post(client, bars=bars | {"high": [201.0, *bars["high"][1:]]})

    # every input is 0: the quantiles are `each`, of the range from 100 to 200
    assert within["prediction"] == pytest.approx(150)
    ends = [(each["low"], each["high"]) for each in within["intervals"]]
    assert ends == [pytest.approx((120, 180), rel=1e-6), pytest.approx((110, 190), rel=1e-6)]
    assert within["warnings"] == []
    assert [each["code"] for each in beyond["warnings"]] == ["outside_training_range"]


def test_a_point_model_of_closes_takes_bars(tmp_path: Path) -> None:
    publish(tmp_path, window=WINDOW, scaler=ReturnScaler())
    bars = random_bars(WINDOW)

    with serving(tmp_path) as client:
        of_bars, of_prices = post(client, bars=bars), post(client, prices=bars["close"])
        batch = post(client, "/predict/batch", bars=[bars])

    assert of_bars == of_prices
    assert (of_bars["intervals"], of_bars["calibration"]) == ([], None)
    assert (batch["predictions"], batch["intervals"]) == ([of_bars["prediction"]], {})


def test_moves_too_large_for_a_price_are_unforecastable(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    wild = {field: [1e-300, 1e300, 1e-300, 1.0, 1e300] for field in random_bars(1)}

    with serving(tmp_path) as client:
        response = client.post("/predict", json={"bars": wild})

    assert assert_problem(response, 422, "unforecastable")["field"] == "bars"


def test_old_prices_that_overflow_leave_the_models_own_calibration(tmp_path: Path) -> None:
    publish_quantiles(
        tmp_path,
        fields=("close",),
        scaler=levels(low=90, high=110),
        graph=spread_graph(steps=WINDOW, features=1, least=0.1),
        own=calibration(gain=0.1),
    )
    prices = random_bars(WINDOW + 80)["close"]
    damaged = [*prices[:10], 1e300, *prices[11:]]

    with serving(tmp_path) as client:
        whole, other = post(client, prices=prices), post(client, prices=damaged)

    assert whole["calibration"]["method"] == "history"
    assert other["calibration"] == {"method": "model", "sessions": 5_000}
    assert other["prediction"] == whole["prediction"]


def test_what_the_model_gives_is_listed(tmp_path: Path) -> None:
    publish_quantiles(tmp_path, own=calibration(gain=0.1))

    with serving(tmp_path) as client:
        [listed] = client.get("/models").json()["models"]
        manifest = client.get("/models/default").json()["manifest"]

    assert listed["fields"] == ["open", "high", "low", "close"]
    assert (manifest["output"], manifest["quantiles"]) == ("quantiles", list(QUANTILES))
    assert manifest["calibration"]["gain"] == 0.1
