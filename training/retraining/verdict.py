"""
Publish or keep: a pure function of what was measured. Nothing is read, fitted or written here.

Every rule passes only on a number that lies where it must: what is not one never publishes.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.forecasting.arrays import Floats
from training.evaluation import point_scores

_Frozen = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_Share = Annotated[float, Field(ge=0, le=1)]


class Bounds(BaseModel):
    """What the rules allow: the [verdict] table of a retraining's file."""

    model_config = _Frozen

    level: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Of the one-sided tests: a difference less likely than this by chance is beyond noise."""
    coverage_90: tuple[_Share, _Share] = (0.85, 0.95)
    """The share of closes that the 90 % intervals must have held: at least, at most."""
    naive_margin: Annotated[float, Field(ge=0)] = 0.02
    """By what share the mean absolute error may exceed naive's where noise would hide it."""
    seen_allowance: Annotated[float, Field(ge=0)] = 0.002
    """
    By what share an incumbent's losses are too small on sessions that it was fitted on.

    They are taken for so much larger. The same recipe on the same data, 160 stocks of 15 years,
    has a CRPS that is 0.06 % smaller on sessions that it was fitted on, and that is beyond noise.
    """
    fewest_sessions: Annotated[int, Field(ge=2)] = 60
    """Held-out sessions below which nothing is judged: noise would hide almost anything."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        low, high = self.coverage_90
        if low >= high:
            raise ValueError(f"coverage_90 = [{low}, {high}]: the first must be below the second")
        return self


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured, of candidate, incumbent and naive on the same held-out sessions."""

    sessions: int
    """Dates held out."""
    mae_vs_naive: float
    """The candidate's mean absolute error over that of tomorrow = today."""
    worse_than_naive: float
    """One-sided p of the candidate's absolute errors against naive's, see `worse`."""
    coverage_90: float
    last: date
    """The newest session that the candidate is fitted on."""
    worse_than_incumbent: float | None = None
    """The same p against the incumbent; None where there is none to compare with."""
    incumbent_last: date | None = None
    """The newest session that the incumbent was fitted on; None where that is not known."""


class Reason(BaseModel):
    """One rule, and how it went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    """In words: what must hold."""
    passed: bool
    measured: float | date | None
    """None where it is no finite number."""
    bound: str

    @property
    def measured_text(self) -> str:
        """Return what was measured, for people."""
        if self.measured is None:
            return "no number"
        return f"{self.measured:.4g}" if isinstance(self.measured, float) else str(self.measured)


class Verdict(BaseModel):
    """What to do with a candidate, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    publish: bool
    reasons: tuple[Reason, ...]

    @property
    def summary(self) -> str:
        """Return in one line why it is kept back, or that nothing speaks against it."""
        failed = [
            f"{reason.rule}: was {reason.measured_text}, must be {reason.bound}"
            for reason in self.reasons
            if not reason.passed
        ]
        return "; ".join(failed) or "every rule passed"


def decide(evidence: Evidence, bounds: Bounds) -> Verdict:
    """
    Publish where every rule passes; those on the incumbent hold where there is one.

    A candidate worse than naive is never published, however bad the incumbent: a broken feed
    must not be able to retrain us into noise.
    """
    level = bounds.level
    reasons = [
        _in_range("enough held-out sessions", evidence.sessions, least=bounds.fewest_sessions),
        _in_range("not worse than naive beyond noise (p)", evidence.worse_than_naive, least=level),
        _in_range(
            "error over naive's, whatever the noise",
            evidence.mae_vs_naive,
            most=1 + bounds.naive_margin,
        ),
        _in_range("share held by 90 % intervals", evidence.coverage_90, *bounds.coverage_90),
    ]
    if evidence.worse_than_incumbent is not None:
        rule = "not worse than the incumbent beyond noise (p)"
        reasons.append(_in_range(rule, evidence.worse_than_incumbent, least=level))
    if evidence.incumbent_last is not None:
        reasons.append(
            Reason(
                rule="fitted on data that ends no earlier than the incumbent's",
                passed=evidence.last >= evidence.incumbent_last,
                measured=evidence.last,
                bound=f"at least {evidence.incumbent_last}",
            )
        )
    return Verdict(publish=all(reason.passed for reason in reasons), reasons=tuple(reasons))


def worse(losses: Floats, reference: Floats) -> float:
    """
    Return the one-sided p of Diebold and Mariano for losses that are no larger, one a date (n,).

    Small where `losses` are larger than the `reference` losses beyond noise; see
    `point_scores.p_value`. NaN where one of them is no number, and for fewer than two dates.
    """
    difference = float((losses - reference).mean()) if len(losses) > 1 else math.nan
    if not math.isfinite(difference):
        return math.nan
    t = point_scores.diebold_mariano(losses, reference)
    if t is None:
        # they differ by the same on every date, or not at all
        return 0.0 if difference > 0 else 1.0
    two_sided = point_scores.p_value(t, len(losses))
    return two_sided / 2 if t > 0 else 1 - two_sided / 2


def _in_range(
    rule: str, measured: float, least: float | None = None, most: float | None = None
) -> Reason:
    """Return a rule on a number that must be finite, not below 0, and within what is given."""
    finite = math.isfinite(measured)
    if least is None:
        bound = f"at most {most:g}"
    else:
        bound = f"at least {least:g}" if most is None else f"within {least:g} and {most:g}"
    return Reason(
        rule=rule,
        passed=finite and (least or 0) <= measured <= (math.inf if most is None else most),
        measured=measured if finite else None,
        bound=bound,
    )
