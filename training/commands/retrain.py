"""`retrain`: fit, judge, and publish or keep; once, or on a schedule."""

import argparse
import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

from training.commands.options import Commands, add_models, add_work
from training.errors import UsageError
from training.progress import say

if TYPE_CHECKING:
    from training.retraining.run_record import RunRecord, Standing

_HIGHEST_PORT: Final = 65_535


def add(commands: Commands) -> None:
    """Add the command."""
    retrain = commands.add_parser(
        "retrain",
        help="fit, judge, and publish or keep; once, or on a schedule",
        description="Read the source, check it, walk forward over the newest sessions, compare"
        " the candidate with the model that is served and with tomorrow = today on the same"
        " sessions, and publish it, or keep what is served. MODELS/NAME/runs has a record of"
        " every run. One that was killed goes on where it stopped.",
        epilog="Exit status: 0 published, 3 kept or nothing new, 2 wrong usage, 1 failed.",
    )
    retrain.add_argument("--config", type=Path, metavar="FILE", required=True, help="a .toml file")
    retrain.add_argument(
        "--dry-run", action="store_true", help="do all but publish and write a record"
    )
    retrain.add_argument(
        "--force", action="store_true", help="fit and judge although no session is new"
    )
    retrain.add_argument(
        "--accept-data",
        action="store_true",
        help="do not compare the data with those of the last verdict: what changed is right",
    )
    retrain.add_argument(
        "--schedule",
        metavar="CRON",
        help="stay, and run on time: minute hour day month weekday, as '30 22 * * mon-fri'",
    )
    retrain.add_argument(
        "--timezone", metavar="ZONE", help="of the schedule's hours (default: UTC)"
    )
    retrain.add_argument(
        "--metrics-port",
        type=_port,
        metavar="PORT",
        help="with --schedule: where its metrics are read (default: 0, nowhere)",
    )
    retrain.add_argument(
        "--run-at-start", action="store_true", help="with --schedule: run once now, too"
    )
    add_models(retrain)
    add_work(retrain, ".retrain")
    retrain.add_argument("--json", action="store_true", help="print the record for machines")
    retrain.set_defaults(command=_retrain)


def _retrain(options: argparse.Namespace) -> int:
    # here, not above: other commands need not wait for these imports
    from training.retraining import config, job  # noqa: PLC0415

    plan = config.load(options.config)
    if options.schedule is not None:
        return _on_schedule(options)
    if options.timezone or options.metrics_port or options.run_at_start:
        raise UsageError("--timezone, --metrics-port and --run-at-start go with --schedule")
    run = job.Job(
        plan=plan,
        models=options.models,
        work=options.work,
        dry_run=options.dry_run,
        force=options.force,
        accept_data=options.accept_data,
    )
    with _interrupted_by_sigterm():
        record = job.run(run)
    if options.json:
        print(record.model_dump_json())
    else:
        print(_text(record), end="")
    if record.status == "failed" or record.exit_code == job.FAILED:
        say(f"failed: {record.reason}")
    return record.exit_code


def _on_schedule(options: argparse.Namespace) -> int:
    from training.retraining import schedule  # noqa: PLC0415 - as above

    if options.force or options.accept_data:
        raise UsageError("--force and --accept-data are for a single run, not for a schedule")
    trigger = schedule.parse(options.schedule, options.timezone or "UTC")
    command = [sys.executable, "-m", "training", "retrain", "--json"]
    for option in ("config", "models", "work"):
        command += [f"--{option}", str(getattr(options, option))]
    return schedule.follow(
        trigger,
        [*command, *(["--dry-run"] if options.dry_run else [])],
        metrics_port=options.metrics_port or 0,
        at_start=options.run_at_start,
        echo=options.json,
    )


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Make SIGTERM an interruption, which ends what fits in other processes and is recorded."""

    def interrupt(_: int, __: FrameType | None) -> NoReturn:
        for process in multiprocessing.active_children():
            process.terminate()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _text(record: "RunRecord") -> str:
    """Return the record for people, lines that end."""
    lines = []
    if standings := record.standings:
        scored = f"{standings.forecasts:,} forecasts, {standings.sessions} sessions"
        lines += [
            f"{scored}, in percent of the last price",
            f"{'':12}{'MAE':>10}{'over naive':>12}{'CRPS':>10}{'90 % held':>11}",
            _row("candidate", standings.candidate),
            *([_row("incumbent", standings.incumbent)] if standings.incumbent else []),
            _row("naive", standings.naive),
        ]
        if standings.incumbent_saw:
            lines.append(f"the incumbent was fitted on {standings.incumbent_saw} of these sessions")
    if record.verdict:
        lines += [
            f"{'ok ' if reason.passed else 'NO '} {reason.rule}: {reason.measured_text},"
            f" must be {reason.bound}"
            for reason in record.verdict.reasons
        ]
    if record.status != "failed":
        done = "would be " if record.dry_run else ""
        what = f" version {record.version}" if record.version else ""
        lines.append(f"{done}{record.status}{what}: {record.reason}")
    return "".join(f"{line}\n" for line in lines)


def _row(name: str, standing: "Standing") -> str:
    crps = "" if standing.crps is None else f"{standing.crps:.4f}"
    coverage = "" if standing.coverage_90 is None else f"{standing.coverage_90:.1%}"
    over = "" if standing.mae_vs_naive is None else f"{standing.mae_vs_naive:.4f}"
    return f"{name:12}{standing.mae:>10.4f}{over:>12}{crps:>10}{coverage:>11}"


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"must be within 0 and {_HIGHEST_PORT}, was {port}")
    return port
