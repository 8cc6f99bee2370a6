"""What is retrained by default: the file, and how compose and Kubernetes run it."""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tests.deploy.manifests import KSERVE, PLAIN, ROOT, mounts, needs_kubectl, pod, the
from training.commands import retrain
from training.retraining import config, schedule
from training.retraining import job as retrain_job
from training.retraining.config import RetrainConfig
from training.sources.open_source import CsvSource

FILE = ROOT / "deploy" / "retrain" / "retrain.toml"
CSV = CsvSource(kind="csv", folder=Path("/data"))
WAYS = pytest.mark.parametrize("way", [PLAIN, KSERVE])


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Parse as the command line does; end the process where it would."""
    parser = argparse.ArgumentParser()
    retrain.add(parser.add_subparsers())
    return parser.parse_args(arguments)


def compose() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][
        "retrain"
    ]
    return service


def defaults(text: str) -> str:
    """Put the default in place of each variable of a compose file."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_file_is_one() -> None:
    plan = config.load(FILE)

    assert (plan.config.name, plan.recipe.name) == ("default", "global-ohlc")
    assert plan.config == RetrainConfig(source=CSV)


def test_every_key_is_in_the_file() -> None:
    named = set(re.findall(r"^(?:# )?(\w+) = ", FILE.read_text(), re.MULTILINE))
    sections = {name: type(value) for name, value in RetrainConfig(source=CSV) if name != "source"}
    known: set[str] = set()
    for name, section in sections.items():
        known |= section.model_fields.keys() if issubclass(section, BaseModel) else {name}

    assert known <= named


def alternatives() -> list[str]:
    """Return the [source] tables that the file has as comments, without their marks."""
    found = re.findall(r"^# \[source\]\n(?:# .+\n)+", FILE.read_text(), re.MULTILINE)
    return [re.sub(r"^# ", "", each, flags=re.MULTILINE) for each in found]


@pytest.mark.parametrize("table", alternatives())
def test_a_source_in_a_comment_can_take_the_place_of_the_other(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTDAY_DATABASE_URL", "postgresql://prices@db/prices")
    changed = re.sub(
        r"^\[source\]\n(?:\w.+\n)+", lambda _: table, FILE.read_text(), flags=re.MULTILINE
    )
    (tmp_path / "retrain.toml").write_text(changed)

    plan = config.load(tmp_path / "retrain.toml")

    assert plan.config.source.kind == tomllib.loads(table)["source"]["kind"]


def test_sql_and_yahoo_are_taught() -> None:
    kinds = [tomllib.loads(table)["source"]["kind"] for table in alternatives()]

    assert kinds == ["sql", "yahoo"]


@needs_kubectl
@WAYS
def test_the_pod_has_the_file_and_what_it_names(way: str) -> None:
    [container] = pod(way, "train")["spec"]["containers"]
    options = parsed(container["args"])
    config = the(way, "ConfigMap")
    [volume] = [each for each in pod(way, "train")["spec"]["volumes"] if each["name"] == "config"]

    assert options.schedule is None
    assert options.config == Path(mounts(container)["config"]["mountPath"]) / FILE.name
    assert config["data"] == {FILE.name: FILE.read_text()}
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    assert_has_the_folders(
        {m["mountPath"]: not m.get("readOnly") for m in mounts(container).values()}
    )
    assert_is_asked_for([each["name"] for each in container["env"]])


def test_the_service_of_compose_has_the_file_and_what_it_names() -> None:
    service = compose()
    mounted = {}
    for volume in service["volumes"]:
        source, target, *read_only = defaults(volume).split(":")
        mounted[target] = not read_only
        if target == "/config/retrain.toml":
            assert ROOT / source == FILE
    options = parsed([defaults(each) for each in service["command"]])

    assert str(options.config) in mounted
    assert_has_the_folders(mounted)
    assert_is_asked_for(service["environment"])
    published = [defaults(each).split(":") for each in service["ports"]]
    assert published == [["127.0.0.1", *2 * [str(options.metrics_port)]]]
    schedule.parse(options.schedule, options.timezone)


def assert_has_the_folders(mounted: dict[str, bool]) -> None:
    """Assert that what the command reads and writes by default is there, and can be written."""
    options = parsed(["retrain", "--config", "x"])
    links = re.findall(r"ln -s (\S+) (\S+)", (ROOT / "Dockerfile").read_text())
    folders = {link: folder for folder, link in links}

    assert mounted[str(CSV.folder)] is False
    assert mounted[folders[str(options.models)]] is True
    assert mounted[folders[str(options.work)]] is True


def assert_is_asked_for(variables: Iterable[str]) -> None:
    assert set(variables) == set(re.findall(r'"\$\{(\w+)\}"', FILE.read_text()))


@needs_kubectl
@WAYS
def test_compose_and_kubernetes_retrain_at_the_same_time(way: str) -> None:
    options = parsed([defaults(each) for each in compose()["command"]])
    job = the(way, "CronJob")["spec"]

    assert (job["schedule"], job["timeZone"]) == (options.schedule, options.timezone)
    assert job["concurrencyPolicy"] == "Forbid"


@needs_kubectl
@pytest.mark.parametrize(
    ("code", "told"),
    [
        pytest.param(retrain_job.PUBLISHED, 0, id="published"),
        pytest.param(retrain_job.KEPT, 0, id="the incumbent was kept: no failed job"),
        pytest.param(retrain_job.FAILED, 1, id="failed"),
        pytest.param(retrain_job.USAGE, 2, id="wrong usage"),
    ],
)
def test_the_job_fails_only_where_there_is_no_verdict(code: int, told: int, tmp_path: Path) -> None:
    [container] = pod(PLAIN, "train")["spec"]["containers"]
    program, *command = container["command"]
    # what runs in the pod, with a command line that ends so
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__main__.py").write_text(
        f"def main(arguments):\n    print(*arguments)\n    return {code}\n"
    )

    finished = subprocess.run(
        [sys.executable, *command, *container["args"]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert program == "python"
    assert finished.returncode == told
    assert finished.stdout.split() == container["args"]


@needs_kubectl
@WAYS
def test_wrong_usage_is_not_tried_again_and_a_lost_node_is(way: str) -> None:
    job = the(way, "CronJob")["spec"]["jobTemplate"]["spec"]
    ignored, failed = job["podFailurePolicy"]["rules"]
    [container] = job["template"]["spec"]["containers"]

    assert ignored["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert (ignored["action"], failed["action"]) == ("Ignore", "FailJob")
    assert failed["onExitCodes"]["values"] == [retrain_job.USAGE]
    assert failed["onExitCodes"]["containerName"] == container["name"]
    # which Kubernetes asks for where there is such a policy
    assert job["template"]["spec"]["restartPolicy"] == "Never"
