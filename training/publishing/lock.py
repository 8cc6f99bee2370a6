"""
One publisher at a time: a lock file in a model's folder, which says who holds it.

    <root>/<name>/.lock    {"owner": "ana@trainer", "pid": 7, "command": "..", "since": "..", ..}

It is a file that only one can create: that holds between containers that share a volume, and
on NFS, where kernel locks and file events need not. Its holder renews it; a lock that was not
renewed, or whose process is gone, is taken over. What is served never rests on the lock: two
publishers at once could only make one of them fail.
"""

import contextlib
import getpass
import os
import secrets
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from training.errors import PublishError
from training.progress import say

LOCK: Final = ".lock"

RENEWED_EVERY_S: Final = 3.0
STALE_AFTER_S: Final = 30.0
"""Without renewal. The clocks of machines that publish to one folder may differ by nearly this."""

PATIENCE_S: Final = 45.0
"""Longer than a lock takes to be stale: who waits outlives a publisher that died."""

_LOOKS_EVERY_S: Final = 0.2
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_STALE: Final = f"{LOCK}.stale-"


class Holder(BaseModel):
    """Who holds a lock: what its file says."""

    model_config = ConfigDict(frozen=True)

    owner: str
    """user@host"""
    pid: Annotated[int, Field(ge=1, lt=2**31)]
    command: str
    since: AwareDatetime
    processes: str
    """What the pid belongs to: hosts that share a name may be containers with pids of their own."""
    token: str
    """Random: two locks are never the same."""

    def __str__(self) -> str:
        age_s = (datetime.now(UTC) - self.since).total_seconds()
        return f"{self.owner} (process {self.pid}: {self.command}), since {age_s:.0f} s"


class Lock:
    """A lock that was taken."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._content = content

    def verify(self) -> None:
        """
        Raise PublishError where the lock was taken over: this process stood still for too long.

        To be called before a step that others would see.
        """
        if not self._is_ours():
            raise PublishError(f"{self._path}: another publisher has taken the lock over")

    def renew(self, released: threading.Event) -> None:
        """Renew the lock until it is released."""
        while not released.wait(RENEWED_EVERY_S):
            # what cannot be renewed now can be a moment later, or is found out by `verify`
            with contextlib.suppress(OSError):
                if self._is_ours():
                    os.utime(self._path)

    def release(self) -> None:
        """Remove the lock; one that cannot be removed is stale soon."""
        with contextlib.suppress(OSError):
            if self._is_ours():
                self._path.unlink()

    def _is_ours(self) -> bool:
        found = _read(self._path)
        return found is not None and found.content == self._content


@contextlib.contextmanager
def acquire(home: Path, *, patience_s: float = PATIENCE_S) -> Iterator[Lock]:
    """
    Hold the publishers' lock of the model in `home`, an existing folder.

    Waits for another publisher, and says for whom. Raises PublishError where it holds the lock
    for longer than `patience_s` seconds, and OSError where the folder cannot be written.
    """
    lock = _take(home / LOCK, patience_s)
    released = threading.Event()
    renewing = threading.Thread(target=lock.renew, args=(released,), daemon=True)
    renewing.start()
    try:
        for left in home.glob(f"{_STALE}*"):
            found = _read(left)
            if found and found.age_s > STALE_AFTER_S:
                left.unlink(missing_ok=True)
        yield lock
    finally:
        released.set()
        renewing.join()
        lock.release()


class _LockFile(NamedTuple):
    """A lock file at one moment; what was renewed since, or is another, is not equal to it."""

    content: bytes
    modified_ns: int

    @property
    def age_s(self) -> float:
        """Seconds since it was renewed, or until then: a clock may have been put back."""
        return abs(time.time() - self.modified_ns / 1e9)

    @property
    def holder(self) -> Holder | None:
        """None of a file that is empty or damaged: its author died before it was written."""
        try:
            return Holder.model_validate_json(self.content)
        except ValidationError:
            return None

    def abandoned(self) -> str | None:
        """Return why nobody holds this lock any more, None where somebody may."""
        if self.age_s > STALE_AFTER_S:
            return f"not renewed for {self.age_s:.0f} s"
        holder = self.holder
        if holder and holder.processes == _processes() and not _is_running(holder.pid):
            return "the process is gone"
        return None

    def __str__(self) -> str:
        return str(self.holder or f"an unknown publisher, {self.age_s:.0f} s ago")


def _take(path: Path, patience_s: float) -> Lock:
    content = _this_process().model_dump_json().encode() + b"\n"
    deadline, announced = time.monotonic() + patience_s, False
    while not _created(path, content):
        found = _read(path)
        if found is None:
            # released between the two
            continue
        reason = found.abandoned()
        if reason:
            if _set_aside(path, found):
                say(f"took over the lock of {found}: {reason}")
            continue
        if time.monotonic() >= deadline:
            raise PublishError(f"{path.parent} is being published to by {found}; see {path}")
        if not announced:
            say(f"waiting for {found}, to publish to {path.parent}")
            announced = True
        time.sleep(_LOOKS_EVERY_S)
    return Lock(path, content)


def _created(path: Path, content: bytes) -> bool:
    """Create the file, with its content; False where there is one."""
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def _set_aside(path: Path, stale: _LockFile) -> bool:
    """
    Remove the lock that was found stale; False where somebody else was faster.

    Two may have found the same one, and what the slower of them moves is the lock of the
    faster: that one is put back, unless a third has taken the place by then. Whoever lost a
    lock that way learns it from `Lock.verify`.
    """
    aside = path.with_name(_STALE + secrets.token_hex(4))
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False
    moved = _read(aside)
    if moved and moved != stale:
        _created(path, moved.content)
    aside.unlink(missing_ok=True)
    return moved == stale


def _read(path: Path) -> _LockFile | None:
    # opened, then asked: NFS may tell the times of a file that is not opened late
    try:
        with path.open("rb") as file:
            return _LockFile(file.read(), os.fstat(file.fileno()).st_mtime_ns)
    except FileNotFoundError:
        return None


def _this_process() -> Holder:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # the user of a container need not have a name
        user = str(os.getuid())
    return Holder(
        owner=f"{user}@{socket.gethostname()}",
        pid=os.getpid(),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        since=datetime.now(UTC).replace(microsecond=0),
        processes=_processes(),
        token=secrets.token_hex(16),
    )


def _processes() -> str:
    """Name what this process's number belongs to: one boot of one kernel, and one container."""
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        # not Linux
        return socket.gethostname()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        # another user's is not ours to signal, but it is there
        return isinstance(error, PermissionError)
    return True
