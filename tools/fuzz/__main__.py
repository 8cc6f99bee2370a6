"""
Requests made from valid ones, by HTTP and gRPC, at a service in a process of its own.

    python -m tools.fuzz [--requests 2000000] [--grpc-calls 200000] [--seconds N] [--seed 1]
                         [--max-mib 768] [--replay FILE]

Every request has an answer within the deadline, or a closed connection that a refused request
explains; it is the answer to that request, and never a 500; no error is longer than a kilobyte, or
repeats a word planted in the request, or shows a path or a traceback. Meanwhile nothing holds the
event loop for more than 250 ms, but where a process beside the service is held up, too, and the
service stays below the memory that it says it needs at most. In the end it holds no more than after
the first tenth, and answers plain requests bit for bit as before. What is wrong is written to a
file that `--replay` sends again, with what was sent before the event loop was held. Prints a line
of JSON; exits 1 on a violation.
"""

import argparse
import asyncio
import base64
import json
import random
import re
import socket
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tools.fuzz import grpc_calls
from tools.fuzz.grpc_calls import GrpcFuzz
from tools.fuzz.mutations import CANARY, COSTLY_EVERY, ID, Mutator
from tools.fuzz.seeds import WINDOW, publish_models, seeds
from tools.fuzz.watch import HOLD_S, Watch
from tools.testbed.client import Client, Finished, Reply, Shot
from tools.testbed.requests import Request
from tools.testbed.service import Service, serving

CONNECTIONS: Final = 512
AT_ONCE: Final = 48
DEADLINE_S: Final = 10
RECEIVE_S: Final = 2
PATIENCE_S: Final = DEADLINE_S + 5.0
"""Until an answer, on a machine that does nothing else."""
LONGEST_ERROR: Final = 1024
GROWTH: Final = 1.10
FOUND_FILE: Final = Path(tempfile.gettempdir()) / "nextday-fuzz-found.jsonl"
WARM_UP: Final = 0.5
"""Of the requests: what is kept for the next ones fills for the first million, and then is full."""
HALF_CLOSED_S: Final = 1.0
"""For so long the service answers who can send no more, and then leaves what it has not begun."""
FILLED: Final = 20_000
"""Requests after which it is."""
LAST: Final = 500
"""Shots that are kept, to find which of them held the event loop."""
MAX_MIB: Final = 768
"""What the service needs at most, as docs/operations.md has it."""
FOUND: Final = 20
"""Kinds of violations after which there is no need for more."""
_ERROR: Final = 400
_INTERNAL: Final = 500
_not_finite = re.compile(rb"[:\[, ](NaN|-?Infinity)\b")
_identity = re.compile(rb"(?i)\r\nx-request-id: (\S+)")
_quoted = re.compile(rb"'[^']{0,40}'")
_trace = re.compile(rb"Traceback|\.py\b|File \\?\"|site-packages|/tmp/|/home/|/usr/|/etc/")


def wrongs(finished: Finished, paths: Sequence[bytes]) -> Iterator[str]:
    """Tell what is wrong with what came of a shot."""
    shot, replies = finished.shot, finished.replies
    for reply in replies:
        yield from _wrongs_of(reply, paths)
    for reply, expected in zip(replies, shot.ids, strict=False):
        given = _identity.search(reply.head)
        # a request that was refused for its framing has an id of ours
        if given and given[1].startswith(ID.encode()) and given[1] != expected.encode():
            yield "an answer to another request"
    if finished.hung:
        yield "neither an answer nor an end within the deadline"
    elif shot.sound and len(replies) > shot.answers:
        yield "more answers than requests"
    elif shot.sound and len(replies) < shot.answers:
        is_refused = bool(replies) and replies[-1].status >= _ERROR and finished.ended
        is_given_up = shot.half_close and finished.at - finished.due >= HALF_CLOSED_S
        if not (is_refused or is_given_up):
            yield f"{len(replies)} answers to {shot.answers} requests"


def _wrongs_of(reply: Reply, paths: Sequence[bytes]) -> Iterator[str]:
    if reply.status == _INTERNAL:
        yield "an answer of 500"
    if reply.status < _ERROR:
        if b"application/json" in reply.head and _not_finite.search(reply.content):
            yield "a number that is none"
        return
    if len(reply.content) > LONGEST_ERROR:
        yield f"an error of {len(reply.content)} bytes"
    if repeats(reply.content):
        yield "an error that repeats its request"
    if _trace.search(reply.content) or any(path in reply.content for path in paths):
        yield "an error that shows a path or a traceback"


def repeats(content: bytes) -> bool:
    """
    Tell whether an error repeats its request.

    It may name what it does not know, short and in quotes, and a file's heads and instruments.
    """
    is_of_file = b'"code":"bad_table"' in content
    return not is_of_file and CANARY.encode() in _quoted.sub(b"", content)


