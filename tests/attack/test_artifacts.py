"""
A malicious model artefact: whoever may write models may still not read other files by them.

Changed bytes of every file are in tests/app/test_store.py and tools/chaos/corruptions.py, and so
are half-written versions at every length and files beyond the cap.
"""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from app.artifact import layout
from app.inference.model_store import ModelStore
from tests.builders import last_value_graph, publish


def refusal(root: Path, name: str = "default") -> str | None:
    """Return why a model is refused; None where it is served."""
    store = ModelStore(root)
    store.refresh()
    if name in store.served:
        return None
    return store.refused[name].reason


def external_data(graph: onnx.ModelProto, location: str) -> None:
    """Let a constant be read from another file."""
    [scale] = [each for each in graph.graph.initializer if each.name == "scale"]
    scale.ClearField("float_data")
    scale.ClearField("raw_data")
    scale.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        scale.external_data.add(key=key, value=value)


def custom_domain(graph: onnx.ModelProto) -> None:
    graph.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    node = graph.graph.node[-1]
    node.output[0] = "before"
    gelu = helper.make_node("BiasGelu", ["before", "bias"], ["forecast"], domain="com.microsoft")
    graph.graph.initializer.append(helper.make_tensor("bias", TensorProto.FLOAT, [1], [0.0]))
    graph.graph.node.append(gelu)


def functions(graph: onnx.ModelProto) -> None:
    graph.opset_import.append(helper.make_opsetid("of.theirs", 1))
    body = helper.make_node("Identity", ["x"], ["y"])
    function = helper.make_function("of.theirs", "Same", ["x"], ["y"], [body], graph.opset_import)
    graph.functions.append(function)
    node = graph.graph.node[-1]
    node.output[0] = "before"
    same = helper.make_node("Same", ["before"], ["forecast"], domain="of.theirs")
    graph.graph.node.append(same)


@pytest.mark.parametrize(
    "location", ["weights.bin", "../../weights.bin", "{outside}/weights.bin", "/proc/self/environ"]
)
def test_malicious_artefact_external_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    root, outside = tmp_path / "models", tmp_path / "outside"
    outside.mkdir()
    graph = onnx.load_from_string(last_value_graph(steps=3))
    external_data(graph, location.format(outside=outside))
    folder = publish(root, graph=graph.SerializeToString())
    for place in (outside, folder, root):
        (place / "weights.bin").write_bytes(b"\0\0\x80?")
    monkeypatch.chdir(outside)

    assert refusal(root) is not None


@pytest.mark.parametrize("change", [custom_domain, functions])
def test_malicious_artefact_foreign_operators_are_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None]
) -> None:
    graph = onnx.load_from_string(last_value_graph(steps=3))
    change(graph)
    publish(tmp_path, graph=graph.SerializeToString())

    assert refusal(tmp_path) is not None


@pytest.mark.parametrize("file", [layout.GRAPH, layout.SCALER, layout.CARD, layout.MANIFEST])
def test_malicious_artefact_a_symbolic_link_is_refused(tmp_path: Path, file: str) -> None:
    folder = publish(tmp_path / "models")
    moved = (folder / file).rename(tmp_path / file)
    (folder / file).symlink_to(moved)

    assert refusal(tmp_path / "models") is not None


def test_malicious_artefact_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "models", tmp_path / "outside"
    publish(root)
    publish(outside, "linked")
    publish(outside, "default", version=2)
    (root / "linked").symlink_to(outside / "linked")
    (root / "default" / "2").symlink_to(outside / "default" / "2")
    (root / "default" / "current").write_text("2\n")
    store = ModelStore(root)
    store.refresh()

    assert "linked" not in store.served
    assert "default" not in store.served
    assert store.refused["default"].version == 2


@pytest.mark.parametrize("file", ["weights.bin", "extra.onnx", "sitecustomize.py", ".hidden"])
def test_malicious_artefact_a_file_that_nobody_listed_is_refused(tmp_path: Path, file: str) -> None:
    folder = publish(tmp_path)
    (folder / file).write_bytes(b"anything")

    assert refusal(tmp_path) is not None


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/passwd", "a/b.json", "..", "x.py", "a\\b.md", "\0.md"]
)
def test_malicious_artefact_a_manifest_cannot_name_a_file_elsewhere(
    tmp_path: Path, name: str
) -> None:
    folder = publish(tmp_path)
    document = (folder / layout.MANIFEST).read_text()
    escaped = name.replace("\\", "\\\\").replace("\0", "\\u0000")
    changed = document.replace('"card.md"', f'"{escaped}"')
    assert changed != document
    (folder / layout.MANIFEST).write_text(changed)
    (folder / layout.SEAL).unlink()

    reason = refusal(tmp_path)
    assert reason is not None
    assert "not of this format" in reason
