"""One service for all attacks that need no settings of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.fuzz.seeds import publish_models
from tools.testbed.service import Service, serving


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    publish_models(root)
    return root


@pytest.fixture(scope="session")
def service(models: Path) -> Iterator[Service]:
    with serving(models) as running:
        yield running
