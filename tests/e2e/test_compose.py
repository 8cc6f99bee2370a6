"""`docker compose up`: the service with the shipped model, and a fit by hand that it picks up."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.builders import write_bars
from tests.e2e.containers import SHIPPED, Compose, docker
from tools.testbed.waiting import until

pytestmark = pytest.mark.usefixtures("images")

MIB = 2**20
EXAMPLE = Path("docs/example.json")


@pytest.fixture(scope="module")
def compose(data: Path) -> Iterator[Compose]:
    project = Compose("up", data)
    try:
        project.run("up", "-d")
        yield project
    finally:
        project.down()


def test_up_gives_a_healthy_service_with_the_shipped_model(compose: Compose) -> None:
    compose.wait_until_healthy("api")

    answer = compose.ask("/predict", EXAMPLE.read_bytes())

    assert (answer["model"], answer["version"]) == ("default", SHIPPED)
    assert [interval["level"] for interval in answer["intervals"]] == [80, 95]
    assert answer["prediction"] == pytest.approx(answer["naive"], rel=0.01)


@pytest.mark.parametrize(("service", "writes"), [("api", False), ("retrain", True)])
def test_both_services_run_without_rights(compose: Compose, service: str, writes: bool) -> None:  # noqa: FBT001 - a parameter of the test
    container = compose.described(service)

    assert container["Config"]["User"] == "10001:10001"
    assert container["HostConfig"]["ReadonlyRootfs"] is True
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    [models] = [mount for mount in container["Mounts"] if mount["Destination"] == "/models"]
    assert models["RW"] is writes
    assert {
        binding["HostIp"]
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    } == {"127.0.0.1"}


def test_the_next_retraining_is_after_the_close_in_new_york(compose: Compose) -> None:
    due = "nextday_retrain_next_run_timestamp_seconds"
    until(lambda: compose.sample(due) > 0, "the schedule")

    at = datetime.fromtimestamp(compose.sample(due), ZoneInfo("America/New_York"))

    assert (at.hour, at.minute) == (22, 30)
    assert at.isoweekday() <= 5
    assert timedelta() < at - datetime.now(UTC) < timedelta(days=4)


def test_the_serve_image_holds_no_training_and_is_small(compose: Compose) -> None:
    found = compose.run(
        "exec", "-T", "api", "python", "-c",
        "from importlib.util import find_spec as f;"
        "print([n for n in ('training', 'tensorflow', 'keras', 'onnx', 'pandas', 'pip') if f(n)"
        " and 'venv' in str(f(n).origin) or n == 'training' and f(n)])",
    ).stdout  # fmt: skip

    sizes = [
        int(docker("image", "inspect", "--format", "{{.Size}}", image))
        for image in ("nextday-serve", "python:3.12-slim-bookworm")
    ]
    added = (sizes[0] - sizes[1]) / MIB
    print(f"the serve image adds {added:.0f} MiB to its base")
    assert found.strip() == "[]"
    assert added < 250


FIT = (
    *("fit", "--recipe", "global-close", "--data", "/data", "--name", "default"),
    # so that it takes seconds
    *("--holdout", "60", "--epochs", "1"),
)


def test_fitting_without_prices_says_what_to_put_where(compose: Compose) -> None:
    finished = compose.training(*FIT, check=False)

    assert finished.returncode == 2
    assert "put one file for each instrument there" in finished.stdout
    assert compose.served() == {"default": SHIPPED}


def test_a_fit_is_served_without_a_restart(compose: Compose, data: Path) -> None:
    before = compose.described("api")["State"]["StartedAt"]
    for seed, name in enumerate(("ONE", "TWO")):
        write_bars(data / f"{name}.csv", 800, seed=seed)
        (data / f"{name}.csv").chmod(0o644)

    finished = compose.training(*FIT, check=False)

    print(finished.stdout)
    assert finished.returncode == 0, finished.stdout
    until(lambda: compose.served() == {"default": SHIPPED + 1}, "the version that was fitted")
    answer = compose.ask("/predict", EXAMPLE.read_bytes())
    pinned = compose.ask(
        "/predict", json.dumps(json.loads(EXAMPLE.read_text()) | {"version": 1}).encode()
    )
    manifest = compose.ask("/models/default")["manifest"]
    assert (answer["version"], pinned["version"]) == (SHIPPED + 1, 1)
    assert manifest["trained_on"]["instruments"] == ["ONE", "TWO"]
    assert compose.described("api")["State"]["StartedAt"] == before


def test_models_are_listed_and_rolled_back(compose: Compose) -> None:
    listed = compose.training("models").stdout
    compose.training("rollback", "default", str(SHIPPED))
    until(lambda: compose.served() == {"default": SHIPPED}, "the version that was named")
    compose.training("rollback", "default")
    until(lambda: compose.served() == {"default": SHIPPED - 1}, "the version before it")

    answer = compose.ask("/predict", EXAMPLE.read_bytes())

    assert answer["version"] == SHIPPED - 1
    print(listed)
    rows = [line.split() for line in listed.splitlines()]
    assert [row[1] for row in rows if row[:1] == ["default"]] == [
        str(version) for version in range(1, SHIPPED + 2)
    ]
    assert [row[:3] for row in rows if "current" in row] == [
        ["default", str(SHIPPED + 1), "current"]
    ]
