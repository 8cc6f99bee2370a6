"""One group of hostile folders beside a good model, from its arrival to its removal."""

import contextlib
import itertools
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tools.hostile_models.folders import GOOD, Expect, Hostile, Skipped, remove
from tools.hostile_models.watch import WITHIN_S, Watch, paths_of_this_machine
from tools.testbed.service import request

_POLL_S: Final = 0.05
_LONGEST_REASON: Final = 1000
_INTERNAL: Final = 500


@dataclass(slots=True)
class Outcome:
    """What came of the folders of a kind."""

    folders: int = 0
    refused: int = 0
    served: int = 0
    slowest_s: float = 0.0
    skipped: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Seen:
    """What the service says of the models, at one time."""

    served: dict[str, int]
    refused: dict[str, str]

    def settles(self, hostile: Hostile) -> bool:
        """Tell whether it has come to what is expected of a folder."""
        served, named = hostile.name in self.served, bool(self.refused.get(hostile.name))
        return {
            Expect.REFUSED: named,
            Expect.BESIDE: served and named,
            Expect.SERVED: served,
            Expect.ABSENT: True,
            Expect.EITHER: served or named,
        }[hostile.expect]


def look(watch: Watch, path: str = "/readyz") -> Seen:
    """Ask which models are served, and which are refused and why."""
    document: Any = watch.document(path) or {}
    models = document.get("models", {})
    if isinstance(models, list):
        models = {each["name"]: each["version"] for each in models}
    return Seen(models, {each["name"]: each["reason"] for each in document.get("refused", [])})


def write(group: Sequence[Hostile], staging: Path, outcome: Outcome) -> list[Hostile]:
    """Write the folders where the service does not see them; return those that could be."""
    written = []
    for hostile in group:
        try:
            hostile.write(staging / hostile.name)
        except Skipped as skipped:
            outcome.skipped[hostile.name] = str(skipped)
            remove(staging / hostile.name)
        else:
            written.append(hostile)
    outcome.folders += len(written)
    return written


@contextlib.contextmanager
def changing(group: Sequence[Hostile], models: Path) -> Iterator[None]:
    """Change those folders of the group that are to change, until we leave."""
    stopped = threading.Event()
    changes = [(each.disturb, models / each.name) for each in group if each.disturb]

    def change() -> None:
        for disturb, home in itertools.cycle(changes):
            if stopped.wait(0.001):
                return
            disturb(home)

    threads = [threading.Thread(target=change, daemon=True)] if changes else []
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def run(watch: Watch, group: Sequence[Hostile], staging: Path, outcome: Outcome) -> bool:
    """
    Put a group beside the good model, reload that meanwhile, and take the group away.

    Returns whether nothing was wrong; what was is in the outcome.
    """
    written = write(group, staging, outcome)
    before = len(outcome.violations)
    for hostile in written:
        (staging / hostile.name).rename(watch.models / hostile.name)
    with changing(written, watch.models):
        version = watch.version + 1
        watch.publish_good(version)
        check(watch, written, version, outcome)
    label = ", ".join(each.name for each in written[:3]) + ("…" if len(written) > 3 else "")
    outcome.violations += [f"{label}: {problem}" for problem in watch.problems()]
    if not watch.is_alive:
        outcome.violations.append(f"{label}: the process is gone")
    for hostile in written:
        # away at once, and then piece by piece
        (watch.models / hostile.name).rename(staging / hostile.name)
    for hostile in written:
        remove(staging / hostile.name)
    return len(outcome.violations) == before


def check(
    watch: Watch,
    group: Sequence[Hostile],
    version: int,
    outcome: Outcome,
    within_s: float = WITHIN_S,
) -> None:
    """Wait until the service has come to what is expected of every folder, and check it."""
    began = time.monotonic()
    waiting = {each.name: each for each in group}
    reloaded = False
    seen = Seen({}, {})
    while (waiting or not reloaded) and watch.is_alive:
        seen = look(watch)
        now = time.monotonic() - began
        for name, hostile in list(waiting.items()):
            if seen.settles(hostile):
                del waiting[name]
                outcome.slowest_s = max(outcome.slowest_s, now)
        reloaded = reloaded or watch.version >= version
        if now > within_s:
            break
        time.sleep(_POLL_S)
    if not reloaded:
        outcome.violations.append(f"{GOOD} was not reloaded within {within_s:.0f} s")
    for hostile in group:
        found = list(wrongs(watch, hostile, seen))
        if hostile.name in waiting:
            found.insert(0, f"not within {within_s:.0f} s: {hostile.expect.value}")
        outcome.violations += [f"{hostile.name}: {wrong}" for wrong in found]
        outcome.refused += hostile.name in seen.refused
        outcome.served += hostile.name in seen.served


def wrongs(watch: Watch, hostile: Hostile, seen: Seen) -> Iterator[str]:
    """Tell what is wrong with what the service says of one folder."""
    name, reason = hostile.name, seen.refused.get(hostile.name)
    is_served = name in seen.served
    if is_served and hostile.expect in {Expect.REFUSED, Expect.ABSENT}:
        yield "it is served"
    if reason is not None:
        if any(path in reason for path in paths_of_this_machine(watch.models)):
            yield f"its reason holds a path: {reason[:200]}"
        if len(reason) > _LONGEST_REASON:
            yield f"its reason is of {len(reason)} characters"
    if is_served and hostile.expect in {Expect.SERVED, Expect.EITHER}:
        for path in ("/models/", "/v2/models/"):
            status = watch.status(request("GET", f"{path}{name}"))
            if status is None or status == _INTERNAL:
                yield f"{path}<name> was answered {status}"


def clear(models: Path) -> None:
    """Remove every model."""
    shutil.rmtree(models, ignore_errors=True)
    models.mkdir()
