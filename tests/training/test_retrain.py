"""`python -m training retrain`, from a source to what is served."""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from app.artifact import archive, layout
from app.forecasting.forecaster import forecast
from app.inference import loader
from tests.builders import newest, serving, write_bars
from tests.training.retraining import (
    FIRST,
    FORECASTS,
    HELD_OUT,
    INSTRUMENTS,
    SESSIONS,
    folds,
    latest,
    options,
    prepare,
    publish_last_value,
    record_of_older_data,
    retrain,
)
from tests.training.waiting import LONGEST_S, once, wait_for
from training.publishing import lock
from training.retraining import config
from training.retraining.job import Job, run
from training.retraining.run_record import RunRecord
from training.sources import csv_files


@dataclass(frozen=True)
class Published:
    """A run that was killed, and one that went on; a model that says what naive says was there."""

    home: Path
    killed_runs: list[str]
    """The records that were there after it was killed."""
    done: dict[str, bytes]
    """The forecasts that were there."""
    said: str
    """By the run that went on."""
    printed: str
    code: int


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Kill a run in the middle of its walk, and let another one go on."""
    home = prepare(tmp_path_factory.mktemp("first"))
    publish_last_value(home / "models")
    before = record_of_older_data(home)
    with (home / "log").open("w") as log:
        killed = subprocess.Popen(
            [sys.executable, "-m", "training", *options(home, "--json")],
            stderr=log,
            stdout=log,
            start_new_session=True,
        )
        try:
            second = (home / "work").rglob
            wait_for(lambda: len(list(second("*-network.npy"))) > 1, by=killed)
        finally:
            os.killpg(killed.pid, signal.SIGKILL)
            killed.wait()
    runs = [path.stem for path in (home / "models" / "m" / "runs").iterdir()]
    runs.remove(before.id)
    done, said, printed = folds(home), io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
        code = retrain(home, "--json")
    return Published(home, runs, done, said.getvalue(), printed.getvalue(), code)


@pytest.fixture
def home(published: Published, tmp_path: Path) -> Path:
    """Return a copy of what the runs have left."""
    return Path(shutil.copytree(published.home, tmp_path / "home"))


def test_a_killed_run_leaves_no_record_and_the_next_goes_on(published: Published) -> None:
    assert published.killed_runs == []
    done = len(published.done)
    assert done > FORECASTS // 2
    assert f"{done} of {FORECASTS} forecasts are there from before" in published.said
    assert published.done.items() <= folds(published.home).items()


def test_new_sessions_are_judged_against_what_is_served_and_published(
    published: Published,
) -> None:
    record = latest(published.home)

    assert published.code == 0, published.said
    assert RunRecord.model_validate_json(published.printed) == record
    assert (record.status, record.exit_code, record.version) == ("published", 0, 2)
    assert (record.incumbent, record.notes, record.dry_run) == (1, (), False)
    assert record.timings.keys() == {"read", "check", "walk", "judge", "release"}
    assert record.started < record.ended
    assert record.verdict
    assert [reason.passed for reason in record.verdict.reasons] == [True] * 6
    held = record.standings
    manifest = archive.read(published.home / "models" / "m" / "2").manifest
    assert held
    assert held.incumbent
    assert (held.sessions, held.forecasts) == (HELD_OUT, HELD_OUT * INSTRUMENTS)
    assert held.candidate.mae == pytest.approx(manifest.scores.mae)
    assert held.naive.mae == pytest.approx(manifest.scores.naive_mae)
    assert held.incumbent.mae == pytest.approx(held.naive.mae, rel=1e-4)
    assert held.candidate.coverage_90 == manifest.scores.coverage_90
    days = np.busday_offset(FIRST, np.arange(SESSIONS), roll="forward")[-HELD_OUT:]
    assert held.incumbent_saw == (days <= np.datetime64("2020-12-31")).sum()
    assert record.data_digest == manifest.data_digest
    assert record.graph_digest == manifest.files[layout.GRAPH].sha256


def test_what_was_published_is_served(published: Published, tmp_path: Path) -> None:
    window = newest(write_bars(tmp_path / "NEW.csv", 60, seed=9), 60)

    with serving(published.home / "models") as client:
        answer = client.post("/predict", json={"model": "m", "bars": window})

    assert answer.status_code == 200
    assert answer.json()["version"] == 2


def test_the_same_again_is_skipped_without_fitting(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = latest(home)

    assert retrain(home) == 3

    record = latest(home)
    assert (record.status, record.exit_code) == ("skipped", 3)
    assert record.reason == f"nothing is new since run {before.id}, which was published"
    assert record.timings.keys() == {"read", "check"}
    assert record.data == before.data
    assert capsys.readouterr().out == f"skipped: {record.reason}\n"
    assert retrain(home) == 3  # a skipped run is no verdict, and hides none
    assert latest(home).reason == record.reason


def test_a_first_model_has_no_incumbent_and_the_same_bits(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into an empty store; one forecast is made again, and the model is fitted anew."""
    earlier, before = latest(home), folds(home)
    shutil.rmtree(home / "models")
    next((home / "work").rglob("*-network.npy")).unlink()

    assert retrain(home) == 0

    printed = capsys.readouterr()
    assert f"{FORECASTS - 1} of {FORECASTS} forecasts are there from before" in printed.err
    assert folds(home) == before
    record = latest(home)
    assert (record.version, record.incumbent) == (1, None)
    assert record.graph_digest == earlier.graph_digest
    assert record.verdict
    assert [reason.passed for reason in record.verdict.reasons] == [True] * 4
    assert record.standings
    assert (record.standings.incumbent, record.standings.incumbent_saw) == (None, None)
    assert earlier.standings
    assert record.standings.candidate == earlier.standings.candidate
    assert printed.out.endswith("published version 1: every rule passed\n")


