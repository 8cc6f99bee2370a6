"""
What a retraining leaves behind: `models/<name>/runs/<id>.json`, one file a run.

Written by a rename at the end, whatever the end was: a run that was killed leaves none.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from app import regular_files
from app.artifact import archive
from training import provenance
from training.errors import TrainingError
from training.progress import say
from training.retraining.verdict import Verdict
from training.sources.continuity import DataSummary

RUNS: Final = "runs"

Status: TypeAlias = Literal["published", "kept", "skipped", "failed"]
WITH_VERDICT: Final[frozenset[Status]] = frozenset(["published", "kept"])
"""Those that ended in a verdict."""

_Frozen = ConfigDict(frozen=True, extra="forbid")


class Standing(BaseModel):
    """How one forecaster did on the held-out sessions; percent of the last price."""

    model_config = _Frozen

    mae: float
    mae_vs_naive: float | None
    """None where naive was never wrong."""
    crps: float | None
    """In percent of log return; None for a forecaster of points."""
    coverage_90: float | None


class Standings(BaseModel):
    """Candidate, incumbent and naive on the same held-out sessions."""

    model_config = _Frozen

    sessions: int
    forecasts: int
    """One for each instrument and session."""
    candidate: Standing
    incumbent: Standing | None
    naive: Standing
    incumbent_saw: int | None
    """Sessions of these that the incumbent was fitted on, which favours it."""


class RunRecord(BaseModel):
    """One run, from its start to its end."""

    model_config = _Frozen

    format: Literal[1] = 1
    id: str
    name: str
    started: datetime
    ended: datetime
    status: Status
    exit_code: int
    reason: str
    """In one line: why it was published, kept, skipped, or how it failed."""
    dry_run: bool
    """Nothing was written; the status is what it would have been."""
    version: int | None
    """What was published."""
    graph_digest: str | None
    """The SHA-256 of the network that was to be: one for the same data, seed and machine."""
    incumbent: int | None
    """The version that was being served."""
    notes: tuple[str, ...]
    """What a person may want to know, and stopped nothing."""
    verdict: Verdict | None
    standings: Standings | None
    data: DataSummary | None
    """What the source gave."""
    data_digest: str | None
    """Of the checked bars, as in a manifest."""
    config_digest: str
    timings: dict[str, float]
    """Seconds of each stage."""
    seed: int
    libraries: dict[str, str]
    git_commit: str | None


@dataclass(slots=True)
class RunInProgress:
    """What is known of a run that is under way."""

    name: str
    seed: int
    config_digest: str
    dry_run: bool
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: int | None = None
    graph_digest: str | None = None
    incumbent: int | None = None
    notes: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    standings: Standings | None = None
    data: DataSummary | None = None
    data_digest: str | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, also one that fails."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.timings[name] = round(time.monotonic() - began, 3)

    def note(self, line: str) -> None:
        """Note and say what stops nothing."""
        say(line)
        self.notes.append(line)

    def close(self, status: Status, exit_code: int, reason: str) -> RunRecord:
        """Return the record of the run, which ends here."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        return RunRecord(
            # microseconds, five hex digits of them, so that names sort as runs began
            id=f"{self.started:%Y%m%dT%H%M%SZ}-{self.started.microsecond:05x}{secrets.token_hex(1)[0]}",
            ended=datetime.now(UTC),
            status=status,
            exit_code=exit_code,
            reason=" ".join(reason.split()),
            libraries=provenance.libraries(),
            git_commit=provenance.git_commit(),
            **known,
        )


def newest_first(home: Path) -> Iterator[RunRecord]:
    """Yield a model's records; damaged ones are named and passed over."""
    for path in sorted((home / RUNS).glob("*.json"), reverse=True):
        try:
            yield RunRecord.model_validate_json(regular_files.require(path).read_bytes())
        except (OSError, ValidationError) as error:
            why = error.strerror if isinstance(error, OSError) else "not of this format"
            say(f"{RUNS}/{path.name} is damaged and was passed over: {why}")


def require_writable(home: Path) -> None:
    """Raise TrainingError where no record could be written: better now than after an hour."""
    probe = home / RUNS / f".probe-{secrets.token_hex(4)}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        archive.write_durably(probe, b"")
        probe.unlink()
    except OSError as error:
        raise TrainingError(f"{home} cannot be written: {error.strerror}") from error


def write(home: Path, record: RunRecord) -> None:
    """Write a record, whole or not at all; raise TrainingError where the store takes none."""
    folder = home / RUNS
    partial = folder / f".{record.id}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        archive.write_durably(partial, record.model_dump_json(indent=1).encode() + b"\n")
        partial.replace(folder / f"{record.id}.json")
        archive.sync_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise TrainingError(f"{folder} cannot be written: {error.strerror}") from error
