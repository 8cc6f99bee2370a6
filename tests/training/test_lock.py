"""The publishers' lock: one at a time, named, and taken over where nobody holds it any more."""

import contextlib
import getpass
import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.training.waiting import wait_for
from training.errors import PublishError
from training.publishing import lock
from training.publishing.lock import LOCK, Holder, acquire


def written(home: Path) -> Holder:
    return Holder.model_validate_json((home / LOCK).read_bytes())


def leave_lock(home: Path, *, age_s: float = 0, **changes: object) -> Path:
    """Leave the lock of a publisher elsewhere, renewed so long ago."""
    holder = {
        "owner": "ana@trainer",
        "pid": 7,
        "command": "training retrain",
        "since": datetime.now(UTC).isoformat(),
        "processes": "another machine",
        "token": "0",
    }
    path = home / LOCK
    path.write_text(json.dumps(holder | changes))
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def ended_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@contextlib.contextmanager
def refused(reason: str) -> Iterator[None]:
    with pytest.raises(PublishError, match=re.escape(reason)):
        yield


def test_a_lock_says_who_holds_it_and_goes_when_it_is_released(tmp_path: Path) -> None:
    with acquire(tmp_path):
        holder = written(tmp_path)

    assert holder.owner.endswith(f"@{socket.gethostname()}")
    assert holder.pid == os.getpid()
    assert Path(sys.argv[0]).name in holder.command
    assert abs((datetime.now(UTC) - holder.since).total_seconds()) < 60
    assert list(tmp_path.iterdir()) == []


def test_a_lock_goes_when_its_holder_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), acquire(tmp_path):
        raise KeyError

    assert list(tmp_path.iterdir()) == []


def test_a_user_without_a_name_has_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", nameless)

    with acquire(tmp_path):
        assert written(tmp_path).owner.startswith(f"{os.getuid()}@")


def test_without_linux_a_process_is_of_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_BOOT", tmp_path / "missing")

    with acquire(tmp_path):
        assert written(tmp_path).processes == socket.gethostname()


def test_another_publisher_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, done = threading.Event(), threading.Event()
    said: list[str] = []
    monkeypatch.setattr(lock, "say", said.append)

    def publish() -> None:
        with acquire(tmp_path):
            entered.set()
            wait_for(lambda: said)
            done.set()

    other = threading.Thread(target=publish)
    other.start()
    entered.wait()
    with acquire(tmp_path):
        assert done.is_set()
    other.join()

    assert re.search(rf"waiting for \S+@\S+ \(process {os.getpid()}: ", said[0])


def test_who_waits_for_too_long_is_told_for_whom(tmp_path: Path) -> None:
    leave_lock(tmp_path, since="2020-01-01T00:00:00Z")

    with (
        refused("is being published to by ana@trainer (process 7: training retrain), since 2"),
        acquire(tmp_path, patience_s=0.3),
    ):
        pass

    assert written(tmp_path).owner == "ana@trainer"


def test_the_lock_of_an_ended_process_is_taken_over_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with acquire(tmp_path):
        ours = written(tmp_path)
    leave_lock(tmp_path, pid=ended_process(), processes=ours.processes)

    with acquire(tmp_path, patience_s=0):
        assert written(tmp_path).pid == os.getpid()

    assert "took over the lock of ana@trainer" in capsys.readouterr().err


def test_a_process_of_another_container_is_not_looked_for_here(tmp_path: Path) -> None:
    leave_lock(tmp_path, pid=ended_process(), owner=f"ana@{socket.gethostname()}")

    with refused("is being published to"), acquire(tmp_path, patience_s=0):
        pass


def test_the_process_of_another_user_is_running(tmp_path: Path) -> None:
    with acquire(tmp_path):
        ours = written(tmp_path)
    leave_lock(tmp_path, pid=1, processes=ours.processes)

    with refused("is being published to"), acquire(tmp_path, patience_s=0):
        pass


