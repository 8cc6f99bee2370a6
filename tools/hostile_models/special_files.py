"""Places of a model's folder that hold no plain file: pipes, devices, links, folders, no access."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from app.artifact import layout, rollout
from tools.hostile_models.folders import (
    VERSION,
    Expect,
    Hostile,
    Skipped,
    add_version,
    good,
    remove,
    variants,
)

PLACES: Final = {
    "current": layout.CURRENT,
    "manifest": f"{VERSION}/{layout.MANIFEST}",
    "graph": f"{VERSION}/{layout.GRAPH}",
    "scaler": f"{VERSION}/{layout.SCALER}",
    "card": f"{VERSION}/{layout.CARD}",
    "seal": f"{VERSION}/{layout.SEAL}",
    "version": VERSION,
}
"""Relative to the model's folder."""
_UNREAD: Final = ("runs", ".last", "3", "notes.txt")
"""Places that decide nothing of what is served."""
_PIECE: Final = 0o600


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    # a socket's path may be no longer than 107 bytes: it is bound from within the folder
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(before)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("1\n")


def endless_device(path: Path) -> None:
    _device(path, stat.S_IFCHR, os.makedev(1, 5))


def terminal_device(path: Path) -> None:
    _device(path, stat.S_IFCHR, os.makedev(5, 0))


def block_device(path: Path) -> None:
    _device(path, stat.S_IFBLK, os.makedev(7, 250))


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def loop_of_links(path: Path) -> None:
    other = path.with_name("other-half")
    path.symlink_to(other.name)
    other.symlink_to(path.name)


def link_to_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_root(path: Path) -> None:
    path.symlink_to("/")


def unreadable(path: Path) -> None:
    if os.geteuid() == 0:
        raise Skipped("root may read every file")
    path.write_text("1\n")
    path.chmod(0)


def _device(path: Path, kind: int, number: int) -> None:
    try:
        os.mknod(path, _PIECE | kind, number)
    except PermissionError:
        raise Skipped("this user may make no device") from None


THINGS: Final[dict[str, Callable[[Path], None]]] = {
    "pipe": pipe,
    "socket": unix_socket,
    "folder": folder,
    "endless-device": endless_device,
    "terminal-device": terminal_device,
    "block-device": block_device,
    "dangling-link": dangling_link,
    "link-to-itself": link_to_itself,
    "loop-of-links": loop_of_links,
    "link-to-endless": link_to_endless,
    "link-to-root": link_to_root,
    "unreadable": unreadable,
}


def replaced(home: Path, place: str, thing: Callable[[Path], None]) -> None:
    """Write a good model, and put something else in one place of it."""
    good(home)
    remove(home / place)
    thing(home / place)


def moved_out(home: Path, place: str) -> None:
    """Write a good model, and put a link to what was in that place where it was."""
    good(home)
    (home / "moved").mkdir()
    moved = (home / place).rename(home / "moved" / Path(place).name)
    (home / place).symlink_to(os.path.relpath(moved, (home / place).parent))


def beside(home: Path, thing: Callable[[Path], None]) -> None:
    """Write a good model, and something else for its rollout."""
    good(home)
    thing(home / rollout.ROLLOUT)


def candidate(home: Path, place: str, thing: Callable[[Path], None]) -> None:
    """Write a good model, and a candidate with something else in one place of it."""
    good(home)
    broken = add_version(home, "2")
    remove(broken / place)
    thing(broken / place)
    (home / rollout.ROLLOUT).write_text('{"candidate": 2, "mode": "shadow", "share": 1.0}')


def catalogue() -> Iterator[Hostile]:
    """Yield every thing in every place."""
    writers: list[tuple[str, Callable[[Path], object]]]
    for place, path in PLACES.items():
        writers = [(key, partial(replaced, place=path, thing=make)) for key, make in THINGS.items()]
        writers.append(("link-outside", partial(moved_out, place=path)))
        yield from variants(f"{place}-is", writers)
    writers = [(key, partial(beside, thing=make)) for key, make in THINGS.items()]
    yield from variants("rollout-is", writers, Expect.BESIDE)
    things = ("pipe", "socket", "folder", "link-to-endless", "endless-device")
    for file in (layout.MANIFEST, layout.GRAPH):
        writers = [(key, partial(candidate, place=file, thing=THINGS[key])) for key in things]
        stem = file.partition(".")[2]
        yield from variants(f"candidate-{stem}-is", writers, Expect.BESIDE)
    writers = [
        (f"{place.strip('.')}-{key}", partial(replaced, place=place, thing=THINGS[key]))
        for place in _UNREAD
        for key in ("pipe", "link-to-itself", "link-to-endless", "endless-device")
    ]
    yield from variants("unread-is", writers, Expect.SERVED)
    writers = [(key, make) for key, make in THINGS.items() if key != "folder"]
    yield from variants("home-is", writers, Expect.ABSENT)
