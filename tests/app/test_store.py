"""Names, versions, `current`; what is loaded and what is refused."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from app.artifact import layout
from app.artifact.manifest import MAX_BYTES, CloseOnly
from app.errors import ArtifactRejected, NoSuchModel, NoSuchVersion
from app.forecasting.scalers import ReturnScaler
from app.inference import loader
from app.inference.model_store import ModelStore
from tests.builders import (
    PRICES,
    assert_problem,
    calibration,
    fails_above_graph,
    levels,
    manifest_of,
    model_bytes,
    point,
    publish,
    publish_quantiles,
    scores,
    serving,
    spread_graph,
)
from tools.testbed.waiting import until


def fresh(root: Path) -> ModelStore:
    found = ModelStore(root)
    found.refresh()
    return found


def test_the_version_that_current_names_is_served(tmp_path: Path) -> None:
    publish(tmp_path, version=1)
    publish(tmp_path, version=2)
    point(tmp_path, "default", 1)

    found = fresh(tmp_path)

    assert found.current("default").manifest.version == 1
    assert found.versions("default") == [1, 2]


def test_a_moved_current_is_followed_both_ways(tmp_path: Path) -> None:
    publish(tmp_path, version=1)
    found = fresh(tmp_path)
    publish(tmp_path, version=2)

    found.refresh()
    forward = found.current("default").manifest.version
    point(tmp_path, "default", 1)
    found.refresh()

    assert (forward, found.current("default").manifest.version) == (2, 1)


def test_an_unchanged_current_keeps_the_loaded_model(tmp_path: Path) -> None:
    publish(tmp_path)
    found = fresh(tmp_path)
    before = found.current("default")

    found.refresh()

    assert found.current("default") is before


@pytest.mark.parametrize("name", [layout.GRAPH, layout.SCALER, layout.CARD])
def test_a_changed_byte_is_refused_and_the_old_version_goes_on(tmp_path: Path, name: str) -> None:
    publish(tmp_path, version=1)
    found = fresh(tmp_path)
    file = publish(tmp_path, version=2) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    found.refresh()

    assert found.current("default").manifest.version == 1
    assert found.refused["default"].version == 2
    assert (
        found.refused["default"].reason == f"{name} was changed: its SHA-256 is not the manifest's"
    )


@pytest.mark.parametrize("name", [layout.GRAPH, layout.SCALER, layout.CARD])
def test_a_half_written_file_is_refused_at_every_length(tmp_path: Path, name: str) -> None:
    file = publish(tmp_path) / name
    content = file.read_bytes()

    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(ArtifactRejected):
            loader.load(file.parent, "default", 1)


def test_a_half_written_manifest_is_refused_at_every_length(tmp_path: Path) -> None:
    file = publish(tmp_path) / layout.MANIFEST
    content = file.read_bytes().rstrip()

    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(ArtifactRejected):
            loader.load(file.parent, "default", 1)


def test_every_single_changed_byte_of_a_manifest_is_harmless(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    file = folder / layout.MANIFEST
    content = file.read_bytes()
    expected = loader.load(folder, "default", 1)

    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 0x10
        file.write_bytes(changed)
        try:
            model = loader.load(folder, "default", 1)
        except ArtifactRejected:
            continue
        # what still loads is the same network, digest by digest
        assert model.manifest.files.keys() == expected.manifest.files.keys()
        assert model.manifest.window == expected.manifest.window


def test_a_folder_without_a_manifest_is_no_model(tmp_path: Path) -> None:
    publish(tmp_path, version=1)
    (publish(tmp_path, version=2) / layout.MANIFEST).unlink()

    found = fresh(tmp_path)

    assert found.versions("default") == [1]
    with pytest.raises(ArtifactRejected, match=r"manifest\.json is missing"):
        found.current("default")
    with pytest.raises(NoSuchVersion):
        found.pinned("default", 2)


def test_a_version_under_another_number_is_refused(tmp_path: Path) -> None:
    folder = publish(tmp_path, version=1)
    folder.rename(folder.parent / "2")
    point(tmp_path, "default", 2)

    with pytest.raises(ArtifactRejected, match="another model or version"):
        fresh(tmp_path).current("default")


def test_a_graph_that_does_not_run_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, graph=b"not a graph")

    with pytest.raises(ArtifactRejected, match="is no ONNX graph"):
        fresh(tmp_path).current("default")


def test_a_graph_for_another_window_is_refused(tmp_path: Path) -> None:
    folder = publish(tmp_path, window=3)
    manifest = manifest_of(folder)
    text = (folder / layout.MANIFEST).read_text().replace('"window": 3', '"window": 4')
    (folder / layout.MANIFEST).write_text(text)
    (folder / layout.SEAL).unlink()

    with pytest.raises(ArtifactRejected, match="must take float32"):
        fresh(tmp_path).current(manifest.name)


def test_a_graph_of_another_output_is_refused(tmp_path: Path) -> None:
    whole_window = [helper.make_node("Identity", ["window"], ["forecast"])]
    publish(tmp_path, graph=model_bytes(whole_window, [], steps=3))

    with pytest.raises(ArtifactRejected, match="one number for each window"):
        fresh(tmp_path).current("default")


def test_a_model_whose_forecast_is_not_finite_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, scale=float("nan"))

    with pytest.raises(ArtifactRejected, match="not a finite number"):
        fresh(tmp_path).current("default")


def test_a_graph_of_two_outputs_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Split", ["window"], ["forecast", "more"], axis=1, num_outputs=2)]
    graph = model_bytes(nodes, [], steps=4, outputs=("forecast", "more"), opset=18)
    publish(tmp_path, window=4, graph=graph)

    with pytest.raises(ArtifactRejected, match="one input and one output"):
        fresh(tmp_path).current("default")


def test_a_network_whose_first_run_fails_is_refused(tmp_path: Path) -> None:
    # a flat series of 100 is 9 to this scaler, beyond what the network can look up
    publish(tmp_path, scaler=levels(low=10, high=20), graph=fails_above_graph(steps=3))

    with pytest.raises(ArtifactRejected, match=r"the first run of model\.onnx failed"):
        fresh(tmp_path).current("default")


def test_a_scaler_of_another_format_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, scaler_file=b'{"kind": "robust"}')

    with pytest.raises(ArtifactRejected, match=r"scaler\.json is not of this format"):
        fresh(tmp_path).current("default")


def test_a_graph_for_a_batch_of_one_is_refused(tmp_path: Path) -> None:
    # reads the whole batch into one row
    nodes = [
        helper.make_node("Reshape", ["window", "row"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["forecast"], axes=[1], keepdims=1),
    ]
    row = helper.make_tensor("row", TensorProto.INT64, [2], [1, -1])
    publish(tmp_path, graph=model_bytes(nodes, [row], steps=3))

    with pytest.raises(ArtifactRejected, match="one number for each window"):
        fresh(tmp_path).current("default")


OWN = calibration().model_dump()
CLOSES = {"scores": scores().model_dump(mode="json"), "calibration": None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"target": "open"}, "target must be the close of bars"),
        ({"fields": ["open"]}, "target must be the close of bars"),
        ({"fields": []}, "fields must be open, high, low and close, or one"),
        ({"fields": ["open", "close"]}, "fields must be"),
        ({"fields": ["close", "high", "low", "open"], "target": "open"}, "fields must be"),
        ({"fields": ["volume"]}, "fields.0"),
        ({"output": "point"}, "quantiles are given where they are the output"),
        ({"output": "density"}, "output"),
        ({"quantiles": []}, "quantiles are given where they are the output"),
        ({"quantiles": [0.5]}, "symmetric about 0.5"),
        ({"quantiles": [0.1, 0.9]}, "symmetric about 0.5"),
        ({"quantiles": [0.1, 0.5, 0.8]}, "symmetric about 0.5"),
        ({"quantiles": [0.9, 0.5, 0.1]}, "symmetric about 0.5"),
        ({"quantiles": [0.5, 0.5, 0.5]}, "symmetric about 0.5"),
        ({"quantiles": [0.0, 0.5, 1.0]}, "symmetric about 0.5"),
        ({"quantiles": [0.1, 0.4, 0.6, 0.9]}, "symmetric about 0.5"),
        ({"calibration": OWN | {"offsets": [0.0] * 4}}, "one offset for each quantile"),
        ({"calibration": OWN | {"gain": -0.1}}, "calibration.gain"),
        ({"calibration": OWN | {"sessions": 0}}, "calibration.sessions"),
        ({"calibration": OWN | {"more": 1}}, "calibration.more"),
        ({"close_only": CLOSES | {"calibration": OWN | {"offsets": []}}}, "one offset for each"),
        ({"close_only": {"calibration": None}}, "close_only.scores"),
        ({"close_only": CLOSES}, "does not list close.onnx"),
        ({"close_only": CLOSES, "fields": ["close"]}, "close_only is for models of bars"),
    ],
    ids=str,
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    file = publish_quantiles(tmp_path) / layout.MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    with pytest.raises(ArtifactRejected, match=re.escape(reason)) as refusal:
        loader.load(file.parent, "default", 1)

    assert "Value error" not in str(refusal.value)


def test_a_point_model_needs_no_calibration(tmp_path: Path) -> None:
    file = publish(tmp_path) / layout.MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"calibration": OWN}))

    with pytest.raises(ArtifactRejected, match="one offset for each quantile"):
        fresh(tmp_path).current("default")


def test_a_manifest_of_before_the_quantiles_loads(tmp_path: Path) -> None:
    file = publish(tmp_path) / layout.MANIFEST
    document = json.loads(file.read_text())
    for later in ("quantiles", "close_only"):
        del document[later]
    file.write_text(json.dumps(document))
    # nor were there seals
    (file.parent / layout.SEAL).unlink()

    assert fresh(tmp_path).current("default").manifest.quantiles == ()


CROSSED = spread_graph(steps=4, each=(-1.0, -2.0, 0.0, 2.0, 3.0), least=0.1)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (CROSSED, "the quantiles of model.onnx cross"),
        (spread_graph(steps=4, least=float("inf")), "model.onnx is not a finite number"),
        (spread_graph(steps=4, each=(-1.0, 0.0, 1.0)), "model.onnx must give (n, 5)"),
        (spread_graph(steps=4, features=1), "model.onnx must take float32 (n, 4, 4)"),
    ],
)
def test_a_network_that_does_not_give_its_quantiles_is_refused(
    tmp_path: Path, own: bytes, reason: str
) -> None:
    publish_quantiles(tmp_path, graph=own)

    with pytest.raises(ArtifactRejected, match=re.escape(reason)):
        fresh(tmp_path).current("default")


@pytest.mark.parametrize(
    ("close_graph", "reason"),
    [
        (b"", "onnxruntime refuses close.onnx"),
        (spread_graph(steps=4, features=4), "close.onnx must take float32 (n, 4, 1)"),
        (spread_graph(steps=4, features=1, each=(0.0,)), "close.onnx must give (n, 5)"),
        (
            spread_graph(steps=4, features=1, each=(1.0, 0.0, 0.0, 0.0, 0.0), least=1.0),
            "the quantiles of close.onnx cross",
        ),
    ],
)
def test_the_network_of_closes_is_proved_too(
    tmp_path: Path, close_graph: bytes, reason: str
) -> None:
    publish_quantiles(tmp_path, close_graph=close_graph, close_only=CloseOnly(scores=scores()))

    with pytest.raises(ArtifactRejected, match=re.escape(reason)):
        fresh(tmp_path).current("default")


def test_a_scaler_of_one_field_is_refused_for_bars(tmp_path: Path) -> None:
    publish_quantiles(tmp_path, scaler=ReturnScaler())

    with pytest.raises(ArtifactRejected, match="of a single field, and the model of bars"):
        fresh(tmp_path).current("default")


def test_a_manifest_that_leaves_a_file_out_is_refused(tmp_path: Path) -> None:
    file = publish(tmp_path) / layout.MANIFEST
    document = json.loads(file.read_text())
    del document["files"][layout.CARD]
    file.write_text(json.dumps(document))

    with pytest.raises(ArtifactRejected, match=r"does not list card\.md"):
        fresh(tmp_path).current("default")


def test_a_file_too_large_for_a_model_is_refused(tmp_path: Path) -> None:
    with (publish(tmp_path) / layout.GRAPH).open("r+b") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(ArtifactRejected, match=f"holds {MAX_BYTES + 1} bytes"):
        fresh(tmp_path).current("default")


def test_a_current_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    publish(tmp_path)
    (tmp_path / "default" / "current").unlink()
    (tmp_path / "default" / "current").mkdir()

    with pytest.raises(ArtifactRejected, match="current is not a regular file"):
        fresh(tmp_path).current("default")


@pytest.mark.parametrize("line", ["", "one", "-1", "0", "../1", "1 2", "\x00", "9" * 40])
def test_a_current_that_names_no_version_is_refused(tmp_path: Path, line: str) -> None:
    publish(tmp_path)
    (tmp_path / "default" / "current").write_text(line)

    with pytest.raises(ArtifactRejected, match="does not hold a version number"):
        fresh(tmp_path).current("default")


def test_folders_that_cannot_name_a_model_are_ignored(tmp_path: Path) -> None:
    publish(tmp_path, name="good.name-1")
    for name in (".hidden", "Upper", "a" * 65):
        publish(tmp_path, name="good")
        (tmp_path / "good").rename(tmp_path / name)
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()

    assert list(fresh(tmp_path).served) == ["good.name-1"]


def test_a_refused_version_is_served_once_it_is_whole(tmp_path: Path) -> None:
    file = publish(tmp_path) / layout.GRAPH
    content = file.read_bytes()
    file.write_bytes(content[:100])
    found = fresh(tmp_path)
    refused = dict(found.refused)
    file.write_bytes(content)

    found.refresh()

    assert list(refused) == ["default"]
    assert found.refused == {}
    assert found.current("default").manifest.version == 1


def test_what_is_loaded_outlives_its_folder(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    with serving(tmp_path, poll_seconds=0.01) as client:
        before = client.post("/predict", json={"prices": PRICES}).json()
        for file in folder.iterdir():
            file.write_bytes(b"")
        (tmp_path / "default" / "current").unlink()
        time.sleep(0.1)
        after = client.post("/predict", json={"prices": PRICES}).json()

    assert before == after


def test_a_running_service_follows_what_is_published(tmp_path: Path) -> None:
    with serving(tmp_path, poll_seconds=0.01) as client:
        assert_problem(client.get("/readyz"), 503, "not_ready")
        assert_problem(client.post("/predict", json={"prices": PRICES}), 404, "no_such_model")
        publish(tmp_path, version=1)
        until(lambda: client.get("/readyz").status_code == 200, "the model is served")
        answer = client.post("/predict", json={"prices": PRICES})

    assert answer.json()["version"] == 1


def test_pinned_versions_are_loaded_once_and_dropped_when_others_are_asked_for(
    tmp_path: Path,
) -> None:
    for version in range(1, 68):
        publish(tmp_path, version=version)
    found = fresh(tmp_path)
    first = found.pinned("default", 1)

    assert found.pinned("default", 1) is first
    assert found.pinned("default", 67) is found.current("default")
    for version in range(2, 13):
        found.pinned("default", version)
    # eleven others in turn: it is still here
    assert found.pinned("default", 1) is first
    for version in range(2, 67):
        found.pinned("default", version)
    assert found.pinned("default", 1) is not first


def test_nothing_is_not_found_quietly(tmp_path: Path) -> None:
    found = fresh(tmp_path / "missing")

    with pytest.raises(NoSuchModel):
        found.current("default")
    with pytest.raises(NoSuchModel):
        found.pinned("default", 1)
    assert found.versions("default") == []


@pytest.mark.parametrize("kind", ["symbolic link", "pipe"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    folder = publish(tmp_path / "models")
    scaler = folder / "scaler.json"
    elsewhere = tmp_path / "elsewhere"
    scaler.rename(elsewhere)
    if kind == "symbolic link":
        scaler.symlink_to(elsewhere)
    else:
        os.mkfifo(scaler)

    with pytest.raises(ArtifactRejected, match=r"scaler\.json"):
        loader.load(folder, "default", 1)
