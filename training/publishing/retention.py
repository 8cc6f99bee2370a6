"""Which versions of a model may go, and how one goes: out of sight in one step, then for good."""

import re
import secrets
import shutil
from pathlib import Path
from typing import Final

from app.artifact import archive, layout
from app.artifact.rollout import read_rollout
from app.errors import ArtifactRejected
from app.inference import loader
from training.progress import say

_PARTIAL: Final = re.compile(r"\.[a-z0-9.]+\.partial-[0-9a-f]{8}")


def partial(path: Path) -> Path:
    """Return a new hidden name beside `path` for what is not whole yet, or not any more."""
    return path.with_name(f".{path.name.lstrip('.')}.partial-{secrets.token_hex(4)}")


def discard(path: Path) -> None:
    """Remove a file or a folder, as far as it can be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sweep(home: Path) -> None:
    """Remove what publishers that died have left in `home`; to be called under the lock."""
    for entry in home.iterdir():
        if _PARTIAL.fullmatch(entry.name):
            discard(entry)


def remove(home: Path, version: int) -> None:
    """Remove a version, which nobody ever sees half there. Raises OSError."""
    folder = home / str(version)
    aside = partial(folder)
    folder.rename(aside)
    # hidden for good, whatever happens, before its first file goes
    archive.sync_folder(home)
    discard(aside)


def previous(home: Path, version: int) -> int | None:
    """Return the newest whole version below `version`; None where there is none."""
    for older in reversed(layout.versions(home)):
        if older < version and fault(home, older) is None:
            return older
    return None


def fault(home: Path, version: int) -> str | None:
    """Return why the service would refuse a version; None of a whole one."""
    try:
        loader.load(home / str(version), home.name, version)
    except ArtifactRejected as rejection:
        return str(rejection)
    return None


def expired(home: Path, current: int, keep: int) -> list[int]:
    """
    Return the versions that may go, oldest first.

    Not the newest `keep`, nor the current one, nor the one that a rollback would go to, nor the
    candidate of a rollout; none at all where that is not known.
    """
    try:
        trial = read_rollout(home)
    except ArtifactRejected as rejection:
        say(f"{home.name}: no version is removed: {rejection}")
        return []
    candidate = trial.candidate if trial else None
    needed = {current, previous(home, current), candidate}
    return [version for version in layout.versions(home)[:-keep] if version not in needed]
