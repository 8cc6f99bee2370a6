"""deploy/grafana: a dashboard that Grafana can import and that asks for what there is."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.promql import (
    DASHBOARD,
    OF_PROMETHEUS,
    asked,
    exported,
    needs_promtool,
    promtool,
    queries,
)

BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
DRAWN = [panel for panel in PANELS if panel["type"] != "row"]


def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    at = panel["gridPos"]
    return set(
        itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"]))
    )


def test_panels_have_ids_of_their_own_and_titles() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_panels_lie_beside_each_other_on_a_grid_of_24_columns() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        here = cells(panel)
        assert here.isdisjoint(taken), panel["title"]
        assert max(x for x, _ in here) < 24
        taken |= here


def test_it_is_of_the_last_classic_schema() -> None:
    # of Grafana 12.2 and newer; what is older or newer migrates it by this number
    assert BOARD["schemaVersion"] == 42
    assert {"uid", "title", "panels", "templating", "annotations", "time"} <= BOARD.keys()


def test_the_source_of_the_data_is_for_whoever_imports_it_to_choose() -> None:
    sources = re.findall(r'"type": "prometheus",\s*"uid": "([^"]*)"', DASHBOARD.read_text())
    variables = {each["name"]: each for each in BOARD["templating"]["list"]}

    assert set(sources) == {"${datasource}"}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == (
        "datasource",
        "prometheus",
    )
    for panel in DRAWN:
        assert all("datasource" in target for target in [panel, *panel["targets"]])


def test_every_variable_is_used_and_every_one_used_is_there() -> None:
    used = set(re.findall(r"\$\{?(\w+)\}?", DASHBOARD.read_text()))

    # Grafana's own
    own = {name for name in used if name.startswith("__")}
    assert own == {"__all", "__rate_interval"}
    assert used - own == {each["name"] for each in BOARD["templating"]["list"]}


def test_the_queries_of_a_panel_are_told_apart() -> None:
    for panel in DRAWN:
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0


@needs_promtool
def test_every_query_is_promql(tmp_path: Path) -> None:
    recorded = [{"record": f"query_{n}", "expr": each} for n, each in enumerate(queries())]
    rules = tmp_path / "queries.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))

    assert f"{len(recorded)} rules found" in promtool("check", "rules", rules)


@pytest.mark.parametrize("query", queries())
def test_what_a_query_asks_for_is_exported(query: str) -> None:
    wanted = asked(query)

    # none of what rules record: the dashboard is complete without them
    assert wanted.metrics.keys() <= exported().keys()
    assert ":nextday" not in query
    for name, labels in wanted.metrics.items():
        assert labels <= exported()[name] | OF_PROMETHEUS
        assert wanted.grouping <= exported()[name] | OF_PROMETHEUS
    assert wanted.metrics or "up{" in query


def test_everything_that_is_exported_is_to_be_seen() -> None:
    shown = {name for query in queries() for name in asked(query).metrics}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    ours = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for name in exported()
        if name.startswith("nextday_") and not name.endswith("_created")
    }

    assert families == ours


def test_legends_name_labels_that_their_queries_keep() -> None:
    for panel in DRAWN:
        for target in panel["targets"]:
            wanted = asked(target["expr"])
            kept = wanted.grouping or {
                label for name in wanted.metrics for label in exported()[name] | OF_PROMETHEUS
            }
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= kept, panel["title"]
