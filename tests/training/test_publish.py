"""Publishing: all or nothing, and never over what is there."""

import errno
import hashlib
import os
import shutil
import threading
from pathlib import Path

import pytest

from app.artifact import archive, layout
from app.artifact.rollout import ROLLOUT, Rollout, read_rollout
from app.errors import ArtifactRejected
from app.forecasting.forecaster import Model
from app.inference import loader
from app.inference.model_store import ModelStore
from tests.builders import draft, last_value_graph, levels
from training.errors import ParityError, PublishError, UsageError
from training.publishing.lock import LOCK
from training.publishing.publish import LAST, end_rollout, publish, roll_out, rollback


def publish_one(root: Path, name: str = "m", **changes: object) -> Model:
    parts: dict[str, object] = {
        "draft": draft(),
        "graph": last_value_graph(steps=3),
        "scaler": levels(),
        "reports": {layout.CARD: b"# m", "loss.png": b"a picture"},
        "prove": lambda _: None,
    }
    return publish(root, name, **(parts | changes))  # type: ignore[arg-type]


def canary(candidate: int) -> Rollout:
    return Rollout(candidate=candidate, mode="canary", share=0.5)


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_versions_count_up_and_the_newest_is_current(tmp_path: Path) -> None:
    first, second = publish_one(tmp_path), publish_one(tmp_path)

    assert (first.manifest.version, second.manifest.version) == (1, 2)
    assert layout.current_version(tmp_path / "m") == 2
    assert loader.load(tmp_path / "m" / "1", "m", 1).manifest == first.manifest
    assert listing(tmp_path / "m" / "2") == [
        "card.md",
        "loss.png",
        "manifest.json",
        "manifest.sha256",
        "model.onnx",
        "scaler.json",
    ]


def test_the_manifest_begins_with_what_it_is(tmp_path: Path) -> None:
    publish_one(tmp_path)

    lines = (tmp_path / "m" / "1" / layout.MANIFEST).read_text().splitlines()

    assert lines[1:4] == [' "format": 1,', ' "name": "m",', ' "version": 1,']


def test_a_manifest_that_was_changed_into_another_is_refused(tmp_path: Path) -> None:
    publish_one(tmp_path)
    folder = tmp_path / "m" / "1"
    manifest, seal = folder / layout.MANIFEST, folder / layout.SEAL
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert seal.read_text() == f"{digest}  manifest.json\n"

    manifest.write_text(manifest.read_text().replace('"mae": 1.0', '"mae": 0.1'))
    with pytest.raises(ArtifactRejected, match=r"manifest\.json was changed"):
        loader.load(folder, "m", 1)

    # as those are that were published before there were seals
    seal.unlink()
    assert loader.load(folder, "m", 1).manifest.scores.mae == 0.1


def test_what_cannot_be_proved_is_not_published(tmp_path: Path) -> None:
    publish_one(tmp_path)
    before = listing(tmp_path)

    def refuse(_: Model) -> None:
        raise ParityError("differs")

    with pytest.raises(ParityError):
        publish_one(tmp_path, prove=refuse)
    assert listing(tmp_path) == before
    assert layout.current_version(tmp_path / "m") == 1


def test_what_the_service_would_refuse_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="is no ONNX graph"):
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
    (tmp_path / "m" / "2" / layout.GRAPH).write_bytes(b"half")

    published = publish_one(tmp_path)

    assert published.manifest.version == 3
    assert layout.versions(tmp_path / "m") == [1, 3]


def test_what_killed_publishers_left_is_removed(tmp_path: Path) -> None:
    publish_one(tmp_path)
    before = listing(tmp_path)
    (tmp_path / "m" / ".2.partial-0a0a0a0a").mkdir()
    (tmp_path / "m" / ".2.partial-0a0a0a0a" / layout.GRAPH).write_bytes(b"half")
    for file in (".current.partial-00000000", ".last.partial-11111111"):
        (tmp_path / "m" / file).write_text("2")
    notes = tmp_path / "m" / ".notes"
    notes.write_text("of people")

    rollback(tmp_path, "m", 1)

    assert listing(tmp_path) == sorted([*before, "m/.notes"])


def test_a_number_is_never_given_again(tmp_path: Path) -> None:
    publish_one(tmp_path)
    publish_one(tmp_path)
    shutil.rmtree(tmp_path / "m" / "2")
    rollback(tmp_path, "m", 1)
    third = publish_one(tmp_path).manifest.version
    shutil.rmtree(tmp_path / "m" / "3")
    (tmp_path / "m" / LAST).write_text("damaged")

    assert third == 3
    assert publish_one(tmp_path).manifest.version == 2


