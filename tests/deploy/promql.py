"""What expressions of PromQL ask for, and what the service and its schedule really export."""

import functools
import json
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.artifact.rollout import ROLLOUT
from tests.builders import PRICES, publish
from tests.deploy.manifests import ROOT
from tools.testbed.service import serving
from tools.testbed.waiting import PATIENCE_S, until
from training.retraining import schedule

RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "dashboard.json"

needs_promtool = pytest.mark.needs("promtool")

_SELECTOR = re.compile(r'(?<![\w:])(nextday_\w+)(?![\w:])(?:\{((?:"[^"]*"|[^}"])*)\})?')
"""A metric, not one that a rule records, and its matchers."""
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")

OF_PROMETHEUS: Final = frozenset({"job", "instance"})
"""Labels that are not the exporter's own."""


class Asked(NamedTuple):
    """What one expression asks for of what we export."""

    metrics: dict[str, frozenset[str]]
    """Names, and the labels that are matched."""
    grouping: frozenset[str]
    matchers: frozenset[tuple[str, str, str]]
    """Label, operator and value."""


def asked(expression: str) -> Asked:
    labels: dict[str, set[str]] = defaultdict(set)
    matchers: set[tuple[str, str, str]] = set()
    for name, inside in _SELECTOR.findall(expression):
        found = _MATCHER.findall(inside)
        labels[name] |= {label for label, _, _ in found}
        matchers |= set(found)
    grouping = {
        label.strip() for inside in _GROUPING.findall(expression) for label in inside.split(",")
    }
    return Asked(
        {name: frozenset(each) for name, each in labels.items()},
        frozenset(grouping),
        frozenset(matchers),
    )


def rules(file: Path = RULES) -> list[dict[str, str]]:
    """Return every rule, recording or alerting, of a file of rules."""
    groups = yaml.safe_load(file.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    """Return every expression of the dashboard, its variables replaced as Grafana would."""
    board = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    found += [each["expr"] for each in board["annotations"]["list"]]
    return [
        each.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$model", ".*")
        for each in found
    ]


def promtool(*arguments: str | Path) -> str:
    """Run promtool; fail with what it says where it finds anything."""
    finished = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    if finished.returncode:
        pytest.fail(f"promtool {arguments}:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


@functools.cache
def exported() -> dict[str, frozenset[str]]:
    """Return the metrics that have a value after a few requests, and the labels of each."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        publish(models, version=2)
        publish(models, version=1)
        shadow = {"candidate": 2, "mode": "shadow", "share": 1.0}
        (models / "default" / ROLLOUT).write_text(json.dumps(shadow))
        with serving(models, poll_seconds=0.05, request_log=False) as service:
            url = f"http://127.0.0.1:{service.port}"
            # a forecast, one from outside the training range, and a refusal
            for prices in (PRICES, [10 * price for price in PRICES], []):
                ask(f"{url}/predict", json.dumps({"prices": prices}).encode())
            until(lambda: "\nnextday_models 1.0" in ask(f"{url}/metrics"), "a look at the models")
            told = ask(f"{url}/metrics")
    retraining = schedule.Metrics(schedule.parse("30 22 * * mon-fri", "UTC")).registry
    return _labels([told, generate_latest(retraining).decode()])


def ask(url: str, body: bytes | None = None) -> str:
    """Return what is answered, whatever its status; nothing where nobody answers."""
    request = urllib.request.Request(  # noqa: S310 - http, to ourselves
        url, data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - the same
            content: bytes = answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            content = refusal.read()
    except OSError:
        return ""
    return content.decode()


def _labels(texts: Iterable[str]) -> dict[str, frozenset[str]]:
    return {
        sample.name: frozenset(sample.labels)
        for text in texts
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
