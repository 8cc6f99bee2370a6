"""
The pictures of how good quantiles are, as PNG bytes: the same bytes for the same values.

Shares are between 0 and 1, as `quantile_scores` returns them, and drawn in percent; levels of
intervals are in percent; no array is empty. Of several forecasters the first stands out: it is
meant to be ours.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import stats

from app.forecasting import quantiles as intervals
from app.forecasting.arrays import Bools, Floats
from training.reports.plots import FONT, name_sessions, new_figure, to_png

_DOTS: Final = 100
"""To the inch: 750 pixels across, and less than 60 kB."""

_SESSIONS: Final = 120
_BANDS: Final = {95.0: "#dde8f4", 80.0: "#b4cde8", 50.0: "#7ba6d6"}

_OURS: Final = "#0b4f9e"
_RED: Final = "#b8500f"
_LINES: Final[tuple[dict[str, Any], ...]] = (
    {"color": _OURS, "linestyle": "-", "marker": "o", "linewidth": 2.2},
    {"color": "black", "linestyle": "--", "marker": "s", "linewidth": 1.2},
    {"color": "#7a7a7a", "linestyle": "-.", "marker": "^", "linewidth": 1.2},
    {"color": _RED, "linestyle": ":", "marker": "D", "linewidth": 1.6},
)
_BARS: Final[tuple[dict[str, Any], ...]] = (
    {"facecolor": _OURS},
    {"facecolor": "white", "hatch": "////"},
    {"facecolor": "#b5b5b5"},
    {"facecolor": "white", "hatch": "...."},
)
_SHADE: Final[dict[str, Any]] = {"color": "#ececec", "linewidth": 0, "zorder": 0}
_TARGET: Final[dict[str, Any]] = {"color": "black", "linewidth": 1.0}

_CLOSE: Final = 1.0
"""Percentage points within which a pooled share should be of its level."""
_CLOSE_EACH: Final = 2.0
"""The same for the share of one instrument."""


def reliability(levels: Floats, observed: Mapping[str, Floats]) -> bytes:
    """
    Draw how far the observed share at or below each quantile, (k,), is from its level (k,).

    One line for each forecaster, by name; ValueError where there are more than four.
    """
    figure, axes = new_figure()
    for name, shares, style in _styled(observed, _LINES):
        axes.plot(100 * levels, 100 * (shares - levels), markersize=4, label=name, **style)
    axes.axhspan(-_CLOSE, _CLOSE, label=f"within {_CLOSE:g} point", **_SHADE)
    axes.axhline(0, **_TARGET)
    axes.set_xticks(range(0, 101, 10))
    axes.set_xlabel("level of the quantile (%)", fontsize=FONT)
    axes.set_ylabel("prices at or below it,\nless the level (points)", fontsize=FONT)
    return to_png(figure, axes, _DOTS)


def pit_histogram(values: Floats, bins: int = 10) -> bytes:
    """
    Draw how often the actual value lay at which level of its forecast, from levels (n,).

    `quantile_scores.pit` gives them. Calibrated forecasts fill all bins alike, if the edges of
    the bins are levels of the quantiles: between those it is linear, which a distribution is
    not. The band holds 95 % of the bins of n independent draws (binomial).
    """
    figure, axes = new_figure()
    count = len(values)
    ends = stats.binom.interval(0.95, count, 1 / bins)
    low, high = (100 * float(end) / count for end in ends)
    shares = 100 * np.histogram(values, bins, range=(0, 1))[0] / count
    edges = np.linspace(0, 100, bins + 1)
    axes.bar(edges[:-1], shares, 100 / bins, align="edge", facecolor="#b4cde8", edgecolor=_OURS)
    axes.axhline(100 / bins, label="calibrated", **_TARGET)
    band: dict[str, Any] = {"facecolor": "#00000026", "edgecolor": "black", "linestyle": ":"}
    axes.axhspan(low, high, label="95 % of bins, were forecasts independent", **band)
    axes.set_xticks(range(0, 101, 10))
    axes.set_xlabel(
        "level at which the actual price lay in its forecast (%)\n"
        "Those of one date are not independent: calibrated ones may leave the band more often.",
        fontsize=FONT,
    )
    axes.set_ylabel("share of forecasts (%)", fontsize=FONT)
    return to_png(figure, axes, _DOTS)


def fan(
    dates: NDArray[np.datetime64], actual: Floats, quantiles: Floats, levels: Floats, title: str
) -> bytes:
    """
    Draw the newest 120 sessions of one instrument, each within the forecast made for it.

    `actual` prices are (n,), oldest first; their `quantiles` (n, k) in prices too, of `levels`
    (k,), symmetric around the median. The bands are interpolated as the service does.
    """
    figure, axes = new_figure(height=4.2)
    days, prices = dates[-_SESSIONS:], actual[-_SESSIONS:]
    ends = intervals.intervals(quantiles[-_SESSIONS:], tuple(levels.tolist()), tuple(_BANDS))
    axes.plot(prices, color="black", linewidth=1.2, marker=".", markersize=3, label="price")
    # a step for each session: between two of them nothing was forecast
    edges = np.arange(len(days) + 1) - 0.5
    for i, (percent, color) in enumerate(_BANDS.items()):
        low, high = ends[:, i].T
        axes.stairs(high, edges, baseline=low, fill=True, color=color, label=f"{percent:g} % band")
    low, high = ends[:, 0].T
    outside = np.flatnonzero((prices < low) | (prices > high))
    label = f"beyond 95 %: {len(outside)} of {len(days)}"
    axes.scatter(outside, prices[outside], s=24, color=_RED, zorder=3, label=label)
    # stairs would end the picture at their lowest step
    axes.use_sticky_edges = False
    name_sessions(axes, days, ticks=6)
    axes.set_title(title, fontsize=FONT + 1)
    axes.set_xlabel("session", fontsize=FONT)
    axes.set_ylabel("price", fontsize=FONT)
    return to_png(figure, axes, _DOTS)


def coverage_by_tercile(
    names: Sequence[str], coverages: Mapping[str, Floats], level: float
) -> bytes:
    """
    Draw the coverage of an interval of `level` percent in each third of the sessions.

    `names` are those of the thirds, by predicted volatility; `coverages` (3,) are shares, by
    forecaster. ValueError where there are more than four forecasters.
    """
    figure, axes = new_figure()
    width = 0.8 / len(_BARS)
    for i, (name, shares, style) in enumerate(_styled(coverages, _BARS)):
        places = np.arange(len(names)) + (i - (len(coverages) - 1) / 2) * width
        # from the level, not from 0: what counts is how far off they are
        bars = axes.bar(
            places,
            100 * shares - level,
            width,
            bottom=level,
            label=name,
            edgecolor="black",
            **style,
        )
        axes.bar_label(bars, [f"{100 * share:.1f}" for share in shares], padding=2, fontsize=FONT)
    axes.axhspan(level - _CLOSE, level + _CLOSE, label=f"within {_CLOSE:g} point", **_SHADE)
    axes.axhline(level, **_TARGET)
    # room for the figures at the ends of the bars
    axes.margins(y=0.15)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel("sessions, by the volatility predicted for them", fontsize=FONT)
    axes.set_ylabel(f"actual prices in\nthe {level:g} % interval (%)", fontsize=FONT)
    return to_png(figure, axes, _DOTS)


def by_instrument(before: Floats, after: Floats, level: float) -> bytes:
    """
    Draw how the coverages of instruments, as shares (m,), are spread at `level` percent.

    `before` are those with the model's calibration, `after` with that by posted history.
    """
    figure, axes = new_figure()
    low, high = level - _CLOSE_EACH, level + _CLOSE_EACH
    both = 100 * np.concatenate([before, after])
    # half points, unless they are spread far
    width = 0.5 * max(1.0, float(np.ceil(np.ptp(both) / 15)))
    edges = width * np.arange(np.floor(both.min() / width), np.floor(both.max() / width) + 2)
    drawn: list[tuple[str, Floats, dict[str, Any]]] = [
        ("the model's calibration", before, {"fill": True, "fc": "#c4c4c4"}),
        ("by posted history", after, {"ec": _OURS, "linestyle": "--", "linewidth": 2}),
    ]
    for name, shares, style in drawn:
        inside = np.count_nonzero((low <= 100 * shares) & (100 * shares <= high))
        label = f"{name}:\n{inside} of {len(shares)} within"
        counts = np.histogram(100 * shares, edges)[0]
        # no line along empty bins
        axes.stairs(np.where(counts > 0, counts, np.nan), edges, label=label, **style)
    axes.axvspan(low, high, label=f"{low:g} to {high:g} %", **_SHADE)
    axes.axvline(level, **_TARGET)
    axes.set_xlabel(f"actual prices in the {level:g} % interval (%)", fontsize=FONT)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_ylabel("instruments", fontsize=FONT)
    return to_png(figure, axes, _DOTS)


def skill_by_instrument(skills: Floats, reference_name: str) -> bytes:
    """Draw each instrument's CRPS skill over a reference, as shares (m,), lowest first."""
    figure, axes = new_figure()
    percents = 100 * np.sort(skills)
    places = np.arange(1, len(percents) + 1)
    won: Bools = percents > 0
    drawn = [("better", won, _OURS), ("not better", ~won, "white")]
    for name, chosen, color in drawn:
        label = f"{name}: {np.count_nonzero(chosen)} of {len(percents)}"
        axes.scatter(
            places[chosen], percents[chosen], s=16, label=label, facecolor=color, edgecolor=_OURS
        )
    axes.axhline(0, **_TARGET)
    median = float(np.median(percents))
    axes.axhline(median, label=f"median: {median:.2f} %", color=_RED, linestyle="--", zorder=0)
    axes.set_xlim(0, len(percents) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("instruments, the lowest skill first", fontsize=FONT)
    axes.set_ylabel(f"CRPS below that of\n{reference_name} by (%)", fontsize=FONT)
    return to_png(figure, axes, _DOTS)


def _styled(
    series: Mapping[str, Floats], styles: Sequence[dict[str, Any]]
) -> list[tuple[str, Floats, dict[str, Any]]]:
    if len(series) > len(styles):
        raise ValueError(f"draws at most {len(styles)} forecasters, given {len(series)}")
    return [(*item, style) for item, style in zip(series.items(), styles, strict=False)]
