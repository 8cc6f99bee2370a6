"""What the tests of the page share: a service, a browser, and somebody who visits."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.builders import publish_quantiles
from tests.e2e.page.browser import Visit, chromium, visiting
from tools.testbed.service import Service, serving


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    shutil.copytree("models/default", root / "default")
    publish_quantiles(root, name="opens", fields=("open",))
    return root


@pytest.fixture(scope="module")
def service(models: Path) -> Iterator[Service]:
    with serving(models) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, service: Service) -> Iterator[Visit]:
    with visiting(browser, service) as here:
        yield here
