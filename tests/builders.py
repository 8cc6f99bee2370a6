"""Tiny real things: ONNX graphs made by hand, models published with them, prices made up."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from onnx import NodeProto, TensorProto, helper
from starlette.testclient import TestClient

from app import artifact
from app.artifact import Draft, Manifest, Scores, TrainingRange
from app.main import create_app
from app.scaling import Floats, Levels, Returns
from app.settings import Settings

PRICES = [101.0, 102.0, 103.0, 104.0]


def last_value_graph(*, steps: int, scale: float = 1.0) -> bytes:
    """Return a network whose output is `scale` times the last step of its input."""
    nodes = [
        helper.make_node("Gather", ["window", "last"], ["newest"], axis=1),
        helper.make_node("Mul", ["newest", "scale"], ["forecast"]),
    ]
    constants = [
        helper.make_tensor("last", TensorProto.INT64, [], [steps - 1]),
        helper.make_tensor("scale", TensorProto.FLOAT, [], [scale]),
    ]
    return model_bytes(nodes, constants, steps=steps)


def fails_above_graph(*, steps: int) -> bytes:
    """Return a network that fails to run where an input is 2 or more."""
    nodes = [
        helper.make_node("ReduceMax", ["window"], ["most"], axes=[1], keepdims=0),
        helper.make_node("Cast", ["most"], ["row"], to=TensorProto.INT64),
        helper.make_node("Gather", ["two", "row"], ["forecast"]),
    ]
    return model_bytes(
        nodes, [helper.make_tensor("two", TensorProto.FLOAT, [2], [0.0, 0.5])], steps=steps
    )


def model_bytes(
    nodes: list[NodeProto],
    constants: list[TensorProto],
    *,
    steps: int,
    outputs: Sequence[str] = ("forecast",),
    opset: int = 17,
) -> bytes:
    """Return a graph from `window` (n, steps, 1) to `outputs`."""
    inputs = [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", steps, 1])]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "made by hand", inputs, results, constants)
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def levels(*, low: float = 100.0, high: float = 200.0) -> Levels:
    return Levels(kind="minmax", offset=low, scale=high - low, low=low, high=high)


def draft(*, window: int = 3, mae_vs_naive: float = 1.0) -> Draft:
    return Draft(
        window=window,
        fields=("close",),
        target="close",
        output="point",
        recipe={"name": "made by hand"},
        seed=1,
        trained_on=TrainingRange(
            first=date(2020, 1, 2),
            last=date(2020, 12, 31),
            cutoff=date(2021, 1, 4),
            instruments=("made up",),
            windows=250,
        ),
        data_digest="0" * 64,
        scores=Scores(
            first=date(2021, 1, 4),
            last=date(2021, 12, 31),
            sessions=252,
            instruments=1,
            unit="price",
            mae=mae_vs_naive,
            rmse=1.5,
            naive_mae=1.0,
            naive_rmse=1.5,
            mae_vs_naive=mae_vs_naive,
            rmse_vs_naive=1.0,
            dm_t=None,
        ),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        libraries={},
        git_commit=None,
    )


def publish(
    root: Path,
    name: str = "default",
    version: int = 1,
    *,
    window: int = 3,
    scaler: Levels | Returns | None = None,
    scale: float = 1.0,
    graph: bytes | None = None,
    scaler_file: bytes | None = None,
    mae_vs_naive: float = 1.0,
) -> Path:
    """Publish a model that repeats the last price, times `scale` in the scaler's unit."""
    scaler = scaler or levels()
    if graph is None:
        graph = last_value_graph(steps=scaler.steps(window), scale=scale)
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    contents = {
        artifact.GRAPH: graph,
        artifact.SCALER: scaler_file or scaler.model_dump_json().encode(),
        artifact.CARD: b"# a card\n",
    }
    artifact.write(folder, name, version, draft(window=window, mae_vs_naive=mae_vs_naive), contents)
    point(root, name, version)
    return folder


def point(root: Path, name: str, version: int) -> None:
    (root / name / "current").write_text(f"{version}\n")


def manifest_of(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / artifact.MANIFEST).read_bytes())


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


def random_walk(rows: int, *, seed: int = 7, start: float = 100.0) -> Floats:
    """Return prices with normal returns of 1 %."""
    returns = np.random.default_rng(seed).normal(0, 0.01, rows)
    prices: Floats = start * np.exp(np.cumsum(returns))
    return prices


def write_csv(
    path: Path,
    prices: Sequence[float] | Floats,
    *,
    first: str = "2020-01-01",
    column: str = "Open",
    order: Literal["oldest", "newest"] = "oldest",
    form: Literal["iso", "us", "name"] = "iso",
) -> Path:
    """Write prices of successive days as Yahoo does, with a column that nobody asked for."""
    days = np.datetime64(first) + np.arange(len(prices))
    written = {"iso": "%Y-%m-%d", "us": "%-m/%-d/%y", "name": "%-d-%b-%y"}[form]
    rows = [
        f"{day.astype(object).strftime(written)},{price!r},12345"
        for day, price in zip(days, map(float, prices), strict=True)
    ]
    if order == "newest":
        rows.reverse()
    path.write_text("\n".join([f"Date,{column},Volume", *rows]))
    return path
