"""A reader who types what a document says into a fresh checkout, and looks at what comes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.docs.answers import assert_shown
from tests.docs.documents import NOT_RUN, ROOT, RUN, SHAPE, SHOWN, SLOW, Block
from tools.testbed.waiting import PATIENCE_S, NeverHappened, until

_LISTENS: Final = "127.0.0.1:8000"
"""Where the documents find the service."""
_SERVES: Final = "make run"
_FOLLOWS_S: Final = 2
"""In which the service follows what is published, as the documents say."""
_FOREIGN: Final = shutil.ignore_patterns(".*", "__pycache__", "node_modules")


class Reader:
    """Someone with a checkout, a shell in it, and another one for what goes on running."""

    def __init__(self, home: Path) -> None:
        """Take the folder of the checkout."""
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._running: list[subprocess.Popen[bytes]] = []

    def read(self, blocks: list[Block], *, slow: bool) -> None:
        """Run blocks in their order; the slow ones only where that is wanted."""
        came: str | None = None
        for block in blocks:
            if SLOW in block.words and not slow:
                came = None
            elif block.language in RUN:
                came = self._run(block)
            elif block.language in SHOWN and came is not None:
                try:
                    assert_shown(block.language, block.text, came, shape=SHAPE in block.words)
                except (AssertionError, ValueError) as wrong:
                    pytest.fail(f"{block.place}: {wrong}\n{came[-3000:]}")
            else:
                assert block.language in SHOWN | NOT_RUN, f"{block.place}: what is this?"

    def serve(self) -> None:
        """Start the service as the documents do, and wait until it is ready."""
        log = self.home / ".service.log"
        with log.open("w") as said:
            started = subprocess.Popen(
                ["make", "run"],
                cwd=self.home,
                env=self._environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(started)
        try:
            until(self._is_ready, "make run", process=started)
        except NeverHappened as never:
            pytest.fail(f"{never}: {log.read_text()}")

    def stop(self) -> None:
        """End what goes on running."""
        for each in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(each.pid, signal.SIGTERM)
            each.wait(PATIENCE_S)

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz").close()
            return True
        return False

    @property
    def _environment(self) -> dict[str, str]:
        inherited = os.environ  # noqa: TID251 - handed on
        path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{inherited['PATH']}"
        url = f"http://127.0.0.1:{self.port}"
        return inherited | {"PATH": path, "PORT": str(self.port), "NEXTDAY_URL": url}

    def _run(self, block: Block) -> str:
        """Run a block; return its standard output, or None of what goes on running."""
        text = block.text.replace(_LISTENS, f"127.0.0.1:{self.port}")
        if text.strip() == _SERVES:
            if not self._running:
                self.serve()
            return ""
        shell = ["bash", "-euo", "pipefail", "-c"]
        program = [sys.executable, "-c"] if block.language == "python" else shell
        done = subprocess.run(
            [*program, text],
            cwd=self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{block.place}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        if "-m training" in text:
            time.sleep(_FOLLOWS_S)
        return done.stdout


@contextlib.contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """Give a reader in a copy of this checkout, whose environments are the one that runs this."""
    home = folder / "nextday"
    shutil.copytree(ROOT, home, ignore=_not_checked_in)
    for environment in (".venv", ".venv-serve"):
        (home / environment).symlink_to(sys.prefix)
    for lock in (home / "requirements").glob("*.txt"):
        # older than any environment, so that make takes the one that is there
        os.utime(lock, (0, 0))
    someone = Reader(home)
    try:
        yield someone
    finally:
        someone.stop()


def _not_checked_in(folder: str, names: list[str]) -> set[str]:
    """Leave out what a fresh clone would not have."""
    left = set(_FOREIGN(folder, names))
    if Path(folder) == ROOT / "models":
        left |= set(names) - {"default"}
    if Path(folder) == ROOT / "data":
        left |= set(names) - {"README.md"}
    return left
