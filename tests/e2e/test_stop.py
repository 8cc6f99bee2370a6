"""SIGTERM under load: a load balancer is told first, and no request is lost."""

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.builders import random_walk
from tests.e2e.containers import SHIPPED, Compose
from tests.e2e.traffic import Traffic, connected, exchange, posted
from tools.testbed.waiting import until

pytestmark = pytest.mark.usefixtures("images")

DRAIN_S = 3
BATCH = json.dumps({"windows": [random_walk(60).round(2).tolist()] * 10_000}).encode()


@pytest.fixture(scope="module")
def compose(data: Path) -> Iterator[Compose]:
    project = Compose("stop", data, NEXTDAY_DRAIN_SECONDS=str(DRAIN_S))
    try:
        project.run("up", "-d", "api")
        project.wait_until_healthy("api")
        yield project
    finally:
        project.down()


def ended_batch(port: int) -> float:
    """Post one long request; return when its answer was whole."""
    with connected(port) as connection:
        answer = exchange(connection, posted("/predict/batch", BATCH))
    assert answer is not None
    assert answer[0] == 200
    return time.monotonic()


def test_nothing_is_lost_when_the_service_is_told_to_stop(compose: Compose) -> None:
    container = compose.container("api")
    traffic = Traffic(compose.port, Path("docs/example.json").read_bytes())

    with traffic.flowing(keeping=12, anew=4, stubborn=4), ThreadPoolExecutor(4) as pool:
        traffic.wait_until_answered(2_000)
        told = time.monotonic()
        stop = subprocess.Popen(["docker", "stop", container], stdout=subprocess.DEVNULL)
        until(lambda: traffic.unready is not None, "a service that is not ready")
        assert traffic.unready is not None
        gone = traffic.unready + DRAIN_S
        # what is still under way when the port closes
        time.sleep(DRAIN_S - 1)
        batches = list(pool.map(ended_batch, [compose.port] * 4))
        assert stop.wait(60) == 0

    balanced, stubborn = traffic.balanced, traffic.stubborn
    print(f"not ready after {traffic.unready - told:.2f} s; {max(batches) - gone:.1f} s more for")
    print(f"batches; those who follow /readyz: {balanced}; who do not: {stubborn}")
    # it was told soon, by a service that went on answering
    assert traffic.unready - told < 2
    assert traffic.told == (503, 200)
    # who follows /readyz, as a load balancer does, loses nothing
    assert (balanced.failed, balanced.closed) == ([], 0)
    # who does not is answered until the port closes, and never in part
    assert stubborn.failed == []
    assert stubborn.last_answer > gone - 1
    assert stubborn.first_closed > gone - 1
    # what was long under way by then was finished
    assert max(batches) > gone
    state = compose.described("api")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_it_starts_again_where_it_was(compose: Compose) -> None:
    compose.run("start", "api")
    compose.wait_until_healthy("api")

    assert compose.served() == {"default": SHIPPED}
