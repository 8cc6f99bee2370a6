"""Processes of a server, as Linux shows them: on which core, what they used, what they hold."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_GRACE_S: Final = 10
_LONGEST_S: Final = 60
_LOOK_S: Final = 0.25
_IDLE: Final = 0.5
"""Of a core: some of those that idle do so by looking about."""


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start processes on one core: a child inherits where it may run, and so do its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(root: int) -> list[int]:
    """Return a process, its descendants, and whoever else is of its session."""
    parents: dict[int, int] = {}
    found = {root}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            process = int(entry.name)
            parents[process] = int(fields[1])
            if int(fields[3]) == root:
                found.add(process)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def require_core(root: int, core: int) -> None:
    """Raise RuntimeError where a thread of the tree may run elsewhere than on `core`."""
    for process in tree(root):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                if os.sched_getaffinity(int(thread.name)) != {core}:
                    raise RuntimeError(f"a thread of process {process} left core {core}")


@contextlib.contextmanager
def paused(root: int) -> Iterator[None]:
    """Hold a tree still for a while: what idles takes its share of the core too."""
    held = tree(root)
    _signal(held, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(held, signal.SIGCONT)


def cpu_s(root: int) -> float:
    """Return the seconds of processor time that the tree has used."""
    used = (_stat(process) for process in tree(root))
    return sum(int(fields[11]) + int(fields[12]) for fields in used if fields) / _TICKS


def settle(root: int) -> None:
    """Wait until the tree has ended what clients left behind that have gone, a minute at most."""
    deadline, before = time.monotonic() + _LONGEST_S, cpu_s(root)
    while time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        now = cpu_s(root)
        if now - before < _IDLE * _LOOK_S:
            return
        before = now


def children_s() -> float:
    """Return the seconds of processor time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def busy_s(cores: Sequence[int]) -> float:
    """Return the seconds that cores have worked since the machine began, for anybody."""
    names = {f"cpu{core}" for core in cores}
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    # user, nice, system, irq, softirq
    worked = [[fields[at] for at in (1, 2, 3, 6, 7)] for fields in lines if fields[0] in names]
    return sum(int(ticks) for each in worked for ticks in each) / _TICKS


def memory_mib(root: int) -> float:
    """Return what the tree holds in memory; what processes share is counted once."""
    total = 0
    for process in tree(root):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all of its tree, kindly first."""
    members = tree(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline and any(_stat(each) for each in members):
        time.sleep(0.05)
        # whoever outlives the first of them would not be told
        _signal(members, signal.SIGTERM)
    _signal(members, signal.SIGKILL)
    process.wait()


def _signal(members: Sequence[int], number: signal.Signals) -> None:
    for member in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, number)


def _stat(process: int) -> list[str] | None:
    """Return the fields of /proc/…/stat after the name, or None of one that has ended."""
    try:
        # a name may hold spaces and brackets
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields
