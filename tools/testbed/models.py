"""Tiny real models: ONNX graphs made by hand, and what is published with them."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from onnx import NodeProto, TensorProto, helper

from app.artifact import archive, layout
from app.artifact.manifest import (
    BARS,
    CloseOnly,
    Draft,
    Manifest,
    ModelCalibration,
    PriceField,
    Scores,
    TrainingRange,
)
from app.forecasting.scalers import LevelScaler, ReturnScaler

QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
NORMAL = (-1.959964, -1.2815516, 0.0, 1.2815516, 1.959964)
"""The standard normal's quantiles at QUANTILES."""


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


def slow_graph(*, steps: int) -> bytes:
    """Return a network whose output is about 0, and takes long over it."""
    names = ["window", *(f"sine {place}" for place in range(200))]
    nodes = [helper.make_node("Sin", [one], [then]) for one, then in itertools.pairwise(names)]
    nodes.append(helper.make_node("ReduceMin", names[-1:], ["forecast"], axes=[1], keepdims=0))
    return model_bytes(nodes, [], steps=steps)


def spread_graph(
    *, steps: int, features: int = 4, each: Sequence[float] = NORMAL, least: float = 0.0
) -> bytes:
    """Return a network of quantiles: `each` times `least` plus the mean of its inputs' sizes."""
    nodes = [
        helper.make_node("Abs", ["window"], ["sizes"]),
        helper.make_node("ReduceMean", ["sizes"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["means"]),
        helper.make_node("Add", ["means", "least"], ["spread"]),
        helper.make_node("Mul", ["spread", "each"], ["forecast"]),
    ]
    constants = [
        helper.make_tensor("column", TensorProto.INT64, [2], [-1, 1]),
        helper.make_tensor("least", TensorProto.FLOAT, [], [least]),
        helper.make_tensor("each", TensorProto.FLOAT, [1, len(each)], each),
    ]
    return model_bytes(nodes, constants, steps=steps, features=features)


def model_bytes(
    nodes: list[NodeProto],
    constants: list[TensorProto],
    *,
    steps: int,
    features: int = 1,
    outputs: Sequence[str] = ("forecast",),
    opset: int = 17,
) -> bytes:
    """Return a graph from `window` (n, steps, features) to `outputs`."""
    inputs = [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", steps, features])]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "made by hand", inputs, results, constants)
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def levels(*, low: float = 100.0, high: float = 200.0) -> LevelScaler:
    return LevelScaler(kind="minmax", offset=low, scale=high - low, low=low, high=high)


def draft(
    *,
    window: int = 3,
    mae_vs_naive: float = 1.0,
    fields: tuple[PriceField, ...] = ("close",),
    quantiles: tuple[float, ...] = (),
    calibration: ModelCalibration | None = None,
    close_only: CloseOnly | None = None,
) -> Draft:
    return Draft(
        window=window,
        fields=fields,
        target=fields[-1],
        output="quantiles" if quantiles else "point",
        quantiles=quantiles,
        calibration=calibration,
        close_only=close_only,
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
        scores=scores(mae_vs_naive=mae_vs_naive),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        libraries={},
        git_commit=None,
    )


def scores(*, mae_vs_naive: float = 1.0, sessions: int = 252) -> Scores:
    return Scores(
        first=date(2021, 1, 4),
        last=date(2021, 12, 31),
        sessions=sessions,
        instruments=1,
        unit="price",
        mae=mae_vs_naive,
        rmse=1.5,
        naive_mae=1.0,
        naive_rmse=1.5,
        mae_vs_naive=mae_vs_naive,
        rmse_vs_naive=1.0,
        dm_t=None,
    )


def calibration(
    *, offsets: Sequence[float] = (0.0,) * len(QUANTILES), gain: float = 0.0
) -> ModelCalibration:
    return ModelCalibration(offsets=tuple(offsets), gain=gain, sessions=5_000)


def publish_quantiles(
    root: Path,
    *,
    name: str = "default",
    version: int = 1,
    window: int = 5,
    fields: tuple[PriceField, ...] = BARS,
    graph: bytes | None = None,
    own: ModelCalibration | None = None,
    close_graph: bytes | None = None,
    close_only: CloseOnly | None = None,
    scaler: LevelScaler | ReturnScaler | None = None,
) -> Path:
    """Publish a model of quantiles: normal ones, as wide as the window's moves are large."""
    scaler = scaler or ReturnScaler(unit="percent")
    steps = scaler.steps(window)
    contents = {
        layout.GRAPH: graph or spread_graph(steps=steps, features=len(fields)),
        layout.SCALER: scaler.model_dump_json().encode(),
        layout.CARD: b"# a card\n",
    }
    if close_graph is not None:
        contents[layout.CLOSE_GRAPH] = close_graph
    described = draft(
        window=window, fields=fields, quantiles=QUANTILES, calibration=own, close_only=close_only
    )
    return publish_files(root, name, version, described, contents)


def publish(
    root: Path,
    name: str = "default",
    version: int = 1,
    *,
    window: int = 3,
    scaler: LevelScaler | ReturnScaler | None = None,
    scale: float = 1.0,
    graph: bytes | None = None,
    scaler_file: bytes | None = None,
    mae_vs_naive: float = 1.0,
) -> Path:
    """Publish a model that repeats the last price, times `scale` in the scaler's unit."""
    scaler = scaler or levels()
    if graph is None:
        graph = last_value_graph(steps=scaler.steps(window), scale=scale)
    contents = {
        layout.GRAPH: graph,
        layout.SCALER: scaler_file or scaler.model_dump_json().encode(),
        layout.CARD: b"# a card\n",
    }
    described = draft(window=window, mae_vs_naive=mae_vs_naive)
    return publish_files(root, name, version, described, contents)


def publish_files(
    root: Path, name: str, version: int, described: Draft, contents: dict[str, bytes]
) -> Path:
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    archive.write(folder, name, version, described, contents)
    point(root, name, version)
    return folder


def point(root: Path, name: str, version: int) -> None:
    (root / name / "current").write_text(f"{version}\n")


def manifest_of(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / layout.MANIFEST).read_bytes())
