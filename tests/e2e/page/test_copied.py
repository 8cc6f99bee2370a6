"""What the page asks can be copied, and asked again by a shell."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.e2e.page.browser import Visit, visiting
from tests.e2e.page.prices import csv_of
from tests.e2e.page.shell import shell
from tools.testbed.service import serving

KEY: Final = "a-key-of-this-test-only"


def test_the_copied_command_gives_the_same_forecast(visit: Visit, tmp_path: Path) -> None:
    content = csv_of(300)
    visit.drop("it's made up.csv", content)
    shown = visit.text("#prediction")

    answer = shell(visit.copied("#figures .copy"), tmp_path)

    assert f"{answer['prediction']:,.2f}" == shown


def test_every_request_can_be_copied_and_run(visit: Visit, tmp_path: Path) -> None:
    content = csv_of(130)
    visit.drop("it's made up.csv", content)
    (tmp_path / "it's made up.csv").write_text(content)
    visit.backtest()
    visit.requests()

    labels = visit.page.locator("#request-list li > span > code").all_inner_texts()
    assert sorted(set(labels)) == [
        "GET /calendars", "GET /models", "GET /models/default",
        "POST /bars", "POST /predict", "POST /predict/batch",
    ]  # fmt: skip
    for place, label in enumerate(labels, 1):
        answer = shell(visit.copied(f"#request-list li:nth-child({place}) .copy"), tmp_path)
        assert "detail" not in answer, label


def test_a_service_with_keys_is_asked_with_one(
    browser: Browser, models: Path, tmp_path: Path
) -> None:
    with serving(models, api_keys=KEY) as running, visiting(browser, running) as here:
        assert "key" in here.text("#error").lower()
        here.page.fill("#key", KEY)
        here.page.keyboard.press("Enter")
        here.page.wait_for_selector("#model:not([disabled])")
        here.example()
        shown = here.text("#prediction")
        command = here.copied("#figures .copy")
        assert KEY not in command
        answer = shell(command, tmp_path, NEXTDAY_KEY=KEY)
        assert f"{answer['prediction']:,.2f}" == shown
        assert here.page.evaluate("Object.values(localStorage)") == []