def test_a_failure_after_the_rename_withdraws_the_version_and_spends_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_one(tmp_path)
    before = listing(tmp_path)
    replace, seen = Path.replace, []

    def full(path: Path, target: Path) -> Path:
        if target.name == layout.CURRENT:
            seen.extend(layout.versions(tmp_path / "m"))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(path, target)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "replace", full)
        with pytest.raises(PublishError, match="m: No space left on device"):
            publish_one(tmp_path)

    assert seen == [1, 2]
    assert listing(tmp_path) == before
    assert publish_one(tmp_path).manifest.version == 3


def test_a_disk_that_fails_to_confirm_the_last_step_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_one(tmp_path)
    sync = archive.sync_folder

    def failing(folder: Path) -> None:
        if layout.current_version(folder) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(folder)

    monkeypatch.setattr(archive, "sync_folder", failing)
    with pytest.raises(PublishError, match="m: Input/output error"):
        publish_one(tmp_path)

    assert "current now holds 2: the disk only failed to confirm it" in capsys.readouterr().err
    assert loader.load(tmp_path / "m" / "2", "m", 2).manifest.version == 2


def test_publishers_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []

    def prove(_: Model) -> None:
        inside.append(len(list((tmp_path / "m").glob(".*.partial-*"))))

    publishers = [
        threading.Thread(target=publish_one, args=(tmp_path,), kwargs={"prove": prove})
        for _ in range(3)
    ]
    for each in publishers:
        each.start()
    for each in publishers:
        each.join()

    assert inside == [1, 1, 1]
    assert layout.versions(tmp_path / "m") == [1, 2, 3]
    assert layout.current_version(tmp_path / "m") == 3


def test_a_publisher_that_lost_its_lock_publishes_nothing(tmp_path: Path) -> None:
    publish_one(tmp_path)
    before = listing(tmp_path)

    with pytest.raises(PublishError, match="another publisher has taken the lock over"):
        publish_one(tmp_path, prove=lambda _: (tmp_path / "m" / LOCK).unlink())

    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("keep", "candidate", "left"),
    [
        pytest.param(None, None, [1, 2, 3, 4, 5, 6], id="all, where nothing is said"),
        pytest.param(3, None, [4, 5, 6], id="the newest"),
        pytest.param(1, None, [5, 6], id="the one that a rollback goes to"),
        pytest.param(9, None, [1, 2, 3, 4, 5, 6], id="more than there are"),
        pytest.param(2, 1, [1, 5, 6], id="the candidate"),
    ],
)
def test_retention_keeps_what_is_needed(
    tmp_path: Path, keep: int | None, candidate: int | None, left: list[int]
) -> None:
    for _ in range(5):
        publish_one(tmp_path)
    if candidate:
        roll_out(tmp_path, "m", canary(candidate))

    publish_one(tmp_path, keep=keep)

    assert layout.versions(tmp_path / "m") == left
    assert [name for name in listing(tmp_path) if "partial" in name] == []


def test_retention_counts_on_no_damaged_version_for_a_rollback(tmp_path: Path) -> None:
    for _ in range(3):
        publish_one(tmp_path)
    (tmp_path / "m" / "3" / layout.GRAPH).write_bytes(b"damaged")

    publish_one(tmp_path, keep=1)

    assert layout.versions(tmp_path / "m") == [2, 4]
    assert rollback(tmp_path, "m") == 2


