"""A real Chromium at the page of a real service, and all that it asked, said and refused."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import programs
from tools.testbed.service import Service

DESKTOP: Final = (1280, 900)
PHONE: Final = (360, 740)
SCREENSHOTS: Final = "NEXTDAY_SCREENSHOTS"
"""Names a folder to keep pictures in, where somebody wants to look at them."""

DROP: Final = """
([name, content]) => {
  const moved = new DataTransfer();
  moved.items.add(new File([content], name));
  const say = (type) => document.querySelector("#result").dispatchEvent(
    new DragEvent(type, { dataTransfer: moved, bubbles: true, cancelable: true }));
  say("dragenter");
  say("dragover");
  say("drop");
}
"""

REFUSED_BY_POLICY: Final = """
window.refusedByPolicy = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.refusedByPolicy.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser."""
    found = shutil.which("chromium-browser") or programs.require("chromium")
    with sync_playwright() as playwright:
        # root, as in a container, has no sandbox
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=found, args=sandbox)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One person at the page."""

    def __init__(self, context: BrowserContext, service: Service) -> None:
        self.context = context
        self.root = f"http://127.0.0.1:{service.port}/"
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        # from now on: the browser is told to hand its dialog over in a message of its own, which
        # a key that is pressed right afterwards can overtake
        self.page.on("filechooser", lambda _: None)
        self.page.add_init_script(REFUSED_BY_POLICY)
        self.page.goto(self.root)
        self.settle()

    def _listen(self, message: Any) -> None:
        # the browser's own word on every answer that is no 200: the page tells of those itself
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.said.append(message.text)

    def settle(self) -> None:
        """Wait until nothing is under way."""
        self.page.wait_for_selector("body[data-state=ready]")

    def drop(self, name: str, content: str) -> None:
        """Drop a file, and wait for what comes of it."""
        self.page.evaluate(DROP, [name, content])
        self.settle()

    def example(self, name: str = "calm") -> None:
        """Choose an example, and wait for its forecast."""
        self.page.click(f"[data-example={name}]")
        self.page.wait_for_selector("#prediction")
        self.settle()

    def backtest(self) -> None:
        """Turn to the tab, run the backtest, and wait for its end."""
        self.page.click("#tab-backtest")
        self.page.click("#backtest-start")
        self.page.wait_for_selector("#backtest:not([hidden])")

    def requests(self) -> None:
        """Open the list of what was asked; it is written after it opens."""
        self.page.click("#requests summary")
        self.page.wait_for_selector("#request-list li")

    def text(self, selector: str) -> str:
        """Return what is read there."""
        return self.page.inner_text(selector)

    def copied(self, button: str) -> str:
        """Press a button that copies, and return what it copied."""
        self.page.click(button)
        self.page.wait_for_selector(f"{button}:has-text('Copied')")
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text

    def picture(self, name: str) -> None:
        """Keep a picture, where somebody wants to look at it."""
        folder = os.environ.get(SCREENSHOTS)  # noqa: TID251 - of the tests, not of the service
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def serious(self) -> list[str]:
        """Return what axe-core finds serious or critical."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]

    def is_wider_than_the_window(self) -> bool:
        """Tell whether one has to scroll sideways."""
        wider: bool = self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        return wider

    def end(self) -> None:
        """Leave; what went wrong unseen fails the test."""
        refused = self.page.evaluate("window.refusedByPolicy")
        self.context.close()
        elsewhere = [
            url for url in self.asked if urlsplit(url).netloc != urlsplit(self.root).netloc
        ]
        assert (self.said, refused, elsewhere) == ([], [], [])


@contextlib.contextmanager
def visiting(
    browser: Browser,
    service: Service,
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
) -> Iterator[Visit]:
    """Open the page, and check at the end that it kept to its service."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        permissions=["clipboard-read", "clipboard-write"],
    )
    try:
        visit = Visit(context, service)
        yield visit
    except BaseException:
        context.close()
        raise
    visit.end()
