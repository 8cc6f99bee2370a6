"""What the end-to-end tests share: both images, built once."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.containers import Compose


@pytest.fixture(scope="session")
def images() -> None:
    """Build both; for modules that run containers."""
    project = Compose("build", Path())
    for service in ("api", "retrain"):
        print(project.run("build", service).stdout[-2000:])


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """Give a folder that a container of another user can read."""
    folder = Path(tempfile.mkdtemp(prefix="nextday-e2e-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
