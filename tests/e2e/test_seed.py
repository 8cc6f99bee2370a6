"""What Kubernetes runs before the service: the image's model, put into a claim that is empty."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.deploy.manifests import PLAIN, needs_kubectl, pod
from tests.e2e.containers import docker

pytestmark = [needs_kubectl, pytest.mark.usefixtures("images")]


@pytest.fixture
def claim() -> Iterator[str]:
    """Give an empty volume, the group's to write as Kubernetes makes it."""
    volume = docker("volume", "create").strip()
    shared = "chown 0:10001 /claim && chmod 2775 /claim"
    docker("run", "--rm", "--user=0", "-v", f"{volume}:/claim", "nextday-serve", "sh", "-c", shared)
    yield volume
    docker("volume", "rm", volume)


def command(volume: str, *arguments: str) -> list[str]:
    """Return how a command runs beside the claim with the rights of a pod."""
    rights = ["--user=10001:10001", "--read-only", "--cap-drop=ALL"]
    return ["run", "--rm", *rights, "-v", f"{volume}:/claim", "nextday-serve", *arguments]


def in_claim(volume: str, *arguments: str) -> str:
    return docker(*command(volume, *arguments))


def test_of_replicas_that_begin_together_one_fills_the_claim(claim: str) -> None:
    [seed] = pod(PLAIN, "serve")["spec"]["initContainers"]

    together = [subprocess.Popen(["docker", *command(claim, *seed["command"])]) for _ in range(4)]
    codes = [each.wait(60) for each in together]

    assert codes == [0, 0, 0, 0]
    assert in_claim(claim, "ls", "-A", "/claim").split() == ["default"]
    assert in_claim(claim, "diff", "-r", "/models/default", "/claim/default") == ""


def test_what_is_in_the_claim_stays(claim: str) -> None:
    [seed] = pod(PLAIN, "serve")["spec"]["initContainers"]
    in_claim(claim, *seed["command"])
    in_claim(claim, "sh", "-c", "echo 1 > /claim/default/current")

    in_claim(claim, *seed["command"])

    assert in_claim(claim, "cat", "/claim/default/current").strip() == "1"