class Fuzz:
    """A service under fuzz."""

    def __init__(self, service: Service, paths: Sequence[bytes], patience_s: float) -> None:
        """Send to a service, whose answers must come in time and not show these paths."""
        self._service = service
        self._paths = paths
        self._client = Client(service.port, CONNECTIONS, patience_s)
        self.statuses: Counter[int] = Counter()
        self.labels: Counter[str] = Counter()
        self.requests = 0
        self.longest_s = 0.0
        self.violations: Counter[str] = Counter()
        self.found: list[Shot] = []
        """The first of each kind."""
        self.sent: deque[tuple[float, Shot]] = deque(maxlen=LAST)
        """The last shots, and when they were sent."""

    def run(self, shots: Iterable[Shot], end: float) -> None:
        """Send shots, until they are through, or the time is up, or enough is wrong."""
        for shot in shots:
            while self._client.asked >= AT_ONCE or not self._client.has_room:
                self._take(0.05)
            self._client.send(shot)
            self.sent.append((time.perf_counter(), shot))
            self._take(0)
            if len(self.violations) >= FOUND or time.monotonic() > end:
                break
        while self._client.under_way:
            self._take(0.05)

    def memory_mib(self) -> float:
        """Return what the service holds once nobody is connected."""
        self._client.drop_idle()
        time.sleep(1)
        return self._service.resident_mib()

    def resident_mib(self) -> float:
        """Return what it holds now."""
        return self._service.resident_mib()

    def close(self) -> None:
        """Leave."""
        self._client.close()

    def _take(self, timeout_s: float) -> None:
        for finished in self._client.collect(timeout_s):
            shot = finished.shot
            self.requests += shot.answers
            self.labels[shot.label.split(" of ")[0].split(":")[0]] += shot.answers
            self.statuses.update(reply.status for reply in finished.replies)
            if shot.sound:
                self.longest_s = max(self.longest_s, finished.at - finished.due)
            for wrong in wrongs(finished, self._paths):
                kind = f"{wrong}: {shot.label}"
                if kind not in self.violations:
                    self.found.append(shot)
                self.violations[kind] += 1


class Plan(NamedTuple):
    """What to send."""

    requests: int
    grpc_calls: int
    seconds: float
    seed: int
    patience_s: float = PATIENCE_S
    max_mib: float = MAX_MIB
    costly_every: int = COSTLY_EVERY


def fuzz(plan: Plan, found: Path) -> dict[str, Any]:
    """Fuzz a service of small models; return what was seen."""
    chance = random.Random(plan.seed)  # noqa: S311 - no secret
    mutator = Mutator(*seeds(), chance, costly_every=plan.costly_every)
    end = time.monotonic() + plan.seconds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        publish_models(root)
        grpc_port = _free_port()
        with _service(root, grpc_port) as service:
            plain, _ = seeds()
            before = [_answer(service, request) for request in plain]
            paths = [str(root).encode(), str(Path.cwd()).encode()]
            attack = Fuzz(service, paths, plan.patience_s)
            chance = random.Random(plan.seed)  # noqa: S311 - the same
            calls = GrpcFuzz(grpc_port, chance, grpc_calls.seeds("default", WINDOW))
            watch = Watch(service)
            began = time.monotonic()
            warm = whole = 0.0
            try:
                asyncio.run(calls.run(_warm_up(plan.grpc_calls), end - time.monotonic()))
                warm = _fuzzed(attack, mutator, _warm_up(plan.requests), end)
                asyncio.run(calls.run(plan.grpc_calls, end - time.monotonic()))
                whole = _fuzzed(attack, mutator, plan.requests, end)
            except (ConnectionError, FileNotFoundError):
                ended = service.process.poll()
                said = service.err.read_text(errors="replace")[-2000:]
                attack.violations[f"the service ended with {ended}, and said: {said}"] += 1
            finally:
                watch.close()
                attack.close()
            lasted = time.monotonic() - began
            is_there = service.process.poll() is None
            after = [_answer(service, request) for request in plain] if is_there else []
            logged = service.err.read_text(errors="replace")
    wrong = [
        f"{times} times {kind}"
        for kind, times in (*attack.violations.items(), *calls.violations.items())
    ]
    wrong += list(_watched(watch, attack, plan))
    if attack.found:
        write(found, attack.found)
        print(f"send them again: --replay {found}", file=sys.stderr)
    if whole > GROWTH * warm:
        wrong.append(f"{whole:.1f} MiB of memory, {warm:.1f} after the warm-up")
    if before != after:
        wrong.append("plain requests are answered otherwise than before")
    if "Traceback" in logged:
        wrong.append(f"a traceback in the log: {logged[logged.index('Traceback') :][:3000]}")
    health = sorted(watch.health_s) or [0.0]
    return {
        "requests": attack.requests,
        "gRPC calls": calls.calls,
        "seconds": round(lasted, 1),
        "a second": round(attack.requests / lasted),
        "statuses": dict(sorted(attack.statuses.items())),
        "gRPC statuses": dict(calls.statuses.most_common()),
        "kinds": dict(attack.labels.most_common()),
        "longest, s": round(attack.longest_s, 2),
        "/livez p99, longest, s": [
            round(health[int(len(health) * 0.99)], 3),
            round(health[-1], 3),
        ],
        "stalls of the machine": watch.by_machine,
        "MiB after the warm-up": round(warm, 1),
        "MiB in the end": round(whole, 1),
        "MiB at most": round(watch.peak_mib, 1),
        "violations": wrong,
    }


