"""A disk that fails: a function runs in a forked child whose n-th file operation is the last."""

import errno
import io
import json
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

Fault = Literal["killed", "power", "full"]
"""The process ends, as by kill -9; the machine does; from then on there is no room."""

_KILLED: Final = 137
_open: Final = open

# what changes or reads a folder, as Python's audit events name it, besides opening and writing
_EVENTS: Final = {
    "os.link",
    "os.listdir",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "os.truncate",
    "os.utime",
}
_MAKE_ENTRIES: Final = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
_NEED_ROOM: Final = {"os.link", "os.mkdir"}


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a child."""

    operations: int
    """Those before it ended."""
    last: str
    error: str | None
    """The class of what was raised."""
    unsynced: frozenset[int]
    """Inodes of files and folders that a power failure would cut short."""
    out_of_order: tuple[str, ...]
    """Names given by a rename while an earlier change of their folder could still be lost."""


def run(action: Callable[[], object], root: Path, fault: Fault = "killed", at: int = 0) -> Run:
    """Run `action` in a child until its operation number `at` in `root`; 0 is to its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _Disk(root, fault, at, writing).run(action)
    os.close(writing)
    with os.fdopen(reading, "rb") as report:
        told = json.load(report)
    os.waitpid(child, 0)
    return Run(
        told["operations"],
        told["last"],
        told["error"],
        frozenset(told["unsynced"]),
        tuple(told["out_of_order"]),
    )


def cut_short(root: Path, unsynced: frozenset[int], share: float) -> None:
    """Leave of every file whose bytes the disk did not have only so much."""
    for path in root.rglob("*"):
        if path.is_file() and path.stat().st_ino in unsynced:
            os.truncate(path, int(path.stat().st_size * share))


class _Disk:
    def __init__(self, root: Path, fault: Fault, at: int, report: int) -> None:
        self.root, self.fault, self.at, self.report = str(root), fault, at, report
        self.operations, self.last = 0, ""
        self.unsynced: set[int] = set()
        self.out_of_order: list[str] = []
        self.full = False

    def run(self, action: Callable[[], object]) -> NoReturn:
        sys.addaudithook(self.audit)
        # by which pathlib opens files: a write raises no audit event
        io.open = self.open
        os.fsync = self.fsync  # type: ignore[assignment]
        error = None
        try:
            action()
        except BaseException as raised:  # noqa: BLE001 - told to the parent
            error = type(raised).__name__
        self.end(error, 0)

    def end(self, error: str | None, status: int) -> NoReturn:
        told = {
            "operations": self.operations,
            "last": self.last,
            "error": error,
            "unsynced": sorted(self.unsynced),
            "out_of_order": self.out_of_order,
        }
        os.write(self.report, json.dumps(told).encode())
        os._exit(status)

    def step(self, operation: str, *, needs_room: bool = False) -> None:
        """Count an operation that is about to be done; here all ends, or the disk is full."""
        self.operations += 1
        self.last = operation
        if self.operations == self.at:
            if self.fault != "full":
                self.end(None, _KILLED)
            self.full = True
        if self.full and needs_room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if self.holds(path):
                creates = bool(flags & os.O_CREAT)
                self.step(f"open {path}", needs_room=creates)
                if creates:
                    self.entry_changes(path)
        elif event in _EVENTS and self.holds(arguments[0]):
            self.step(f"{event} {arguments[0]}", needs_room=event in _NEED_ROOM)
            if event in _MAKE_ENTRIES:
                for path in arguments[:2]:
                    self.entry_changes(path, renamed=event == "os.rename")

    def holds(self, path: object) -> bool:
        """Tell whether it lies in the root, or is relative to a folder that was opened there."""
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        return name.startswith(self.root) or not name.startswith("/")

    def entry_changes(self, path: object, *, renamed: bool = False) -> None:
        """Note a folder that has an entry more or less, hidden ones aside: nobody misses those."""
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        folder, entry = os.path.split(name)
        if folder and not entry.startswith("."):
            inode = Path(folder).stat().st_ino
            if renamed and inode in self.unsynced:
                self.out_of_order.append(entry)
            self.unsynced.add(inode)

    def open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if "w" not in mode and "x" not in mode:
            return _open(file, mode, *arguments, **options)
        assert "b" in mode, "the store is written in bytes"
        return io.BufferedWriter(_File(self, os.fspath(file), mode.replace("b", "")))

    def fsync(self, descriptor: int) -> None:
        """Note that the disk has it; it need not: the machine that fails is imagined."""
        status = os.fstat(descriptor)
        self.step("fsync", needs_room=stat.S_ISREG(status.st_mode))
        self.unsynced.discard(status.st_ino)


class _File(io.FileIO):
    """A file whose every write is two: one may be the last, and one may lack room."""

    def __init__(self, disk: _Disk, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self.disk = disk

    def write(self, content: Any) -> int:
        half = len(content) // 2
        self.disk.step(f"write {self.name!r}", needs_room=True)
        self.disk.unsynced.add(os.fstat(self.fileno()).st_ino)
        written = super().write(content[:half]) or 0
        self.disk.step(f"write the rest of {self.name!r}", needs_room=True)
        return written + (super().write(content[half:]) or 0)