@pytest.mark.parametrize("age_s", [60, -3600], ids=["long ago", "by a clock that was put back"])
def test_a_lock_that_is_not_renewed_is_taken_over(
    tmp_path: Path, age_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_lock(tmp_path, age_s=age_s)

    with acquire(tmp_path, patience_s=0):
        assert written(tmp_path).pid == os.getpid()

    assert f"not renewed for {abs(age_s)} s" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b'{"owner": "ana@tr', b"\xff", b'{"pid": 0}'])
def test_a_damaged_lock_counts_by_its_age(tmp_path: Path, content: bytes) -> None:
    path = leave_lock(tmp_path)
    path.write_bytes(content)
    with refused("by an unknown publisher"), acquire(tmp_path, patience_s=0):
        pass
    os.utime(path, (0, 0))

    with acquire(tmp_path, patience_s=0):
        assert written(tmp_path).pid == os.getpid()


def test_a_lock_is_renewed_while_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "RENEWED_EVERY_S", 0.01)

    with acquire(tmp_path):
        os.utime(tmp_path / LOCK, (0, 0))
        before = time.time()
        wait_for(lambda: (tmp_path / LOCK).stat().st_mtime)
        # as far as the clock of files is from the other
        assert (tmp_path / LOCK).stat().st_mtime > before - 1


@pytest.mark.parametrize("taken", [True, False])
def test_who_lost_the_lock_is_told_and_leaves_the_other_alone(tmp_path: Path, taken: bool) -> None:  # noqa: FBT001
    with acquire(tmp_path) as ours:
        ours.verify()
        (tmp_path / LOCK).unlink()
        if taken:
            leave_lock(tmp_path)
        with refused("another publisher has taken the lock over"):
            ours.verify()

    assert (tmp_path / LOCK).exists() == taken


def test_a_live_lock_that_was_judged_by_an_older_one_is_put_back(tmp_path: Path) -> None:
    """Two judge a stale lock; the slower finds that of the faster in its place."""
    stale = lock._read(leave_lock(tmp_path, age_s=60))  # noqa: SLF001 - a moment in a race
    assert stale
    (tmp_path / LOCK).unlink()
    with acquire(tmp_path) as faster:
        content = (tmp_path / LOCK).read_bytes()

        assert not lock._set_aside(tmp_path / LOCK, stale)  # noqa: SLF001

        faster.verify()
        assert (tmp_path / LOCK).read_bytes() == content
    assert not lock._set_aside(tmp_path / LOCK, stale)  # noqa: SLF001
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_publisher_set_aside_is_removed(tmp_path: Path) -> None:
    leave_lock(tmp_path, age_s=60).rename(tmp_path / f"{LOCK}.stale-00000000")
    leave_lock(tmp_path, age_s=1).rename(tmp_path / f"{LOCK}.stale-11111111")

    with acquire(tmp_path):
        pass

    assert [path.name for path in tmp_path.iterdir()] == [f"{LOCK}.stale-11111111"]


def test_a_folder_that_cannot_be_written_is_no_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), acquire(tmp_path / "missing"):
        pass
    (tmp_path / LOCK).mkdir()
    with pytest.raises(IsADirectoryError), acquire(tmp_path):
        pass


def test_a_lock_that_could_not_be_written_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"), acquire(tmp_path):
            pass

    assert list(tmp_path.iterdir()) == []


def take_in_turns(home: Path, turns: int, failed: "multiprocessing.SimpleQueue[str]") -> None:
    for _ in range(turns):
        with acquire(home):
            inside = home / "inside"
            try:
                with inside.open("x"):
                    time.sleep(0.001)
                inside.unlink()
            except OSError as error:
                failed.put(repr(error))
        # one that died, for the others to take over
        with contextlib.suppress(FileExistsError), (home / LOCK).open("x"):
            os.utime(home / LOCK, (0, 0))


def test_processes_that_take_over_from_one_another_are_never_two_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    failed: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    publishers = [
        context.Process(target=take_in_turns, args=(tmp_path, 30, failed)) for _ in range(2)
    ]
    for each in publishers:
        each.start()
    for each in publishers:
        each.join()

    assert [each.exitcode for each in publishers] == [0, 0]
    assert failed.empty()
