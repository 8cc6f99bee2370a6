"""The clients' virtual environment: made once, and again when their versions change."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".venv-clients"
NEEDED: Final = Path(__file__).with_name("clients.txt")
"""Exact versions; what the suite itself imports is among them."""

_VERSIONS: Final = ((3, 11), (3, 12))
"""Pythons that every client supports."""


class NotInstalled(Exception):
    """The clients could not be installed; the message says why."""


def python() -> Path:
    """Return the Python that has every client, installing them first where they are not there."""
    program, installed = HOME / "bin" / "python", HOME / "installed.txt"
    if installed.exists() and installed.read_bytes() == NEEDED.read_bytes():
        return program
    print(f"installing clients into {HOME.name}, once", file=sys.stderr)
    shutil.rmtree(HOME, ignore_errors=True)
    _run([_supported(), "-m", "venv", str(HOME)])
    pip = [str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--requirement", str(NEEDED)])
    # last, so that an interrupted installation begins anew
    shutil.copy(NEEDED, installed)
    return program


def _supported() -> str:
    if sys.version_info[:2] in _VERSIONS:
        return sys.executable
    names = (f"python{major}.{minor}" for major, minor in _VERSIONS)
    return next((found for name in names if (found := shutil.which(name))), sys.executable)


def _run(command: list[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        said = (finished.stderr or finished.stdout).strip().splitlines()
        raise NotInstalled(said[-1] if said else "no reason given")
