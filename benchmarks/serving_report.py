"""The serving part of docs/performance.md, told from a run of `benchmarks.serving`."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import promises, serving_plots
from benchmarks.answered import Answered, of_200s
from benchmarks.limit import BATCHES
from benchmarks.promises import Promise
from benchmarks.results import (
    BATCH,
    BATCH_CONNECTIONS,
    BIG_BATCH,
    MANY,
    MODELS,
    OPEN_CONNECTIONS,
    OVERLOAD,
    SHARES,
    SINGLES_A_SECOND,
    USUAL,
    Run,
)
from benchmarks.servers import PRICES, SERVERS, Server
from training.reports.document import Section, to_markdown

_HEADING: Final = "Serving"
"""Every section of ours begins so, and those of a page that do are replaced."""


def write(run: Run, lines: Sequence[Promise], folder: Path) -> Path:
    """Write the serving part of performance.md and its pictures; the rest stays as it is."""
    page, pictures = folder / "performance.md", folder / "performance"
    pictures.mkdir(exist_ok=True)
    made = list(_sections(run, lines))
    for section in made:
        if section.picture:
            (pictures / section.picture).write_bytes(section.drawn)
    serving = to_markdown(made, title="", folder="performance").partition("\n")[2]
    intro, *others = page.read_text(encoding="utf-8").split("\n## ")
    kept = [f"## {each}" for each in others if not each.startswith(_HEADING)]
    parts = [part.strip() for part in (intro, serving, *kept)]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _sections(run: Run, lines: Sequence[Promise]) -> Iterator[Section]:
    measured = [each for each in SERVERS if run.of(each.name)]
    yield _held(run, lines)
    yield _side_by_side(run, measured)
    yield _by_connections(run, measured)
    if run.ours:
        yield _alone(run)
        yield _open_loop(run)
    yield Section(
        f"{_HEADING}: what was compared",
        "Each peer as its own documentation would have it written (`benchmarks/peers`), in an"
        " environment of its own, with the best settings for one core that we know.",
        table=[["", "settings"], *([each.title, each.settings] for each in measured)],
    )


def _held(run: Run, lines: Sequence[Promise]) -> Section:
    text = (
        "`make bench`: one worker on one core, the load on the other, of a shared x86-64 server"
        " with two; LSTM 4 x 50 over 60 prices, the same graph for all of them, through"
        " onnxruntime with one thread; every server's forecasts were compared with the network's"
        " own before it was timed. Those of bars and dates serve the shipped model instead, and"
        " are asked with 60 bars and their dates; the declared route checks them as we do:"
        " finite prices above zero, columns of one length, possible bars, rising dates."
        f" {_rounds(run)} The client is"
        f" {'wrk for closed loops and our own for the others' if run.wrk else 'our own'};"
        " connections are kept, and made half a second before the first request."
    )
    return Section(
        f"{_HEADING}: targets and results",
        "\n\n".join([text, *promises.left_out(run), *promises.disturbed(run)]),
        table=promises.table(lines),
    )


def _rounds(run: Run) -> str:
    if len(run.rounds) == 1:
        return "One round."
    return (
        f"{len(run.rounds)} rounds, in each of which every server was started anew: figures are"
        f" medians. Our service and each peer that it is compared with then took {run.plan.turns}"
        f" turns a round, of {run.plan.turn} s (or what a slow one needs for a few answers) with"
        f" {USUAL} connections, in which the other stood still: ratios are the median of the turns."
        f" Our {MANY} connections and {USUAL} took as many, of {run.plan.many} s."
    )


def _side_by_side(run: Run, measured: Sequence[Server]) -> Section:
    rows = [
        [
            server.title,
            *(
                _rate(each.closed[connections] for each in run.of(server.name))
                for connections in run.plan.connections
            ),
            *_times(each.closed[USUAL] for each in run.of(server.name)),
            f"{median(each.cpu_ms for each in run.of(server.name)):.2f}",
            f"{median(each.memory_mib for each in run.of(server.name)):.0f}",
            str(sum(_failed(each.closed.values()) for each in run.of(server.name))),
        ]
        for server in measured
    ]
    limits = [median(each.limit[n].windows_a_second for each in run.rounds) for n in BATCHES]
    one, few, many = (f"{each:,.0f}" for each in limits)
    return Section(
        f"{_HEADING}: compared with other servers",
        "Requests a second on so many connections, each of which sends its next request when its"
        f" answer is there; with {USUAL} of them, latency in ms, and processor time of a request;"
        " memory of all processes after that load; errors in all of it. onnxruntime alone, with"
        f" nothing around it, did {one} windows a second one by one, {few} in batches of"
        f" {BATCHES[1]} and {many} in batches of {BATCHES[2]}.",
        table=[
            [
                "connections",
                *map(str, run.plan.connections),
                *("p50", "p99", "p99.9", "CPU ms", "MiB", "errors"),
            ],
            *rows,
        ],
        picture="throughput.png",
        drawn=serving_plots.throughput(
            {
                server.title: median(each.closed[USUAL].a_second for each in run.of(server.name))
                for server in measured
                if server.questions == PRICES
            },
            limit=limits[1],
        ),
    )


def _by_connections(run: Run, measured: Sequence[Server]) -> Section:
    counts = run.plan.connections
    found = {
        server.title: [
            tuple(
                median(getattr(of_200s(each.closed[n]), share) for each in run.of(server.name))
                for share in ("p50", "p99")
            )
            for n in counts
        ]
        for server in measured
    }
    # a picture compares what has the same to do
    drawn = [server.title for server in measured if server.questions == PRICES]
    return Section(
        f"{_HEADING}: latency by connections",
        f"p50 / p99 in ms, of what was answered within {run.plan.closed} s: whoever needs longer"
        " for some looks better here than it is.",
        table=[
            ["connections", *map(str, counts)],
            *(
                [title, *(f"{p50:.2f} / {p99:.2f}" for p50, p99 in pairs)]
                for title, pairs in found.items()
            ),
        ],
        picture="latency.png",
        drawn=serving_plots.latency(
            counts, {title: [p99 for _, p99 in found[title]] for title in drawn}
        ),
    )


def _alone(run: Run) -> Section:
    ours = run.ours
    windows = median(each.batch.a_second * BATCH for each in ours)
    posted = median(each.mixed_open.batches.a_second * BIG_BATCH for each in ours)
    text = (
        f"`/predict/batch` of {BATCH} windows on {BATCH_CONNECTIONS} connections forecast"
        f" {windows:,.0f} windows a second. Below, single requests alone, and together with a"
        f" client that posts batches of {BIG_BATCH:,} one after the other ({posted:,.0f} windows a"
        " second)."
    )
    if run.start_s:
        one, many = (run.start_s[models] for models in MODELS)
        text += (
            f"\n\nReady {one:.2f} s after its start with {MODELS[0]} published model, and"
            f" {many:.2f} s with {MODELS[1]}."
        )
    mixes = {
        f"{SINGLES_A_SECOND} requests a second": [each.mixed_open for each in ours],
        "one connection": [each.mixed_closed for each in ours],
    }
    rows = []
    for how, mixed in mixes.items():
        rows.append([f"{how}, alone", *_times(each.alone for each in mixed)])
        rows.append([f"{how}, with batches", *_times(each.beside for each in mixed)])
    return Section(
        f"{_HEADING}: batches and single requests together",
        text,
        table=[["", "p50 ms", "p99 ms", "p99.9 ms"], *rows],
    )


def _open_loop(run: Run) -> Section:
    ours = run.ours
    loads = {f"{share} %": [each.open[share] for each in ours] for share in SHARES}
    loads[f"{OVERLOAD} times"] = [each.overload for each in ours]
    before, after = (
        median(each.memory_before_mib for each in ours),
        median(each.memory_after_mib for each in ours),
    )
    return Section(
        f"{_HEADING}: at a fixed rate",
        "So much of what closed loops reached,"
        f" {median(each.capacity for each in ours):,.0f} requests a second, over up to"
        f" {OPEN_CONNECTIONS:,} connections; latency of the answers with 200, in ms, from the"
        " moment at which a request was due. The overload was of"
        f" {run.plan.overload:.0f} s; memory was {before:.0f} MiB before it and {after:.0f} after.",
        table=[
            ["", "answered with 200, a second", "503", "p50", "p99", "p99.9", "errors"],
            *(
                [
                    share,
                    f"{median(each.ok / each.seconds for each in found):,.0f}",
                    f"{100 * median(each.rejected / each.answers for each in found):.1f} %",
                    *_times(found),
                    str(sum(each.errors for each in found)),
                ]
                for share, found in loads.items()
            ),
        ],
    )


def _rate(found: Iterable[Answered]) -> str:
    return f"{median(each.a_second for each in found):,.0f}"


def _times(found: Iterable[Answered]) -> list[str]:
    latencies = [of_200s(each) for each in found]
    return [
        f"{median(getattr(each, share) for each in latencies):.2f}"
        for share in ("p50", "p99", "p999")
    ]


def _failed(found: Iterable[Answered]) -> int:
    return sum(each.errors + each.rejected for each in found)
