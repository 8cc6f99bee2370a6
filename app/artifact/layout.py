"""
Where a published model lies, and what its files are called.

    <root>/<name>/current        one line: the version being served
    <root>/<name>/rollout.json   where there is one: a candidate beside it, see rollout.py
    <root>/<name>/<version>/     one published model, see archive.py
"""

import re
from pathlib import Path
from typing import Final

from app.artifact import rollout
from app.artifact.rollout import Rollout
from app.errors import ArtifactRejected

MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sha256"
GRAPH: Final = "model.onnx"
CLOSE_GRAPH: Final = "close.onnx"
SCALER: Final = "scaler.json"
CARD: Final = "card.md"
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
CURRENT: Final = "current"
_name = re.compile(NAME_PATTERN)
_version = re.compile(r"[1-9][0-9]{0,8}")
HIGHEST_VERSION: Final = 999_999_999


def is_name(name: str) -> bool:
    """Tell whether `name` may name a model; nothing else ever becomes part of a path."""
    return _name.fullmatch(name) is not None


def model_folders(root: Path) -> list[Path]:
    """Return the folders of the published models, by name; those of no valid name are ignored."""
    try:
        return sorted(
            folder
            for folder in root.iterdir()
            # a link could lead out of the models
            if is_name(folder.name) and folder.is_dir() and not folder.is_symlink()
        )
    except OSError:
        return []


def versions(home: Path) -> list[int]:
    """Return the published versions of the model in `home`, oldest first."""
    try:
        return sorted(
            int(folder.name)
            for folder in home.iterdir()
            if _version.fullmatch(folder.name) and (folder / MANIFEST).is_file()
        )
    except OSError:
        return []


def current_version(home: Path) -> int | None:
    """Return the version that `current` names; None where there is no such file."""
    try:
        line = (home / CURRENT).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactRejected(f"{CURRENT} cannot be read: {error.strerror}") from None
    if not _version.fullmatch(line):
        raise ArtifactRejected(f"{CURRENT} does not hold a version number")
    return int(line)


def rollout_of(home: Path) -> Rollout | None:
    """Return the rollout of the model in `home`; raise ArtifactRejected where it is none."""
    try:
        return rollout.parse((home / rollout.ROLLOUT).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactRejected(f"{rollout.ROLLOUT} cannot be read: {error.strerror}") from None
