"""Run records: whole or not there, and read past those that are damaged."""

import math
import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.builders import write_bars
from training.errors import TrainingError
from training.retraining import run_record
from training.retraining.run_record import RunInProgress, RunRecord, Standing, Standings
from training.retraining.verdict import Bounds, Evidence, decide
from training.sources import continuity, csv_files

LATE = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


def run_in_progress(*, ago: int = 0) -> RunInProgress:
    return RunInProgress("m", 1, "c" * 64, dry_run=False, started=LATE - timedelta(days=ago))


def written(home: Path, *, ago: int = 0) -> RunRecord:
    record = run_in_progress(ago=ago).close("kept", 3, "as told")
    run_record.write(home, record)
    return record


def bars(folder: Path) -> pd.DataFrame:
    write_bars(folder / "A.csv", 30)
    return csv_files.read_bars_folder(folder)


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    whole = run_in_progress()
    whole.data, whole.data_digest = continuity.summarise(bars(tmp_path)), "d" * 64
    evidence = Evidence(
        sessions=80,
        mae_vs_naive=math.nan,
        worse_than_naive=0.5,
        coverage_90=0.9,
        last=date(2026, 11, 20),
        incumbent_last=date(2026, 11, 19),
    )
    whole.verdict = decide(evidence, Bounds())
    standing = Standing(mae=1.0, mae_vs_naive=None, crps=None, coverage_90=None)
    whole.standings = Standings(
        sessions=80,
        forecasts=240,
        candidate=standing,
        incumbent=None,
        naive=standing,
        incumbent_saw=None,
    )
    whole.incumbent, whole.version = 3, 4
    with whole.stage("read"):
        whole.note("a day was corrected")
    record = whole.close("published", 0, "two\n lines")

    run_record.write(tmp_path / "m", record)

    assert list(run_record.newest_first(tmp_path / "m")) == [record]
    assert record.reason == "two lines"
    assert record.notes == ("a day was corrected",)
    assert record.timings.keys() == {"read"}
    assert record.libraries["numpy"]
    assert re.fullmatch(r"20261120T223000Z-[0-9a-f]{6}", record.id)
    assert [path.name for path in (tmp_path / "m" / "runs").iterdir()] == [f"{record.id}.json"]


def test_a_stage_that_fails_is_timed() -> None:
    failing = run_in_progress()

    with pytest.raises(ZeroDivisionError), failing.stage("walk"):
        1 / 0  # noqa: B018 - it fails

    assert failing.timings.keys() == {"walk"}


def test_records_come_newest_first(tmp_path: Path) -> None:
    records = [written(tmp_path, ago=ago) for ago in (1, 0, 2)]

    assert list(run_record.newest_first(tmp_path)) == [records[each] for each in (1, 0, 2)]
    assert list(run_record.newest_first(tmp_path / "absent")) == []


def test_records_of_one_second_sort_as_their_runs_began() -> None:
    ids = [
        RunInProgress("m", 1, "c", dry_run=False, started=LATE.replace(microsecond=at)).close(
            "kept", 3, ""
        )
        for at in (0, 1, 999, 65_536, 999_999)
    ]

    assert sorted(record.id for record in ids) == [record.id for record in ids]
    assert {len(record.id) for record in ids} == {len("20261120T223000Z-abcdef")}


@pytest.mark.parametrize("damage", ["empty", "cut", "other", "folder"])
def test_a_damaged_record_is_named_and_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    good, bad = written(tmp_path, ago=1), written(tmp_path)
    path = tmp_path / "runs" / f"{bad.id}.json"
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes({"empty": b"", "cut": content[:-20], "other": b'{"id": 7}'}[damage])

    assert list(run_record.newest_first(tmp_path)) == [good]
    assert f"runs/{bad.id}.json is damaged" in capsys.readouterr().err


def test_every_cut_of_a_record_is_passed_over(tmp_path: Path) -> None:
    record = written(tmp_path)
    path = tmp_path / "runs" / f"{record.id}.json"
    content = path.read_bytes()

    for size in range(0, len(content.rstrip()), 7):
        path.write_bytes(content[:size])
        assert list(run_record.newest_first(tmp_path)) == []


def test_what_a_killed_run_left_is_no_record(tmp_path: Path) -> None:
    record = written(tmp_path, ago=1)
    (tmp_path / "runs" / ".20261120T223000Z-abcdef.partial").write_text('{"id"')

    assert list(run_record.newest_first(tmp_path)) == [record]


def test_a_store_that_takes_nothing_is_told_early_and_late(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where a folder should be")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "runs").write_text("the same")

    for home in (tmp_path / "file", tmp_path / "m"):
        with pytest.raises(TrainingError, match="cannot be written"):
            run_record.require_writable(home)
        with pytest.raises(TrainingError, match="cannot be written"):
            run_record.write(home, run_in_progress().close("kept", 3, "as told"))


def test_a_store_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    run_record.require_writable(tmp_path / "m")

    assert os.listdir(tmp_path / "m" / "runs") == []  # noqa: PTH208 - hidden files too