def _warm_up(requests: int) -> int:
    return max(int(requests * WARM_UP), min(requests // 2, FILLED))


def _watched(watch: Watch, attack: Fuzz, plan: Plan) -> Iterator[str]:
    """Tell what was wrong meanwhile; keep what was sent before the event loop was held."""
    if watch.held:
        yield f"{len(watch.held)} times something held the event loop for more than {HOLD_S} s"
        attack.found += [
            shot for at, shot in attack.sent if any(0 < held - at < 3 for held in watch.held)
        ]
    if watch.peak_mib > plan.max_mib:
        yield f"{watch.peak_mib:.0f} MiB of memory, where {plan.max_mib:.0f} are said to do"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _service(root: Path, grpc_port: int) -> Any:
    return serving(
        root,
        grpc_port=grpc_port,
        deadline_seconds=DEADLINE_S,
        receive_seconds=RECEIVE_S,
        poll_seconds=0.5,
        max_waiting=2 * AT_ONCE,
        max_batches=2 * AT_ONCE,
    )


def _fuzzed(attack: Fuzz, mutator: Mutator, requests: int, end: float) -> float:
    """Send until there were so many requests; return the memory that is held then."""
    attack.run(_shots(attack, mutator, requests), end)
    return attack.memory_mib()


def _shots(attack: Fuzz, mutator: Mutator, requests: int) -> Iterator[Shot]:
    told = time.monotonic()
    while attack.requests < requests:
        yield mutator.shot()
        if time.monotonic() - told > 5:
            told = time.monotonic()
            told_mib = f"{attack.resident_mib():.1f} MiB"
            print(f"{attack.requests:,} of {requests:,}, {told_mib} …", file=sys.stderr, flush=True)


def _answer(service: Service, request: Request) -> tuple[int, bytes]:
    answer = service.send(request.content)
    # what counts, or names each answer, is not the same twice
    if any(word in request.target for word in (b"/stats", b"/metrics", b"/timeseries/forecast")):
        return answer.status, b""
    return answer.status, answer.content


def write(file: Path, shots: Sequence[Shot]) -> None:
    """Write shots, one on a line."""
    lines = [
        json.dumps(shot._asdict() | {"content": base64.b64encode(shot.content).decode()})
        for shot in shots
    ]
    file.write_text("\n".join(lines) + "\n")


def replay(file: Path) -> dict[str, Any]:
    """Send the shots of a file one by one; return what is wrong, and show what came."""
    lines = map(json.loads, file.read_text().splitlines())
    shots = [Shot(**line | {"content": base64.b64decode(line["content"])}) for line in lines]
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        publish_models(root)
        with _service(root, _free_port()) as service:
            for shot in shots:
                client = Client(service.port, 1, PATIENCE_S)
                client.send(shot)
                finished: list[Finished] = []
                while not finished:
                    finished = client.collect(0.1)
                client.close()
                print(f"{shot.label}\n> {shot.content[:2000]!r}", file=sys.stderr)
                for reply in finished[0].replies:
                    print(f"< {reply.status} {reply.content[:500]!r}", file=sys.stderr)
                wrong += wrongs(finished[0], [str(root).encode(), str(Path.cwd()).encode()])
            print(service.err.read_text()[-5000:], file=sys.stderr)
    return {"requests": len(shots), "violations": wrong}


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; return 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("--grpc-calls", type=int, default=200_000)
    parser.add_argument(
        "--max-mib", type=float, default=MAX_MIB, help="memory that the service may take"
    )
    parser.add_argument("--seconds", type=float, default=3600.0, help="stop after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_S, help="seconds until an answer, at most"
    )
    parser.add_argument(
        "--costly-every", type=int, default=COSTLY_EVERY, help="one request of so many; 0 is none"
    )
    parser.add_argument("--found", type=Path, default=FOUND_FILE, help="for failures")
    parser.add_argument("--replay", type=Path, help="a file of failures to send again")
    options = parser.parse_args(arguments)
    if options.replay:
        summary = replay(options.replay)
    else:
        plan = Plan(
            options.requests,
            options.grpc_calls,
            options.seconds,
            options.seed,
            options.patience,
            options.max_mib,
            options.costly_every,
        )
        summary = fuzz(plan, options.found)
    print(json.dumps(summary))
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
