"""Bad input at night: a clear reason, a record where it can be, and nothing is touched."""

import multiprocessing
import os
import shutil
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.artifact import layout
from tests.training.retraining import (
    CONFIG,
    latest,
    prepare,
    publish_last_value,
    record_of_older_data,
    retrain,
    unreachable,
)
from tests.training.waiting import LONGEST_S, once
from training.retraining import run_record
from training.retraining.run_record import RunInProgress, RunRecord


def test_a_store_that_cannot_be_written_is_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    (tmp_path / "models").write_text("a file")

    assert retrain(tmp_path, "--json") == 1

    printed = capsys.readouterr()
    record = RunRecord.model_validate_json(printed.out)
    assert (record.status, record.exit_code, record.timings) == ("failed", 1, {})
    assert "cannot be written" in record.reason
    assert f"failed: {record.reason}\n" in printed.err
    assert "there is no record of this run" in record.reason


def test_a_record_that_cannot_be_written_in_the_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    unreachable(tmp_path, attempts=1, wait=0)
    runs = tmp_path / "models" / "m" / "runs"
    require_writable = run_record.require_writable

    def damage_afterwards(home: Path) -> None:
        require_writable(home)
        runs.rmdir()
        runs.write_text("where a folder was")

    monkeypatch.setattr(run_record, "require_writable", damage_afterwards)
    code = retrain(tmp_path)

    assert code == 1
    assert runs.is_file()


def test_a_source_that_cannot_be_reached_is_tried_again_and_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    monkeypatch.setenv("SECRET", "hush-hush")
    unreachable(tmp_path, attempts=3, wait=0.05, login=":${SECRET}")

    assert retrain(tmp_path) == 1

    record, said = latest(tmp_path), capsys.readouterr().err
    assert [f"attempt {number} of 3: " in said for number in (1, 2, 3)] == [True, True, False]
    assert record.status == "failed"
    assert "127.0.0.1" in record.reason
    assert "hush-hush" not in said + record.model_dump_json()


def test_a_source_that_cannot_be_read_here_at_all_is_wrong_usage(tmp_path: Path) -> None:
    prepare(tmp_path)
    changed = CONFIG.replace('kind = "csv"\nfolder', 'kind = "sql"\ntable = "bars"\nurl')
    (tmp_path / "retrain.toml").write_text(changed)

    assert retrain(tmp_path) == 2
    assert (latest(tmp_path).status, latest(tmp_path).exit_code) == ("failed", 2)


def test_a_source_that_shrank_stops_the_run_until_it_is_accepted(tmp_path: Path) -> None:
    home = prepare(tmp_path / "home", sessions=310)
    publish_last_value(home / "models")
    record_of_older_data(home)

    assert retrain(home) == 1
    first = latest(home)
    assert retrain(home) == 1  # what was refused once is not what the next is held against
    assert retrain(home, "--accept-data") == 1
    accepted = latest(home)

    assert first.status == "failed"
    assert "rows are left of" in first.reason
    assert "too little history" in accepted.reason
    assert accepted.timings.keys() == {"read", "check", "walk"}
    assert layout.current_version(home / "models" / "m") == 1


def test_a_source_without_usable_instruments_is_told(tmp_path: Path) -> None:
    prepare(tmp_path, sessions=200)

    assert retrain(tmp_path) == 1
    assert latest(tmp_path).reason == "no instrument has 300 usable sessions"


def test_an_empty_source_is_told_and_recorded(tmp_path: Path) -> None:
    shutil.rmtree(prepare(tmp_path) / "prices")

    assert retrain(tmp_path) == 1
    assert "no CSV files" in latest(tmp_path).reason


def test_a_clock_that_went_back_is_told(tmp_path: Path) -> None:
    home = prepare(tmp_path / "home")
    later = datetime.now(UTC) + timedelta(days=1)
    ahead = RunInProgress("m", 1, "c" * 64, dry_run=False, started=later).close("kept", 3, "")
    run_record.write(home / "models" / "m", ahead)

    assert retrain(home, "--json") == 1
    _, failed, *_ = run_record.newest_first(home / "models" / "m")
    assert failed.reason.startswith("the clock went back: ")
    assert ahead.id in failed.reason


def test_sigterm_is_recorded_as_an_interruption(tmp_path: Path) -> None:
    prepare(tmp_path)
    unreachable(tmp_path, attempts=2, wait=600)
    fitting = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    fitting.start()

    runs = tmp_path / "models" / "m" / "runs"
    with once(runs.exists, lambda: os.kill(os.getpid(), signal.SIGTERM)):
        code = retrain(tmp_path)
    fitting.join(LONGEST_S)

    assert code == 130
    assert fitting.exitcode == -signal.SIGTERM
    record = latest(tmp_path)
    assert (record.status, record.exit_code, record.reason) == ("failed", 130, "interrupted")
