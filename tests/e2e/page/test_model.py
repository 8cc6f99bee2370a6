"""The tab of a model, whose card may be anybody's."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from app.artifact import layout
from tests.builders import (
    draft,
    last_value_graph,
    levels,
    publish_files,
)
from tests.e2e.page.browser import Visit, visiting
from tools.testbed.service import serving


def test_the_tab_of_a_model_has_its_card_scores_and_versions(visit: Visit, models: Path) -> None:
    visit.page.click("#tab-model")
    visit.page.wait_for_selector(".card")

    shown = visit.text("#model-detail")
    current = (models / "default" / "current").read_text().strip()
    assert f"default, version {current}" in shown
    assert "How well it does" in shown
    assert "**" not in shown
    assert "Mean absolute error" in visit.text("#model-detail .table")
    visit.picture("model")
    visit.page.click("[data-version='1']")
    visit.page.wait_for_selector("h3:has-text('default, version 1')")


FOREIGN: Final = b"""# A card

<img src=x onerror=alert(1)> and [a trap](javascript:alert(1)), <script>alert(1)</script>,
[a link](https://example.org/)

| a | b |
|---|---|
| <b onclick=alert(1)>1</b> | 2 |
"""


def test_a_card_is_never_markup(browser: Browser, tmp_path: Path) -> None:
    contents = {
        layout.GRAPH: last_value_graph(steps=3),
        layout.SCALER: levels().model_dump_json().encode(),
        layout.CARD: FOREIGN,
    }
    publish_files(tmp_path, "default", 1, draft(), contents)

    with serving(tmp_path) as running, visiting(browser, running) as here:
        here.page.click("#tab-model")
        here.page.wait_for_selector(".card h4")
        assert here.page.locator(".card img, .card script, .card [onclick]").count() == 0
        assert here.page.locator(".card a").count() == 1
        assert "<img src=x onerror=alert(1)>" in here.text(".card")
