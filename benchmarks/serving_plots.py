"""The pictures of docs/performance.md, as PNG bytes; of several servers the first is ours."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Final

from matplotlib.ticker import NullLocator

from training.reports.plots import FONT, new_figure, to_png

_DOTS: Final = 100
_OURS: Final = "#0b4f9e"
_OTHERS: Final = ("black", "#7a7a7a", "#b8500f")
_MARKERS: Final = "s^Dvxp*"
_LINES: Final = ("--", ":")
"""Colours, markers and lines go round, so that peers can be told apart in print."""


def throughput(servers: Mapping[str, float], limit: float) -> bytes:
    """Draw the requests a second of each server, and the windows of onnxruntime alone."""
    figure, axes = new_figure(height=0.6 + 0.34 * (len(servers) + 1))
    names = [*servers, "onnxruntime alone"]
    values = [*servers.values(), limit]
    colors = [_OURS, *["#b5b5b5"] * (len(servers) - 1), "white"]
    bars = axes.barh(names, values, color=colors, edgecolor="black", linewidth=0.6)
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=FONT)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(visible=False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("requests a second, 16 connections, one core", fontsize=FONT)
    return to_png(figure, axes, _DOTS)


def latency(connections: Sequence[int], p99: Mapping[str, Sequence[float]]) -> bytes:
    """Draw how the p99 of each server, in ms, grows with the connections."""
    figure, axes = new_figure(height=4.4)
    styles: list[dict[str, Any]] = [{"color": _OURS, "marker": "o", "linewidth": 2.2}]
    styles += [
        {"color": color, "marker": marker, "linestyle": line, "linewidth": 1.2}
        for color, marker, line in zip(cycle(_OTHERS), _MARKERS, cycle(_LINES), strict=False)
    ]
    for (name, values), style in zip(p99.items(), styles, strict=False):
        axes.plot(connections, values, label=name, markersize=5, **style)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(connections, [str(each) for each in connections])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("connections", fontsize=FONT)
    axes.set_ylabel("p99, ms", fontsize=FONT)
    return to_png(figure, axes, _DOTS)
