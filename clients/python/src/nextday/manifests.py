"""What a published model says of itself, as `GET /models/{name}` answers it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainingRange:
    """The sessions that the model was fitted on."""

    first: date
    last: date
    cutoff: date
    """No row of this session or later took part in fitting."""
    instruments: tuple[str, ...]
    windows: int


@dataclass(frozen=True, slots=True)
class Scores:
    """How the model did on sessions held out from fitting, the naive forecast beside it."""

    first: date
    last: date
    sessions: int
    instruments: int
    unit: str
    mae: float
    rmse: float
    naive_mae: float
    naive_rmse: float
    mae_vs_naive: float
    rmse_vs_naive: float
    dm_t: float | None
    crps_vs_garch: float | None
    coverage_90: float | None


@dataclass(frozen=True, slots=True)
class Offsets:
    """What makes the network's quantiles hold what they promise."""

    offsets: tuple[float, ...]
    gain: float
    sessions: int


@dataclass(frozen=True, slots=True)
class CloseOnly:
    """The network that answers for closes alone, of a model of bars."""

    scores: Scores
    calibration: Offsets | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """What the windows were like that the model was fitted on, by percentiles."""

    volatility: tuple[float, ...]
    largest_move: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of the model."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is known about a published model."""

    format: int
    name: str
    version: int
    window: int
    fields: tuple[str, ...]
    target: str
    output: str
    quantiles: tuple[float, ...]
    calibration: Offsets | None
    close_only: CloseOnly | None
    recipe: dict[str, Any]
    seed: int
    trained_on: TrainingRange
    distribution: Distribution | None
    data_digest: str
    scores: Scores
    created_at: datetime
    libraries: dict[str, str]
    git_commit: str | None
    files: dict[str, FileRecord]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A candidate version on trial: as a canary or a shadow, on a share of the requests."""

    candidate: int
    mode: str
    share: float


@dataclass(frozen=True, slots=True)
class ModelDetail:
    """A model, its published versions and the manifest of the one being served."""

    name: str
    version: int
    versions: tuple[int, ...]
    rollout: Rollout | None
    manifest: Manifest
