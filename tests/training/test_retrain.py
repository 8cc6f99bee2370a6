"""`python -m training retrain`, from a source to what is served, and all that may go wrong."""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app import artifact, store
from app.forecast import forecast
from tests.builders import (
    draft,
    last_value_graph,
    levels,
    newest,
    serving,
    write_bars,
)
from training import continuity, lock, retrain_config, run_record, sources
from training.__main__ import main
from training.feeds import CsvSource
from training.publish import publish
from training.run_record import Ledger, RunRecord

RECIPE = """
title = "A small network of any instrument"
source = "a test"
target = "close"
window = 60
scaler = "returns"
[network]
kind = "har-lstm"
units = 2
dense = 2
regression_share = 0.25
[fit]
loss = "pinball"
epochs = 1
batch_size = 4096
"""

CONFIG = """
name = "m"
recipe = "small.toml"
[source]
kind = "csv"
folder = "prices"
[evaluation]
sessions = 80
refit_sessions = 80
[verdict]
# so that a random walk decides nothing
level = 1e-9
coverage_90 = [0.5, 1.0]
naive_margin = 0.5
"""
NEVER = CONFIG.replace("[0.5, 1.0]", "[0.99, 1.0]")
"""No model's intervals of 90 % hold so much: whatever is judged is kept back."""

SESSIONS = 420
OLDER = SESSIONS - 5
FIRST = "2019-08-01"
HELD_OUT = 80
INSTRUMENTS = 3
FORECASTS = 20
"""Two folds of ten forecasters."""
PATIENCE_S = 120.0


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


def options(home: Path, *more: str, config: str = "retrain.toml") -> list[str]:
    folders = ("--models", str(home / "models"), "--work", str(home / "work"))
    return ["retrain", "--config", str(home / config), *folders, *more]


def retrain(home: Path, *more: str, config: str = "retrain.toml") -> int:
    return main(options(home, *more, config=config))


def latest(home: Path) -> RunRecord:
    return next(run_record.newest_first(home / "models" / "m"))


def folds(home: Path) -> dict[str, bytes]:
    """Return the forecasts that are kept, by file."""
    return {path.name: path.read_bytes() for path in (home / "work").rglob("*.npy")}


def prepare(home: Path, *, sessions: int = SESSIONS) -> Path:
    """Write prices, a recipe and a config."""
    (home / "prices").mkdir(parents=True)
    for number in range(INSTRUMENTS):
        write_bars(home / "prices" / f"TICK{number}.csv", SESSIONS, seed=number, first=FIRST)
    keep_rows(home, sessions)
    (home / "small.toml").write_text(RECIPE)
    (home / "retrain.toml").write_text(CONFIG)
    (home / "never.toml").write_text(NEVER)
    return home


def keep_rows(home: Path, sessions: int) -> None:
    """Cut the source to its oldest sessions."""
    for path in (home / "prices").glob("*.csv"):
        path.write_text("\n".join(path.read_text().split("\n")[: sessions + 1]))


def record_of_older_data(home: Path) -> RunRecord:
    """Leave the record of a run that ended in a verdict when the newest sessions were not there."""
    older = prepare(home / "older", sessions=OLDER)
    plan = retrain_config.load(home / "retrain.toml")
    ledger = Ledger("m", 1, plan.digest, dry_run=False)
    bars = sources.read_bars_folder(older / "prices")
    ledger.data, ledger.data_digest = continuity.summarise(bars), sources.digest(bars)
    record = ledger.close("kept", 3, "as told")
    run_record.write(home / "models" / "m", record)
    shutil.rmtree(older)
    return record


