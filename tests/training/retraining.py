"""What a retraining needs, made up: prices, a small recipe, a config, and what was before."""

import shutil
from pathlib import Path

from app.artifact import layout
from tests.builders import draft, last_value_graph, levels, write_bars
from training.__main__ import main
from training.publishing.publish import publish
from training.retraining import config, run_record
from training.retraining.run_record import RunInProgress, RunRecord
from training.sources import continuity, csv_files

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
    plan = config.load(home / "retrain.toml")
    this_run = RunInProgress("m", 1, plan.digest, dry_run=False)
    bars = csv_files.read_bars_folder(older / "prices")
    this_run.data, this_run.data_digest = continuity.summarise(bars), csv_files.digest(bars)
    record = this_run.close("kept", 3, "as told")
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
        reports={layout.CARD: b"# m"},
        prove=lambda _: None,
    )


def unreachable(home: Path, *, attempts: int, wait: float, login: str = "") -> None:
    """Point the config at a database that nobody serves."""
    (home / "retrain.toml").write_text(
        'name = "m"\nrecipe = "small.toml"\n[source]\nkind = "sql"\ntable = "bars"\n'
        f'url = "postgresql+psycopg://nobody{login}@127.0.0.1:1/prices"\n'
        f"[retries]\nattempts = {attempts}\nfirst_wait_seconds = {wait}\n"
    )
