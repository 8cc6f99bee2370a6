"""A night alone: a scheduled retraining from PostgreSQL is published, served, and not repeated."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.manifests import PLAIN, needs_kubectl, pod
from tests.e2e.containers import Compose, docker
from tests.e2e.postgres import Database, postgresql
from tools.testbed.waiting import until

pytestmark = pytest.mark.usefixtures("images")

INSTRUMENTS, SESSIONS = 2, 360

RECIPE = """
title = "As small as it gets"
source = "made for this test"
target = "close"
window = 20
scaler = "returns"

[network]
kind = "har-lstm"
units = 4
dense = 4
regression_share = 0.25

[fit]
loss = "pinball"
epochs = 1
batch_size = 512
learning_rate = 0.001
"""

CONFIG = """
name = "nightly"
recipe = "/data/small.toml"

[source]
kind = "sql"
url = "${NEXTDAY_DATABASE_URL}"
table = "bars"

[evaluation]
sessions = 40
refit_sessions = 40

[verdict]
# of two instruments that are made up
fewest_sessions = 40
coverage_90 = [0.5, 1.0]
naive_margin = 0.1
"""


PUBLISHED_RUNS = 'nextday_retrain_runs_total{status="published"}'
SKIPPED_RUNS = 'nextday_retrain_runs_total{status="skipped"}'
FAILED_RUNS = 'nextday_retrain_runs_total{status="failed"}'
LAST_PUBLISHED = 'nextday_retrain_last_verdict{nextday_retrain_last_verdict="published"}'


@pytest.fixture(scope="module")
def compose(data: Path) -> Iterator[Compose]:
    """Start the service; `retrain` is started once there is a database."""
    for name, content in {"small.toml": RECIPE, "retrain.toml": CONFIG}.items():
        (data / name).write_text(content)
        (data / name).chmod(0o644)
    project = Compose(
        "night",
        data,
        NEXTDAY_RETRAIN_CONFIG=str(data / "retrain.toml"),
        # every minute
        NEXTDAY_SCHEDULE="* * * * *",
        NEXTDAY_TIMEZONE="UTC",
    )
    try:
        project.run("up", "-d", "api")
        project.wait_until_healthy("api")
        yield project
    finally:
        project.down()


@pytest.fixture(scope="module")
def database(compose: Compose) -> Iterator[Database]:
    """Run one where this project's containers can reach it, and nobody else."""
    [network] = json.loads(docker("network", "inspect", f"{compose.name}_default"))
    address = network["IPAM"]["Config"][0]
    with postgresql(address["Gateway"], address["Subnet"]) as database:
        database.fill(INSTRUMENTS, SESSIONS)
        compose.environment["NEXTDAY_DATABASE_URL"] = database.url
        yield database


@pytest.fixture(scope="module")
def retrain(compose: Compose, database: Database) -> float:
    """Start the schedule; return when, in Unix seconds."""
    assert database.answers()
    assert "nightly" not in compose.served()
    began = time.time()
    compose.run("up", "-d", "retrain")
    return began


def records(compose: Compose) -> list[dict[str, Any]]:
    """Return the records of all runs, oldest first."""
    printed = compose.run("exec", "-T", "retrain", "sh", "-c", "cat /models/nightly/runs/*.json")
    found, decoder, rest = [], json.JSONDecoder(), printed.stdout.strip()
    while rest:
        record, end = decoder.raw_decode(rest)
        found.append(record)
        rest = rest[end:].lstrip()
    return found


def test_a_scheduled_retraining_from_postgresql_is_served_without_a_restart(
    compose: Compose, retrain: float
) -> None:
    before = compose.described("api")["State"]["StartedAt"]

    def ended() -> bool:
        return "nightly" in compose.served() or compose.sample(FAILED_RUNS) > 0

    until(ended, "a retraining", every_s=0.05)
    seen = time.time()

    assert compose.sample(FAILED_RUNS) == 0
    assert compose.served()["nightly"] == 1
    current = ("stat", "--format=%.3Y", "/models/nightly/current")
    published = float(compose.run("exec", "-T", "retrain", *current).stdout)
    print(f"published {published - retrain:.1f} s after `up`, seen {seen - published:.2f} s later")
    assert published > retrain
    assert seen - published < 2
    assert compose.described("api")["State"]["StartedAt"] == before
    manifest = compose.ask("/models/nightly")["manifest"]
    assert manifest["trained_on"]["instruments"] == [f"MADE{n}" for n in range(INSTRUMENTS)]
    until(lambda: compose.sample(PUBLISHED_RUNS) == 1, "the run in the metrics")
    assert compose.sample(LAST_PUBLISHED) == 1
    assert compose.sample("nextday_retrain_last_published_version") == 1
    [record] = records(compose)
    print(f"seconds of it: {record['timings']}")
    assert (record["status"], record["version"], record["exit_code"]) == ("published", 1, 0)
    assert record["data"]["instruments"].keys() == set(manifest["trained_on"]["instruments"])


@pytest.mark.usefixtures("retrain")
def test_the_next_run_is_skipped_for_nothing_is_new(compose: Compose) -> None:
    until(lambda: compose.sample(SKIPPED_RUNS) >= 1, "a run without new sessions")

    assert compose.served()["nightly"] == 1
    # what was decided last still stands
    assert compose.sample(LAST_PUBLISHED) == 1
    published, skipped, *_ = records(compose)
    assert (published["status"], skipped["status"]) == ("published", "skipped")
    assert published["id"] in skipped["reason"]


@needs_kubectl
@pytest.mark.usefixtures("retrain")
def test_the_job_of_kubernetes_has_not_failed_where_nothing_is_new(compose: Compose) -> None:
    [container] = pod(PLAIN, "train")["spec"]["containers"]
    command: list[str] = container["command"] + container["args"]

    once = ("run", "--rm", "-T", "--no-deps", "--entrypoint", command[0], "retrain")
    finished = compose.run(*once, *command[1:], check=False)

    assert "skipped: " in finished.stdout
    assert finished.returncode == 0


@pytest.mark.usefixtures("retrain")
def test_the_schedule_ends_at_once_when_told_to(compose: Compose) -> None:
    compose.run("stop", "retrain")

    state = compose.described("retrain")["State"]
    assert state["ExitCode"] == 0
