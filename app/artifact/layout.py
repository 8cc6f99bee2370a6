"""
Where a published model lies, and what its files are called.

    <root>/<name>/current        one line: the version being served
    <root>/<name>/rollout.json   where there is one: a candidate beside it, see rollout.py
    <root>/<name>/<version>/     one published model, see archive.py
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.artifact import model_files
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
_MOST_OF_CURRENT: Final = 64
"""Bytes: a number, and a line's end."""


def is_name(name: str) -> bool:
    """Tell whether `name` may name a model; nothing else ever becomes part of a path."""
    return _name.fullmatch(name) is not None


def model_folders(root: Path) -> list[Path]:
    """Return the folders of the published models, by name; those of no valid name are ignored."""
    # a link could lead out of the models
    return sorted(root / entry.name for entry in _folders(root) if is_name(entry.name))


def versions(home: Path) -> list[int]:
    """Return the published versions of the model in `home`, oldest first."""
    return sorted(
        int(entry.name)
        for entry in _folders(home)
        if _version.fullmatch(entry.name) and is_published(home / entry.name)
    )


def current_version(home: Path) -> int | None:
    """Return the version that `current` names; None where there is no such file."""
    content = model_files.read_optional(home / CURRENT, _MOST_OF_CURRENT)
    if content is None:
        return None
    line = content.decode("ascii", "replace").strip()
    if not _version.fullmatch(line):
        raise ArtifactRejected(f"{CURRENT} does not hold a version number")
    return int(line)


def _folders(parent: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the folders in a folder, without links; one that cannot be looked at hides no other."""
    try:
        with os.scandir(parent) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        yield entry
    except OSError:
        return


def is_published(folder: Path) -> bool:
    """Tell whether a version is there; one that cannot be looked at is not."""
    try:
        return (folder / MANIFEST).is_file()
    except OSError:
        return False