def publish_last_value(root: Path, *, window: int = 3) -> None:
    """Publish a model that says what naive says, as a point, fitted on data to the end of 2020."""
    publish(
        root,
        "m",
        draft=draft(window=window),
        graph=last_value_graph(steps=window),
        scaler=levels(),
        reports={artifact.CARD: b"# m"},
        prove=lambda _: None,
    )


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


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
            wait_for(lambda: killed.poll() is not None or len(list(second("*-network.npy"))) > 1)
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
    manifest = artifact.read(published.home / "models" / "m" / "2").manifest
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
    assert record.graph_digest == manifest.files[artifact.GRAPH].sha256


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
    def interfere() -> None:
        # the store that a dry run throws away is there once it has judged
        wait_for(lambda: list((home / "work" / "m").glob("tmp*")))
        publish_last_value(home / "models")

    runs = sorted((home / "models" / "m" / "runs").iterdir())
    other = threading.Thread(target=interfere)
    other.start()
    code = retrain(home, "--force", "--dry-run", "--json")
    other.join()

    assert code == 1
    record = RunRecord.model_validate_json(capsys.readouterr().out)
    assert record.reason == "version 3 was made current while another one was judged"
    assert record.verdict
    assert record.verdict.publish
    assert (record.dry_run, record.version) == (True, None)
    assert record.graph_digest == latest(home).graph_digest
    assert sorted((home / "models" / "m" / "runs").iterdir()) == runs
    assert store.current_version(home / "models" / "m") == 3
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
    assert store.current_version(home / "models" / "m") == 2
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
    model = store.load(home / "models" / "m" / "2", "m", 2)
    errors, inside = [], []
    for path in sorted((home / "prices").glob("*.csv")):
        bars = sources.read_bars(path)[list(sources.OHLC)].to_numpy()
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
        content = bytearray((served / artifact.GRAPH).read_bytes())
        content[len(content) // 2] ^= 1
        (served / artifact.GRAPH).write_bytes(content)
    elif damage == "manifest":
        (served / artifact.MANIFEST).unlink()
    else:
        (home / "models" / "m" / store.CURRENT).write_text("?")

    assert retrain(home, config="never.toml") == 3

    record = latest(home)
    assert record.incumbent == (None if damage == "current" else 2)
    which = "current" if damage == "current" else "version 2"
    assert record.notes[0].startswith(f"judged without the incumbent: {which} is damaged: ")
    assert record.standings
    assert record.standings.incumbent is None
    assert record.verdict
    assert len(record.verdict.reasons) == 4


def test_a_store_that_cannot_be_written_is_told_before_anything_is_fitted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(home / "models")
    (home / "models").write_text("a file")

    assert retrain(home, "--json") == 1

    printed = capsys.readouterr()
    record = RunRecord.model_validate_json(printed.out)
    assert (record.status, record.exit_code, record.timings) == ("failed", 1, {})
    assert "cannot be written" in record.reason
    assert f"failed: {record.reason}\n" in printed.err
    assert "there is no record of this run" in record.reason


def test_a_record_that_cannot_be_written_in_the_end_is_told(tmp_path: Path) -> None:
    prepare(tmp_path)
    unreachable(tmp_path, attempts=2, wait=1.0)
    runs = tmp_path / "models" / "m" / "runs"

    def damage() -> None:
        wait_for(runs.exists)
        time.sleep(0.3)
        runs.rmdir()
        runs.write_text("where a folder was")

    other = threading.Thread(target=damage)
    other.start()
    code = retrain(tmp_path)
    other.join()

    assert code == 1
    assert runs.is_file()


def unreachable(home: Path, *, attempts: int, wait: float, login: str = "") -> None:
    """Point the config at a database that nobody serves."""
    (home / "retrain.toml").write_text(
        'name = "m"\nrecipe = "small.toml"\n[source]\nkind = "sql"\ntable = "bars"\n'
        f'url = "postgresql+psycopg://nobody{login}@127.0.0.1:1/prices"\n'
        f"[retries]\nattempts = {attempts}\nfirst_wait_seconds = {wait}\n"
    )


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


def test_a_source_that_shrank_stops_the_run_until_it_is_accepted(home: Path) -> None:
    keep_rows(home, 310)

    assert retrain(home) == 1
    first = latest(home)
    assert retrain(home) == 1  # what was refused once is not what the next is held against
    assert retrain(home, "--accept-data") == 1
    accepted = latest(home)

    assert first.status == "failed"
    assert "rows are left of" in first.reason
    assert "too little history" in accepted.reason
    assert accepted.timings.keys() == {"read", "check", "walk"}
    assert store.current_version(home / "models" / "m") == 2


def test_a_source_without_usable_instruments_is_told(tmp_path: Path) -> None:
    prepare(tmp_path, sessions=200)

    assert retrain(tmp_path) == 1
    assert latest(tmp_path).reason == "no instrument has 300 usable sessions"


def test_an_empty_source_is_told_and_recorded(tmp_path: Path) -> None:
    shutil.rmtree(prepare(tmp_path) / "prices")

    assert retrain(tmp_path) == 1
    assert "no CSV files" in latest(tmp_path).reason


def test_a_clock_that_went_back_is_told(home: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    ahead = Ledger("m", 1, "c" * 64, dry_run=False, started=later).close("kept", 3, "")
    run_record.write(home / "models" / "m", ahead)

    assert retrain(home, "--json") == 1
    _, failed, *_ = run_record.newest_first(home / "models" / "m")
    assert failed.reason.startswith("the clock went back: ")
    assert ahead.id in failed.reason


def test_one_run_at_a_time_works_in_a_folder(home: Path) -> None:
    with lock.held(home / "work" / "m"):
        assert retrain(home, "--force") == 1

    assert latest(home).reason.startswith("another run is under way: ")


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
    wait_for(lambda: len(running(process.pid)) > 2)
    process.terminate()

    assert process.wait(PATIENCE_S) == 130
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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "m"', 'nam = "m"'), "nam: not known here; known are name, recipe, seed, source"),
        (('name = "m"', "name = 7"), "name = 7: Input should be a valid string"),
        (('name = "m"', 'name = "../m"'), "'../m' cannot name a model"),
        (('name = "m"', 'name = "m"\nseed = "1"'), "seed = '1': Input should be a valid integer"),
        (('name = "m"', "name ="), "not TOML"),
        (("[evaluation]", "[evaluations]"), "evaluations: not known here"),
        (("sessions = 80", "sessions = 0"), "evaluation.sessions = 0: Input should be greater"),
        (("sessions = 80", "session = 80"), "evaluation.session: not known here; known are sess"),
        (("level = 1e-9", "level = nan"), "verdict.level = nan: Input should be a finite number"),
        (("[0.5, 1.0]", "[1.0, 0.5]"), "coverage_90 = [1.0, 0.5]: the first must be below"),
        (("[0.5, 1.0]", "[0.5]"), "verdict.coverage_90"),
        (('kind = "csv"', 'kind = "ftp"'), "source: Input tag 'ftp'"),
        (('kind = "csv"\nfolder = "prices"', ""), "source: Unable to extract tag"),
        (('folder = "prices"', ""), "source.folder is missing"),
        (('folder = "prices"', 'folder = "prices"\nurl = "x"'), "source.url: not known here"),
        (('folder = "prices"', "folder = 7"), "source.folder: "),
        (('[source]\nkind = "csv"\nfolder = "prices"', ""), "source is missing"),
        (('folder = "prices"', 'folder = "${ABSENT_1}"'), "source asks for ${ABSENT_1}, which the"),
        (('"small.toml"', '"fb-lstm45"'), "recipe = 'fb-lstm45': forecasts points"),
        (('"small.toml"', '"absent"'), "no recipe 'absent'"),
        (('"small.toml"', '"absent.toml"'), "absent.toml: No such file"),
    ],
)
def test_what_is_wrong_with_a_config_is_said_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    prepare(tmp_path)
    changed = CONFIG.replace(*change)
    assert changed != CONFIG
    (tmp_path / "retrain.toml").write_text(changed)

    assert retrain(tmp_path) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_config_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert retrain(tmp_path) == 2
    assert "No such file" in capsys.readouterr().err


