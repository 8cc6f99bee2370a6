"""The clients that put load on a server: wrk for closed loops where it is installed, else ours."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.answered import OK, Answered, Latency
from benchmarks.load import PATIENCE_S
from benchmarks.servers import ROOT, Failed

_LUA = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Post:
    """What is posted, and where."""

    url: str
    body: Path


@dataclass(slots=True)
class Beside:
    """What became of a load that ran beside another; None as long as it runs."""

    answered: Answered | None = None


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients on a core of their own."""

    core: int
    wrk: str | None
    """Its path, where it is installed."""

    @classmethod
    def on(cls, core: int) -> "Clients":
        """Return the clients of this machine."""
        return cls(core, shutil.which("wrk"))

    def closed(self, post: Post, connections: int, seconds: int) -> Answered:
        """Send on each connection as soon as it has its answer, by wrk where there is one."""
        if self.wrk is None:
            return self.ours(post, connections, seconds)
        command = [self.wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s"]
        before = processes.children_s()
        printed = self._run(
            [*command, "-s", str(_LUA), post.url, "--", str(post.body), str(connections)], seconds
        )
        found = json.loads(printed.splitlines()[-1])
        if found["statuses"].keys() - {str(OK)}:
            # wrk does not tell the times of one status from those of another
            return self.ours(post, connections, seconds)
        latency = Latency(found["p50"], found["p99"], found["p999"]) if found["requests"] else None
        return Answered(
            seconds=found["seconds"],
            statuses={OK: found["requests"]},
            broken=found["broken"],
            unanswered=found["unanswered"],
            a_second=found["requests"] / found["seconds"],
            latency=latency,
            latency_of_all=latency,
            busy=(processes.children_s() - before) / found["seconds"],
        )

    def ours(
        self, post: Post, connections: int, seconds: float, rate: float | None = None
    ) -> Answered:
        """Send by our own client: a closed loop, or at a fixed rate of requests a second."""
        return _answered(self._run(_command(post, connections, seconds, rate), seconds))

    @contextlib.contextmanager
    def beside(self, post: Post, seconds: float) -> Iterator[Beside]:
        """Post on one connection, one after the other, for so long; end when that has."""
        found = Beside()
        with processes.on_core(self.core):
            command = _command(post, 1, seconds, None)
            posting = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        try:
            time.sleep(_LEAD_S)
            yield found
            printed, _ = posting.communicate(timeout=seconds + 2 * PATIENCE_S)
            found.answered = _answered(printed)
        finally:
            posting.kill()
            posting.wait()

    def _run(self, command: list[str], seconds: float) -> str:
        with processes.on_core(self.core):
            finished = subprocess.run(  # noqa: S603 - a command of ours
                command,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds + 6 * PATIENCE_S,
            )
        if finished.returncode:
            said = finished.stderr.strip().splitlines()
            raise Failed(f"the client gave up: {said[-1] if said else 'no reason given'}")
        return finished.stdout


_LEAD_S = 0.5
"""How long a load beside another runs before that begins."""


def _command(post: Post, connections: int, seconds: float, rate: float | None) -> list[str]:
    return [
        *(sys.executable, "-m", "benchmarks.load", post.url, "--body", str(post.body)),
        *("--connections", str(connections), "--seconds", str(seconds)),
        *(() if rate is None else ("--rate", str(rate))),
    ]


def _answered(printed: str) -> Answered:
    found: dict[str, Any] = json.loads(printed)
    for name in ("latency", "latency_of_all"):
        found[name] = None if found[name] is None else Latency(**found[name])
    found["statuses"] = {int(status): count for status, count in found["statuses"].items()}
    return Answered(**found)
