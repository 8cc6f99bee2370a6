"""The containers, on a real engine: up, retrain, and the new version without a restart."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_bars

MIB = 2**20


class Compose:
    """The project's compose file, as a project of its own with its own volume and port."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = os.environ | {  # noqa: TID251 - handed on
            "NEXTDAY_PORT": str(self.port),
            "NEXTDAY_DATA": str(data),
            "COMPOSE_PROJECT_NAME": f"nextday-e2e-{os.getpid()}",
        }
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        self.command = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if check and finished.returncode:
            pytest.fail(f"{arguments} ended with {finished.returncode}:\n{finished.stdout}")
        return finished

    def api(self) -> dict[str, Any]:
        """Inspect the service's container."""
        container = self.run("ps", "-q", "api").stdout.strip().splitlines()[-1]
        [found] = json.loads(docker("inspect", container))
        described: dict[str, Any] = found
        return described

    def ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
            answer: dict[str, Any] = json.loads(response.read())
        return answer


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], text=True, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """Give a folder that a container of another user can read."""
    folder = Path(tempfile.mkdtemp(prefix="nextday-e2e-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def compose(data: Path) -> Iterator[Compose]:
    """Build both images and start the service."""
    project = Compose(data)
    try:
        for service in ("api", "retrain"):
            print(project.run("--profile", "retrain", "build", service).stdout[-2000:])
        project.run("up", "-d")
        yield project
    finally:
        print(project.run("logs", "--no-color", check=False).stdout[-4000:])
        project.run("--profile", "retrain", "down", "--volumes", "--remove-orphans", check=False)


def until(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds} s")
        time.sleep(0.2)


def test_up_gives_a_healthy_service_with_the_shipped_model(compose: Compose) -> None:
    until(lambda: compose.api()["State"]["Health"]["Status"] == "healthy", 60, "healthy")

    answer = compose.ask("/predict", Path("docs/example.json").read_bytes())

    assert (answer["model"], answer["version"]) == ("default", 2)
    assert [interval["level"] for interval in answer["intervals"]] == [80, 95]
    assert answer["prediction"] == pytest.approx(answer["naive"], rel=0.01)


def test_the_service_runs_without_rights(compose: Compose) -> None:
    container = compose.api()

    assert container["Config"]["User"] == "10001:10001"
    assert container["HostConfig"]["ReadonlyRootfs"] is True
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    [models] = [mount for mount in container["Mounts"] if mount["Destination"] == "/models"]
    assert models["RW"] is False
    assert {
        binding["HostIp"]
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    } == {"127.0.0.1"}


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


def test_retraining_without_prices_says_what_to_put_where(compose: Compose) -> None:
    finished = compose.run("run", "--rm", "retrain", check=False)

    assert finished.returncode == 2
    assert "put one file for each instrument there" in finished.stdout
    assert compose.ask("/readyz")["models"] == {"default": 2}


def test_a_retraining_is_served_without_a_restart(compose: Compose, data: Path) -> None:
    before = compose.api()["State"]["StartedAt"]
    for seed, name in enumerate(("ONE", "TWO")):
        write_bars(data / f"{name}.csv", 800, seed=seed)
        (data / f"{name}.csv").chmod(0o644)

    finished = compose.run("run", "--rm", "retrain", check=False)

    print(finished.stdout)
    assert finished.returncode == 0, finished.stdout
    until(lambda: compose.ask("/readyz")["models"] == {"default": 3}, 5, "version 3")
    answer = compose.ask("/predict", Path("docs/example.json").read_bytes())
    pinned = compose.ask(
        "/predict",
        json.dumps(json.loads(Path("docs/example.json").read_text()) | {"version": 1}).encode(),
    )
    manifest = compose.ask("/models/default")["manifest"]
    assert (answer["version"], pinned["version"]) == (3, 1)
    assert manifest["trained_on"]["instruments"] == ["ONE", "TWO"]
    assert compose.api()["State"]["StartedAt"] == before