def test_paths_of_a_config_lie_beside_it_and_the_rest_has_defaults(tmp_path: Path) -> None:
    path = tmp_path / "retrain.toml"
    path.write_text('[source]\nkind = "csv"\nfolder = "prices"\n[fit]\nepochs = 7\n')

    plan = retrain_config.load(path)

    config = plan.config
    assert config.source == CsvSource(kind="csv", folder=tmp_path / "prices")
    assert (config.name, config.seed, config.recipe) == ("default", 1, "global-ohlc")
    assert (config.evaluation.sessions, config.evaluation.refit_sessions) == (252, None)
    assert (config.verdict.level, config.verdict.coverage_90) == (0.05, (0.85, 0.95))
    assert config.store.keep == 10
    assert plan.recipe.fit.epochs == 7


def test_a_secret_is_no_part_of_what_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    unreachable(tmp_path, attempts=1, wait=0, login=":${SECRET}")
    plans = []
    for secret in ("hush-hush", "hush"):
        monkeypatch.setenv("SECRET", secret)
        plans.append(retrain_config.load(tmp_path / "retrain.toml"))

    first, second = plans
    assert first.digest == second.digest
    assert first.config.source != second.config.source
    assert "hush" not in repr(plans)


def test_another_recipe_is_another_question(tmp_path: Path) -> None:
    prepare(tmp_path)
    before = retrain_config.load(tmp_path / "retrain.toml").digest
    (tmp_path / "small.toml").write_text(RECIPE.replace("units = 2", "units = 3"))

    assert retrain_config.load(tmp_path / "retrain.toml").digest != before
