"""Publish or keep: each rule at its boundary and beside it."""

import dataclasses
import math
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from training.evaluation import point_scores
from training.retraining import verdict
from training.retraining.verdict import Bounds, Evidence, decide, worse

BOUNDS = Bounds(level=0.05, coverage_90=(0.85, 0.95), naive_margin=0.02, fewest_sessions=60)

FINE = Evidence(
    sessions=252,
    mae_vs_naive=0.999,
    worse_than_naive=0.8,
    coverage_90=0.9,
    last=date(2026, 11, 20),
    worse_than_incumbent=0.6,
    incumbent_last=date(2026, 11, 19),
)

SESSIONS = "enough held-out sessions"
NAIVE = "not worse than naive beyond noise (p)"
MARGIN = "error over naive's, whatever the noise"
COVERAGE = "share held by 90 % intervals"
INCUMBENT = "not worse than the incumbent beyond noise (p)"
NEWER = "fitted on data that ends no earlier than the incumbent's"


def failed(**changes: object) -> list[str]:
    """Return the rules that a fine candidate fails with these changes."""
    found = decide(dataclasses.replace(FINE, **changes), BOUNDS)  # type: ignore[arg-type]
    rules = [reason.rule for reason in found.reasons if not reason.passed]
    assert found.publish == (not rules)
    return rules


def test_what_passes_every_rule_is_published() -> None:
    found = decide(FINE, BOUNDS)

    assert found.publish
    assert [reason.rule for reason in found.reasons] == [
        *(SESSIONS, NAIVE, MARGIN, COVERAGE, INCUMBENT, NEWER)
    ]
    assert found.summary == "every rule passed"


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({"sessions": 60}, []),
        ({"sessions": 59}, [SESSIONS]),
        ({"sessions": 0}, [SESSIONS]),
        ({"worse_than_naive": 0.05}, []),
        ({"worse_than_naive": math.nextafter(0.05, 0)}, [NAIVE]),
        ({"worse_than_naive": 0.0}, [NAIVE]),
        ({"worse_than_naive": 1.0}, []),
        ({"mae_vs_naive": 1.02}, []),
        ({"mae_vs_naive": math.nextafter(1.02, 2)}, [MARGIN]),
        ({"mae_vs_naive": 0.0}, []),
        ({"coverage_90": 0.85}, []),
        ({"coverage_90": math.nextafter(0.85, 0)}, [COVERAGE]),
        ({"coverage_90": 0.95}, []),
        ({"coverage_90": math.nextafter(0.95, 1)}, [COVERAGE]),
        ({"worse_than_incumbent": 0.05}, []),
        ({"worse_than_incumbent": math.nextafter(0.05, 0)}, [INCUMBENT]),
        ({"worse_than_incumbent": None}, []),
        ({"last": date(2026, 11, 19)}, []),
        ({"last": date(2026, 11, 18)}, [NEWER]),
        ({"incumbent_last": None}, []),
        ({"worse_than_naive": 0.01, "coverage_90": 0.5}, [NAIVE, COVERAGE]),
    ],
)
def test_each_rule_at_its_boundary_and_beside_it(
    changes: dict[str, object], fails: list[str]
) -> None:
    assert failed(**changes) == fails


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("member", "rule"),
    [
        ("worse_than_naive", NAIVE),
        ("mae_vs_naive", MARGIN),
        ("coverage_90", COVERAGE),
        ("worse_than_incumbent", INCUMBENT),
    ],
)
def test_what_is_no_number_never_publishes(member: str, rule: str, value: float) -> None:
    assert failed(**{member: value}) == [rule]
    [reason] = [
        reason
        for reason in decide(dataclasses.replace(FINE, **{member: value}), BOUNDS).reasons  # type: ignore[arg-type]
        if not reason.passed
    ]
    assert reason.measured is None
    assert reason.measured_text == "no number"


def test_a_candidate_worse_than_naive_is_kept_back_where_there_is_no_incumbent() -> None:
    assert failed(worse_than_naive=0.01, worse_than_incumbent=None, incumbent_last=None) == [NAIVE]


def test_a_verdict_tells_what_was_measured_and_what_must_be() -> None:
    found = decide(
        dataclasses.replace(FINE, coverage_90=0.81234, last=date(2026, 11, 18), sessions=3), BOUNDS
    )

    assert found.summary == (
        f"{SESSIONS}: was 3, must be at least 60;"
        f" {COVERAGE}: was 0.8123, must be within 0.85 and 0.95;"
        f" {NEWER}: was 2026-11-18, must be at least 2026-11-19"
    )


@pytest.mark.parametrize("evidence", [FINE, dataclasses.replace(FINE, coverage_90=math.nan)])
def test_a_verdict_is_read_back_as_it_was_written(evidence: Evidence) -> None:
    found = decide(evidence, BOUNDS)

    assert verdict.Verdict.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": 0.0},
        {"level": 0.6},
        {"level": math.nan},
        {"coverage_90": (0.95, 0.85)},
        {"coverage_90": (0.9, 0.9)},
        {"coverage_90": (0.85, 1.01)},
        {"naive_margin": -0.01},
        {"naive_margin": math.inf},
        {"seen_allowance": -0.001},
        {"seen_allowance": math.nan},
        {"fewest_sessions": 1},
        {"levels": 0.05},
    ],
)
def test_bounds_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Bounds.model_validate(wrong)


def losses(sessions: int, *, seed: int = 1) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(1, 0.3, sessions))


def test_p_is_one_sided_and_small_where_losses_are_larger() -> None:
    ours, theirs = losses(100), losses(100, seed=2)
    t = point_scores.diebold_mariano(ours, theirs)
    assert t is not None
    expected = stats.t.sf(t * math.sqrt(99 / 100), 99)

    assert worse(ours, theirs) == pytest.approx(expected, rel=1e-12)
    assert worse(theirs, ours) == pytest.approx(1 - expected, rel=1e-12)
    assert worse(theirs + 0.2, theirs * 1.001) < 1e-6
    assert worse(theirs * 1.001, theirs + 0.2) > 1 - 1e-6


def test_p_is_small_by_chance_as_often_as_the_level_says() -> None:
    random = np.random.default_rng(5)
    small = [worse(*random.normal(size=(2, 120))) < 0.05 for _ in range(2_000)]

    # a little more often than 5 %: the variance is estimated with lags
    assert 0.035 < np.mean(small) < 0.08


def test_losses_that_never_differ_are_no_worse() -> None:
    ours = losses(50)

    assert worse(ours, ours) == 1
    assert worse(np.ones(50), np.full(50, 0.5)) == 0
    assert worse(np.full(50, 0.5), np.ones(50)) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_p_of_what_is_no_number_is_none(bad: float) -> None:
    ours = losses(50)
    ours[7] = bad

    assert math.isnan(worse(ours, losses(50)))
    assert math.isnan(worse(losses(50), ours))


def test_p_of_a_single_date_is_none() -> None:
    assert math.isnan(worse(np.array([2.0]), np.array([1.0])))
    assert math.isnan(worse(np.empty(0), np.empty(0)))
