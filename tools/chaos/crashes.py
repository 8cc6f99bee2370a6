"""
Crash points: publishing, rolling back and rolling out, ended at every file operation.

    python -m tools.chaos.crashes --points 500

Each point is a child process in which one operation is the last it does: as by kill -9, with
what was not synced cut short as by a power failure, or with no room on the disk from then on.
Then the store must serve the version from before or that from after, whole, to who starts now
and to who was serving all along; no version may be lost, and a publication must go through at
once. Every operation of every command is tried in one of the three ways, then in the others, then
random ones on folders that a crash has been through already, until there are `--points`; fewer
than there are operations are spread over them. One line of JSON; exits 1 on a violation.
"""

import argparse
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from app.artifact import layout
from app.artifact.rollout import ROLLOUT, Rollout, read_rollout
from app.inference import loader
from app.inference.model_store import ModelStore
from tools.chaos import disk
from tools.chaos.disk import Fault, Run
from tools.chaos.models import fingerprint, publish_one
from training import progress
from training.publishing import lock, publish

_NAME: Final = "m"
_FAULTS: Final = get_args(Fault)


@dataclass(frozen=True, slots=True)
class State:
    """All that a model's folder holds, bit by bit."""

    current: int | None
    rollout: Rollout | None
    versions: dict[int, str]
    """Fingerprints, by number."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that writes to the folder, on what the steps before it have left."""

    before: Sequence[Callable[[Path], object]]
    action: Callable[[Path], object]


def _publishes(width: float, keep: int | None = None) -> Callable[[Path], object]:
    return partial(publish_one, name=_NAME, width=width, keep=keep)


def _rolls_out(candidate: int) -> Callable[[Path], object]:
    rollout = Rollout(candidate=candidate, mode="canary", share=0.25)
    return partial(publish.roll_out, name=_NAME, rollout=rollout)


_rolls_back = partial(publish.rollback, name=_NAME)
_THREE: Final = [_publishes(0.1), _publishes(0.2), _publishes(0.3)]

SCENARIOS: Final = {
    "first publication": Scenario([], _publishes(0.5)),
    "publication": Scenario(_THREE, _publishes(0.5)),
    "publication with retention": Scenario([*_THREE, _publishes(0.4)], _publishes(0.5, keep=1)),
    "rollback": Scenario(_THREE, _rolls_back),
    "rollout": Scenario([*_THREE, _rolls_out(1)], _rolls_out(2)),
    "end of a rollout": Scenario(
        [*_THREE, _rolls_out(1)], partial(publish.end_rollout, name=_NAME)
    ),
}


def look(root: Path) -> State:
    """Read the folder as the service does; raise ArtifactRejected where a version is not whole."""
    home = root / _NAME
    return State(
        layout.current_version(home),
        read_rollout(home),
        {
            version: fingerprint(loader.load(home / str(version), _NAME, version))
            for version in layout.versions(home)
        },
    )


