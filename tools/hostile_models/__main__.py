"""
Every hostile folder beside a good model, and what a running service makes of it.

    python -m tools.hostile_models [--short] [--only control-flow] [--singly] [--seed 1]

Whatever one folder of models holds, the others load, reload and answer, and what is refused is
named with a reason within ten seconds. The folders come in groups of one kind, and one of each
kind by itself; at last a service starts when all are there. A table, and one line of JSON; exits
1 where a rule was broken.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tools.hostile_models import trial
from tools.hostile_models.catalogue import few, hostile_folders
from tools.hostile_models.folders import GOOD, Expect, Hostile
from tools.hostile_models.trial import Outcome
from tools.hostile_models.watch import START_S, Watch, watched
from tools.testbed.models import publish
from tools.testbed.waiting import NeverHappened

_GROUP: Final = 20
_SHORT_GROUP: Final = 8
_AT_START: Final = "all at the start"


class Run:
    """The groups, one after the other, by one service for as long as it stays sound."""

    def __init__(self, folder: Path) -> None:
        """Work in an empty folder."""
        self.models = folder / "models"
        self.staging = folder / "staging"
        self.outcomes: dict[str, Outcome] = {}
        self.longest_s = self.peak_mib = 0.0
        self.answers = self.services = 0
        self.models.mkdir()
        self.staging.mkdir()

    def groups(self, groups: Sequence[tuple[str, Sequence[Hostile]]]) -> None:
        """Try each group; one that harms the service ends it, and the next has a new one."""
        left = list(groups)
        while left:
            tried = left[0][0]
            trial.clear(self.models)
            publish(self.models, GOOD)
            try:
                with watched(self.models, lambda wrong: self.say(tried, wrong)) as watch:  # noqa: B023
                    self.services += 1
                    _settle(watch)
                    while left:
                        tried, group = left.pop(0)
                        print(f"{tried} ({len(group)}) …", file=sys.stderr, flush=True)
                        sound = trial.run(watch, group, self.staging, self.of(tried))
                        if not sound:
                            break
                    self._remember(watch)
            except (NeverHappened, subprocess.TimeoutExpired) as never:
                self.say(tried, f"a service over {GOOD} alone: {_without_command(never)}")
                return

    def at_start(self, folders: Sequence[Hostile]) -> float:
        """Start a service when all are there; return after how many seconds it was ready."""
        trial.clear(self.models)
        publish(self.models, GOOD)
        outcome = self.of(_AT_START)
        print(f"{_AT_START} ({len(folders)}) …", file=sys.stderr, flush=True)
        # what changes would be caught in the middle of a change, or not: it has had its turn
        written = trial.write([each for each in folders if not each.disturb], self.models, outcome)
        began = time.monotonic()
        try:
            with watched(self.models, lambda wrong: self.say(_AT_START, wrong)) as watch:
                started_s = time.monotonic() - began
                self.services += 1
                _settle(watch)
                trial.check(watch, written, 1, outcome, within_s=START_S)
                outcome.violations += watch.problems()
                self._remember(watch)
        except (NeverHappened, subprocess.TimeoutExpired) as never:
            outcome.violations.append(_without_command(never))
            return time.monotonic() - began
        return started_s

    def of(self, kind: str) -> Outcome:
        """Return the outcome of a kind."""
        return self.outcomes.setdefault(kind, Outcome())

    def say(self, kind: str, wrong: str) -> None:
        """Add a violation to a kind."""
        self.of(kind).violations.append(wrong)

    def _remember(self, watch: Watch) -> None:
        self.longest_s = max(self.longest_s, watch.longest_s)
        self.peak_mib = max(self.peak_mib, watch.peak_mib)
        self.answers += watch.answers


def _without_command(never: Exception) -> str:
    """Say what never happened; that a process does not end hides why it was told to."""
    if isinstance(never, subprocess.TimeoutExpired):
        return "it was not ready, or did not end, in time"
    return str(never)


def _settle(watch: Watch) -> None:
    """Wait for the good model's first answer."""
    end = time.monotonic() + 10
    while not watch.version and watch.is_alive and time.monotonic() < end:
        time.sleep(0.01)


def grouped(
    kinds: dict[str, list[Hostile]], *, singly: bool, short: bool
) -> Iterator[tuple[str, list[Hostile]]]:
    """Yield the groups in which the folders come, each with what the table calls it."""
    if short:
        # of several kinds at once
        everything = [each for found in kinds.values() for each in found]
        for at in range(0, len(everything), _SHORT_GROUP):
            group = everything[at : at + _SHORT_GROUP]
            yield f"{group[0].kind} to {group[-1].kind}", group
        return
    for kind, found in kinds.items():
        size = 1 if singly else _GROUP
        for at in range(0, len(found), size):
            yield kind, found[at : at + size]
        if size < len(found) or (len(found) > 1 and not singly):
            yield kind, found[-1:]


def rows(outcomes: dict[str, Outcome]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{'kind':44} folders  refused  served  slowest s  violations"
    for kind, outcome in outcomes.items():
        yield (
            f"{kind:44} {outcome.folders:7}  {outcome.refused:7}  {outcome.served:6}"
            f"  {outcome.slowest_s:9.2f}  {len(outcome.violations) or 'none'}"
        )
        yield from (f"    {each}" for each in outcome.violations)


def chosen(options: argparse.Namespace) -> dict[str, list[Hostile]]:
    """Return the folders that were asked for, by kind."""
    kinds = hostile_folders(options.seed)
    if options.short:
        kinds = few(kinds, options.seed)
    if options.only:
        kinds = {
            kind: [each for each in found if options.only in {kind, each.name}]
            for kind, found in kinds.items()
        }
    return {kind: found for kind, found in kinds.items() if found}


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them all; return 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.hostile_models", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one of each kind, in a minute")
    parser.add_argument("--only", help="a kind, or one folder by its name, as kind.variant")
    parser.add_argument("--singly", action="store_true", help="each folder by itself")
    parser.add_argument(
        "--skip-start", action="store_true", help="without the service that starts among all"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    kinds = chosen(options)
    if not kinds:
        parser.error(f"no kind and no folder is called {options.only}")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.groups(list(grouped(kinds, singly=options.singly, short=options.short)))
        folders = [each for found in kinds.values() for each in found]
        start_s = 0.0 if options.skip_start else run.at_start(folders)
    print("\n".join(rows(run.outcomes)))
    summary = summarised(run, folders, start_s)
    print(json.dumps(summary))
    return 1 if summary["violations"] else 0


def summarised(run: Run, folders: list[Hostile], start_s: float) -> dict[str, Any]:
    """Return what was seen, for the closing line."""
    outcomes = run.outcomes.values()
    return {
        "folders": len(folders),
        "kinds": len({each.kind for each in folders}),
        "to be refused": sum(each.expect is Expect.REFUSED for each in folders),
        "services": run.services,
        "answers meanwhile": run.answers,
        "longest answer, s": round(run.longest_s, 2),
        "slowest refusal, s": round(max(each.slowest_s for each in outcomes), 2),
        "start among all, s": round(start_s, 2),
        "peak, MiB": round(run.peak_mib),
        "skipped": {name: why for each in outcomes for name, why in each.skipped.items()},
        "violations": [wrong for each in outcomes for wrong in each.violations],
    }


if __name__ == "__main__":
    sys.exit(main())
