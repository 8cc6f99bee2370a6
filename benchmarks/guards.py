"""
How often planted faults are named, and how often clean prices are blamed.

    python -m benchmarks.guards --data DIR [--faults 500] [--seed 1] [--held-out]

DIR holds a file of daily bars for each instrument. Faults are planted into windows of 60 sessions,
one each, at a random row: splits that were not adjusted for, changes of unit, sessions left out,
closes that repeat, bars that cannot be. A fault is named where the service's own answer to that
window has its code and its row. Every window of every file is looked at for false alarms; a file's
own faults, which `training.sources.quality` finds, are not clean. Then every factor of a jump is
planted into bars and into closes alone, of the first pair, of the newest, and between. With
`--held-out` every second file is read: the thresholds were chosen on the others.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from app.artifact.manifest import BARS
from app.errors import BadPrice
from app.forecasting import novelty, screening
from app.forecasting.arrays import Floats
from app.market_data import anomalies, date_checks, jumps, price_validation
from app.market_data.price_files import reader

SESSIONS: Final = 60
CALENDAR: Final = "XNYS"
_TIMED: Final = 2_000

_JUMPS: Final = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 100, 190, 1000)
"""And their inverses."""
_CALM: Final = 0.03
"""Standard deviations of a session's log return, below which nothing excuses a jump by two."""
_CALM_NAMED: Final = 0.999

_NAMED: Final = 0.98
_BLAMED: Final = 1 / 1000
_MICROSECONDS: Final = 20


class Bars(NamedTuple):
    """A window."""

    prices: Floats
    """(sessions, 4), oldest first."""
    dates: list[date]


class Planted(NamedTuple):
    """A fault and where it is."""

    bars: Bars
    codes: frozenset[str]
    row: int


_Plant = Callable[[Bars, np.random.Generator], Planted]


def split(bars: Bars, chance: np.random.Generator) -> Planted:
    """Leave a split of the sessions to come unadjusted."""
    row = int(chance.integers(1, SESSIONS))
    factor = float(chance.choice(jumps.SPLITS)) ** chance.choice([-1, 1])
    prices = bars.prices.copy()
    prices[row:] *= factor
    return Planted(bars._replace(prices=prices), jumps.JUMP_CODES, row)


def unit_jump(bars: Bars, chance: np.random.Generator) -> Planted:
    """Give the sessions to come in pence."""
    row = int(chance.integers(1, SESSIONS))
    prices = bars.prices.copy()
    prices[row:] *= float(chance.choice(jumps.UNITS)) ** chance.choice([-1, 1])
    return Planted(bars._replace(prices=prices), jumps.JUMP_CODES, row)


def stale_run(bars: Bars, chance: np.random.Generator) -> Planted:
    """Repeat a bar, as a feed does that has died and come back."""
    length = int(chance.integers(screening.STALE_SESSIONS, 3 * screening.STALE_SESSIONS))
    row = int(chance.integers(1, SESSIONS - length + 1))
    prices = bars.prices.copy()
    prices[row : row + length] = prices[row - 1]
    return Planted(bars._replace(prices=prices), frozenset({"stale_run"}), row)


def impossible_bar(bars: Bars, chance: np.random.Generator) -> Planted:
    """Put a low above its open, a high below its close, or a zero."""
    row = int(chance.integers(0, SESSIONS))
    prices = bars.prices.copy()
    kind = chance.integers(3)
    if kind == 0:
        prices[row, 2] = prices[row, [0, 3]].min() * 1.01
    elif kind == 1:
        prices[row, 1] = prices[row, [0, 3]].max() * 0.99
    else:
        prices[row, chance.integers(4)] = 0.0
    return Planted(bars._replace(prices=prices), frozenset({"bad_price"}), row)


_FAULTS: Final[dict[str, _Plant]] = {
    "split": split,
    "unit jump": unit_jump,
    "stale run": stale_run,
    "impossible bar": impossible_bar,
}


_FIELDS: Final = {"bars": slice(0, 4), "closes": slice(3, 4)}


def named(bars: Bars) -> set[tuple[str, int | None]]:
    """Return what the service says of a window: the codes and rows of it."""
    columns = dict(zip(BARS, bars.prices.T.tolist(), strict=True))
    try:
        checked = price_validation.validate_bars(columns)
    except BadPrice as error:
        return {("bad_price", error.index)}
    found = list(date_checks.check_dates(bars.dates, CALENDAR, SESSIONS).warnings)
    if screening.screen(checked[None]).suspects[0]:
        found += anomalies.explain(checked)
    return {(remark.code, remark.row) for remark in found}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 where fewer are named, or more blamed, than is promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guards", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args(arguments)
    chance = np.random.default_rng(options.seed)
    paths = sorted(options.data.glob("*.csv"))
    if options.held_out:
        paths = paths[1::2]
    series = [_series(path) for path in paths]
    result = _planted(series, options.faults, chance) | _blamed(series) | _cost(series)
    result |= {
        f"jumps of {what}": _jumps(series, fields, options.faults, chance)
        for what, fields in _FIELDS.items()
    }
    print(json.dumps(result, indent=1))
    kept = result["named"] >= _NAMED and all(
        result[f"share of {what}"] <= _BLAMED for what in _FIELDS
    )
    kept &= all(result[f"jumps of {what}"]["calm, named"] >= _CALM_NAMED for what in _FIELDS)
    return 0 if kept and result["every request, us"] <= _MICROSECONDS else 1


