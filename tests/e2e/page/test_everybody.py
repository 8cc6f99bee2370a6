"""The page from the keyboard, on a phone, in the dark, and read by a machine."""

import re

import pytest
from playwright.sync_api import Browser

from tests.e2e.page.browser import DESKTOP, PHONE, Visit, visiting
from tools.testbed.service import Service


def test_all_of_it_works_from_the_keyboard(visit: Visit) -> None:
    keys = visit.page.keyboard

    def reach(selector: str) -> None:
        for _ in range(40):
            if visit.page.evaluate("s => document.activeElement?.matches(s)", selector):
                return
            keys.press("Tab")
        pytest.fail(f"no way to {selector}")

    reach("#choose")
    with visit.page.expect_file_chooser():
        keys.press("Enter")
    reach("[data-example=wild]")
    keys.press("Enter")
    visit.page.wait_for_selector("#prediction")
    reach("#tab-forecast")
    keys.press("ArrowRight")
    assert visit.page.is_visible("#panel-backtest")
    reach("#backtest-start")
    keys.press("Enter")
    visit.page.wait_for_selector("#backtest:not([hidden])")
    reach("#backtest-ranges button:last-child")
    keys.press("Space")
    assert visit.page.get_attribute("#backtest-ranges button:last-child", "aria-pressed") == "true"
    visit.page.focus("#tab-backtest")
    keys.press("End")
    visit.page.wait_for_selector("#panel-model .card")
    reach("#requests summary")
    keys.press("Enter")
    visit.page.wait_for_selector("#request-list .copy")
    reach("#request-list .copy")
    keys.press("Enter")
    visit.page.wait_for_selector("#request-list .copy:has-text('Copied')")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_read_it(
    browser: Browser, service: Service, size: tuple[int, int], *, dark: bool
) -> None:
    with visiting(browser, service, size=size, dark=dark) as here:
        name = f"{size[0]}-{'dark' if dark else 'light'}"
        assert here.serious() == []
        here.requests()
        here.page.click("#paste summary")
        here.example("wild")
        assert here.serious() == []
        assert not here.is_wider_than_the_window()
        here.picture(f"{name}-forecast")
        here.backtest()
        assert here.serious() == []
        assert not here.is_wider_than_the_window()
        here.picture(f"{name}-backtest")
        here.page.click("#tab-model")
        here.page.wait_for_selector(".card")
        assert here.serious() == []
        assert not here.is_wider_than_the_window()
        here.picture(f"{name}-model")
        here.drop("broken.csv", "PK\x03\x04")
        assert here.serious() == []


def test_dark_is_dark_in_the_chart_as_well(browser: Browser, service: Service) -> None:
    def background() -> list[int]:
        found = re.findall(r"\d+", here.page.evaluate(
            "getComputedStyle(document.querySelector('#result')).backgroundColor"
        ))  # fmt: skip
        return [int(each) for each in found]

    with visiting(browser, service) as here:
        here.example()
        assert min(background()) > 200
        here.page.emulate_media(color_scheme="dark")
        assert max(background()) < 60
        ink = here.page.evaluate(
            "getComputedStyle(document.documentElement).getPropertyValue('--accent')"
        )
        assert ink.strip() == "#8ab4f8"
