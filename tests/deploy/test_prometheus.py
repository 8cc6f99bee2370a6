"""deploy/prometheus: rules that Prometheus takes, that fire, and that ask for what there is."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.transport import problem_details
from tests.builders import serving
from tests.deploy.manifests import ROOT
from tests.deploy.promql import (
    OF_PROMETHEUS,
    RULES,
    asked,
    exported,
    needs_promtool,
    promtool,
    rules,
)

FOLDER = RULES.parent
CONFIG = FOLDER / "prometheus.yml"
CASES = FOLDER / "rules_test.yml"

EXPRESSIONS = [rule["expr"] for rule in rules()]
ALERTS: list[dict[str, Any]] = [rule for rule in rules() if "alert" in rule]


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    assert f"{len(EXPRESSIONS)} rules found" in promtool("check", "rules", RULES)


@needs_promtool
def test_prometheus_takes_the_configuration() -> None:
    promtool("check", "config", CONFIG)


@needs_promtool
def test_every_rule_fires_when_it_should_and_at_no_other_time() -> None:
    promtool("test", "rules", CASES)


@needs_promtool
def test_a_rule_that_does_not_fire_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    changed = tmp_path / RULES.name
    changed.write_text(RULES.read_text().replace("up{job=", "up{job!=", 1))

    with pytest.raises(pytest.fail.Exception, match="NextdayDown"):
        promtool("test", "rules", tmp_path / CASES.name)


def test_every_alert_is_seen_to_fire_and_to_be_quiet() -> None:
    fired: set[str] = set()
    was_quiet: set[str] = set()
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        # each expectation is of all that fires at a time, which promtool holds against what does
        at_times = [
            frozenset(re.findall(r'alertname="(\w+)"', str(each.get("exp_samples", []))))
            for each in case["promql_expr_test"]
            if "alertstate" in each["expr"]
        ]
        here = frozenset().union(*at_times)
        fired |= here
        was_quiet |= {name for name in here for names in at_times if name not in names}

    assert fired == was_quiet == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["for"]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert len(alert["annotations"]["summary"]) < 100
    assert len(alert["annotations"]["description"].split()) > 10


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_a_rule_asks_for_is_exported(expression: str) -> None:
    wanted = asked(expression)
    known = OF_PROMETHEUS.union(
        *(exported()[name] for name in wanted.metrics if name in exported())
    )
    recorded = {rule["record"] for rule in rules() if "record" in rule}

    assert wanted.metrics.keys() <= exported().keys()
    for name, labels in wanted.metrics.items():
        assert labels <= exported()[name] | OF_PROMETHEUS
    if wanted.metrics:
        assert wanted.grouping <= known
    of_rules = set(re.findall(r"\w+:\w+:\w+", expression))
    assert of_rules <= recorded
    assert wanted.metrics or of_rules or "up{" in expression


def test_values_that_rules_match_are_values_that_there_are() -> None:
    codes = {kind.code for kind in problem_details.KINDS.values()}
    codes.add(problem_details.kind_of(Exception()).code)
    with serving(ROOT / "models") as client:
        routes = client.get("/openapi.json").json()["paths"]
    matchers = {each for expression in EXPRESSIONS for each in asked(expression).matchers}

    assert {value for label, _, value in matchers if label == "code"} <= codes
    for _, _, value in [each for each in matchers if each[0] == "route"]:
        assert any(re.fullmatch(value, route) for route in routes)


def test_the_alarm_of_memory_is_of_the_limit_that_kubernetes_has() -> None:
    deployment = yaml.safe_load((ROOT / "deploy/kubernetes/deployment.yaml").read_text())
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [alarm] = [each for each in ALERTS if each["alert"] == "NextdayMemory"]
    [mebibytes] = re.findall(r"0\.8 \* (\d+) \* 2\^20", alarm["expr"])

    assert container["resources"]["limits"]["memory"] == f"{mebibytes}Mi"
    assert f"{mebibytes} MiB" in alarm["annotations"]["description"]


def test_the_targets_are_where_compose_publishes_them() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    published = {
        re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", port).rpartition(":")[0]
        for service in services.values()
        for port in service["ports"]
    }
    jobs = yaml.safe_load(CONFIG.read_text())["scrape_configs"]

    assert {job["static_configs"][0]["targets"][0] for job in jobs} == published
    # by which rules and dashboard know them
    named = {value for rule in rules() for value in re.findall(r'job="([^"]*)"', rule["expr"])}
    assert {job["job_name"] for job in jobs} == named
