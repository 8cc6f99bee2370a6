"""The global network: as it begins, fitted, and exported; on panels made up."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.forecasting.arrays import Float32s, Floats
from app.inference.onnx_session import OnnxNetwork
from tests.training.panels import panel_of, sessions_of, simulated
from training.baselines import log_har
from training.datasets.panel import Panel, Rows, WindowSet
from training.errors import Diverged
from training.evaluation import quantile_scores
from training.export import graphs
from training.networks import quantile_fit, quantile_network
from training.networks.quantile_fit import FittedQuantiles
from training.recipes.recipe import Recipe

LEVELS = np.array([0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99])
STEPS = 30
BATCH = 320
FAR = 150_000.0
"""Percent: beyond the move from the smallest price that a float64 can be to the largest."""


def recipe_of(*, members: int = 1, epochs: int = 1, learning_rate: float = 0.01) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "small",
            "title": "made up",
            "source": "made up",
            "target": "close",
            "window": STEPS + 1,
            "scaler": "returns",
            "network": {
                "kind": "har-lstm",
                "units": 8,
                "dense": 16,
                "members": members,
                "regression_share": 0.25,
            },
            "fit": {
                "loss": "pinball",
                "epochs": epochs,
                "batch_size": BATCH,
                "learning_rate": learning_rate,
                "weight_decay": 0.001,
            },
        }
    )


def calm_or_wild_before_the_wild(instruments: int, sessions: int) -> Panel:
    """Draw a panel whose volatility is high after a session far from the usual, either way."""
    generator = np.random.default_rng(5)
    drawn = np.zeros((instruments, sessions, 4))
    logs = np.zeros(instruments)
    for day in range(sessions):
        drawn[:, day] = sessions_of(np.exp(logs), generator)
        seen = np.log(np.maximum(log_har.variances(drawn[:, day]), log_har.EPSILON)) / 2
        logs = np.minimum(2.5 * np.abs(seen + 0.3), 2) - 1
    return panel_of(*drawn)


def split(panel: Panel, sessions: int) -> tuple[Rows, Rows]:
    """Return ends before the last so many sessions, in whole batches, and those in them."""
    ends = panel.ends(STEPS)
    late = panel.dates[ends + 1] > panel.dates.max() - np.timedelta64(sessions, "D")
    early = ends[~late]
    return early[len(early) % BATCH :], ends[late]


@dataclass(frozen=True)
class Case:
    """A fit, what it was fitted on, and windows after that."""

    panel: Panel
    train: Rows
    test: Rows
    fitted: FittedQuantiles
    graph: bytes
    inputs: Floats

    @property
    def windows(self) -> Float32s:
        return self.inputs.astype(np.float32)

    @property
    def actual(self) -> Floats:
        following: Floats = self.panel.returns[self.test + 1]
        return following

    @cached_property
    def of_each(self) -> Floats:
        """What members and regression forecast, (n, members + 1, k), by Keras."""
        return np.asarray(self.fitted.network(self.windows), dtype=np.float64)

    @cached_property
    def outputs(self) -> Floats:
        return self.fitted.outputs(self.inputs)

    @cached_property
    def onnx(self) -> OnnxNetwork:
        _, steps, fields = self.inputs.shape
        return OnnxNetwork(self.graph, steps=steps, features=fields)


def case(panel: Panel, recipe: Recipe, *, closes_only: bool) -> Case:
    train, test = split(panel, 160)
    fitted = quantile_fit.fit(recipe, WindowSet(panel, train, STEPS, closes_only), LEVELS, seed=1)
    graph = graphs.to_bytes(graphs.of_quantiles(fitted))
    inputs = panel.windows(test, STEPS, closes_only=closes_only)
    return Case(panel, train, test, fitted, graph, inputs)


@pytest.fixture(scope="module")
def bars() -> Case:
    """Two members, fitted on what a regression that is linear in logs cannot see."""
    panel = calm_or_wild_before_the_wild(8, 590)
    return case(panel, recipe_of(members=2, epochs=20), closes_only=False)


@pytest.fixture(scope="module")
def closes() -> Case:
    """One member, which one epoch has moved a little."""
    return case(simulated(4, 350), recipe_of(), closes_only=True)


@pytest.fixture(params=["bars", "closes"])
def either(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found


def crps(case: Case, quantiles: Any) -> float:
    forecast = np.asarray(quantiles, dtype=np.float64)
    return float(quantile_scores.crps(case.actual, forecast, LEVELS).mean())


@pytest.mark.parametrize("closes_only", [False, True])
def test_it_begins_as_the_regression(*, closes_only: bool) -> None:
    panel = simulated(3, 300)
    ends = panel.ends(STEPS)
    regression = log_har.fit(WindowSet(panel, ends, STEPS, closes_only), LEVELS, strong=True)
    windows = panel.windows(ends, STEPS, closes_only=closes_only).astype(np.float32)

    network = quantile_network.build(
        recipe_of(members=3).quantile_network, regression, steps=STEPS, fields=windows.shape[2]
    )

    quantiles = np.asarray(network(windows))
    assert quantiles.shape == (len(ends), 4, len(LEVELS))
    expected = regression.quantiles(WindowSet(panel, ends, STEPS, closes_only))
    for member in range(4):
        np.testing.assert_allclose(quantiles[:, member], quantiles[:, 3], rtol=1e-6)
    # logs of variances and 44 weights, in float32
    np.testing.assert_allclose(quantiles[:, 3], expected, rtol=2e-5)


def test_the_loss_falls_and_later_windows_are_forecast_better(bars: Case) -> None:
    losses = bars.fitted.losses["loss"]
    assert len(losses) == 20
    assert losses[0] > losses[5] > losses[10] > losses[19]

    regression = crps(
        bars, bars.fitted.regression.quantiles(WindowSet(bars.panel, bars.test, STEPS))
    )
    constant = np.quantile(bars.panel.returns[bars.train + 1], LEVELS)
    assert regression < crps(bars, np.tile(constant, (len(bars.test), 1)))
    assert crps(bars, bars.outputs) < 0.995 * regression


def test_the_loss_is_the_mean_score_of_the_members_alone(bars: Case) -> None:
    network = bars.of_each.astype(np.float32)
    returns = bars.actual.astype(np.float32)[:, None]

    loss = np.asarray(quantile_fit._score(LEVELS)(returns, network))  # noqa: SLF001 - what is minimised

    assert loss.shape == (len(bars.test),)
    expected = (crps(bars, network[:, 0]) + crps(bars, network[:, 1])) / 2
    assert loss.mean() == pytest.approx(expected, rel=1e-5)


def test_members_and_the_regression_are_averaged_by_their_shares(bars: Case) -> None:
    first, second, regression = bars.of_each.swapaxes(0, 1)

    assert np.abs(first / second - 1).max() > 1e-3
    expected = 0.375 * first + 0.375 * second + 0.25 * regression
    np.testing.assert_allclose(bars.outputs, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        regression,
        bars.fitted.regression.quantiles(WindowSet(bars.panel, bars.test, STEPS)),
        rtol=2e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_regression_may_have_no_share_or_all(bars: Case, share: float) -> None:
    fitted = bars.fitted
    described = fitted.spec.model_copy(update={"regression_share": share})

    served = quantile_network.served_model(described, fitted.regression, fitted.network, own=False)

    expected = bars.of_each[:, 2] if share else bars.of_each[:, :2].mean(1)
    np.testing.assert_allclose(np.asarray(served(bars.windows)), expected, rtol=1e-5, atol=1e-6)


def test_each_member_is_one_fused_node_of_the_graph(bars: Case, closes: Case) -> None:
    for fitted, members in ((bars.fitted, 2), (closes.fitted, 1)):
        kinds = Counter(node.op_type for node in graphs.of_quantiles(fitted).graph.node)
        assert kinds["LSTM"] == members
        assert not kinds.keys() & {"Loop", "Scan", "If"}


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_exported_network_gives_what_keras_gives(either: Case, size: int) -> None:
    parts = np.split(either.windows, range(size, len(either.windows), size))
    found = np.concatenate([either.onnx.run(part) for part in parts])

    largest = np.abs(either.outputs).max(axis=1, keepdims=True)
    assert (np.abs(found - either.outputs) / largest).max() < 5e-5


def filled(value: float, fields: int) -> Float32s:
    return np.full((1, STEPS, fields), value, np.float32)


def alternating(size: float, fields: int) -> Float32s:
    signs = np.where(np.arange(STEPS) % 2, 1, -1)[None, :, None]
    return filled(size, fields) * signs.astype(np.float32)


def windows_of(fields: int) -> st.SearchStrategy[Float32s]:
    """Windows of any moves; most of them of many zeros, or of a value that repeats."""
    moves = st.floats(-FAR, FAR, width=32) | st.floats(-1_000, 1_000, width=32)
    return arrays.arrays(np.float32, (1, STEPS, fields), elements=moves)


def assert_in_order(network: OnnxNetwork, window: Float32s) -> None:
    quantiles = network.run(window)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) > 0).all()


@settings(max_examples=300, deadline=None)
@given(window=windows_of(4))
@example(window=filled(0, 4))
@example(window=filled(1_000, 4))
@example(window=filled(-FAR, 4))
@example(window=alternating(1_000, 4))
@example(window=alternating(FAR, 4))
def test_quantiles_of_any_bars_are_finite_and_never_cross(bars: Case, window: Float32s) -> None:
    assert_in_order(bars.onnx, window)


@settings(max_examples=300, deadline=None)
@given(window=windows_of(1))
@example(window=filled(0, 1))
@example(window=filled(1_000, 1))
@example(window=filled(-FAR, 1))
@example(window=alternating(1_000, 1))
@example(window=alternating(FAR, 1))
def test_quantiles_of_any_closes_are_finite_and_never_cross(closes: Case, window: Float32s) -> None:
    assert_in_order(closes.onnx, window)


def test_no_volatility_is_beyond_what_any_price_does() -> None:
    panel = simulated(3, 300)
    regression = log_har.fit(WindowSet(panel, panel.ends(STEPS), STEPS), LEVELS, strong=True)
    network = quantile_network.build(
        recipe_of().quantile_network, regression, steps=STEPS, fields=4
    )
    windows = np.concatenate([filled(0, 4), alternating(1_000, 4), alternating(FAR, 4)])

    volatilities = np.asarray(network(windows))[:, -1, -1] / regression.standard[-1]

    # 0.7 basis points, and 148 %
    assert 0.0067 < volatilities[0] < 0.03
    assert volatilities[1:] == pytest.approx([148.4, 148.4], rel=1e-3)


def test_quantiles_of_very_many_windows_never_cross(bars: Case) -> None:
    generator = np.random.default_rng(11)
    scales = 10 ** generator.uniform(-4, 4, (20_000, 1, 1))
    windows = sessions_of(np.ones((20_000, STEPS)), generator) * scales

    quantiles = bars.onnx.run(windows.astype(np.float32))

    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) > 0).all()


def test_the_same_seed_gives_the_same_network_to_the_bit(closes: Case) -> None:
    again = case(closes.panel, recipe_of(), closes_only=True)

    assert again.fitted.losses == closes.fitted.losses
    weights = zip(
        again.fitted.network.get_weights(), closes.fitted.network.get_weights(), strict=True
    )
    assert all(np.array_equal(one, other) for one, other in weights)
    np.testing.assert_array_equal(again.onnx.run(again.windows), closes.onnx.run(closes.windows))


def test_a_fit_whose_loss_is_no_number_ends_at_once() -> None:
    panel = simulated(4, 350)
    absurd = recipe_of(epochs=3, learning_rate=1e30)
    train, _ = split(panel, 160)

    with pytest.raises(Diverged, match=r"the loss is nan after epoch 1: .* smaller learning_rate"):
        quantile_fit.fit(absurd, WindowSet(panel, train, STEPS), LEVELS, seed=1)
