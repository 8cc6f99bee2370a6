"""
The service under a steady load of all that it is asked, for as long as wanted.

    python -m tools.soak [--minutes 30] [--share 0.7]

First the capacity is measured: the same mix in a closed loop. Then requests are due at a fixed
share of it, evenly spaced, and latency counts from the moment at which a request was due, so
that a service that stops for a while cannot hide it. Memory must stay within 5 % of what it was
after the first tenth of the time, and nothing may fail.

A machine is seldom as busy in the last minute as in the first, so that their p99, printed too,
says more of it than of the service. In the end therefore the service and one that has just
started take turns of some seconds with the same load: the p99 of the old one must be within 1.2
times that of the young, in the median of the turns. Prints a line of JSON, with memory and p99 of
every minute: a step tells of something that happened then, a slope of a leak. Exits 1 on a
violation.
"""

import argparse
import gc
import json
import math
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tools.testbed.client import Client, Finished, Shot
from tools.testbed.prices import random_bars, random_walk
from tools.testbed.requests import binary, columns, get, post, tensor
from tools.testbed.service import Service, serving
from tools.testbed.waiting import PATIENCE_S

MODELS: Final = Path("models")
WINDOW: Final = 60
HISTORY: Final = 160
CONNECTIONS: Final = 64
CLOSED: Final = 16
CAPACITY_S: Final = 10.0
SETTLE_S: Final = 5.0
EVERY_S: Final = 1.0
MINUTE_S: Final = 60.0
WARM_UP: Final = 0.1
TURN_S: Final = 5.0
TURNS_A_MINUTE: Final = 0.4
"""So many for each minute of the load before them, and three at least."""
GROWTH: Final = 1.05
SLOWER: Final = 1.2


def mix(chance: random.Random) -> list[Shot]:
    """Return what is asked, each as often as it is here, in an order of chance."""
    bars = [random_bars(WINDOW, seed=seed) for seed in range(8)]
    prices = [random_walk(WINDOW, seed=seed).tolist() for seed in range(8)]
    windows = [columns(WINDOW, 4, seed=seed) for seed in range(8)]
    infer = "/v2/models/default/infer"
    asked = [
        ("prices", 200, [post("/predict", {"prices": each}) for each in prices]),
        ("bars", 400, [post("/predict", {"bars": each}) for each in bars]),
        ("long history", 10, [post("/predict", {"bars": random_bars(HISTORY)})]),
        ("batch", 10, [post("/predict/batch", {"windows": prices})]),
        ("infer, JSON", 150, [post(infer, tensor([each])) for each in windows]),
        ("infer, binary", 150, [binary(infer, [each]) for each in windows]),
        ("infer, binary, eight", 10, [binary(infer, windows)]),
        ("models", 10, [get("/models"), get("/models/default"), get("/v2/models/default")]),
        ("metrics", 1, [get("/metrics")]),
        ("bad", 30, _bad()),
    ]
    shots = [
        Shot(requests[number % len(requests)].content, label)
        for label, often, requests in asked
        for number in range(often)
    ]
    chance.shuffle(shots)
    return shots


def _bad() -> list[Any]:
    short = post("/predict", {"prices": [1, 2]})
    return [
        short,
        short._replace(body=b"{"),
        post("/predict", {"prices": [1.0] * (WINDOW - 1) + [-1.0]}),
        post("/predict", {"model": "nobody", "prices": [1.0]}),
        post("/v2/models/default/infer", {}),
        get("/nowhere"),
    ]


class Soak:
    """A service under load, and what was seen of it."""

    def __init__(self, service: Service) -> None:
        """Ask a service."""
        self._service = service
        self._shots = mix(random.Random(1))  # noqa: S311 - no secret
        self._number = 0
        self.statuses: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.latencies: list[tuple[float, float]] = []
        """When an answer was due, and how long it took."""
        self.memory: list[tuple[float, float]] = []
        """When, and how many MiB."""

    def capacity(self, seconds: float) -> float:
        """Return how many requests a second are answered where each waits for the one before."""
        client = Client(self._service.port, CLOSED, PATIENCE_S)
        answered, began = 0, time.perf_counter()
        end = began + seconds
        while time.perf_counter() < end:
            while client.under_way < CLOSED:
                client.send(self._next())
            answered += len(client.collect(0.1))
        lasted = time.perf_counter() - began
        while client.under_way:
            client.collect(0.1)
        client.close()
        return answered / lasted

    def load(self, rate: float, seconds: float) -> None:
        """Ask at a rate for so long."""
        client = Client(self._service.port, CONNECTIONS, PATIENCE_S)
        began = time.perf_counter()
        sent, count, looked = 0, int(rate * seconds), 0.0
        while sent < count or client.under_way:
            now = time.perf_counter()
            if now - began > seconds + PATIENCE_S:
                self.wrong["due and never sent, or not answered"] += count - sent
                break
            while sent < count and client.has_room and began + sent / rate <= now:
                client.send(self._next(), due=began + sent / rate)
                sent += 1
            for finished in client.collect(max(0.0, min(0.1, began + sent / rate - now))):
                self._take(finished, began)
            if now - looked > EVERY_S:
                looked = now
                self.memory.append((now - began, self._service.resident_mib()))
        client.close()

    def _next(self) -> Shot:
        self._number += 1
        return self._shots[self._number % len(self._shots)]

    def _take(self, finished: Finished, began: float) -> None:
        label = finished.shot.label
        if finished.hung or not finished.replies:
            self.wrong[f"no answer: {label}"] += 1
            return
        [reply] = finished.replies
        self.statuses[f"{label}: {reply.status}"] += 1
        if (reply.status < 400) == (label == "bad") or reply.status >= 500:
            self.wrong[f"{reply.status}: {label}"] += 1
        self.latencies.append((finished.due - began, finished.at - finished.due))


