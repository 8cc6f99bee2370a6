"""What the store does at each look: follow, refuse once, try again, follow a rollout."""

import gc
import json
import time
import weakref
from pathlib import Path

import pytest

from app.artifact import archive, rollout
from app.artifact.archive import Artifact
from app.artifact.layout import GRAPH
from app.errors import ArtifactRejected
from app.inference.model_store import ModelStore
from app.inference.onnx_session import SessionCache
from tests.builders import point, publish

Event = tuple[str, int | None, str]


def following(root: Path) -> tuple[ModelStore, list[Event]]:
    events: list[Event] = []
    found = ModelStore(root, noticed=lambda *event: events.append(event))
    found.refresh()
    return found, events


def damage(folder: Path) -> bytes:
    """Change a byte of the graph; return the graph as it was."""
    graph = (folder / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(graph[:-1] + bytes([graph[-1] ^ 1]))
    return graph


def begin(root: Path, **changes: object) -> None:
    content = {"candidate": 2, "mode": "canary", "share": 0.5} | changes
    (root / "default" / rollout.ROLLOUT).write_text(json.dumps(content))


def test_what_happens_is_told_once(tmp_path: Path) -> None:
    publish(tmp_path)
    found, events = following(tmp_path)
    damage(publish(tmp_path, version=2))

    for _ in range(3):
        found.refresh()

    assert events == [("default", 1, "served"), ("default", 2, "refused")]


def test_a_refused_version_is_not_read_again_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    found, events = following(tmp_path)
    folder = publish(tmp_path, version=2)
    graph = damage(folder)
    reads: list[Path] = []
    read = archive.read

    def counting(home: Path) -> Artifact:
        reads.append(home)
        return read(home)

    monkeypatch.setattr(archive, "read", counting)
    for _ in range(5):
        found.refresh()
    assert reads == [folder]

    (folder / GRAPH).write_bytes(graph)
    found.refresh()

    assert found.current("default").manifest.version == 2
    assert found.refused == {}
    assert events[-1] == ("default", 2, "served")


def test_a_refused_version_is_read_again_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    found, events = following(tmp_path)
    publish(tmp_path, version=2)
    now = time.monotonic()

    def failing(_: Path) -> Artifact:
        raise ArtifactRejected("the volume cannot be read for a while")

    # a disk that fails for a moment is nothing that a test can have
    with monkeypatch.context() as failed:
        failed.setattr(archive, "read", failing)
        found.refresh()
    found.refresh()
    assert found.current("default").manifest.version == 1
    monkeypatch.setattr("app.inference.model_store.time.monotonic", lambda: now + 61)
    found.refresh()

    assert events[1:] == [("default", 2, "refused"), ("default", 2, "served")]


def test_a_rollout_is_followed_to_its_end(tmp_path: Path) -> None:
    publish(tmp_path)
    publish(tmp_path, version=2)
    point(tmp_path, "default", 1)
    found, events = following(tmp_path)
    assert found.trials.get("default") is None

    begin(tmp_path)
    found.refresh()
    trial = found.trials.get("default")
    assert trial is not None
    assert (trial.candidate.manifest.version, trial.rollout.share) == (2, 0.5)

    # another share is no other model
    begin(tmp_path, share=0.9)
    found.refresh()
    larger = found.trials.get("default")
    assert larger is not None
    assert larger.candidate is trial.candidate
    assert larger.rollout.share == 0.9
    # who pins the candidate is given the one that is loaded
    assert found.pinned("default", 2) is trial.candidate

    # a candidate that became the current version is none
    point(tmp_path, "default", 2)
    found.refresh()
    assert found.trials.get("default") is None
    point(tmp_path, "default", 1)
    found.refresh()
    assert found.trials.get("default") is not None
    (tmp_path / "default" / rollout.ROLLOUT).unlink()
    found.refresh()
    assert found.trials.get("default") is None
    assert [event for event in events if event[2] == "refused"] == []


@pytest.mark.parametrize("content", ["{", '{"candidate": 9, "mode": "canary", "share": 1}'])
def test_a_rollout_that_is_none_ends_the_trial_and_is_told(tmp_path: Path, content: str) -> None:
    publish(tmp_path)
    publish(tmp_path, version=2)
    point(tmp_path, "default", 1)
    begin(tmp_path)
    found, events = following(tmp_path)
    assert found.trials.get("default") is not None

    (tmp_path / "default" / rollout.ROLLOUT).write_text(content)
    found.refresh()

    assert found.trials.get("default") is None
    assert found.current("default").manifest.version == 1
    assert found.trials_refused["default"].reason
    assert events[-1][2] == "refused"
    begin(tmp_path)
    found.refresh()
    assert found.trials_refused == {}
    assert found.trials.get("default") is not None


def test_a_rollout_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    publish(tmp_path)
    (tmp_path / "default" / rollout.ROLLOUT).mkdir()

    found, _ = following(tmp_path)

    assert "is not a regular file" in found.trials_refused["default"].reason


def test_a_version_that_was_replaced_is_let_go_with_its_session(tmp_path: Path) -> None:
    publish(tmp_path)
    sessions = SessionCache(10)
    found = ModelStore(tmp_path, sessions)
    found.refresh()
    first = weakref.ref(found.current("default").network)

    publish(tmp_path, version=2)
    found.refresh()
    gc.collect()

    assert first() is None
