"""
Walk forward: fit on what was known, forecast what came next, move on.

All instruments are split at the same dates. The forecasts of a fold are written to disk as
soon as they are there, so that a run that was interrupted goes on where it stopped, and memory
holds one fold at a time.
"""

import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from app.forecasting.arrays import Float32s, Floats
from training import progress
from training.datasets.panel import Panel, Rows
from training.errors import UsageError
from training.progress import say

Forecaster: TypeAlias = Callable[[Panel, Rows, Rows, Floats], Floats]
"""
Maps a panel, the ends of the windows to fit on and of those to forecast from, and levels (k,)
to quantiles (n, k) of the next session's log return in percent.
"""

_EMBARGO: Final = 1
"""Sessions between the last that is fitted to and the first that is forecast: one step ahead."""
_CALIBRATION: Final = 252
"""Sessions before the first that is scored, to calibrate by: a year."""
_FEWEST: Final = 126
"""Sessions to fit on: half a year, of all instruments."""
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One refit: the ends of the windows to fit on, and of those to forecast from."""

    start: np.datetime64
    """The first session that is forecast."""
    train: Rows
    test: Rows


def cut_folds(panel: Panel, ends: Rows, *, test_sessions: int, refit_sessions: int) -> list[Fold]:
    """
    Cut the newest `test_sessions` sessions into folds of `refit_sessions`, oldest first.

    Each is fitted on every window whose next session lies before it, less an embargo of one
    session. Before them comes one fold, of a year or a quarter of all sessions at most, that
    is there to calibrate the first by; it is not scored. Raises UsageError where too little
    would be left to fit on.
    """
    next_dates = panel.dates[ends + 1]
    sessions = np.unique(next_dates)
    first = len(sessions) - test_sessions
    before = first - min(refit_sessions, _CALIBRATION, len(sessions) // 4)
    if before - _EMBARGO < _FEWEST:
        raise UsageError(
            f"too little history: {test_sessions} sessions are to be forecast, and"
            f" {first - before + _EMBARGO + _FEWEST} are needed before them, of"
            f" {len(sessions)} in all; give more history, or fewer --sessions"
        )
    starts = [before, *range(first, len(sessions), refit_sessions)]
    cut = []
    for start, stop in zip(starts, [*starts[1:], len(sessions)], strict=True):
        test = (next_dates >= sessions[start]) & (next_dates <= sessions[stop - 1])
        cut.append(Fold(sessions[start], ends[next_dates < sessions[start - _EMBARGO]], ends[test]))
    return cut


@dataclass(frozen=True, slots=True)
class ForecastCache:
    """The forecasts of a backtest, on disk, one file for each fold and forecaster."""

    folder: Path

    def path(self, fold: Fold, name: str) -> Path:
        """Return where a forecaster's quantiles for a fold are."""
        plain = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
        return self.folder / f"{fold.start}-{plain}.npy"

    def quantiles(self, fold: Fold, name: str) -> Floats:
        """Return the quantiles (n, k) of a fold."""
        quantiles: Float32s = np.load(self.path(fold, name), allow_pickle=False)
        return quantiles.astype(np.float64)

    def write(self, fold: Fold, name: str, quantiles: Floats) -> None:
        """Write the quantiles of a fold, whole or not at all."""
        path = self.path(fold, name)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, quantiles.astype(np.float32), allow_pickle=False)
        partial.replace(path)


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What is forecast: the folds of a panel, as quantiles at levels (k,)."""

    panel: Panel
    folds: Sequence[Fold]
    levels: Floats

    def run(
        self,
        forecasters: Mapping[str, Forecaster],
        *,
        work: Path,
        depends_on: Mapping[str, Any],
        workers: int = 1,
    ) -> ForecastCache:
        """
        Let every forecaster forecast every fold; return where the forecasts are.

        They lie in a folder of `work` that is named for all that they depend on, `depends_on`,
        the panel, the folds and the levels: what is there already is not done again. More than
        one of `workers` are processes of their own, to which forecasters are sent.
        """
        cache = ForecastCache(work / self._digest(depends_on))
        cache.folder.mkdir(parents=True, exist_ok=True)
        tasks = [(fold, name) for fold in self.folds for name in forecasters]
        missing = [task for task in tasks if not cache.path(*task).exists()]
        if len(missing) < len(tasks):
            say(f"{len(tasks) - len(missing)} of {len(tasks)} forecasts are there from before")
        whole = sum(_size(fold) for fold, _ in missing)
        done, began = 0, time.monotonic()
        for fold, name, quantiles in self._forecasts(missing, forecasters, workers):
            cache.write(fold, name, quantiles)
            done += _size(fold)
            gone = time.monotonic() - began
            left = gone / done * (whole - done)
            say(
                f"{fold.start} {name}: {len(fold.test):,} forecasts;"
                f" {gone / _MINUTE:.1f} minutes gone, about {left / _MINUTE:.0f} left"
            )
        return cache

    def _forecasts(
        self,
        tasks: Sequence[tuple[Fold, str]],
        forecasters: Mapping[str, Forecaster],
        workers: int,
    ) -> Iterator[tuple[Fold, str, Floats]]:
        """Yield the quantiles of each task as they come, in order where one process does all."""
        if workers == 1 or len(tasks) < 2:  # noqa: PLR2004 - one task needs no pool
            for fold, name in tasks:
                yield fold, name, forecasters[name](self.panel, fold.train, fold.test, self.levels)
            return
        # a process that begins anew: TensorFlow does not survive a fork
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_begin,
            initargs=(self.panel, self.levels, workers),
        ) as pool:
            futures = {
                pool.submit(_forecast, forecasters[name], fold.train, fold.test): (fold, name)
                for fold, name in tasks
            }
            try:
                for future in concurrent.futures.as_completed(futures):
                    # taken out: a future that stays holds its result
                    yield *futures.pop(future), future.result()
            finally:
                # an interruption would wait for the rest
                pool.shutdown(cancel_futures=True)

    def _digest(self, depends_on: Mapping[str, Any]) -> str:
        sha = hashlib.sha256(json.dumps(depends_on, sort_keys=True, default=str).encode())
        panel = self.panel
        arrays = [panel.moves, panel.usable, panel.instruments, panel.dates.astype(np.int64)]
        rows = [rows for fold in self.folds for rows in (fold.train, fold.test)]
        for part in (*arrays, self.levels, *rows):
            # the shape too: the same rows may be cut in two at another place
            sha.update(str(part.shape).encode())
            sha.update(np.ascontiguousarray(part).tobytes())
        return sha.hexdigest()[:16]


_worker: Final[dict[str, Any]] = {}
"""What every task of a worker process needs, sent to it once."""


def _begin(panel: Panel, levels: Floats, workers: int) -> None:
    _worker.update(panel=panel, levels=levels)
    threads = max(1, (os.cpu_count() or 1) // workers)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)  # noqa: TID251 - written, not read
    progress.quiet()


def _forecast(forecaster: Forecaster, train: Rows, test: Rows) -> Floats:
    return forecaster(_worker["panel"], train, test, _worker["levels"])


def _size(fold: Fold) -> int:
    """Return about how much work a fold is, next to others."""
    return len(fold.train) + len(fold.test)
