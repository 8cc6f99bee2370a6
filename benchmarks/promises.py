"""The targets of the service, compared with its peers and alone, and whether a run met them."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.answered import of_200s
from benchmarks.results import (
    BATCH,
    BIG_BATCH,
    MANY,
    MODELS,
    NORMAL,
    OVERLOAD,
    SINGLES_A_SECOND,
    USUAL,
    Mixed,
    Ours,
    Run,
)
from benchmarks.servers import DECLARED, DECLARED_BARS, OURS, SERVERS

TIMES_PEERS: Final = {
    "mlserver": 3.0,
    "litserve": 5.0,
    "bentoml": 7.0,
    "ray": 30.0,
    "keras": 100.0,
    DECLARED: 2.0,
    DECLARED_BARS: 2.0,
}
_FLAT: Final = 1.1
"""Memory after an overload, over that before, that is still called flat."""
_START_MS: Final = 50
_QUIET: Final = 0.05
"""Of a core: what the rest of the machine may use without a word."""
_TITLES: Final = {each.name: each.title for each in SERVERS}


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of what the service is held to."""

    what: str
    bound: str
    measured: str
    kept: bool


def promises(run: Run) -> list[Promise]:
    """Hold a run against what the service is held to; what was not measured has no line."""
    return [*_beside_peers(run), *_alone(run), *_starts(run)]


def table(lines: Sequence[Promise]) -> list[list[str]]:
    """Return the promises as rows, the first of them the head."""
    head = ["", "target", "measured", ""]
    verdict = {True: "pass", False: "FAIL"}
    return [head, *([each.what, each.bound, each.measured, verdict[each.kept]] for each in lines)]


def told(run: Run, lines: Sequence[Promise]) -> str:
    """Return the promises as text, and who was left out."""
    rows = table(lines)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*aligned, *left_out(run), *disturbed(run)])


def disturbed(run: Run) -> list[str]:
    """Say so where the rest of the machine worked too."""
    if run.others < _QUIET:
        return []
    share = f"{100 * run.others:.0f} %"
    return [f"Others used up to {share} of a core meanwhile: measure again where it is quiet."]


def left_out(run: Run) -> list[str]:
    """Say which servers could not be measured, and why."""
    return [f"{_TITLES[name]} is left out: {why}" for name, why in run.left_out.items()]


def _beside_peers(run: Run) -> Iterator[Promise]:
    for name, times in TIMES_PEERS.items():
        found = [turn.ratio for each in run.of(name) for turn in each.turns]
        if found:
            yield _at_least(f"{USUAL} connections, throughput over {_TITLES[name]}", found, times)


def _alone(run: Run) -> Iterator[Promise]:
    rounds, ours = [each for each in run.rounds if each.ours], run.ours
    if not ours:
        return
    usual = [each.closed[USUAL] for each in run.of(OURS)]
    many = [each.closed[MANY] for each in run.of(OURS)]
    yield _at_least(
        f"{USUAL} connections, throughput over onnxruntime alone at batch {USUAL}",
        [a.a_second / b.limit[USUAL].windows_a_second for a, b in zip(usual, rounds, strict=True)],
        0.5,
    )
    yield _at_most(
        f"{USUAL} connections, p99 over p50",
        [_over(of_200s(each).p99, of_200s(each).p50) for each in usual],
        2.0,
    )
    yield _at_least(
        f"{MANY} connections, throughput over that at {USUAL}",
        [turn.ratio for each in ours for turn in each.many],
        # 1.0 lies within the noise of a shared machine
        0.95,
    )
    turns = [turn for each in ours for turn in each.many]
    loads = [*usual, *many, *(load for turn in turns for load in (turn.ours, turn.other))]
    failures = sum(each.errors + each.rejected for each in loads)
    yield Promise(f"{USUAL} and {MANY} connections, errors", "0", str(failures), not failures)
    yield _at_least(
        f"batches of {BATCH} windows, throughput over onnxruntime alone",
        [
            a.batch.ok * BATCH / a.batch.seconds / b.limit[BATCH].windows_a_second
            for a, b in zip(ours, rounds, strict=True)
        ],
        0.85,
    )
    for how, mixed in _mixed(ours).items():
        yield _at_most(
            f"p99 of {how} with batches of {BIG_BATCH:,}, over without",
            [_over(of_200s(each.beside).p99, of_200s(each.alone).p99) for each in mixed],
            6.0,
        )
    yield _at_most(
        "one idle request, p50 over one run of onnxruntime",
        [_over(of_200s(each.servers[OURS].closed[1]).p50, each.limit[1].p50_ms) for each in rounds],
        3.0,
    )
    lost = sum(each.overload.errors for each in ours)
    yield Promise(f"{OVERLOAD} times overload, neither 200 nor 503", "0", str(lost), not lost)
    yield _at_most(
        f"{OVERLOAD} times overload, p99 of the 200s over that at {NORMAL} %",
        [_over(of_200s(each.overload).p99, of_200s(each.open[NORMAL]).p99) for each in ours],
        5.0,
    )
    yield _at_most(
        f"{OVERLOAD} times overload, memory after over before",
        [each.memory_after_mib / each.memory_before_mib for each in ours],
        _FLAT,
    )


def _starts(run: Run) -> Iterator[Promise]:
    if run.start_s:
        one, many = (run.start_s[models] for models in MODELS)
        each_ms = 1000 * (many - one) / (MODELS[1] - MODELS[0])
        what = f"start, each additional model, of {MODELS[1]}"
        yield Promise(what, f"≤ {_START_MS} ms", f"{each_ms:.1f} ms", each_ms <= _START_MS)


def _at_least(what: str, ratios: Sequence[float], bound: float) -> Promise:
    found = statistics.median(ratios)
    return Promise(what, f"≥ {bound:.2f}", f"{found:.4g}", found >= bound)


def _at_most(what: str, ratios: Sequence[float], bound: float) -> Promise:
    found = statistics.median(ratios)
    return Promise(what, f"≤ {bound:.2f}", f"{found:.4g}", found <= bound)


def _over(latency: float, usual: float) -> float:
    """Divide; endless stays endless, whatever it is held against."""
    return latency if math.isinf(latency) else latency / usual


def _mixed(ours: Iterable[Ours]) -> dict[str, list[Mixed]]:
    pairs = [(each.mixed_open, each.mixed_closed) for each in ours]
    names = (f"{SINGLES_A_SECOND} single requests a second", "single requests one by one")
    return {name: [pair[at] for pair in pairs] for at, name in enumerate(names)}
