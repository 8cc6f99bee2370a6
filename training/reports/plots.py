"""
The pictures of a report, as PNG bytes: the same bytes for the same values.

Drawn with matplotlib's objects, never with pyplot, which keeps figures between calls.
Lines and bars differ in style as well as in shade, so that they can be told apart in print.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from app.forecasting.arrays import Bools, Floats
from training.evaluation.holdout import HeldOutForecasts

FONT: Final = 10
"""Points; a report is printed about as wide as its pictures are."""

_MOST_SESSIONS: Final = 250
_NEWEST_SESSIONS: Final = 60
_LOG_FROM: Final = 20
"""Losses that fall further than this many times are drawn on a logarithmic scale."""

_ACTUAL: Final[dict[str, Any]] = {"color": "black", "linestyle": "-", "linewidth": 1.8}
_OURS: Final[dict[str, Any]] = {"color": "#0b4f9e", "linestyle": "--", "linewidth": 1.8}
# broad and below the others: a forecast near the last price would hide a thin line
_NAIVE: Final[dict[str, Any]] = {"color": "#bdbdbd", "linestyle": "-", "linewidth": 4}

_TODAY: Final = "tomorrow = today"

Correlations = Mapping[int, float | None]


def loss_curves(losses: Mapping[str, Sequence[float]]) -> bytes:
    """Draw each series of losses, one number an epoch, counted from 1."""
    figure, axes = new_figure()
    named = {"loss": "sessions fitted on", "val_loss": "validation sessions"}
    for (name, values), style in zip(losses.items(), (_ACTUAL, _OURS, _NAIVE), strict=False):
        # a line through one point cannot be seen
        marker = "o" if len(values) == 1 else ""
        epochs = range(1, len(values) + 1)
        axes.plot(epochs, values, label=named.get(name, name), marker=marker, **style)
    drawn = [value for values in losses.values() for value in values]
    if drawn and 0 < min(drawn) * _LOG_FROM < max(drawn):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=FONT)
    axes.set_ylabel("loss (without unit)", fontsize=FONT)
    return to_png(figure, axes)


def forecasts(held_out: HeldOutForecasts) -> bytes:
    """Draw actual, forecast and naive prices; of a long test or many, see `newest`."""
    figure, axes = new_figure()
    chosen = drawn_part(held_out)
    _draw_prices(axes, held_out, chosen, ticks=6)
    axes.set_ylabel(f"price of {held_out.names[0]}", fontsize=FONT)
    return to_png(figure, axes)


def thumbnail(held_out: HeldOutForecasts) -> bytes:
    """Draw actual, forecast and naive prices small, for documents: under 40 kB."""
    figure, axes = new_figure(width=4.8, height=2.4)
    _draw_prices(axes, held_out, drawn_part(held_out), ticks=3)
    return to_png(figure, axes, dots=80)


def drawn_part(held_out: HeldOutForecasts) -> Bools:
    """
    Choose (n,) what is drawn: all of it, where it can be read.

    Of more than 250 sessions, or of several instruments, the last 60 of the first instrument.
    """
    first: Bools = held_out.instruments == held_out.names[0]
    if first.all() and len(first) <= _MOST_SESSIONS:
        return first
    days = held_out.dates[first]
    chosen: Bools = first & (held_out.dates >= days[-_NEWEST_SESSIONS:][0])
    return chosen


def drawn_in_words(held_out: HeldOutForecasts) -> str:
    """Say in words what `newest` chooses."""
    chosen = drawn_part(held_out)
    if chosen.all():
        return "All held-out sessions."
    of = f" of {held_out.names[0]}" if len(held_out.names) > 1 else ""
    return f"The last {np.count_nonzero(chosen)} held-out sessions{of}."


def errors(ours: Floats, naive: Floats, unit: str) -> bytes:
    """Draw how our and the naive errors (n,), in `unit`, are spread, on the same bins."""
    figure, axes = new_figure()
    reach = float(np.quantile(np.abs(np.concatenate([ours, naive])), 0.99)) or 1.0
    # an odd number, so that one bin has 0 in its middle
    bins = np.linspace(-reach, reach, 2 * min(20, max(4, len(ours) // 12)) + 2).tolist()
    filled: dict[str, Any] = {"facecolor": "#d5d5d5", "edgecolor": "black", "linewidth": 0.8}
    axes.hist(_within(naive, reach), bins, histtype="stepfilled", label=_TODAY, **filled)
    axes.hist(_within(ours, reach), bins, histtype="step", label="this model", **_OURS)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"actual less forecast, {unit} (the end bars hold all beyond)", fontsize=FONT)
    axes.set_ylabel("forecasts", fontsize=FONT)
    return to_png(figure, axes)


def lag(levels: Correlations, changes: Correlations) -> bytes:
    """Draw how the forecast correlates with the price of the session before, at and after."""
    figure, axes = new_figure()
    width = 0.36
    drawn: list[tuple[float, Correlations, str, dict[str, Any]]] = [
        (-width / 2, changes, "day-to-day changes", {"facecolor": "#333333"}),
        (+width / 2, levels, "prices", {"facecolor": "#e8e8e8", "hatch": "////"}),
    ]
    lowest = 0.0
    for offset, correlations, label, style in drawn:
        places = [shift + offset for shift in correlations]
        heights = [value or 0.0 for value in correlations.values()]
        bars = axes.bar(places, heights, width, label=label, edgecolor="black", **style)
        words = ["none" if value is None else _rounded(value) for value in correlations.values()]
        axes.bar_label(bars, words, padding=2, fontsize=FONT)
        lowest = min(lowest, *heights)
    axes.axhline(0, color="black", linewidth=0.8)
    # room for the figures at the ends of the bars
    axes.set_ylim(lowest - 0.15 if lowest < 0 else 0, 1.15)
    axes.set_xticks([-1, 0, 1], ["the session before", "the same session", "the session after"])
    axes.set_xlabel("the forecast for a session, compared with the price of", fontsize=FONT)
    axes.set_ylabel("correlation", fontsize=FONT)
    return to_png(figure, axes)


def _rounded(correlation: float) -> str:
    # plus 0: no "-0.00"
    return f"{round(correlation, 2) + 0:.2f}"


def _draw_prices(axes: Axes, held_out: HeldOutForecasts, chosen: Bools, *, ticks: int) -> None:
    days = held_out.dates[chosen]
    lines = [
        (held_out.last, _TODAY, _NAIVE),
        (held_out.actual, "actual", _ACTUAL),
        (held_out.expected, "forecast", _OURS),
    ]
    # by session, not by day: a weekend is no gap, and ticks need no calendar
    for prices, label, style in lines:
        axes.plot(np.arange(len(days)), prices[chosen], label=label, **style)
    name_sessions(axes, days, ticks=ticks)


def name_sessions(axes: Axes, days: NDArray[np.datetime64], *, ticks: int) -> None:
    """Write about `ticks` of the days (n,) below the picture, where they lie at 0 to n - 1."""
    named = np.unique(np.linspace(0, len(days) - 1, ticks).astype(int))
    axes.set_xticks(named, [str(day) for day in days[named]])


def _within(values: Floats, reach: float) -> Floats:
    """Return the values, those beyond the ends moved to them."""
    return np.clip(values, -reach, reach)


def new_figure(width: float = 7.5, height: float = 3.6) -> tuple[Figure, Axes]:
    """Return an empty picture of that size in inches, in the style of all of them."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def to_png(figure: Figure, axes: Axes, dots: int = 140) -> bytes:
    """Draw the picture, with a legend of what is labelled in it; `dots` are those of an inch."""
    axes.tick_params(labelsize=FONT)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        # above the picture, where it covers nothing
        figure.legend(
            handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=FONT
        )
    # a ticker may hold dollar signs, and two of them would be read as mathematics
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    content = io.BytesIO()
    # matplotlib would write its own version into the file
    figure.savefig(content, format="png", dpi=dots, metadata={"Software": None})
    return content.getvalue()
