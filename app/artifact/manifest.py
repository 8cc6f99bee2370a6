"""What a published model says of itself: manifest.json, which is written last."""

import itertools
import math
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.artifact.layout import HIGHEST_VERSION, NAME_PATTERN

MAX_BYTES: Final = 64 * 2**20
"""No file of a model may be larger: a service must not be filled up by a wrong mount."""
MOST_BYTES: Final = 2 * MAX_BYTES
"""All of them together."""
MOST_FILES: Final = 64

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# one folder deep: a manifest must not be able to name anything outside it
_FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\.(onnx|json|md|html|png)$")]

PriceField = Literal["open", "high", "low", "close"]
BARS: Final[tuple[PriceField, ...]] = ("open", "high", "low", "close")


_MEDIAN: Final = 0.5
_FEWEST_QUANTILES: Final = 3
"""A median, and one on either side."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileRecord(_Frozen):
    """What one file of the model must be."""

    sha256: _Digest
    size: Annotated[int, Field(ge=0, le=MAX_BYTES)]


class TrainingRange(_Frozen):
    """The sessions that the model was fitted on."""

    first: date
    last: date
    cutoff: date
    """No row of this session or later took part in fitting."""
    instruments: tuple[str, ...]
    """The names of their files."""
    windows: Annotated[int, Field(ge=1)]


class Scores(_Frozen):
    """How the model did on sessions held out from fitting, the naive forecast beside it."""

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


class Distribution(_Frozen):
    """
    What the windows were like that the model was fitted on, by percentiles.

    See `novelty.measures` for what of a window is measured.
    """

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


class ModelCalibration(_Frozen):
    """
    What makes a network's quantiles hold what they promise.

    Offsets are fitted offline on sessions held out from fitting: split-conformal, normalised
    by the forecast's own spread (Romano, Patterson and Candes 2019; see `quantiles.spread`).
    """

    offsets: tuple[float, ...]
    """Added to the quantiles, in order, in units of the forecast's spread."""
    gain: Annotated[float, Field(ge=0)]
    """The step of `calibration.track` on the history of a request; 0 leaves history unread."""
    sessions: Annotated[int, Field(ge=1)]
    """Forecasts that the offsets rest on."""


class CloseOnly(_Frozen):
    """
    A model of bars that also answers for closes alone, by a network of its own.

    That network looks back on as many sessions, and gives the same quantiles.
    """

    scores: Scores
    calibration: ModelCalibration | None = None


class Draft(_Frozen):
    """All of a manifest that its author decides; publishing adds the rest."""

    window: Annotated[int, Field(ge=2, le=10_000)]
    """Sessions that the network looks back on."""
    fields: tuple[PriceField, ...]
    """Open, high, low and close, or a single one."""
    target: PriceField
    """The last of the fields: the close of bars."""
    output: Literal["point", "quantiles"]
    quantiles: tuple[float, ...] = ()
    """The levels of the network's outputs: rising, symmetric about a half, which is one."""
    calibration: ModelCalibration | None = None
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
    version: Annotated[int, Field(ge=1, le=HIGHEST_VERSION)]
    files: Annotated[dict[_FileName, FileRecord], Field(max_length=MOST_FILES)]

    @model_validator(mode="after")
    def _is_small(self) -> Self:
        if sum(record.size for record in self.files.values()) > MOST_BYTES:
            raise ValueError(f"the files may hold at most {MOST_BYTES} bytes together")
        return self

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


def _are_levels(quantiles: tuple[float, ...]) -> bool:
    """Tell whether they rise within (0, 1) and are symmetric about 0.5, which is one."""
    rising = all(low < high for low, high in itertools.pairwise((0.0, *quantiles, 1.0)))
    mirrored = all(
        math.isclose(low + high, 1, abs_tol=1e-9)
        for low, high in zip(quantiles, reversed(quantiles), strict=True)
    )
    return rising and mirrored and _MEDIAN in quantiles and len(quantiles) >= _FEWEST_QUANTILES
