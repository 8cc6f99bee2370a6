"""The project's compose file on a real engine, as a project of its own with its own volumes."""

import json
import os
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any, Final

import pytest

from tools.testbed.waiting import until

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = int((ROOT / "models" / "default" / "current").read_text())
"""The version of `default` that a fresh checkout serves."""


def docker(*arguments: str) -> str:
    finished = subprocess.run(["docker", *arguments], text=True, capture_output=True, check=False)
    if finished.returncode:
        pytest.fail(f"docker {arguments} ended with {finished.returncode}:\n{finished.stderr}")
    return finished.stdout


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class Compose:
    """A project under a name of its own, on free ports of this machine."""

    def __init__(self, name: str, data: Path, **environment: str) -> None:
        self.name = f"nextday-e2e-{name}-{os.getpid()}"
        self.port, self.metrics_port = free_port(), free_port()
        self.environment = (
            os.environ  # noqa: TID251 - handed on
            | {
                "COMPOSE_PROJECT_NAME": self.name,
                "NEXTDAY_PORT": str(self.port),
                "NEXTDAY_METRICS_PORT": str(self.metrics_port),
                "NEXTDAY_DATA": str(data),
            }
            | environment
        )
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        self.command = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(
            [*self.command, *arguments],
            cwd=ROOT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if check and finished.returncode:
            pytest.fail(f"{arguments} ended with {finished.returncode}:\n{finished.stdout}")
        return finished

    def training(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of training once, in a container of the service `retrain`."""
        return self.run("run", "--rm", "-T", "--no-deps", "retrain", *arguments, check=check)

    def container(self, service: str) -> str:
        # with those that ended, which Compose v2 leaves out otherwise
        return self.run("ps", "-a", "-q", service).stdout.strip().splitlines()[-1]

    def described(self, service: str) -> dict[str, Any]:
        """Inspect a service's container."""
        [found] = json.loads(docker("inspect", self.container(service)))
        described: dict[str, Any] = found
        return described

    def wait_until_healthy(self, service: str) -> None:
        until(
            lambda: self.described(service)["State"]["Health"]["Status"] == "healthy",
            f"a healthy {service}",
        )

    def ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._read(self.port, path, body))
        return answer

    def sample(self, name: str) -> float:
        """Return one figure that `retrain` tells Prometheus, 0 while there is none."""
        try:
            told = self._read(self.metrics_port, "/metrics").decode()
        except OSError:
            return 0.0
        found = [line.split()[-1] for line in told.splitlines() if line.startswith(name)]
        return float(found[0]) if found else 0.0

    def served(self) -> dict[str, int]:
        """Return the version that answers, by model."""
        models: dict[str, int] = self.ask("/readyz")["models"]
        return models

    def down(self) -> None:
        """Print the logs for whoever looks for a failure's cause, and leave nothing behind."""
        print(self.run("logs", "--no-color", check=False).stdout[-6000:])
        self.run("down", "--volumes", "--remove-orphans", "--timeout", "1", check=False)

    def _read(self, port: int, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
            content: bytes = response.read()
        return content
