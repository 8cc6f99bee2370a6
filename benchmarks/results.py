"""What a run of `benchmarks.serving` found, and how much of what it measured."""

import math
from dataclasses import dataclass, field
from typing import Final

from benchmarks.answered import Answered

USUAL: Final = 16
"""Connections of the case that ratios are taken at."""
MANY: Final = 256
BATCH: Final = 256
BIG_BATCH: Final = 1_000
BATCH_CONNECTIONS: Final = 4
SINGLES_A_SECOND: Final = 200
SHARES: Final = (50, 70, 90)
"""Rates of the open loop, in percent of what the closed loops reached."""
NORMAL: Final = 70
OVERLOAD: Final = 3
OPEN_CONNECTIONS: Final = 1_024
MODELS: Final = (1, 100)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; times in seconds."""

    rounds: int
    connections: tuple[int, ...]
    warm_up: int
    closed: int
    turns: int
    """How often two are measured that are held against each other, one after the other."""
    turn: int
    many: int
    """A turn with 256 connections, and one with 16: long, since a client first makes them."""
    limit: float
    open: float
    overload: float
    starts: int


QUICK: Final = Plan(1, (1, USUAL, MANY), 1, 2, 1, 1, 2, 0.5, 2, 5, 1)
FULL: Final = Plan(3, (1, USUAL, 64, MANY), 3, 5, 4, 2, 8, 2, 6, 15, 5)


@dataclass(frozen=True, slots=True)
class Limit:
    """onnxruntime alone."""

    windows_a_second: float
    p50_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """Two loads, one right after the other, so that the machine was as busy for both."""

    ours: Answered
    other: Answered

    @property
    def ratio(self) -> float:
        """How many times as many requests a second ours is."""
        return self.ours.a_second / self.other.a_second if self.other.a_second else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One server in one round."""

    ready_s: float
    closed: dict[int, Answered]
    """By connections."""
    cpu_ms: float
    """Processor time of a request, with 16 connections."""
    memory_mib: float
    """After all that load."""
    others: float
    """How much of a core the rest of the machine used meanwhile."""
    turns: list[Turn]
    """With 16 connections, our service and this one; none for our own."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """Single requests alone, and beside batches of 1,000 windows one after the other."""

    alone: Answered
    beside: Answered
    batches: Answered


@dataclass(frozen=True, slots=True, eq=False)
class Ours:
    """What is asked of our service alone, in one round."""

    batch: Answered
    """Batches of 256 windows."""
    many: list[Turn]
    """256 connections, and 16."""
    mixed_open: Mixed
    mixed_closed: Mixed
    open: dict[int, Answered]
    """By percent of `capacity`."""
    capacity: float
    """The most requests a second of the closed loops."""
    overload: Answered
    memory_before_mib: float
    memory_after_mib: float


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """All servers once, and the limit."""

    limit: dict[int, Limit]
    """By windows in one call."""
    servers: dict[str, Measured]
    ours: Ours | None


@dataclass(slots=True, eq=False)
class Run:
    """A whole run."""

    plan: Plan
    wrk: bool
    rounds: list[Round] = field(default_factory=list)
    start_s: dict[int, float] = field(default_factory=dict)
    """Until our service was ready, by how many models are published; medians."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Servers that could not be measured, and why."""

    def of(self, name: str) -> list[Measured]:
        """Return what was found of a server, a round each."""
        return [each.servers[name] for each in self.rounds if name in each.servers]

    @property
    def others(self) -> float:
        """How much of a core the rest of the machine used, at the worst."""
        found = (each.others for one in self.rounds for each in one.servers.values())
        return max(found, default=0.0)

    @property
    def ours(self) -> list[Ours]:
        """What was found of our service alone, a round each."""
        return [each.ours for each in self.rounds if each.ours]
