"""FastAPI as its tutorial has it, for bars and dates: declared, and checked as our service does."""

import json
import operator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmarks.peers.onnx_network import open_session

Price = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]

LEVELS = (80, 95)


class Bars(BaseModel):
    """The newest bars, oldest first."""

    model_config = ConfigDict(extra="forbid")

    open: list[Price]
    high: list[Price]
    low: list[Price]
    close: list[Price]

    @model_validator(mode="after")
    def _are_possible(self) -> Self:
        if not len(self.open) == len(self.high) == len(self.low) == len(self.close):
            raise ValueError("the columns of the bars must be of one length")
        # over so few numbers a loop is faster than NumPy
        rows = zip(self.open, self.high, self.low, self.close, strict=True)
        for row, (first, high, low, last) in enumerate(rows):
            if not (low <= first <= high and low <= last <= high):
                raise ValueError(f"the open or close of row {row} is not between low and high")
        return self


class Question(BaseModel):
    """The newest bars and the day of each."""

    model_config = ConfigDict(extra="forbid")

    bars: Bars
    dates: list[date]

    @model_validator(mode="after")
    def _dates_rise(self) -> Self:
        if len(self.dates) != len(self.bars.close):
            raise ValueError("there must be one date for each row of the bars")
        if not all(map(operator.lt, self.dates, self.dates[1:])):
            raise ValueError("the dates must rise")
        if len(self.dates) < forecaster.window:
            raise ValueError(f"at least {forecaster.window} bars are needed")
        return self


class Interval(BaseModel):
    """Where the next price lies with a probability of `level` percent."""

    level: float
    low: float
    high: float


class Answer(BaseModel):
    """The next price."""

    prediction: float
    naive: float
    intervals: list[Interval]


class Forecaster:
    """The current version of a published model of bars whose outputs are returns in percent."""

    def __init__(self, home: Path) -> None:
        """Open a session."""
        folder = home / (home / "current").read_text().strip()
        manifest = json.loads((folder / "manifest.json").read_text())
        self.window: int = manifest["window"]
        quantiles = np.array(manifest["quantiles"])
        wanted = [0.5, *(0.5 + side * level / 200 for level in LEVELS for side in (-1, 1))]
        self._nearest = [int(np.abs(quantiles - each).argmin()) for each in wanted]
        self._session = open_session(folder / "model.onnx")

    def forecast(self, bars: Bars) -> list[float]:
        """Return the median, then low and high of each of `LEVELS`, as prices."""
        columns: Any = np.array([bars.open, bars.high, bars.low, bars.close])
        logs = np.log(columns[:, -self.window :])
        opens = logs[0, 1:]
        moves = 100 * np.stack([opens - logs[3, :-1], *(logs[1:, 1:] - opens)], axis=1)
        [outputs] = self._session.run(None, {"window": moves.astype(np.float32)[None]})
        returns = outputs[0, self._nearest].astype(np.float64) / 100
        prices: list[float] = (bars.close[-1] * np.exp(returns)).tolist()
        return prices


app = FastAPI()
forecaster = Forecaster(Path("shipped/default"))


@app.post("/predict")
async def predict(question: Question) -> Answer:
    """Forecast from one window."""
    median, *ends = forecaster.forecast(question.bars)
    lows_and_highs = zip(LEVELS, ends[::2], ends[1::2], strict=True)
    return Answer(
        prediction=median,
        naive=question.bars.close[-1],
        intervals=[
            Interval(level=level, low=low, high=high) for level, low, high in lows_and_highs
        ],
    )
