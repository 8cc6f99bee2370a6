"""The client by its path, as a fresh clone has it, and a service to ask."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.testbed.service import serving

sys.path.insert(0, str(Path(__file__).parents[2] / "clients" / "python" / "src"))


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Serve the shipped model, as a process."""
    with serving(Path("models")) as service:
        yield f"http://127.0.0.1:{service.port}"
