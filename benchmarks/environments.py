"""The peers' virtual environments: made once, and again when their requirements change."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.servers import ROOT, Failed

_HOME: Final = ROOT / ".venv-peers"
_VERSIONS: Final = ((3, 11), (3, 12))
"""Pythons that every peer supports."""


def programs(name: str) -> Path:
    """Return the folder of a peer's programs; raise Failed where it cannot be installed."""
    home, needed = _HOME / name, Path(__file__).parent / "peers" / f"{name}.txt"
    installed = home / "installed.txt"
    if installed.exists() and installed.read_bytes() == needed.read_bytes():
        return home / "bin"
    print(f"installing {name} into {home.relative_to(ROOT)}, once", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    _run([_python(), "-m", "venv", str(home)], name)
    _run([*pip, "--disable-pip-version-check", "--requirement", str(needed)], name)
    # last, so that an interrupted installation begins anew
    shutil.copy(needed, installed)
    return home / "bin"


def _python() -> str:
    if sys.version_info[:2] in _VERSIONS:
        return sys.executable
    names = (f"python{major}.{minor}" for major, minor in _VERSIONS)
    return next((found for name in names if (found := shutil.which(name))), sys.executable)


def _run(command: list[str], name: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if finished.returncode:
        said = (finished.stderr or finished.stdout).strip().splitlines()
        raise Failed(f"{name} cannot be installed: {said[-1] if said else 'no reason given'}")
