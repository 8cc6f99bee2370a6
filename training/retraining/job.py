"""
The retraining job, which nobody watches.

    python -m training retrain --config retrain.toml

Read, check, walk forward over the newest sessions, judge candidate, incumbent and naive on
them, publish or keep, and write down how it went, whatever the end was. The incumbent is not
touched before its successor is whole.
"""

import contextlib
import re
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import tenacity

from app.artifact.layout import GRAPH
from app.forecasting.forecaster import Model
from training.datasets.panel import Panel
from training.errors import BadConfig, PublishError, SourceUnreachable, TrainingError, UsageError
from training.evaluation import accuracy, walk_forward
from training.evaluation.accuracy import Accuracy
from training.evaluation.walk_forward import PanelData, Walk, WalkOptions
from training.progress import say
from training.publishing import lock
from training.retraining import comparison, incumbent, run_record, verdict
from training.retraining.config import Plan, Retries
from training.retraining.run_record import WITH_VERDICT, RunInProgress, RunRecord
from training.retraining.verdict import Verdict
from training.sources import continuity, csv_files, open_source, quality

PUBLISHED: Final = 0
FAILED: Final = 1
USAGE: Final = 2
KEPT: Final = 3
INTERRUPTED: Final = 130

_LONGEST_WAIT_S: Final = 600.0
_WALK: Final = re.compile(r"[0-9a-f]{16}")
"""The name of a walk's folder, see `Backtest.run`."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    plan: Plan
    models: Path
    work: Path
    """Where a walk's forecasts lie, for a run that goes on where another was killed."""
    dry_run: bool = False
    """Do all but publish and write a record."""
    force: bool = False
    """Fit and judge although nothing is new."""
    accept_data: bool = False
    """Do not compare the data with those of the last verdict."""
    patience_s: float = lock.PATIENCE_S
    """How long another run in the same work folder is waited for: one that died is no other."""

    @property
    def home(self) -> Path:
        """Return the model's folder in the store."""
        return self.models / self.plan.config.name


class _NothingNew(Exception):
    """The same was asked of the same data, and answered."""


def run(job: Job) -> RunRecord:
    """
    Run once, and write the record of it; nothing is raised but KeyboardInterrupt.

    Exit codes are 0 published, 3 kept or nothing new, 2 not to be done as the file says, and
    1 failed, also where the record could not be written.
    """
    config = job.plan.config
    this_run = RunInProgress(config.name, config.seed, job.plan.digest, job.dry_run)
    for line in job.plan.warnings:
        this_run.note(line)
    try:
        record = _run(job, this_run)
    except _NothingNew as nothing:
        record = this_run.close("skipped", KEPT, str(nothing))
    except BadConfig as error:
        record = this_run.close("failed", USAGE, str(error))
    except (TrainingError, UsageError) as error:
        record = this_run.close("failed", FAILED, str(error))
    except KeyboardInterrupt:
        _write(job, this_run.close("failed", INTERRUPTED, "interrupted"))
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the record must say it
        traceback.print_exc()
        record = this_run.close("failed", FAILED, f"{type(error).__name__}: {error}")
    return _write(job, record)


def _run(job: Job, this_run: RunInProgress) -> RunRecord:
    config, work = job.plan.config, job.work / job.plan.config.name
    if not job.dry_run:
        run_record.require_writable(job.home)
    with this_run.stage("read"):
        bars = _read(config.source, config.retries)
    with this_run.stage("check"):
        data, bars = _check(job, this_run, bars)
    work.mkdir(parents=True, exist_ok=True)
    with _exclusive(work, job.patience_s):
        with this_run.stage("walk"):
            walk = _walk(job.plan, data, work)
        with this_run.stage("judge"):
            found = accuracy.measure(walk)
            decision = _judge(job, this_run, found, bars)
        if not decision.publish:
            return this_run.close("kept", KEPT, decision.summary)
        with this_run.stage("release"):
            _release(job, this_run, found, work)
    return this_run.close("published", PUBLISHED, decision.summary)


def _read(source: open_source.Source, retries: Retries) -> pd.DataFrame:
    """Read the source; one that cannot be reached is tried again, later each time."""

    def tell(state: tenacity.RetryCallState) -> None:
        reason = state.outcome.exception() if state.outcome else None
        tries = f"attempt {state.attempt_number} of {retries.attempts}"
        say(f"{tries}: {reason}; again in {state.upcoming_sleep:.0f} s")

    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(SourceUnreachable),
        stop=tenacity.stop_after_attempt(retries.attempts),
        wait=tenacity.wait_exponential(retries.first_wait_seconds, max=_LONGEST_WAIT_S),
        before_sleep=tell,
        reraise=True,
    )
    return trying(open_source.read, source)


