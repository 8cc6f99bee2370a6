"""A real Prometheus beside the containers, with the project's own configuration and rules."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.promql import RULES, queries, rules
from tests.e2e.containers import SHIPPED, Compose, docker, free_port
from tools.testbed.waiting import until

pytestmark = pytest.mark.usefixtures("images")

KEY = "only-for-this-test"
GOOD = Path("docs/example.json").read_bytes()

REQUESTS = 'sum(nextday_requests_total{job="nextday",route="/predict",status="%s"})'
UNAUTHORIZED = 'sum(nextday_requests_total{job="nextday",status="401"})'

OF_EACH_WORKER = """
import glob
from prometheus_client.multiprocess import MultiProcessCollector
for file in glob.glob("/tmp/nextday-*/counter_*.db"):
    samples = [each for metric in MultiProcessCollector.merge([file]) for each in metric.samples]
    print(sum(each.value for each in samples if each.name == "nextday_requests_total"
              and each.labels["status"] in ("400", "401")
              or each.name == "nextday_forecasts_total"))
"""


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def is_ready(self) -> bool:
        url = f"{self._url}/-/ready"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10):  # noqa: S310 - http, here
            return True
        return False

    def ask(self, path: str, **parameters: str) -> Any:
        """Ask its API; what cannot be asked raises HTTPError."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - http, here
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[float]:
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return [float(each["value"][1]) for each in result]

    def firing(self) -> set[str]:
        alerts = self.ask("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}


@contextlib.contextmanager
def running(folder: Path, config: Path) -> Iterator[Prometheus]:
    """Run Prometheus on a free port."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.fail("no Prometheus here: install Debian's `prometheus`")
    port = free_port()
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            server = Prometheus(port)
            until(server.is_ready, "Prometheus")
            yield server
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def compose(data: Path) -> Iterator[Compose]:
    """Start both services, the one that answers with two workers and a key."""
    settings = {"NEXTDAY_WORKERS": "2", "NEXTDAY_API_KEYS": KEY}
    beside = data / "compose.yml"
    beside.write_text(yaml.safe_dump({"services": {"api": {"environment": settings}}}))
    project = Compose("prometheus", data, COMPOSE_FILE=f"docker-compose.yml:{beside}")
    try:
        project.run("up", "-d")
        project.wait_until_healthy("api")
        yield project
    finally:
        project.down()


@pytest.fixture(scope="module")
def prometheus(compose: Compose) -> Iterator[Prometheus]:
    """Run it as deploy/prometheus says, at these ports, with the key, and in less time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules_, config = folder / RULES.name, folder / "prometheus.yml"
        rules_.write_text(re.sub(r"\bfor: \w+", "for: 2s", RULES.read_text()))
        (folder / "nextday.key").write_text(KEY)
        text = (RULES.parent / config.name).read_text()
        for before, after in (
            ("127.0.0.1:8000", f"127.0.0.1:{compose.port}"),
            ("127.0.0.1:9100", f"127.0.0.1:{compose.metrics_port}"),
            ("# authorization:", "authorization:"),
            ("_interval: 15s", "_interval: 1s"),
        ):
            assert before in text
            text = text.replace(before, after)
        config.write_text(text)
        with running(folder, config) as server:
            yield server


def predict(port: int, body: bytes = GOOD, key: str = KEY) -> int:
    """Post on a connection of its own, so that either worker may take it; return the status."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict",
        data=body,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http, to our own container
            status: int = answer.status
    except urllib.error.HTTPError as refusal:
        with refusal:
            status = refusal.code
    return status


def test_both_services_are_scraped(prometheus: Prometheus) -> None:
    # with the key: the service has none to give to those who lack it
    until(lambda: prometheus.query("sum(up)") == [2], "two targets that are up")


def test_the_rules_are_loaded_and_can_be_evaluated(prometheus: Prometheus) -> None:
    def health() -> list[str]:
        groups = prometheus.ask("rules")["groups"]
        return [rule["health"] for group in groups for rule in group["rules"]]

    until(lambda: set(health()) == {"ok"}, "every rule evaluated")
    assert len(health()) == len(rules())


def test_figures_add_up_over_the_workers(compose: Compose, prometheus: Prometheus) -> None:
    with ThreadPoolExecutor(8) as pool:
        good = list(pool.map(predict, [compose.port] * 200))
        bad = list(pool.map(lambda _: predict(compose.port, b"no JSON"), range(20)))
        strange = list(pool.map(lambda _: predict(compose.port, key="another"), range(10)))
    assert (set(good), set(bad), set(strange)) == ({200}, {400}, {401})

    version = f'version="{SHIPPED}"'
    expected = {REQUESTS % "200": 200, REQUESTS % "400": 20, UNAUTHORIZED: 10}
    expected |= {
        'sum(nextday_refusals_total{code="not_json"})': 20,
        'sum(nextday_refusals_total{code="unauthorized"})': 10,
        f'sum(nextday_forecasts_total{{model="default",{version}}})': 200,
        f'nextday_request_seconds_count{{route="/predict",model="default",{version}}}': 200,
        f'nextday_wait_seconds_bucket{{route="/predict",{version},le="+Inf"}}': 200,
        f'sum(nextday_run_windows_sum{{model="default",{version}}})': 200,
        'nextday_served_version{model="default"}': SHIPPED,
        "nextday_models": 1,
    }
    for each, figure in expected.items():
        # each worker adds up its times once a second
        until(lambda: prometheus.query(each) == [figure], f"{each} = {figure}")  # noqa: B023 - at once
    of_each = compose.run("exec", "-T", "api", "python", "-c", OF_EACH_WORKER).stdout.split()
    print(f"of the workers: {of_each}")
    assert len(of_each) == 2
    assert sum(map(float, of_each)) == 230
    assert min(map(float, of_each)) > 0


def test_every_query_of_the_dashboard_is_answered(compose: Compose, prometheus: Prometheus) -> None:
    predict(compose.port)
    until(lambda: prometheus.query(REQUESTS % "200") > [200], "one more request")

    # a query that is none raises
    answered = {query: prometheus.query(query) for query in queries()}

    shown = [query for query, found in answered.items() if found]
    print(f"{len(shown)} of {len(answered)} queries show something")
    # whatever is asked of a service that answers, without errors and without a candidate
    quiet = ("5..", "nextday_trial", "nextday_shadow", "nextday_outside", "_timestamp", "changes(")
    assert [
        each for each in answered.keys() - set(shown) if not any(q in each for q in quiet)
    ] == []


def test_nothing_is_alarming_about_a_service_that_answers(prometheus: Prometheus) -> None:
    until(lambda: prometheus.firing() == set(), "a time without alarms")
    assert prometheus.query("job:nextday_errors:ratio_rate5m") == []


def test_a_service_that_goes_away_is_told_and_so_is_its_return(
    compose: Compose, prometheus: Prometheus
) -> None:
    container = compose.container("api")

    docker("stop", container)
    until(lambda: "NextdayDown" in prometheus.firing(), "the alarm")
    assert prometheus.firing() == {"NextdayDown"}
    docker("start", container)
    until(lambda: "NextdayDown" not in prometheus.firing(), "its end")
