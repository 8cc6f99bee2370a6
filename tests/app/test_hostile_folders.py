"""Whatever one folder of a model holds: the other models are served, and it is refused by name."""

import io
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from app.artifact import archive, graph_policy, layout
from app.artifact.manifest import MAX_BYTES
from app.errors import ArtifactRejected
from app.inference import proving_child
from app.inference.model_store import ModelStore
from app.inference.proving import GraphProver
from tests.builders import last_value_graph, publish

EXAMPLE = np.zeros((1, 3, 1), np.float32)


def fresh(root: Path, prover: GraphProver | None = None) -> ModelStore:
    found = ModelStore(root, prover=prover)
    found.refresh()
    return found


@pytest.fixture
def prover() -> Iterator[GraphProver]:
    proving = GraphProver()
    yield proving
    proving.close()


@pytest.mark.parametrize("kind", ["pipe", "socket", "link", "link to itself", "endless"])
@pytest.mark.parametrize("name", ["current", "rollout.json"])
def test_a_model_whose_files_are_none_stops_no_other(tmp_path: Path, kind: str, name: str) -> None:
    publish(tmp_path, name="good")
    home = publish(tmp_path).parent
    odd = home / name
    odd.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        if kind == "pipe":
            os.mkfifo(odd)
        elif kind == "socket":
            listening.bind(str(odd))
        elif kind == "endless":
            odd.touch()
            os.truncate(odd, 2**40)
        else:
            odd.symlink_to(odd if kind == "link to itself" else "/dev/zero")
        found = fresh(tmp_path)

    refused = found.refused if name == "current" else found.trials_refused
    assert refused["default"].reason.startswith(name)
    assert str(tmp_path) not in refused["default"].reason
    assert found.current("good").manifest.name == "good"


def test_what_nobody_thought_of_stops_no_other_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        publish(tmp_path, name=name)
    read = archive.read

    def fails(folder: Path) -> archive.Artifact:
        if folder.parent.name == "b":
            raise RecursionError
        return read(folder)

    monkeypatch.setattr(archive, "read", fails)
    found = fresh(tmp_path)

    assert sorted(found.served) == ["a", "c"]
    assert found.refused["b"].reason == "it cannot be loaded: RecursionError"
    with pytest.raises(ArtifactRejected):
        found.pinned("b", 1)


def test_sizes_are_added_up_before_anything_is_read(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    document = json.loads((folder / layout.MANIFEST).read_text())
    for number in range(40):
        file = folder / f"picture-{number}.png"
        file.touch()
        os.truncate(file, MAX_BYTES)
        document["files"][file.name] = {"sha256": "0" * 64, "size": MAX_BYTES}
    (folder / layout.MANIFEST).write_text(json.dumps(document))
    (folder / layout.SEAL).unlink()

    with pytest.raises(ArtifactRejected, match="bytes together"):
        fresh(tmp_path).current("default")


def test_files_that_a_backup_has_linked_are_read(tmp_path: Path) -> None:
    folder = publish(tmp_path / "models")
    for file in folder.iterdir():
        (tmp_path / file.name).hardlink_to(file)

    assert fresh(tmp_path / "models").current("default").manifest.version == 1


def graph(*nodes: onnx.NodeProto, sizes: tuple[int, ...] = (1,)) -> bytes:
    """Return a network of three prices whose forecast is their mean and `x` besides."""
    nodes = (
        *nodes,
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("ReduceMean", ["window"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Add", ["mean", "sum"], ["forecast"]),
    )
    inner = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", 3, 1])],
        [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("sizes", TensorProto.INT64, [len(sizes)], sizes)],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(inner, opset_imports=opset, ir_version=8).SerializeToString()


def power(turns: int) -> bytes:
    """Return a graph of some bytes and minutes of work."""
    nodes = [helper.make_node("ConstantOfShape", ["sizes"], ["x0"])]
    nodes += [
        helper.make_node("MatMul", [f"x{turn}", f"x{turn}"], [f"x{turn + 1}"])
        for turn in range(turns)
    ]
    nodes.append(helper.make_node("Identity", [f"x{turns}"], ["x"]))
    return graph(*nodes, sizes=(3000, 3000))


def of_many_windows() -> bytes:
    """Return a graph that takes little for two windows, and too much for 32."""
    nodes = [helper.make_node("Shape", ["window"], ["shape"])]
    nodes += [helper.make_node("Concat", ["shape"] * 5, ["shapes"], axis=0)]
    nodes += [helper.make_node("ConstantOfShape", ["shapes"], ["x"])]
    return graph(*nodes)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "huge": (
        lambda: graph(helper.make_node("ConstantOfShape", ["sizes"], ["x"]), sizes=(2**30,)),
        "needs more memory than a network may",
    ),
    "huge for many windows": (of_many_windows, "needs more memory than a network may"),
    "slow": (lambda: power(100), "takes more than 2 s of processor time"),
    "of no graph": (lambda: b"", "onnxruntime refuses"),
    "of other input": (lambda: last_value_graph(steps=4), "must take float32"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_graph_is_tried_where_that_harms_nobody(prover: GraphProver, case: str) -> None:
    make, reason = HOSTILE[case]
    content = make()
    graph_policy.check(content, "model.onnx")

    for _ in range(2):
        with pytest.raises(ArtifactRejected, match=f"model.onnx.*{reason}|{reason}.*model.onnx"):
            prover.prove(content, EXAMPLE, "model.onnx")
    # and the next one has its turn
    prover.prove(last_value_graph(steps=3), EXAMPLE, "model.onnx")


def test_a_graph_that_was_tried_is_not_tried_again(prover: GraphProver) -> None:
    content = last_value_graph(steps=3)
    prover.prove(content, EXAMPLE, "model.onnx")
    prover.close()
    prover.prove(content, EXAMPLE, "close.onnx")

    with pytest.raises(ArtifactRejected, match="was not tried, since the service ends"):
        prover.prove(last_value_graph(steps=4), np.zeros((1, 4, 1), np.float32), "model.onnx")


def test_other_models_are_served_beside_one_that_would_take_all(
    tmp_path: Path, prover: GraphProver
) -> None:
    publish(tmp_path, name="good")
    for name, (make, _) in HOSTILE.items():
        publish(tmp_path, name=name.replace(" ", "-"), graph=make())
    found = fresh(tmp_path, prover)

    assert sorted(found.served) == ["good"]
    assert len(found.refused) == len(HOSTILE)


def asked(content: bytes, steps: int = 3) -> bytes:
    example = np.zeros((1, steps, 1), "<f4").tobytes()
    return proving_child.HEADER.pack(b"model.onnx", len(content), steps, 1) + example + content


def test_the_child_answers_each_graph_by_a_line_and_goes_on() -> None:
    good = last_value_graph(steps=3)
    failing = graph(
        helper.make_node("Shape", ["window"], ["shape"]),
        helper.make_node("Neg", ["shape"], ["below_zero"]),
        helper.make_node("ConstantOfShape", ["below_zero"], ["x"]),
    )
    said = io.BytesIO()

    proving_child.try_all(
        io.BytesIO(asked(good) + asked(b"") + asked(failing) + asked(good, steps=4) + asked(good)),
        said,
    )

    first, *answers = said.getvalue().decode().splitlines()
    assert f"{first}\n".encode() == proving_child.READY
    assert answers[0] == answers[4] == first
    assert "onnxruntime refuses" in answers[1]
    assert "the first run of model.onnx failed" in answers[2]
    assert "must take float32" in answers[3]
