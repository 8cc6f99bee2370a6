"""
What the service does with one core, beside its peers, in one run.

    python -m benchmarks.serving --service .venv-serve/bin/python [--quick] [--only nextday,fastapi]
        [--docs docs]

Each server in turn is started on one core and put under load from another, with the same network
and the same prices; so are all of them again in the next round. The last two serve the shipped
model instead, and are asked with bars and dates. Every figure is the median of the rounds. For a
ratio our service and the other take turns of a few seconds, so that a machine that slows down
slows both, and it is the median of the turns. Peers are installed into
`.venv-peers` on first use. Prints what the service is held to, and ends with 1 where it misses
any of it; with `--docs`, writes the serving part of performance.md.
"""

import argparse
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import environments, processes, promises, servers, serving_report
from benchmarks.answered import Answered
from benchmarks.clients import Clients, Post
from benchmarks.results import (
    BATCH,
    BATCH_CONNECTIONS,
    BIG_BATCH,
    FULL,
    MANY,
    MODELS,
    OPEN_CONNECTIONS,
    OVERLOAD,
    QUICK,
    SHARES,
    SINGLES_A_SECOND,
    USUAL,
    Limit,
    Measured,
    Mixed,
    Ours,
    Plan,
    Round,
    Run,
    Turn,
)
from benchmarks.servers import OURS, ROOT, SERVERS, Failed, Running, Server

_ANSWERS: Final = 8
"""On each connection, in a turn at least."""

_LIMIT: Final = 0.9
"""A client that is busy for more than this share of the time may be what was measured."""


