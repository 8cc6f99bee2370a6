"""
Prices to network input, network output to prices: the only pre-processing there is.

Training and serving both go through these classes, so they cannot disagree.
Shapes: windows are (n, sessions, fields) float64 prices, oldest first; inputs are
(n, steps, features) float32 without unit; outputs are (n, k) float32 without unit. The fields
are open, high, low and close, or a single one; the last of them is the target.
"""

from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.forecasting.arrays import Bools, Float32s, Floats

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_AboveZero = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def moves(windows: Floats) -> Floats:
    """
    Return how prices move from session to session, in percent, (n, sessions - 1, fields).

    Of bars, open, high, low and close in this order: 100 times the logs of open over the close
    before, and of high, low and close over the open (Yang and Zhang 2000, the normalised open,
    high, low and close). Of a single field: 100 times the log of the price over the one before.
    """
    # differences of logs, not logs of ratios: a ratio of two prices can overflow
    logs = np.log(windows)
    if windows.shape[2] == 1:
        return 100 * np.diff(logs, axis=1)
    opens = logs[:, 1:, :1]
    return 100 * np.concatenate([opens - logs[:, :-1, 3:], logs[:, 1:, 1:] - opens], axis=2)


class LevelScaler(BaseModel):
    """
    Price levels, moved and stretched by what the training rows were: (price - offset) / scale.

    `minmax` maps their extremes to 0 and 1, `standard` their mean to 0 and one standard
    deviation to 1. Both know only the range they were fitted on, `low` to `high`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["minmax", "standard"]
    offset: _Finite
    scale: _AboveZero
    low: _Finite
    high: _Finite

    @classmethod
    def fit(cls, kind: Literal["minmax", "standard"], prices: Floats) -> Self:
        """Fit on the training rows, an array of any shape."""
        low, high = float(prices.min()), float(prices.max())
        if kind == "minmax":
            offset, scale = low, high - low
        else:
            offset, scale = float(prices.mean()), float(prices.std())
        # a constant series has no scale; 1 keeps it at 0
        return cls(kind=kind, offset=offset, scale=scale or 1.0, low=low, high=high)

    @property
    def reads_bars(self) -> bool:
        """Tell whether windows may hold four fields."""
        return True

    def steps(self, sessions: int) -> int:
        """Return how many steps the network sees of a window of so many sessions."""
        return sessions

    def inputs(self, windows: Floats) -> Float32s:
        """Scale windows for the network."""
        return ((windows - self.offset) / self.scale).astype(np.float32)

    def targets(self, windows: Floats, nexts: Floats) -> Float32s:  # noqa: ARG002 - as Returns
        """Scale the next prices (n,) to what the network should give, (n, 1)."""
        return ((nexts - self.offset) / self.scale).astype(np.float32)[:, None]

    def prices(
        self,
        windows: Floats,  # noqa: ARG002 - as Returns
        outputs: Float32s | Floats,
    ) -> Floats:
        """Turn outputs (n, k) back into prices (n, k)."""
        return outputs.astype(np.float64) * self.scale + self.offset

    def outside(self, windows: Floats) -> Bools:
        """Tell which windows (n,) hold a price that no training row reached."""
        outside: Bools = np.any((windows < self.low) | (windows > self.high), axis=(1, 2))
        return outside


class ReturnScaler(BaseModel):
    """
    Log returns, so price level and currency drop out, and nothing posted lies out of range.

    Nothing is fitted. `unit` is what they are measured in:

    "volatility": that of the window itself, the root of an exponentially weighted mean of its
    squared log returns (RiskMetrics, 1996), newest heaviest. A single field is read. `decay`,
    `floor` and `clip` are of this unit alone.

    "percent": the inputs are `moves`, of bars or of a single field; the outputs are the log
    return of the last field, the close of bars. Nothing is divided and nothing is clipped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["returns"] = "returns"
    unit: Literal["volatility", "percent"] = "volatility"
    decay: Annotated[float, Field(gt=0, le=1)] = 0.94
    """The weight of a squared return, relative to that of the session after it."""
    floor: _AboveZero = 1e-4
    """The volatility of a window that does not move: one basis point a session."""
    clip: _AboveZero = 10.0
    """Returns beyond so many volatilities are cut to it: one bad row must not rule the window."""

    @property
    def reads_bars(self) -> bool:
        """Tell whether windows may hold four fields."""
        return self.unit == "percent"

    def steps(self, sessions: int) -> int:
        """Return how many steps the network sees of a window of so many sessions."""
        return sessions - 1

    def inputs(self, windows: Floats) -> Float32s:
        """Scale windows for the network."""
        if self.unit == "percent":
            return moves(windows).astype(np.float32)
        returns, volatility = self._volatility(windows)
        standard = np.clip(returns / volatility[:, None], -self.clip, self.clip)
        return standard.astype(np.float32)[:, :, None]

    def targets(self, windows: Floats, nexts: Floats) -> Float32s:
        """Scale the next prices (n,) to what the network should give, (n, 1)."""
        last = windows[:, -1, -1]
        if self.unit == "percent":
            return (100 * (np.log(nexts) - np.log(last))).astype(np.float32)[:, None]
        _, volatility = self._volatility(windows)
        standard = np.log(nexts / last) / volatility
        return np.clip(standard, -self.clip, self.clip).astype(np.float32)[:, None]

    def prices(self, windows: Floats, outputs: Float32s | Floats) -> Floats:
        """Turn outputs (n, k) back into prices (n, k)."""
        returns = outputs.astype(np.float64)
        # a window of absurd jumps may overflow: forecast.py refuses what is not finite
        with np.errstate(over="ignore", under="ignore"):
            if self.unit == "percent":
                returns /= 100
            else:
                returns *= self._volatility(windows)[1][:, None]
            prices: Floats = windows[:, -1, -1:] * np.exp(returns)
        return prices

    def outside(self, windows: Floats) -> Bools:
        """Tell which windows (n,) hold a price out of range: none ever does."""
        return np.zeros(len(windows), dtype=np.bool_)

    def _volatility(self, windows: Floats) -> tuple[Floats, Floats]:
        """Return log returns (n, sessions - 1) and each window's volatility (n,)."""
        returns: Floats = np.diff(np.log(windows[:, :, 0]), axis=1)
        weights = self.decay ** np.arange(returns.shape[1] - 1, -1, -1, dtype=np.float64)
        variance = np.square(returns) @ (weights / weights.sum())
        return returns, np.sqrt(variance + self.floor**2)


Scaler: TypeAlias = Annotated[LevelScaler | ReturnScaler, Field(discriminator="kind")]
ScalerKind: TypeAlias = Literal["minmax", "standard", "returns"]

_adapter: TypeAdapter[LevelScaler | ReturnScaler] = TypeAdapter(Scaler)


def parse(document: bytes) -> LevelScaler | ReturnScaler:
    """Read scaler.json; raise pydantic's ValidationError where it is none."""
    return _adapter.validate_json(document)


def fit(kind: ScalerKind, prices: Floats) -> LevelScaler | ReturnScaler:
    """Make the scaler of a recipe from the training rows, an array of prices of any shape."""
    return ReturnScaler() if kind == "returns" else LevelScaler.fit(kind, prices)