def test_a_version_that_came_meanwhile_is_not_replaced(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def has_judged() -> bool:
        # the store that a dry run throws away is there by then
        return any((home / "work" / "m").glob("tmp*"))

    runs = sorted((home / "models" / "m" / "runs").iterdir())
    with once(has_judged, lambda: publish_last_value(home / "models")):
        code = retrain(home, "--force", "--dry-run", "--json")

    assert code == 1
    record = RunRecord.model_validate_json(capsys.readouterr().out)
    assert record.reason == "version 3 was made current while another one was judged"
    assert record.verdict
    assert record.verdict.publish
    assert (record.dry_run, record.version) == (True, None)
    assert record.graph_digest == latest(home).graph_digest
    assert sorted((home / "models" / "m" / "runs").iterdir()) == runs
    assert layout.current_version(home / "models" / "m") == 3
    assert list((home / "work" / "m").glob("tmp*")) == []


def test_what_was_published_is_the_next_incumbent(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = home / "work" / "m" / "0123456789abcdef"
    stale.mkdir()

    assert retrain(home, config="never.toml") == 3

    record, told = latest(home), capsys.readouterr().out
    assert (record.status, record.incumbent, record.version) == ("kept", 2, None)
    assert record.reason.startswith("share held by 90 % intervals: was 0.")
    assert layout.current_version(home / "models" / "m") == 2
    held = record.standings
    assert held
    assert held.incumbent
    assert held.incumbent_saw == HELD_OUT
    assert (held.incumbent.mae, held.incumbent.coverage_90) == pytest.approx(
        by_plain_loop(home), rel=1e-9
    )
    assert f"the incumbent was fitted on {HELD_OUT} of these sessions\n" in told
    assert "ok  not worse than the incumbent beyond noise (p): " in told
    assert f"\nincumbent {held.incumbent.mae:12.4f}" in told
    assert not stale.exists()  # what was forecast from other data will not come again


def by_plain_loop(home: Path) -> tuple[float, float]:
    """Return the incumbent's MAE and coverage at 90 %, each forecast made for itself."""
    model = loader.load(home / "models" / "m" / "2", "m", 2)
    errors, inside = [], []
    for path in sorted((home / "prices").glob("*.csv")):
        bars = csv_files.read_bars(path)[list(csv_files.OHLC)].to_numpy()
        for row in range(len(bars) - HELD_OUT, len(bars)):
            made = forecast(model, bars[None, row - 60 : row], (90.0,))
            close, last = bars[row, 3], bars[row - 1, 3]
            errors.append(100 * abs(made.predictions[0] - close) / last)
            low, high = made.intervals[0, 0]
            inside.append(low <= close <= high)
    return float(np.mean(errors)), float(np.mean(inside))


def test_a_dry_run_leaves_no_trace_in_the_store(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(home / "models")

    assert retrain(home, "--dry-run", config="never.toml") == 3

    assert not (home / "models").exists()
    assert "\nNO  share held by 90 % intervals: " in (told := capsys.readouterr().out)
    assert "\nwould be kept: share held by 90 % intervals: was 0." in told


@pytest.mark.parametrize("damage", ["graph", "manifest", "current"])
def test_a_damaged_incumbent_is_told_and_judged_as_none(home: Path, damage: str) -> None:
    served = home / "models" / "m" / "2"
    if damage == "graph":
        content = bytearray((served / layout.GRAPH).read_bytes())
        content[len(content) // 2] ^= 1
        (served / layout.GRAPH).write_bytes(content)
    elif damage == "manifest":
        (served / layout.MANIFEST).unlink()
    else:
        (home / "models" / "m" / layout.CURRENT).write_text("?")

    assert retrain(home, config="never.toml") == 3

    record = latest(home)
    assert record.incumbent == (None if damage == "current" else 2)
    which = "current" if damage == "current" else "version 2"
    assert record.notes[0].startswith(f"judged without the incumbent: {which} is damaged: ")
    assert record.standings
    assert record.standings.incumbent is None
    assert record.verdict
    assert len(record.verdict.reasons) == 4


def test_one_run_at_a_time_works_in_a_folder(home: Path) -> None:
    plan = config.load(home / "retrain.toml")
    job = Job(plan, home / "models", home / "work", force=True, patience_s=0.1)

    with lock.acquire(home / "work" / "m"):
        record = run(job)

    assert (record.status, record.exit_code) == ("failed", 1)
    assert record.reason.startswith("another run is under way: ")
    assert latest(home) == record


def test_what_nobody_thought_of_is_recorded_too(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (home / "work").rglob("*-naive.npy"):
        path.write_bytes(b"")

    assert retrain(home, "--force") == 1

    record = latest(home)
    assert record.status == "failed"
    assert record.reason.startswith("EOFError: ")
    assert "Traceback" in capsys.readouterr().err


def test_sigterm_ends_a_run_and_those_that_fit_for_it(published: Published, tmp_path: Path) -> None:
    home = Path(shutil.copytree(published.home / "prices", tmp_path / "prices")).parent
    for name in ("small.toml", "retrain.toml"):
        shutil.copy(published.home / name, home)
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "training", *options(home)],
            stderr=log,
            start_new_session=True,
        )
    wait_for(lambda: len(running(process.pid)) > 2, by=process)
    process.terminate()

    assert process.wait(LONGEST_S) == 130
    record = latest(home)
    assert (record.status, record.exit_code, record.reason) == ("failed", 130, "interrupted")
    wait_for(lambda: not running(process.pid))


def running(session: int) -> list[str]:
    """Return the processes of a session that are running."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # after the name, which may hold anything: state, parent, group, session
            state, _, _, of, *_ = path.read_text().rsplit(")", 1)[1].split()
            if int(of) == session and state != "Z":
                found.append(path.parent.name)
    return found
