"""
A published model on the disk: a folder of files, and a manifest that is written last.

A folder without a manifest is no model. Every other file is listed in it with its SHA-256
and size, and its own SHA-256 is in manifest.sha256, as sha256sum writes it. What is verified is
the bytes that are used: each file is read once, and none before its size was found to be right.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from app.artifact import model_files
from app.artifact.layout import CARD, CLOSE_GRAPH, GRAPH, MANIFEST, SCALER, SEAL
from app.artifact.manifest import Draft, FileRecord, Manifest
from app.errors import ArtifactRejected

_USED: Final = {GRAPH, CLOSE_GRAPH, SCALER, CARD}
"""What the service needs of a version; all else is for people, and only verified."""

MOST_OF_MANIFEST: Final = 4 * 2**20
"""Bytes: the names of a hundred thousand instruments."""
MOST_OF_SEAL: Final = 256

_PREFIX: Final = "Value error, "
"""What pydantic puts before a reason of ours."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model as it lies on disk, verified."""

    manifest: Manifest
    graph: bytes
    close_graph: bytes | None
    """The network for closes alone; None where the manifest has no `close_only`."""
    scaler: bytes
    card: str


def read(folder: Path) -> Artifact:
    """
    Read and verify the model in `folder`.

    Raises ArtifactRejected where a file is missing, changed, too large or not of this format.
    """
    if folder.is_symlink():
        raise ArtifactRejected("the folder of the version is a link")
    document = model_files.read(folder / MANIFEST, MOST_OF_MANIFEST)
    try:
        manifest = Manifest.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise ArtifactRejected(
            f"{MANIFEST} is not of this format: {where}: {first['msg'].removeprefix(_PREFIX)}"
        ) from None
    contents = {name: _verified(folder, name, record) for name, record in manifest.files.items()}
    needed = {GRAPH, SCALER, CARD} | ({CLOSE_GRAPH} if manifest.close_only else set())
    missing = needed - contents.keys()
    if missing:
        raise ArtifactRejected(f"{MANIFEST} does not list {min(missing)}")
    if _unlisted(folder, {MANIFEST, SEAL, *contents}):
        raise ArtifactRejected(f"a file is there that {MANIFEST} does not list")
    seal = model_files.read_optional(folder / SEAL, MOST_OF_SEAL)
    # models that were published before there were seals have none
    if seal is not None and seal != _sealed(document):
        raise ArtifactRejected(f"{MANIFEST} was changed: its SHA-256 is not that of {SEAL}")
    return Artifact(
        manifest=manifest,
        graph=contents[GRAPH],
        close_graph=contents[CLOSE_GRAPH] if manifest.close_only else None,
        scaler=contents[SCALER],
        card=contents[CARD].decode(errors="replace"),
    )


def write(
    folder: Path, name: str, version: int, draft: Draft, contents: Mapping[str, bytes]
) -> Manifest:
    """Write a model into the empty `folder`, every file on the disk before the manifest is."""
    records = {
        file: FileRecord(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        for file, content in contents.items()
    }
    manifest = Manifest.model_validate(
        dict(draft) | {"name": name, "version": version, "files": records}
    )
    for file, content in contents.items():
        write_durably(folder / file, content)
    document = manifest.model_dump(mode="json")
    # what it is comes first, for who reads the file
    head = {key: document.pop(key) for key in ("format", "name", "version")}
    text = json.dumps(head | document, indent=1, allow_nan=False).encode() + b"\n"
    write_durably(folder / SEAL, _sealed(text))
    write_durably(folder / MANIFEST, text)
    sync_folder(folder)
    return manifest


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the folder's entries: a rename is durable only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sealed(manifest: bytes) -> bytes:
    """Return what manifest.sha256 holds: `sha256sum --check` reads it too."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def _verified(folder: Path, name: str, record: FileRecord) -> bytes:
    """Return a file that is used, and nothing of one that is for people."""
    path = folder / name
    size = _size(path)
    if size != record.size:
        raise ArtifactRejected(f"{name} holds {size} bytes, its manifest says {record.size}")
    content = b"".join(model_files.parts(path, record.size)) if name in _USED else b""
    digest = (
        hashlib.sha256(content).hexdigest()
        if name in _USED
        else model_files.sha256(path, record.size)
    )
    if digest != record.sha256:
        raise ArtifactRejected(f"{name} was changed: its SHA-256 is not the manifest's")
    return content


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        raise ArtifactRejected(f"{path.name} is missing") from None
    except OSError as error:
        raise ArtifactRejected(f"{path.name} cannot be read: {error.strerror}") from None


def _unlisted(folder: Path, known: set[str]) -> bool:
    """Tell whether a file is there that is not known."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name not in known for entry in entries)
    except OSError as error:
        raise ArtifactRejected(f"the folder cannot be listed: {error.strerror}") from None