class Bench:
    """Servers on one core, clients on another, and the files that both need."""

    def __init__(self, plan: Plan, folder: Path, service: Path, cores: Sequence[int]) -> None:
        """Make the network in `folder`; `service` is the Python that our service runs on."""
        self._plan, self._folder, self._service = plan, folder, service
        self._cores, self._core, self._clients = cores[:2], cores[0], Clients.on(cores[1])
        self.run = Run(plan, wrk=self._clients.wrk is not None)
        _say("making the network")
        command = ["-m", "benchmarks.network", str(folder), "--copies", str(max(MODELS))]
        made = subprocess.run(  # noqa: S603 - ours
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if made.returncode:
            sys.exit(made.stderr)
        self._questions = {
            file: json.loads((folder / file).read_text()) for file in (servers.PRICES, servers.BARS)
        }
        length = len(self._questions[servers.PRICES][0]["body"]["prices"])
        prices = random.Random(0)  # noqa: S311 - no secret
        for size in (BATCH, BIG_BATCH):
            # within what the network was fitted on, in cents
            windows = [
                [round(prices.uniform(900, 1000), 2) for _ in range(length)] for _ in range(size)
            ]
            (folder / f"batch-{size}.json").write_text(json.dumps({"windows": windows}))

    def round(self, chosen: Sequence[Server]) -> None:
        """Measure each server once; leave out those that cannot be."""
        limit = self._limit()
        measured, ours = {}, None
        for server in chosen:
            if server.name in self.run.left_out:
                continue
            try:
                with self._running(server) as up:
                    found = self._measure(up)
                    if server.name == OURS:
                        ours = self._measure_ours(up, found)
                    elif server.name in promises.TIMES_PEERS and server.compared_with in measured:
                        found = replace(found, turns=self._turn_about(up, found.closed[USUAL]))
                    measured[server.name] = found
            except Failed as failed:
                _say(f"{server.title} is left out: {failed}")
                self.run.left_out[server.name] = str(failed)
        self.run.rounds.append(Round(limit, measured, ours))

    def _turn_about(self, up: Running, usual: Answered) -> list[Turn]:
        """Hold our service against another: each stands still while the other is measured."""
        plan, turns = self._plan, []
        # or a slow one has answered nobody yet
        longer = max(plan.turn, math.ceil(_ANSWERS * USUAL / usual.a_second))
        [server] = (each for each in SERVERS if each.name == up.server.compared_with)
        with self._running(server) as own:
            ours, other = self._post(own), self._post(up)
            self._clients.closed(ours, USUAL, plan.warm_up)
            for _ in range(plan.turns):
                with processes.paused(up.process):
                    first = self._clients.closed(ours, USUAL, plan.turn)
                with processes.paused(own.process):
                    processes.settle(up.process)
                    second = self._clients.closed(other, USUAL, longer)
                turns.append(Turn(first, second))
        ratios = ", ".join(f"{turn.ratio:.2f}" for turn in turns)
        _say(f"{server.title} beside {up.server.title}, turn about: {ratios} times")
        return turns

    def start(self) -> None:
        """Time how long our service takes until it is ready, with one model and with many."""
        [server] = (each for each in SERVERS if each.name == OURS)
        folders = dict(zip(MODELS, ("models", "many"), strict=True))
        found: dict[int, list[float]] = {models: [] for models in MODELS}
        for _ in range(self._plan.starts):
            for models, folder in folders.items():
                variables = {**server.variables, "NEXTDAY_MODELS": folder}
                with self._running(replace(server, variables=variables), poll_s=0.002) as up:
                    found[models].append(up.ready_s)
        self.run.start_s = {models: statistics.median(times) for models, times in found.items()}
        _say(f"ready after {self.run.start_s}")

    def _running(self, server: Server, poll_s: float = 0.02) -> AbstractContextManager[Running]:
        if server.is_ours:
            programs = self._service.parent
        else:
            programs = environments.programs(server.environment)
        return servers.running(server, programs, self._folder, self._core, poll_s=poll_s)

    def _limit(self) -> dict[int, Limit]:
        command = [str(self._service), "-m", "benchmarks.limit", str(self._folder)]
        command += ["--seconds", str(self._plan.limit)]
        with processes.on_core(self._core):
            printed = subprocess.check_output(command, cwd=ROOT, text=True)  # noqa: S603 - ours
        found = {int(batch): Limit(**each) for batch, each in json.loads(printed).items()}
        _say(", ".join(f"raw {b}: {each.windows_a_second:,.0f}/s" for b, each in found.items()))
        return found

    def _measure(self, up: Running) -> Measured:
        questions = self._questions[up.server.questions]
        servers.check(up, questions)
        post = self._post(up)
        post.body.write_bytes(up.server.body(questions[0]))
        self._clients.closed(post, USUAL, self._plan.warm_up)
        processes.require_core(up.process, self._core)
        began, others = time.monotonic(), self._others_s(up)
        closed, cpu_ms = {}, 0.0
        for connections in self._plan.connections:
            before = processes.cpu_s(up.process)
            answered = self._clients.closed(post, connections, self._plan.closed)
            if connections == USUAL:
                if not answered.ok:
                    raise Failed(f"none of {answered.answers} answers was a forecast")
                used = processes.cpu_s(up.process) - before
                cpu_ms = 1000 * used / answered.ok
            closed[connections] = answered
            _tell(f"{up.server.title}, {connections} connections", answered)
        others = (self._others_s(up) - others) / (time.monotonic() - began)
        return Measured(up.ready_s, closed, cpu_ms, processes.memory_mib(up.process), others, [])

    def _post(self, up: Running) -> Post:
        return Post(up.url, self._folder / f"{up.server.name}.json")

    def _others_s(self, up: Running) -> float:
        """Return the seconds that our cores have worked for neither the server nor its load."""
        used = processes.cpu_s(up.process) + processes.children_s()
        return processes.busy_s(self._cores) - used

    def _measure_ours(self, up: Running, measured: Measured) -> Ours:
        plan, clients = self._plan, self._clients
        single = self._post(up)
        many = [
            Turn(*(clients.closed(single, connections, plan.many) for connections in (MANY, USUAL)))
            for _ in range(plan.turns)
        ]
        ratios = ", ".join(f"{turn.ratio:.3f}" for turn in many)
        _say(f"{MANY} connections beside {USUAL}, turn about: {ratios} times")
        batches = f"{up.url}/batch"
        batch = clients.ours(
            Post(batches, self._folder / f"batch-{BATCH}.json"), BATCH_CONNECTIONS, plan.open
        )
        _tell(f"batches of {BATCH}", batch)
        big = Post(batches, self._folder / f"batch-{BIG_BATCH}.json")
        mixed_open = self._mixed(single, big, USUAL, SINGLES_A_SECOND)
        mixed_closed = self._mixed(single, big, 1, None)
        capacity = max(each.a_second for each in measured.closed.values())
        opened = {}
        for share in SHARES:
            rate = capacity * share / 100
            opened[share] = clients.ours(single, OPEN_CONNECTIONS, plan.open, rate)
            _tell(f"open loop, {share} % of capacity", opened[share])
        before = processes.memory_mib(up.process)
        overload = clients.ours(single, OPEN_CONNECTIONS, plan.overload, OVERLOAD * capacity)
        _tell(f"{OVERLOAD} times capacity", overload)
        after = processes.memory_mib(up.process)
        return Ours(
            batch, many, mixed_open, mixed_closed, opened, capacity, overload, before, after
        )

    def _mixed(self, single: Post, big: Post, connections: int, rate: float | None) -> Mixed:
        seconds = self._plan.open
        alone = self._clients.ours(single, connections, seconds, rate)
        with self._clients.beside(big, seconds + 1) as posting:
            beside = self._clients.ours(single, connections, seconds, rate)
        if posting.answered is None or not posting.answered.ok:
            raise Failed(f"no batch of {BIG_BATCH} windows was answered")
        _tell("single requests alone", alone)
        _tell(f"beside batches of {BIG_BATCH}", beside)
        return Mixed(alone, beside, posting.answered)


def main() -> None:
    """Measure, print what the service is held to, and write the page where asked to."""
    parser = argparse.ArgumentParser(description="The service beside its peers, on one core.")
    parser.add_argument("--service", type=Path, required=True, help="the Python of the service")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", help="servers, separated by commas; all of them without it")
    parser.add_argument("--docs", type=Path, help="a folder, where performance.md is written")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [each.name for each in SERVERS]
    unknown = set(names) - {each.name for each in SERVERS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:  # noqa: PLR2004 - one for the server, one for the load
        parser.error("two cores are needed, and this process may use one")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="nextday-serving-") as folder:
        bench = Bench(
            QUICK if options.quick else FULL, Path(folder), options.service.absolute(), cores
        )
        for _ in range(bench.run.plan.rounds):
            bench.round([each for each in SERVERS if each.name in names])
        missing = any(each.is_ours and each.name in bench.run.left_out for each in SERVERS)
        if OURS in names and OURS not in bench.run.left_out:
            bench.start()
    lines = promises.promises(bench.run)
    print(promises.told(bench.run, lines))
    if options.docs:
        print(serving_report.write(bench.run, lines, options.docs))
    sys.exit(1 if missing or not all(line.kept for line in lines) else 0)


def _tell(what: str, answered: Answered) -> None:
    latency = answered.latency
    times = f"p50 {latency.p50:.2f} ms, p99 {latency.p99:.2f} ms" if latency else "none with 200"
    _say(
        f"{what}: {answered.a_second:,.0f}/s, {times}, {answered.rejected} rejected,"
        f" {answered.errors} errors, client {100 * answered.busy:.0f} % busy"
        f"{': it was the limit' if answered.busy > _LIMIT else ''}"
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
