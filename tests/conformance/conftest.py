"""The service, in a process of its own, with a model of each kind."""

from collections.abc import Iterator

import pytest

from tools.conformance import models
from tools.testbed.service import serving


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("models")
    models.publish_all(root)
    with serving(root, log_level="error") as service:
        yield f"http://127.0.0.1:{service.port}"
