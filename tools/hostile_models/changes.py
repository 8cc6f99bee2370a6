"""Folders that change while they are read: no reader may rely on what it saw a moment before."""

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from app.artifact import layout, rollout
from tools.hostile_models.folders import (
    VERSION,
    Expect,
    Hostile,
    add_version,
    good,
    manifest,
    relist,
    seal,
)
from tools.hostile_models.graphs import looping

_ticks = itertools.count()
_HIDDEN: Final = "away"


def two_versions(home: Path) -> None:
    """Write a good version, and a second whose network never ends."""
    good(home)
    relist(add_version(home, "2"), layout.GRAPH, looping())


def flip_current(home: Path) -> None:
    _replace(home / layout.CURRENT, b"%d\n" % (1 + next(_ticks) % 2))


def empty_current(home: Path) -> None:
    # in place, so that a reader meets it empty
    (home / layout.CURRENT).write_text("")
    (home / layout.CURRENT).write_text(f"{VERSION}\n")


def flip_rollout(home: Path) -> None:
    share = 0.25 + next(_ticks) % 3 / 4
    content = json.dumps({"candidate": 2, "mode": "canary", "share": share}).encode()
    _replace(home / rollout.ROLLOUT, content[: next(_ticks) % 60])


def rename_version(home: Path) -> None:
    (home / VERSION).rename(home / _HIDDEN)
    (home / _HIDDEN).rename(home / VERSION)


def flip_manifest(home: Path) -> None:
    folder = home / VERSION
    seal(folder, json.dumps(manifest(folder) | {"window": 3 + next(_ticks) % 2}))


def grow_graph(home: Path) -> None:
    path = home / VERSION / layout.GRAPH
    size = path.stat().st_size
    with path.open("ab") as graph:
        graph.write(bytes(2**16))
    os.truncate(path, size if next(_ticks) % 2 else size - 1)
    os.truncate(path, size)


def pipe_for_graph(home: Path) -> None:
    path = home / VERSION / layout.GRAPH
    kept = path.rename(home / _HIDDEN)
    os.mkfifo(path)
    kept.replace(path)


def pipe_for_current(home: Path) -> None:
    path = home / layout.CURRENT
    kept = path.rename(home / _HIDDEN)
    os.mkfifo(path)
    kept.replace(path)


def link_for_version(home: Path) -> None:
    (home / VERSION).rename(home / _HIDDEN)
    (home / VERSION).symlink_to(_HIDDEN)
    (home / VERSION).unlink()
    (home / _HIDDEN).rename(home / VERSION)


def files_come_and_go(home: Path) -> None:
    path = home / VERSION / f"extra{next(_ticks) % 50}"
    path.touch()
    if next(_ticks) % 2:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _replace(path: Path, content: bytes) -> None:
    made = path.with_name(_HIDDEN)
    made.write_bytes(content)
    made.replace(path)


_CHANGES: Final[dict[str, tuple[Callable[[Path], object], Callable[[Path], None]]]] = {
    "current-flips": (two_versions, flip_current),
    "current-is-emptied": (good, empty_current),
    "rollout-flips": (two_versions, flip_rollout),
    "version-is-renamed": (good, rename_version),
    "manifest-flips": (good, flip_manifest),
    "graph-grows": (good, grow_graph),
    "graph-becomes-pipe": (good, pipe_for_graph),
    "current-becomes-pipe": (good, pipe_for_current),
    "version-becomes-link": (good, link_for_version),
    "files-come-and-go": (good, files_come_and_go),
}
"""How each is written, and changed again and again."""


def catalogue() -> Iterator[Hostile]:
    """Yield every folder that changes."""
    for variant, (write, disturb) in _CHANGES.items():
        yield Hostile("changes", variant, write, Expect.EITHER, disturb)