def beside_a_young_one(old: Soak, rate: float, turns: int) -> list[float]:
    """Return how many times the p99 of one that has just started a service's is, by turns."""
    ratios = []
    with serving(MODELS, log_level="error") as service:
        young = Soak(service)
        young.capacity(SETTLE_S)
        for turn in range(turns):
            # neither always right after the other
            for each in (old, young) if turn % 2 else (young, old):
                each.latencies.clear()
                each.load(rate, TURN_S)
            of_old, of_young = (
                p99_ms([took for _, took in each.latencies]) for each in (old, young)
            )
            ratios.append(of_old / of_young)
    old.wrong += young.wrong
    return ratios


def p99_ms(latencies: Sequence[float]) -> float:
    """Return the 99th percentile in milliseconds, the nearest rank."""
    return 1000 * sorted(latencies)[math.ceil(0.99 * len(latencies)) - 1]


def _by_minute(
    found: Sequence[tuple[float, float]], of: Callable[[Sequence[float]], float]
) -> list[float]:
    """Return what `of` makes of each minute's values, which stand beside their seconds."""
    minutes: dict[int, list[float]] = {}
    for at, value in found:
        minutes.setdefault(int(at // MINUTE_S), []).append(value)
    return [round(of(values), 1) for _, values in sorted(minutes.items())]


def soak(minutes: float, share: float, turns: int) -> dict[str, Any]:
    """Load a service; return what was seen."""
    seconds = MINUTE_S * minutes
    with serving(MODELS, log_level="error") as service:
        under = Soak(service)
        under.capacity(SETTLE_S)
        capacity = under.capacity(CAPACITY_S)
        print(f"{capacity:,.0f} requests a second at most", file=sys.stderr, flush=True)
        gc.collect()
        gc.disable()
        rate = share * capacity
        under.load(rate, seconds)
        latencies, memory = [*under.latencies], [*under.memory]
        ratios = beside_a_young_one(under, rate, turns)
    warm_up = WARM_UP * seconds
    span = min(MINUTE_S, (seconds - warm_up) / 2)
    first = [took for due, took in latencies if warm_up <= due < warm_up + span]
    last = [took for due, took in latencies if due >= seconds - span]
    levels = [mib for at, mib in memory if at >= warm_up]
    flat, most = levels[0], max(levels)
    early, late, aged = p99_ms(first), p99_ms(last), statistics.median(ratios)
    violations = [f"{times} times {what}" for what, times in under.wrong.items()]
    if not flat / GROWTH <= levels[-1] <= flat * GROWTH:
        violations.append(f"{levels[-1]:.1f} MiB of memory, {flat:.1f} after the warm-up")
    if aged > SLOWER:
        violations.append("p99 rose too much")
    return {
        "minutes": minutes,
        "requests": len(latencies),
        "a second at most": round(capacity),
        "a second": round(rate),
        "MiB after the warm-up": round(flat, 1),
        "MiB at most": round(most, 1),
        "MiB in the end": round(levels[-1], 1),
        "p99 ms of the first minute": round(early, 2),
        "p99 ms of the last minute": round(late, 2),
        "p99 ratio": round(late / early, 3),
        "p99 over that of a young one, turn about": round(aged, 3),
        "turns": [round(each, 2) for each in ratios],
        "MiB by minute": _by_minute(memory, max),
        "p99 ms by minute": _by_minute(latencies, p99_ms),
        "statuses": dict(sorted(under.statuses.items())),
        "violations": violations,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; return 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--share", type=float, default=0.7, help="of what it can answer at most")
    options = parser.parse_args(arguments)
    turns = max(3, round(TURNS_A_MINUTE * options.minutes))
    summary = soak(options.minutes, options.share, turns)
    print(json.dumps(summary))
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