def _series(path: Path) -> Bars:
    table = reader.read(path.read_bytes())
    prices = np.stack([table.columns[field] for field in BARS], axis=1)
    return Bars(prices, table.dates or [])


def _planted(series: Sequence[Bars], faults: int, chance: np.random.Generator) -> dict[str, Any]:
    missed: Counter[str] = Counter()
    made: Counter[str] = Counter()
    for number in range(faults):
        kinds = [*_FAULTS, "gap"]
        kind = kinds[number % len(kinds)]
        while True:
            whole = series[int(chance.integers(len(series)))]
            begin = int(chance.integers(len(whole.prices) - 2 * SESSIONS))
            window = Bars(
                whole.prices[begin : begin + SESSIONS], whole.dates[begin : begin + SESSIONS]
            )
            if not named(window):
                break
        planted = _gap(whole, begin, chance) if kind == "gap" else _FAULTS[kind](window, chance)
        made[kind] += 1
        if not any(
            code in planted.codes and row == planted.row for code, row in named(planted.bars)
        ):
            missed[kind] += 1
    return {
        "planted": dict(made),
        "missed": dict(missed),
        "named": 1 - missed.total() / made.total(),
    }


def _gap(whole: Bars, begin: int, chance: np.random.Generator) -> Planted:
    """Leave out some sessions, one at least."""
    row = int(chance.integers(1, SESSIONS))
    out = int(chance.integers(1, 8))
    kept = [*range(begin, begin + row), *range(begin + row + out, begin + SESSIONS + out)]
    bars = Bars(whole.prices[kept], [whole.dates[at] for at in kept])
    return Planted(bars, frozenset({"sessions_missing"}), row)


def _blamed(series: Sequence[Bars]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "windows": sum(max(0, len(whole.prices) - SESSIONS + 1) for whole in series)
    }
    for what, fields in _FIELDS.items():
        codes: Counter[str] = Counter()
        blamed = 0
        for whole in series:
            views = sliding_window_view(whole.prices[:, fields], SESSIONS, 0).swapaxes(1, 2)
            for at in np.flatnonzero(screening.screen(views).suspects):
                found = {remark.code for remark in anomalies.explain(views[at])}
                codes.update(found)
                blamed += bool(found)
        result |= {
            f"blamed of {what}": blamed,
            f"share of {what}": blamed / result["windows"],
            f"codes of {what}": dict(codes),
        }
    return result


def _jumps(
    series: Sequence[Bars], fields: slice, each: int, chance: np.random.Generator
) -> dict[str, Any]:
    """Plant every factor so often, up and down, and count what is said of the row."""
    by_factor: dict[str, dict[str, int]] = {}
    calm: Counter[bool] = Counter()
    for factor in _JUMPS:
        said: Counter[str] = Counter()
        for number in range(each):
            whole = series[int(chance.integers(len(series)))].prices[:, fields]
            begin = int(chance.integers(len(whole) - SESSIONS))
            prices = whole[begin : begin + SESSIONS].copy()
            if anomalies.explain(prices):
                continue
            moves = np.abs(np.diff(np.log(prices[:, -1])))
            is_calm = bool(1.4826 * np.median(moves) < _CALM)
            row = (1, SESSIONS - 1, int(chance.integers(2, SESSIONS - 1)))[number % 3]
            prices[row:] *= float(factor) ** (1 if number % 2 else -1)
            codes = [remark.code for remark in anomalies.explain(prices) if remark.row == row]
            said["".join(codes) or ("missed, calm" if is_calm else "missed")] += 1
            calm[bool(codes)] += is_calm
        by_factor[str(factor)] = dict(said)
    return {"by factor": by_factor, "calm, named": calm[True] / calm.total()}


def _cost(series: Sequence[Bars]) -> dict[str, Any]:
    """Time what every request pays, and what those pay that look damaged; medians."""
    window = series[0].prices[None, :SESSIONS]
    damaged = window[0].copy()
    damaged[SESSIONS // 2 :] /= 7
    fitted_on = novelty.distribution_of(
        screening.screen(sliding_window_view(series[0].prices, SESSIONS, 0).swapaxes(1, 2))
    )
    ways: dict[str, Callable[[], object]] = {
        "every request, us": lambda: novelty.scores(screening.screen(window), fitted_on),
        "a suspect besides, us": lambda: anomalies.explain(damaged),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_TIMED):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            took[name].append(time.perf_counter() - began)
    return {name: round(1e6 * float(np.median(each)), 1) for name, each in took.items()}


if __name__ == "__main__":
    sys.exit(main())