def _check(job: Job, this_run: RunInProgress, bars: pd.DataFrame) -> tuple[PanelData, pd.DataFrame]:
    """
    Compare the bars with those of the last verdict, and with what bars can be.

    Returns what a walk needs, and the bars that are its panel's rows.
    """
    last = None
    for record in run_record.newest_first(job.home):
        if record.started > this_run.started:
            raise TrainingError(
                f"the clock went back: it is {this_run.started:%Y-%m-%d %H:%M} UTC, and run"
                f" {record.id} began later; set the clock, or remove that record if it was wrong"
            )
        if record.status in WITH_VERDICT:
            last = record
            break
    this_run.data = continuity.summarise(bars)
    before = last.data if last and not job.accept_data else None
    changes = continuity.check_continuity(before, bars, this_run.started.date())
    for line in changes.corrected:
        this_run.note(line)
    if changes.faults:
        raise TrainingError("; ".join(changes.faults))
    checked = quality.check(bars)
    digest = this_run.data_digest = csv_files.digest(checked.bars)
    question = (job.plan.digest, digest)
    if last and (last.config_digest, last.data_digest) == question and not job.force:
        raise _NothingNew(f"nothing is new since run {last.id}, which was {last.status}")
    for flag in checked.flags:
        say(f"{flag.instrument} {flag.date}: {flag.message}")
    if checked.bars.empty:
        raise TrainingError(f"no instrument has {quality.USABLE_ROWS} usable sessions")
    return PanelData(Panel.of(checked.bars), checked.flags, digest), checked.bars


@contextlib.contextmanager
def _exclusive(work: Path, patience_s: float) -> Iterator[None]:
    """Let one run at a time work in a folder: two would write the same files."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock.acquire(work, patience_s=patience_s))
        except PublishError as error:
            raise TrainingError(f"another run is under way: {error}") from error
        yield


def _walk(plan: Plan, data: PanelData, work: Path) -> Walk:
    evaluation = plan.config.evaluation
    options = WalkOptions(plan.config.seed, evaluation.sessions, evaluation.refit_sessions)
    walk = walk_forward.run(plan.recipe, data, work, options)
    for folder in work.iterdir():
        # those of other nights: that data does not come again
        if _WALK.fullmatch(folder.name) and folder != walk.cache.folder:
            shutil.rmtree(folder, ignore_errors=True)
    return walk


def _judge(job: Job, this_run: RunInProgress, found: Accuracy, bars: pd.DataFrame) -> Verdict:
    bounds = job.plan.config.verdict
    current = incumbent.load_current(job.home, job.plan.config.name)
    this_run.incumbent = current.version
    compared = comparison.compare(found, bars, current, bounds)
    for line in compared.notes:
        this_run.note(line)
    this_run.standings = compared.standings
    this_run.verdict = verdict.decide(compared.evidence, bounds)
    return this_run.verdict


def _release(job: Job, this_run: RunInProgress, found: Accuracy, work: Path) -> None:
    """Refit, prove and publish; a dry run does all of it in a store that is thrown away."""
    # here, not above: TensorFlow takes seconds to import, and most nights may not need it
    from training.publishing.quantile_release import release  # noqa: PLC0415

    config = job.plan.config

    def require_same_incumbent(model: Model) -> None:
        this_run.graph_digest = model.manifest.files[GRAPH].sha256
        now = incumbent.load_current(job.home, config.name).version
        if now != this_run.incumbent:
            raise PublishError(f"version {now} was made current while another one was judged")

    with tempfile.TemporaryDirectory(dir=work) as thrown_away:
        released = release(
            found,
            Path(thrown_away) if job.dry_run else job.models,
            config.name,
            keep=config.store.keep,
            before_publishing=require_same_incumbent,
        )
    say(f"served and fitted quantiles differ by at most {released.parity:.1e}")
    if not job.dry_run:
        this_run.version = released.model.manifest.version


def _write(job: Job, record: RunRecord) -> RunRecord:
    if job.dry_run:
        return record
    try:
        run_record.write(job.home, record)
    except TrainingError as error:
        reason = f"{record.reason}; there is no record of this run: {error}"
        return record.model_copy(update={"exit_code": FAILED, "reason": reason})
    return record