class Drill:
    """One scenario, from one folder that it begins with."""

    def __init__(self, work: Path, begin: Path, action: Callable[[Path], object]) -> None:
        self._work, self._begin, self._action = work, begin, action
        self.before = look(begin)
        undisturbed = self._fresh()
        ran = disk.run(partial(action, undisturbed), undisturbed)
        self.operations, self.after = ran.operations, look(undisturbed)
        assert ran.error is None, ran
        assert self.after != self.before
        # of what it left, a power failure may take nothing
        kept = {path.stat().st_ino for path in [undisturbed, *undisturbed.rglob("*")]}
        assert not ran.unsynced & kept, "it ended before the disk had everything"
        assert not ran.out_of_order, ran.out_of_order

    def crash(self, fault: Fault, at: int, share: float = 0.5) -> list[str]:
        """End the action at an operation; return what is wrong with what it left."""
        root = self._fresh()
        serving = ModelStore(root)
        serving.refresh()
        ran = self._end(root, fault, at, share)
        where = f"{fault} at {at}, {ran.last.replace(str(root), '')}"
        try:
            return [f"{where}: {wrong}" for wrong in self._judge(root, serving, ran, fault)]
        except Exception as error:  # noqa: BLE001 - a violation, as any other
            return [f"{where}: {type(error).__name__}: {error}"]

    def _judge(self, root: Path, serving: ModelStore, ran: Run, fault: Fault) -> list[str]:
        found, known = look(root), self.before.versions | self.after.versions
        allowed = [self.before, self.after]
        if fault == "full":
            allowed = [self.before] if ran.error else [self.after]
        fresh = ModelStore(root)
        fresh.refresh()
        serving.refresh()
        answering = {
            fingerprint(each.current(_NAME)) if each.served else None for each in (fresh, serving)
        }
        refused = [each.refused | each.trials_refused for each in (fresh, serving)]
        checks = {
            f"{ran.error} is none of ours": ran.error not in {None, "PublishError"},
            "current is neither": found.current not in [each.current for each in allowed],
            "the rollout is neither": found.rollout not in [each.rollout for each in allowed],
            "something was changed": fault == "full" and found not in allowed,
            "a version is another": not found.versions.items() <= known.items(),
            "a version is lost": not kept_by(self.before, self.after) <= found.versions.keys(),
            "something else answers": answering != {known.get(found.current or 0)},
            f"refused: {refused}": any(refused),
        }
        return [wrong for wrong, so in checks.items() if so] + self._goes_on(root, found, fault)

    def _goes_on(self, root: Path, found: State, fault: Fault) -> list[str]:
        """Publish once more, at once; but for a lock that does not say whose it is."""
        age_lock(root, restarted=fault == "power")
        published = publish_one(root, _NAME, 0.7)
        number = published.manifest.version
        wanted = State(number, found.rollout, found.versions | {number: fingerprint(published)})
        known = {*map(str, wanted.versions), layout.CURRENT, ROLLOUT, publish.LAST}
        left = {path.name for path in (root / _NAME).iterdir()} - known
        checks = {
            f"{number} was given again": number <= max([0, *self.before.versions, *found.versions]),
            "the next publication is not what is there": look(root) != wanted,
            f"left behind: {left}": bool(left),
        }
        return [wrong for wrong, so in checks.items() if so]

    def leave(self, root: Path, fault: Fault, at: int, share: float) -> None:
        """Make `root` what is left of the folder after a crash."""
        shutil.copytree(self._begin, root)
        self._end(root, fault, at, share)

    def _end(self, root: Path, fault: Fault, at: int, share: float) -> Run:
        ran = disk.run(partial(self._action, root), root, fault, at)
        if fault == "power":
            disk.cut_short(root, ran.unsynced, share)
        return ran

    def _fresh(self) -> Path:
        root = self._work / "models"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self._begin, root)
        return root


def kept_by(before: State, after: State) -> set[int]:
    """Return the versions that the action does not remove."""
    return before.versions.keys() & after.versions.keys()


def age_lock(root: Path, *, restarted: bool) -> None:
    """Let time pass, where only that tells that a lock is stale: it is damaged, or of a past."""
    path = root / _NAME / lock.LOCK
    if path.exists() and (restarted or not path.read_bytes().endswith(b"}\n")):
        then = time.time() - 2 * lock.STALE_AFTER_S
        os.utime(path, (then, then))


def prepared(work: Path) -> dict[str, Drill]:
    """Prepare every scenario."""
    drills = {}
    for name, scenario in SCENARIOS.items():
        begin = work / name
        begin.mkdir()
        for step in scenario.before:
            step(begin)
        drills[name] = Drill(work, begin, scenario.action)
    return drills


def after_a_crash(work: Path, drill: Drill, random_: random.Random) -> Drill:
    """Prepare a publication on what a crash at random has left."""
    begin = work / "after a crash"
    shutil.rmtree(begin, ignore_errors=True)
    drill.leave(begin, "power", random_.randint(1, drill.operations), random_.random())
    age_lock(begin, restarted=True)
    return Drill(work, begin, _publishes(random_.random(), random_.choice([None, 1, 2])))


def storm(points: int, seed: int) -> dict[str, Any]:
    """Crash at so many points; return what was done, and what was wrong."""
    random_ = random.Random(seed)  # noqa: S311 - nothing secret
    done, wrong = Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        drills = prepared(work)
        every = [(name, at) for name in drills for at in range(1, drills[name].operations + 1)]
        if points < len(every):
            every = [every[place * len(every) // points] for place in range(points)]
        ways = [
            (name, _FAULTS[(place + shift) % len(_FAULTS)], at)
            for shift in range(len(_FAULTS))
            for place, (name, at) in enumerate(every)
        ]
        for name, fault, at in ways[:points]:
            wrong += [f"{name}: {each}" for each in drills[name].crash(fault, at, random_.random())]
            done[fault] += 1
        while done.total() < points:
            drill = after_a_crash(work, random_.choice(list(drills.values())), random_)
            for fault in _FAULTS:
                at = random_.randint(1, drill.operations)
                wrong += drill.crash(fault, at, random_.random())
                done[fault] += 1
    operations = {name: drill.operations for name, drill in drills.items()}
    return {"points": done.total(), **done, "operations": operations, "violations": wrong}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the storm; return 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos.crashes", description=__doc__)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    progress.quiet()
    logging.disable()
    # the disk that fails is imagined: to wait for the real one would show nothing
    os.fsync = lambda _: None  # type: ignore[assignment]
    summary = storm(options.points, options.seed)
    print(json.dumps(summary))
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
