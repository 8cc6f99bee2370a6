"""
The format of a published model: a folder of files, and a manifest that is written last.

A folder without a manifest is no model. Every other file is listed in it with its SHA-256
and size, and what is verified is the bytes that are used: each file is read once.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import ArtifactRejected

MANIFEST: Final = "manifest.json"
GRAPH: Final = "model.onnx"
SCALER: Final = "scaler.json"
CARD: Final = "card.md"

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"

MAX_BYTES: Final = 64 * 2**20
"""No file of a model may be larger: a service must not be filled up by a wrong mount."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# one folder deep: a manifest must not be able to name anything outside it
_FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\.(onnx|json|md|html|png)$")]
_Frozen = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

PriceField = Literal["open", "high", "low", "close"]


class FileRecord(BaseModel):
    """What one file of the model must be."""

    model_config = _Frozen

    sha256: _Digest
    size: Annotated[int, Field(ge=0, le=MAX_BYTES)]


class TrainingRange(BaseModel):
    """The sessions that the model was fitted on."""

    model_config = _Frozen

    first: date
    last: date
    cutoff: date
    """No row of this session or later took part in fitting."""
    instruments: tuple[str, ...]
    """The names of their files."""
    windows: Annotated[int, Field(ge=1)]


class Scores(BaseModel):
    """How the model did on sessions held out from fitting, the naive forecast beside it."""

    model_config = _Frozen

    first: date
    last: date
    sessions: Annotated[int, Field(ge=1)]
    """Forecasts scored: one for each instrument and session."""
    instruments: Annotated[int, Field(ge=1)]
    unit: Literal["price", "percent of the last price"]
    mae: float
    rmse: float
    naive_mae: float
    naive_rmse: float
    mae_vs_naive: float
    """Ratio of the mean absolute errors: below 1 is better than the last price."""
    rmse_vs_naive: float
    dm_t: float | None
    """Diebold-Mariano t on absolute errors against naive; below -2 is better beyond noise."""
    crps_vs_garch: float | None = None
    coverage_90: float | None = None


class Draft(BaseModel):
    """All of a manifest that its author decides; publishing adds the rest."""

    model_config = _Frozen

    window: Annotated[int, Field(ge=2, le=10_000)]
    """Sessions that the network looks back on."""
    fields: tuple[PriceField, ...]
    target: PriceField
    output: Literal["point"]
    calibration: None = None
    recipe: dict[str, Any]
    seed: int
    trained_on: TrainingRange
    data_digest: _Digest
    scores: Scores
    created_at: datetime
    libraries: dict[str, str]
    git_commit: str | None


class Manifest(Draft):
    """Everything that is known about a published model."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: Annotated[int, Field(ge=1)]
    files: dict[_FileName, FileRecord]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model as it lies on disk, verified."""

    manifest: Manifest
    graph: bytes
    scaler: bytes
    card: str


def read(folder: Path) -> Artifact:
    """
    Read and verify the model in `folder`.

    Raises ArtifactRejected where a file is missing, changed, too large or not of this format.
    """
    try:
        manifest = Manifest.model_validate_json(_read(folder, MANIFEST))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise ArtifactRejected(
            f"{MANIFEST} is not of this format: {where}: {first['msg']}"
        ) from None
    contents = {name: _verified(folder, name, record) for name, record in manifest.files.items()}
    missing = {GRAPH, SCALER, CARD} - contents.keys()
    if missing:
        raise ArtifactRejected(f"{MANIFEST} does not list {min(missing)}")
    return Artifact(
        manifest=manifest,
        graph=contents[GRAPH],
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
    text = json.dumps(head | document, indent=1, allow_nan=False)
    write_durably(folder / MANIFEST, text.encode() + b"\n")
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


def _verified(folder: Path, name: str, record: FileRecord) -> bytes:
    content = _read(folder, name)
    if len(content) != record.size:
        raise ArtifactRejected(
            f"{name} holds {len(content)} bytes, its manifest says {record.size}"
        )
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise ArtifactRejected(f"{name} was changed: its SHA-256 is not the manifest's")
    return content


def _read(folder: Path, name: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ArtifactRejected(f"{name} is missing") from None
    except OSError as error:
        # strerror, not the error: that one names the path
        raise ArtifactRejected(f"{name} cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ArtifactRejected(f"{name} is larger than {MAX_BYTES} bytes")
    return content