@pytest.mark.parametrize("rollout", ["", '{"candidate": 9, "mode": "canary", "share": 2.0}'])
def test_retention_removes_nothing_while_it_cannot_tell_what_is_needed(
    tmp_path: Path, rollout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_one(tmp_path)
    publish_one(tmp_path)
    (tmp_path / "m" / ROLLOUT).write_text(rollout)

    publish_one(tmp_path, keep=1)

    assert layout.versions(tmp_path / "m") == [1, 2, 3]
    assert "m: no version is removed: rollout.json" in capsys.readouterr().err


def test_a_version_that_cannot_be_removed_stays_and_the_new_one_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        publish_one(tmp_path)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "1":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    publish_one(tmp_path, keep=1)

    assert layout.current_version(tmp_path / "m") == 3
    assert layout.versions(tmp_path / "m") == [1, 2, 3]
    assert "version 1 of m could not be removed: Permission denied" in capsys.readouterr().err


def test_to_keep_nothing_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 version, was 0"):
        publish_one(tmp_path, keep=0)

    assert listing(tmp_path) == []


def test_a_rollback_goes_to_the_version_before_or_to_any(tmp_path: Path) -> None:
    for _ in range(4):
        publish_one(tmp_path)

    assert [rollback(tmp_path, "m"), rollback(tmp_path, "m"), rollback(tmp_path, "m", 4)] == [
        3,
        2,
        4,
    ]
    assert layout.current_version(tmp_path / "m") == 4


def test_a_rollback_passes_over_what_is_damaged_and_refuses_to_go_there(tmp_path: Path) -> None:
    for _ in range(3):
        publish_one(tmp_path)
    (tmp_path / "m" / "2" / layout.SCALER).write_bytes(b"{}")

    with pytest.raises(PublishError, match=r"version 2 of m is damaged: scaler\.json holds"):
        rollback(tmp_path, "m", 2)

    assert layout.current_version(tmp_path / "m") == 3
    assert rollback(tmp_path, "m") == 1


@pytest.mark.parametrize(
    ("name", "version", "reason"),
    [
        ("M", None, "cannot name a model"),
        ("stats", None, "the path /v2/models/stats is taken"),
        ("other", None, "no model other in .*; there are: m$"),
        ("m", 7, r"m has no version 7; there are: 1$"),
        ("m", None, "m has no whole version below 1, the current one"),
    ],
)
def test_a_rollback_to_what_is_not_there_is_a_mistake(
    tmp_path: Path, name: str, version: int | None, reason: str
) -> None:
    publish_one(tmp_path)

    with pytest.raises(UsageError, match=reason):
        rollback(tmp_path, name, version)

    assert layout.current_version(tmp_path / "m") == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [("x", "current does not hold a version number: say which version of m"), (None, "say which")],
)
def test_without_a_current_version_a_rollback_must_say_where_to(
    tmp_path: Path, line: str | None, reason: str
) -> None:
    publish_one(tmp_path)
    current = tmp_path / "m" / layout.CURRENT
    current.write_text(line) if line else current.unlink()

    with pytest.raises(UsageError, match=reason):
        rollback(tmp_path, "m")

    assert rollback(tmp_path, "m", 1) == 1
    assert layout.current_version(tmp_path / "m") == 1


@pytest.mark.parametrize(
    ("rollout", "told"),
    [
        ('{"candidate": 1, "mode": "canary", "share": 0.5}', "was the candidate of its rollout"),
        ('{"candidate": 7, "mode": "canary", "share": 0.5}', "rollout of version 7, which is not"),
        ('{"candidate": 2, "mode": "shadow", "share": 0.5}', ""),
        ("{}", "has a rollout that is refused: rollout.json is not of this format"),
    ],
)
def test_a_rollback_tells_of_a_rollout_that_makes_no_sense_any_more(
    tmp_path: Path, rollout: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_one(tmp_path)
    publish_one(tmp_path)
    (tmp_path / "m" / ROLLOUT).write_text(rollout)

    rollback(tmp_path, "m", 1)

    said = capsys.readouterr().err
    assert told in said if told else not said
    assert (tmp_path / "m" / ROLLOUT).read_text() == rollout


def test_a_rollout_is_written_and_ended(tmp_path: Path) -> None:
    publish_one(tmp_path)
    publish_one(tmp_path)

    roll_out(tmp_path, "m", canary(1))
    written = read_rollout(tmp_path / "m")
    end_rollout(tmp_path, "m")

    assert written == canary(1)
    assert read_rollout(tmp_path / "m") is None
    with pytest.raises(UsageError, match="m has no rollout"):
        end_rollout(tmp_path, "m")


def test_a_candidate_must_be_another_whole_version(tmp_path: Path) -> None:
    publish_one(tmp_path)
    (tmp_path / "m" / "1" / layout.CARD).write_bytes(b"changed")
    publish_one(tmp_path)
    before = listing(tmp_path)

    with pytest.raises(PublishError, match=r"version 1 of m is damaged: card\.md"):
        roll_out(tmp_path, "m", canary(1))
    with pytest.raises(UsageError, match="version 2 of m is the current one"):
        roll_out(tmp_path, "m", canary(2))
    with pytest.raises(UsageError, match="m has no version 3"):
        roll_out(tmp_path, "m", canary(3))

    assert listing(tmp_path) == before


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
    served = ModelStore(tmp_path)
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
