"""
The format of a published model: a folder of files, and a manifest that is written last.

A folder without a manifest is no model. Every other file is listed in it with its SHA-256
and size, and its own SHA-256 is in manifest.sha256, as sha256sum writes it. What is verified is
the bytes that are used: each file is read once.
"""

import hashlib
import itertools
import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.errors import ArtifactRejected

MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sha256"
GRAPH: Final = "model.onnx"
CLOSE_GRAPH: Final = "close.onnx"
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
BARS: Final[tuple[PriceField, ...]] = ("open", "high", "low", "close")

_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

_PREFIX: Final = "Value error, "
"""What pydantic puts before a reason of ours."""

_MEDIAN: Final = 0.5
_FEWEST_QUANTILES: Final = 3
"""A median, and one on either side."""


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


class Distribution(BaseModel):
    """
    What the windows were like that the model was fitted on, by percentiles.

    See `drift.measures` for what of a window is measured.
    """

    model_config = _Frozen

    LEVELS: ClassVar[int] = 101
    """From the least to the most."""

    volatility: tuple[float, ...]
    """Percent a session."""
    largest_move: tuple[float, ...]
    """In volatilities."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for values in (self.volatility, self.largest_move):
            rises = all(low <= high for low, high in itertools.pairwise(values))
            if len(values) != self.LEVELS or not rises:
                raise ValueError(f"percentiles must be {self.LEVELS}, and rise")
        return self

    @cached_property
    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The two, made once: every forecast asks for them."""
        return np.array(self.volatility), np.array(self.largest_move)


class Calibration(BaseModel):
    """
    What makes a network's quantiles hold what they promise.

    Offsets are fitted offline on sessions held out from fitting: split-conformal, normalised
    by the forecast's own spread (Romano, Patterson and Candes 2019; see `quantiles.spread`).
    """

    model_config = _Frozen

    offsets: tuple[float, ...]
    """Added to the quantiles, in order, in units of the forecast's spread."""
    gain: Annotated[float, Field(ge=0)]
    """The step of `calibration.track` on the history of a request; 0 leaves history unread."""
    sessions: Annotated[int, Field(ge=1)]
    """Forecasts that the offsets rest on."""


class CloseOnly(BaseModel):
    """
    A model of bars that also answers for closes alone, by a network of its own.

    That network looks back on as many sessions, and gives the same quantiles.
    """

    model_config = _Frozen

    scores: Scores
    calibration: Calibration | None = None


class Draft(BaseModel):
    """All of a manifest that its author decides; publishing adds the rest."""

    model_config = _Frozen

    window: Annotated[int, Field(ge=2, le=10_000)]
    """Sessions that the network looks back on."""
    fields: tuple[PriceField, ...]
    """Open, high, low and close, or a single one."""
    target: PriceField
    """The last of the fields: the close of bars."""
    output: Literal["point", "quantiles"]
    quantiles: tuple[float, ...] = ()
    """The levels of the network's outputs: rising, symmetric about a half, which is one."""
    calibration: Calibration | None = None
    close_only: CloseOnly | None = None
    recipe: dict[str, Any]
    seed: int
    trained_on: TrainingRange
    distribution: Distribution | None = None
    data_digest: _Digest
    scores: Scores
    created_at: datetime
    libraries: dict[str, str]
    git_commit: str | None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.fields != BARS and len(self.fields) != 1:
            raise ValueError("fields must be open, high, low and close, or one of them")
        if self.target != self.fields[-1]:
            raise ValueError("target must be the close of bars, or the one field")
        if self.close_only and self.fields != BARS:
            raise ValueError("close_only is for models of bars")
        if (self.output == "quantiles") != bool(self.quantiles):
            raise ValueError("quantiles are given where they are the output, and only there")
        if self.quantiles and not _are_levels(self.quantiles):
            raise ValueError(
                "quantiles must rise within (0, 1), symmetric about 0.5, which must be one"
            )
        for part in (self, self.close_only):
            if part and part.calibration and len(part.calibration.offsets) != len(self.quantiles):
                raise ValueError("calibration must hold one offset for each quantile")
        return self


class Manifest(Draft):
    """Everything that is known about a published model."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: Annotated[int, Field(ge=1)]
    files: dict[_FileName, FileRecord]

    def of_closes(self, close_only: CloseOnly) -> Self:
        """Return what holds of the network for closes alone: its own field, skill, calibration."""
        return self.model_copy(
            update={
                "fields": ("close",),
                "scores": close_only.scores,
                "calibration": close_only.calibration,
                "close_only": None,
            }
        )


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
    document = _read(folder, MANIFEST)
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
    if any(file.name not in {MANIFEST, SEAL, *contents} for file in folder.iterdir()):
        raise ArtifactRejected(f"a file is there that {MANIFEST} does not list")
    # models that were published before there were seals have none
    if (folder / SEAL).exists() and _read(folder, SEAL) != _sealed(document):
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


def _are_levels(quantiles: tuple[float, ...]) -> bool:
    """Tell whether they rise within (0, 1) and are symmetric about 0.5, which is one."""
    rising = all(low < high for low, high in itertools.pairwise((0.0, *quantiles, 1.0)))
    mirrored = all(
        math.isclose(low + high, 1, abs_tol=1e-9)
        for low, high in zip(quantiles, reversed(quantiles), strict=True)
    )
    return rising and mirrored and _MEDIAN in quantiles and len(quantiles) >= _FEWEST_QUANTILES


def _sealed(manifest: bytes) -> bytes:
    """Return what manifest.sha256 holds: `sha256sum --check` reads it too."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


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
        # a link could lead anywhere, and a pipe would be waited for
        descriptor = os.open(folder / name, os.O_RDONLY | _NO_LINKS)
    except FileNotFoundError:
        raise ArtifactRejected(f"{name} is missing") from None
    except OSError as error:
        # strerror, not the error: that one names the path
        raise ArtifactRejected(f"{name} cannot be read: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise ArtifactRejected(f"{name} is not a file of its own")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ArtifactRejected(f"{name} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ArtifactRejected(f"{name} is larger than {MAX_BYTES} bytes")
    return content
