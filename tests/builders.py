"""What tests build with: tiny models, prices made up, and the service in this process."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tools.testbed.models import (
    NORMAL,
    QUANTILES,
    calibration,
    draft,
    fails_above_graph,
    last_value_graph,
    levels,
    manifest_of,
    model_bytes,
    point,
    publish,
    publish_files,
    publish_quantiles,
    scores,
    slow_graph,
    spread_graph,
)
from tools.testbed.prices import (
    PRICES,
    Columns,
    newest,
    random_bars,
    random_walk,
    write_bars,
    write_csv,
)

__all__ = [
    "NORMAL",
    "PRICES",
    "QUANTILES",
    "Columns",
    "assert_problem",
    "calibration",
    "draft",
    "fails_above_graph",
    "last_value_graph",
    "levels",
    "manifest_of",
    "model_bytes",
    "newest",
    "point",
    "publish",
    "publish_files",
    "publish_quantiles",
    "random_bars",
    "random_walk",
    "scores",
    "serving",
    "slow_graph",
    "spread_graph",
    "write_bars",
    "write_csv",
]


@contextlib.contextmanager
def serving(root: Path, **settings: Any) -> Iterator[TestClient]:
    """Serve the models of `root` as production does, to a client in this process."""
    app = create_app(Settings(models=root, **settings))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Assert the one shape that every error has; return its body."""
    body: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, body.get("code")) == (status, code), body
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    assert body["status"] == status
    assert len(response.content) < 1000
    return body
