"""Publishing: all or nothing, and never over what is there."""

import threading
from pathlib import Path

import pytest

from app import artifact, store
from app.forecast import Model
from app.store import Store
from tests.builders import draft, last_value_graph, levels
from training.errors import ParityError, PublishError, UsageError
from training.publish import publish


def publish_one(root: Path, name: str = "m", **changes: object) -> Model:
    parts: dict[str, object] = {
        "draft": draft(),
        "graph": last_value_graph(steps=3),
        "scaler": levels(),
        "reports": {artifact.CARD: b"# m", "loss.png": b"a picture"},
        "prove": lambda _: None,
    }
    return publish(root, name, **(parts | changes))  # type: ignore[arg-type]


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_versions_count_up_and_the_newest_is_current(tmp_path: Path) -> None:
    first, second = publish_one(tmp_path), publish_one(tmp_path)

    assert (first.manifest.version, second.manifest.version) == (1, 2)
    assert store.current_version(tmp_path / "m") == 2
    assert store.load(tmp_path / "m" / "1", "m", 1).manifest == first.manifest
    assert listing(tmp_path / "m" / "2") == [
        "card.md",
        "loss.png",
        "manifest.json",
        "model.onnx",
        "scaler.json",
    ]


def test_the_manifest_begins_with_what_it_is(tmp_path: Path) -> None:
    publish_one(tmp_path)

    lines = (tmp_path / "m" / "1" / artifact.MANIFEST).read_text().splitlines()

    assert lines[1:4] == [' "format": 1,', ' "name": "m",', ' "version": 1,']


def test_what_cannot_be_proved_is_not_published(tmp_path: Path) -> None:
    publish_one(tmp_path)
    before = listing(tmp_path)

    def refuse(_: Model) -> None:
        raise ParityError("differs")

    with pytest.raises(ParityError):
        publish_one(tmp_path, prove=refuse)
    assert listing(tmp_path) == before
    assert store.current_version(tmp_path / "m") == 1


def test_what_the_service_would_refuse_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="onnxruntime refuses"):
        publish_one(tmp_path, graph=b"not a graph")

    assert listing(tmp_path) == ["m"]


def test_an_interrupted_publication_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_: Model) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_one(tmp_path, prove=interrupt)

    assert listing(tmp_path) == ["m"]


def test_what_a_killed_publisher_left_is_no_model_and_in_nobodys_way(tmp_path: Path) -> None:
    publish_one(tmp_path)
    (tmp_path / "m" / ".2.partial-0a0a0a0a").mkdir()
    (tmp_path / "m" / "2").mkdir()
    (tmp_path / "m" / "2" / artifact.GRAPH).write_bytes(b"half")

    published = publish_one(tmp_path)

    assert published.manifest.version == 3
    assert store.versions(tmp_path / "m") == [1, 3]


def test_a_folder_that_cannot_be_written_is_a_failure_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("a file in the way")

    with pytest.raises(PublishError, match=r"m: File exists"):
        publish_one(tmp_path)


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a/b", ".hidden", "-dash", "a" * 65])
def test_names_that_could_not_be_asked_for_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a model"):
        publish_one(tmp_path, name)

    assert listing(tmp_path) == []


def test_a_reader_never_sees_less_than_a_whole_model(tmp_path: Path) -> None:
    publish_one(tmp_path)
    served = Store(tmp_path)
    served.refresh()
    publishing = threading.Thread(target=lambda: [publish_one(tmp_path) for _ in range(20)])

    publishing.start()
    seen = []
    while publishing.is_alive():
        served.refresh()
        assert served.refused == {}
        seen.append(served.current("m").manifest.version)
    publishing.join()
    served.refresh()

    assert seen == sorted(seen)
    assert served.current("m").manifest.version == 21
