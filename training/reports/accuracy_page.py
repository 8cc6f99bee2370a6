"""What a walk forward shows: the sections of docs/accuracy.md and of a model's report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from app.artifact.manifest import Draft
from app.forecasting.arrays import Floats
from training.datasets.quantile_levels import LEVELS
from training.evaluation import point_scores, quantile_scores
from training.evaluation.accuracy import GARCH, HISTORY, PERCENTS, REFERENCES, Accuracy
from training.evaluation.quantile_scores import Comparison
from training.evaluation.walk_forward import CLOSES, LOG_HAR_STRONG, NETWORK
from training.reports import accuracy_plots as plots
from training.reports.document import Section, to_html, to_markdown

_SHOWN_WORST: Final = 5
_SHOWN_FLAGS: Final = 20
_FAN_SESSIONS: Final = 120
_DRAWN: Final = (NETWORK, LOG_HAR_STRONG, GARCH, "historical simulation (250)")
_POINTS: Final = frozenset(["naive", "drift"])
"""They give no distribution: their intervals have no width."""
_TARGETS: Final = (
    (
        "MAE and RMSE of the median over those of tomorrow = today; worst instrument's MAE",
        *("1.0005; 1.003", "0.9995"),
    ),
    (
        "CRPS skill against GARCH(1,1)-t of each instrument",
        *("+0.60 %, t 6, 90 % of instruments", "+0.80 %, 98 %"),
    ),
    ("CRPS skill against the pooled log-HAR", "t 3", "+0.30 %, t 8"),
    ("CRPS skill against the stronger log-HAR+", "t -1", "t 5"),
    ("Pinball loss at 1 and 99 % against GARCH(1,1)-t", "+2.5 %", "+3.5 %"),
    ("Coverage at 80, 90, 95 and 98 %: largest pooled error", "1 point", "0.5"),
    (
        "Coverage at 90 % with in-request calibration, each instrument",
        *("88 to 92 %", "89 to 91 %"),
    ),
    ("Coverage at 90 % from the calmest to the wildest third", "4 points apart", "2"),
    ("Closes alone: CRPS skill against GARCH(1,1)-t", "a tie", "+0.15 %"),
)
"""Each figure that the model is held to: the least, and the aim."""


def page_sections(accuracy: Accuracy) -> list[Section]:
    """Return all that a walk forward shows."""
    return [
        _measured(accuracy),
        _targets(accuracy),
        _forecasters(accuracy),
        _coverage(accuracy),
        *_calibration(accuracy),
        _fan(accuracy),
        _direction(accuracy),
        _worst(accuracy),
        _flagged(accuracy),
    ]


def write(accuracy: Accuracy, folder: Path) -> Path:
    """Write accuracy.md into a folder, its pictures into a folder beside it; return its path."""
    sections = page_sections(accuracy)
    pictures = folder / "accuracy"
    pictures.mkdir(parents=True, exist_ok=True)
    for section in sections:
        if section.picture:
            (pictures / section.picture).write_bytes(section.drawn)
    page = folder / "accuracy.md"
    page.write_text(to_markdown(sections, title="Accuracy", folder="accuracy"), encoding="utf-8")
    return page


def targets_text(accuracy: Accuracy) -> str:
    """Return the table of what the model is held to, as text."""
    lines = list(_targets(accuracy).table)
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in lines
    )


def files(name: str, draft: Draft, accuracy: Accuracy) -> dict[str, bytes]:
    """Return the report and its pictures by file name."""
    sections = page_sections(accuracy)
    pages = {"report.html": to_html(sections, title=f"{name}: {draft.recipe['title']}").encode()}
    return pages | {each.picture: each.drawn for each in sections if each.picture}


def _measured(accuracy: Accuracy) -> Section:
    walk = accuracy.walk
    panel, scored = walk.data.panel, walk.folds[1:]
    return Section(
        "How it was measured",
        f"{len(accuracy.actual):,} forecasts of {len(np.unique(accuracy.instruments))}"
        f" instruments, {accuracy.dates.min()} to {accuracy.dates.max()}, walking forward:"
        f" {len(scored)} fits, the first on {len(scored[0].train):,} windows and the last on"
        f" {len(scored[-1].train):,}, each on all instruments and every session up to the one"
        " before the last before it forecasts. Bars are adjusted for splits and dividends."
        f" The data begin on {panel.dates.min()}.\n\n"
        "Every forecast is of one session ahead from the 60 before it, of bars unless said"
        " otherwise. Scores of points are in percent of the last price, those of"
        " distributions in percent of log return, on 17 quantiles from 0.5 to 99.5 %."
        " Intervals of the network carry the conformal offsets of the forecasts before them;"
        " the first fold's come from the year before it, which is not scored.\n\n"
        "Skill is one less the ratio of the mean scores: above 0 is better than the"
        " reference. t is Diebold and Mariano's on per-date means over instruments, each"
        " instrument's losses in units of its mean reference loss, Newey and West's variance"
        " with 10 lags: above 2 is hardly chance.",
    )


def _targets(accuracy: Accuracy) -> Section:
    mae, rmse, worst = accuracy.relative(NETWORK)
    against = [accuracy.compare(NETWORK, reference) for reference in REFERENCES]
    skills = [_skill_text(each) for each in (*against, accuracy.compare(CLOSES, GARCH))]
    _, after = _by_instrument(accuracy)
    measured = (
        f"{mae:.4f}, {rmse:.4f}; {worst:.4f}",
        *skills[:3],
        f"{accuracy.tail_skill(NETWORK):+.2%}",
        f"{max(_pooled_error(accuracy, percent) for percent in PERCENTS):.2f} points",
        f"{after.min():.1%} to {after.max():.1%}",
        f"{100 * np.ptp(_terciles(accuracy, NETWORK)):.1f} points",
        skills[3],
    )
    rows = [(*target, found) for target, found in zip(_TARGETS, measured, strict=True)]
    return Section("What we hold it to", table=[("", "at least", "aim", "measured"), *rows])


def _skill_text(comparison: Comparison) -> str:
    return f"{comparison.skill:+.2%}, t {_figure(comparison.t, '.1f')}, {comparison.wins:.0%}"


def _forecasters(accuracy: Accuracy) -> Section:
    head = (
        *("", "MAE", "RMSE", "MASE", "CRPS", "skill over GARCH-t", "t", "better on"),
        *("over log-HAR+", "t", "tails over GARCH-t", "90 % holds", "its width", "QLIKE"),
    )
    panel, train = accuracy.walk.data.panel, accuracy.walk.folds[1].train
    in_sample = float(np.abs(100 * np.expm1(panel.returns[train + 1] / 100)).mean())
    width = _width(accuracy, GARCH)
    rows = []
    for name, scored in accuracy.scored.items():
        mae, rmse, _ = accuracy.relative(name)
        mase = float(np.abs(scored.errors).mean()) / in_sample
        points = [name, f"{mae:.4f}", f"{rmse:.4f}", f"{mase:.4f}"]
        if name in _POINTS:
            rows.append([*points, *[""] * (len(head) - len(points))])
            continue
        garch, strong = (accuracy.compare(name, each) for each in (GARCH, LOG_HAR_STRONG))
        rows.append(
            [
                *points,
                f"{scored.crps.mean():.4f}",
                f"{garch.skill:+.2%}",
                _figure(garch.t, "+.1f"),
                f"{garch.wins:.0%}",
                f"{strong.skill:+.2%}",
                _figure(strong.t, "+.1f"),
                f"{accuracy.tail_skill(name):+.2%}",
                f"{scored.inside(accuracy.actual, 90).mean():.1%}",
                f"{_width(accuracy, name) / width:.3f}",
                f"{accuracy.qlike(name):.4f}",
            ]
        )
    compared = accuracy.compare(NETWORK, GARCH)
    skills = _skills(accuracy)
    return Section(
        "Every forecaster on the same sessions",
        "MAE and RMSE of the median are over those of tomorrow = today, MASE over the mean"
        " absolute return of the sessions fitted on, the width of the 90 % interval over"
        " GARCH-t's. `network` reads bars, `network, closes only` what a request of `prices`"
        f" gets. The network's CRPS is better than GARCH-t's on {compared.wins:.0%} of the"
        f" instruments, the median instrument's by {compared.median_skill:+.2%}.",
        [head, *rows],
        "skill.png",
        plots.skill_by_instrument(skills, GARCH),
    )


def _coverage(accuracy: Accuracy) -> Section:
    before, after = _by_instrument(accuracy)
    rows = []
    for percent in PERCENTS:
        plain = accuracy.scored[NETWORK].inside(accuracy.actual, percent).mean()
        closes = accuracy.scored[CLOSES].inside(accuracy.actual, percent).mean()
        low, high = quantile_scores.interval(accuracy.with_history, LEVELS, percent)
        adapted = quantile_scores.coverage(accuracy.actual, low, high)
        rows.append((f"{percent:g} %", f"{plain:.2%}", f"{adapted:.2%}", f"{closes:.2%}"))
    return Section(
        "Coverage",
        "The share of closes inside the interval: with the model's own calibration, as a"
        " request of just a window has it; with in-request calibration, as a request with"
        f" 400 bars has it ({HISTORY.posted} forecasts to adapt by, gain {HISTORY.gain:g}); and"
        " from closes alone.\n\n"
        f"At 90 %, instrument by instrument: {before.min():.1%} to {before.max():.1%} with the"
        f" model's own, {after.min():.1%} to {after.max():.1%} with in-request calibration."
        " The history that adapts an interval was forecast by the fit of its own time, as a"
        " request's is by the fit that is served.",
        [("interval", "model's own", "in-request", "closes alone"), *rows],
        "instruments.png",
        plots.by_instrument(before, after, 90.0),
    )


def _calibration(accuracy: Accuracy) -> Iterator[Section]:
    actual, drawn = accuracy.actual, {name: accuracy.scored[name].quantiles for name in _DRAWN}
    observed = {
        name: quantile_scores.reliability(actual, quantiles, LEVELS)
        for name, quantiles in drawn.items()
    }
    yield Section(
        "Reliability",
        "How much more or less often than it should the close lay at or below each quantile.",
        picture="reliability.png",
        drawn=plots.reliability(LEVELS, observed),
    )
    values = quantile_scores.pit(actual, drawn[NETWORK], LEVELS)
    yield Section(
        "Probability integral transform",
        "Where in its own forecast each close fell: flat were perfect.",
        picture="pit.png",
        drawn=plots.pit_histogram(values),
    )
    terciles = {name: _terciles(accuracy, name) for name in _DRAWN}
    yield Section(
        "Calm and wild sessions",
        "Coverage of the 90 % interval in thirds of the volatility that the network predicted.",
        [
            ("", "calmest", "middle", "wildest"),
            *((name, *(f"{each:.1%}" for each in found)) for name, found in terciles.items()),
        ],
        "terciles.png",
        plots.coverage_by_tercile(("calmest", "middle", "wildest"), terciles, 90.0),
    )


def _fan(accuracy: Accuracy) -> Section:
    panel, instrument = accuracy.walk.data.panel, accuracy.instruments[0]
    rows = np.flatnonzero(accuracy.instruments == instrument)[-_FAN_SESSIONS:]
    prices = 100 * np.exp(np.cumsum(accuracy.actual[rows]) / 100)
    last = np.r_[100.0, prices[:-1]]
    quantiles = last[:, None] * np.exp(accuracy.scored[NETWORK].quantiles[rows] / 100)
    return Section(
        "One instrument",
        f"{panel.names[instrument]}, the first by name: each session's forecast from the one"
        " before, and what came. The first close drawn from is 100.",
        picture="fan.png",
        drawn=plots.fan(accuracy.dates[rows], prices, quantiles, LEVELS, panel.names[instrument]),
    )


def _direction(accuracy: Accuracy) -> Section:
    actual = accuracy.actual
    median = accuracy.scored[NETWORK].quantiles[:, len(LEVELS) // 2]
    nothing = np.zeros_like(actual)
    hits = point_scores.directional_accuracy(actual, median, nothing)
    base = point_scores.direction_base_rate(actual, nothing)
    tested = quantile_scores.pesaran_timmermann(actual, median)
    said = (
        "It names one direction throughout, so there is nothing to test."
        if tested is None
        else f"Pesaran and Timmermann's test: {tested[0]:+.2f}, p = {tested[1]:.2f}, taking"
        " instruments of one date for independent, which flatters it."
    )
    if hits is None or base is None:
        return Section("Direction", "The median names no direction.")
    return Section(
        "Direction",
        f"The median is on the right side of the last price in {hits:.2%} of the sessions that"
        f" moved, {100 * (hits - base):+.2f} points from who always names the commoner side"
        f" ({base:.2%}). {said} No claim is made.",
    )


def _worst(accuracy: Accuracy) -> Section:
    names = accuracy.walk.data.panel.names
    codes = np.unique(accuracy.instruments)
    skills = _skills(accuracy)
    before, after = _by_instrument(accuracy)
    lowest = np.argsort(skills)[:_SHOWN_WORST]
    rows = [
        (names[codes[each]], f"{skills[each]:+.2%}", f"{before[each]:.1%}", f"{after[each]:.1%}")
        for each in lowest
    ]
    head = ("", "CRPS over GARCH-t", "90 % holds", "with in-request calibration")
    return Section("The worst instruments", table=[head, *rows])


def _flagged(accuracy: Accuracy) -> Section:
    flags = accuracy.walk.data.flags
    rows = [(f.instrument, str(f.date), f.code, f.message) for f in flags[:_SHOWN_FLAGS]]
    more = f" The first {_SHOWN_FLAGS} are shown." if len(flags) > _SHOWN_FLAGS else ""
    return Section(
        "Rows left out",
        f"{len(flags)} flags.{more} A window that holds a flagged row, or whose next session"
        " is one, is neither fitted on nor scored; nothing is repaired.",
        [("instrument", "session", "what", "why"), *rows] if rows else (),
    )


def _figure(value: float | None, form: str) -> str:
    return "none" if value is None else format(value, form)


def _pooled_error(accuracy: Accuracy, percent: float) -> float:
    coverage = 100 * accuracy.scored[NETWORK].inside(accuracy.actual, percent).mean()
    return float(abs(coverage - percent))


def _width(accuracy: Accuracy, name: str) -> float:
    return quantile_scores.width(
        *quantile_scores.interval(accuracy.scored[name].quantiles, LEVELS, 90)
    )


def _skills(accuracy: Accuracy) -> Floats:
    """Return each instrument's CRPS skill over GARCH, (m,)."""
    sums = [
        np.bincount(accuracy.instruments, accuracy.scored[name].crps) for name in (NETWORK, GARCH)
    ]
    present = sums[1] > 0
    skills: Floats = 1 - sums[0][present] / sums[1][present]
    return skills


def _by_instrument(accuracy: Accuracy) -> tuple[Floats, Floats]:
    """Return each instrument's coverage at 90 %: the model's own, and with its history, (m,)."""
    found = []
    for quantiles in (accuracy.scored[NETWORK].quantiles, accuracy.with_history):
        low, high = quantile_scores.interval(quantiles, LEVELS, 90)
        by = quantile_scores.coverage_by(accuracy.actual, low, high, accuracy.instruments)
        found.append(np.array([by[code] for code in sorted(by)]))
    return found[0], found[1]


def _terciles(accuracy: Accuracy, name: str) -> Floats:
    """Return the coverage at 90 % in thirds of the network's predicted volatility, (3,)."""
    thirds = quantile_scores.volatility_terciles(accuracy.scored[NETWORK].quantiles, LEVELS)
    low, high = quantile_scores.interval(accuracy.scored[name].quantiles, LEVELS, 90)
    by = quantile_scores.coverage_by(accuracy.actual, low, high, thirds)
    return np.array([by[third] for third in range(3)])
