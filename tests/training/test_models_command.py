"""`models`, `rollback` and `rollout`, as they are typed."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.artifact import layout
from app.artifact.rollout import ROLLOUT, read_rollout
from tests.builders import point, publish, publish_quantiles
from training.__main__ import main

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    code = main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def listed(capsys: Capture, root: Path) -> list[dict[str, Any]]:
    code, out, _ = run(capsys, "models", "--models", root, "--json")
    assert code == 0
    rows: list[dict[str, Any]] = json.loads(out)
    return rows


def test_the_table_shows_every_version_and_what_it_serves(tmp_path: Path, capsys: Capture) -> None:
    publish(tmp_path, "m", 1, mae_vs_naive=0.9876)
    publish(tmp_path, "m", 2)
    publish_quantiles(tmp_path, name="bars", version=12)
    point(tmp_path, "m", 1)
    (tmp_path / "m" / ROLLOUT).write_text('{"candidate": 2, "mode": "shadow", "share": 0.5}')

    code, out, _ = run(capsys, "models", "--models", tmp_path)

    assert code == 0
    headings, *rows = out.splitlines()
    assert headings.split("  ")[0] == "model"
    assert [row.split()[:3] for row in rows] == [
        ["bars", "12", "current"],
        ["m", "1", "current"],
        ["m", "2", "candidate"],
    ]
    assert rows[1].split()[3:] == [
        "2026-11-21",
        "00:00",
        "close",
        "2020-12-31",
        "0.9876",
        "252",
        "2",
        "kB",
    ]
    # columns of numbers end where their headings do
    assert {row.index("252") + 3 for row in rows} == {headings.index("sessions") + 8}


def test_the_scores_that_a_model_has_are_shown(tmp_path: Path, capsys: Capture) -> None:
    manifest = publish(tmp_path, "m", 1) / layout.MANIFEST
    document = json.loads(manifest.read_text())
    document["scores"] |= {"crps_vs_garch": 0.00693, "coverage_90": 0.8972}
    manifest.write_text(json.dumps(document))
    (manifest.parent / layout.SEAL).unlink()

    _, out, _ = run(capsys, "models", "--models", tmp_path)

    assert out.splitlines()[1].split()[8:10] == ["+0.69%", "89.7%"]


def test_what_the_service_would_refuse_is_shown_with_the_reason(
    tmp_path: Path, capsys: Capture
) -> None:
    publish(tmp_path, "m", 1)
    (publish(tmp_path, "m", 2) / layout.CARD).write_bytes(b"changed")
    point(tmp_path, "m", 9)
    (tmp_path / "m" / ROLLOUT).write_text("{}")

    rows = listed(capsys, tmp_path)
    _, out, _ = run(capsys, "models", "--models", tmp_path)

    assert [(row["version"], row["role"], row["fault"]) for row in rows] == [
        (None, "candidate", "rollout.json is not of this format: candidate: Field required"),
        (1, None, None),
        (2, None, "card.md holds 7 bytes, its manifest says 9"),
        (9, "current", "manifest.json is missing"),
    ]
    assert [" ".join(row.split()) for row in out.splitlines()[3:]] == [
        "m 2 refused: card.md holds 7 bytes, its manifest says 9",
        "m 9 current refused: manifest.json is missing",
    ]


def test_a_current_that_names_nothing_is_shown(tmp_path: Path, capsys: Capture) -> None:
    publish(tmp_path, "m", 1)
    (tmp_path / "m" / layout.CURRENT).write_text("one")
    publish(tmp_path, "none", 1)
    (tmp_path / "none" / layout.CURRENT).unlink()

    assert [(row["version"], row["role"], row["fault"]) for row in listed(capsys, tmp_path)] == [
        (None, "current", "current does not hold a version number"),
        (1, None, None),
        (1, None, None),
    ]


def test_machines_get_every_figure(tmp_path: Path, capsys: Capture) -> None:
    folder = publish(tmp_path, "m", 1)

    [row] = listed(capsys, tmp_path)

    assert row.pop("scores")["naive_mae"] == 1.0
    assert row == {
        "model": "m",
        "version": 1,
        "role": "current",
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "fault": None,
        "created_at": "2026-11-21T00:00:00+00:00",
        "target": "close",
        "fitted_to": "2020-12-31",
    }


def test_nothing_published_is_said(tmp_path: Path, capsys: Capture) -> None:
    assert run(capsys, "models", "--models", tmp_path)[:2] == (0, f"no model in {tmp_path}\n")
    assert listed(capsys, tmp_path / "missing") == []


def test_a_rollback_is_told(tmp_path: Path, capsys: Capture) -> None:
    for version in (1, 2, 3):
        publish(tmp_path, "m", version)

    before = run(capsys, "rollback", "m", "--models", tmp_path)
    to = run(capsys, "rollback", "m", 1, "--models", tmp_path, "--json")

    assert before == (0, "version 2 of m is the current one\n", "")
    assert (to[0], json.loads(to[1])) == (0, {"model": "m", "version": 1})
    assert layout.current_version(tmp_path / "m") == 1


def test_a_rollback_that_cannot_be_done_says_why_and_fails(tmp_path: Path, capsys: Capture) -> None:
    (publish(tmp_path, "m", 1) / layout.GRAPH).write_bytes(b"")
    publish(tmp_path, "m", 2)

    damaged = run(capsys, "rollback", "m", 1, "--models", tmp_path)
    missing = run(capsys, "rollback", "m", 3, "--models", tmp_path)

    assert damaged[0] == 1
    assert damaged[2].startswith("failed: version 1 of m is damaged: model.onnx holds 0 bytes")
    assert missing == (2, "", "error: m has no version 3; there are: 1, 2\n")
    assert layout.current_version(tmp_path / "m") == 2


def test_a_rollout_begins_and_ends(tmp_path: Path, capsys: Capture) -> None:
    publish(tmp_path, "m", 1)
    publish(tmp_path, "m", 2)
    rollout = ["rollout", "m", "--models", tmp_path]

    shadow = run(capsys, *rollout, "--candidate", 1, "--share", 0.05, "--shadow")
    seen = read_rollout(tmp_path / "m")
    canary = run(capsys, *rollout, "--candidate", 1, "--json")
    ended = run(capsys, *rollout, "--end")
    again = run(capsys, *rollout, "--end", "--json")

    assert shadow == (0, "version 1 of m forecasts unseen beside 0.05 of the requests\n", "")
    assert seen
    assert (seen.mode, seen.share) == ("shadow", 0.05)
    assert json.loads(canary[1]) == {
        "model": "m",
        "rollout": {"candidate": 1, "mode": "canary", "share": 0.1},
    }
    assert ended == (0, "the current version of m answers alone\n", "")
    assert read_rollout(tmp_path / "m") is None
    assert again == (2, "", "error: m has no rollout\n")


def test_a_canary_answers_its_share(tmp_path: Path, capsys: Capture) -> None:
    publish(tmp_path, "m", 1)
    publish(tmp_path, "m", 2)

    told = run(capsys, "rollout", "m", "--candidate", 1, "--share", 1, "--models", tmp_path)

    assert told == (0, "version 1 of m answers 1 of the requests\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--share", "0.5"],
        ["--candidate", "1", "--end"],
        ["--candidate", "0"],
        ["--candidate", "1", "--share", "0"],
        ["--candidate", "1", "--share", "1.5"],
        ["--candidate", "1", "--share", "nan"],
        ["--candidate", "1", "--share", "half"],
    ],
    ids=" ".join,
)
def test_a_rollout_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], capsys: Capture
) -> None:
    publish(tmp_path, "m", 1)

    with pytest.raises(SystemExit) as ended:
        run(capsys, "rollout", "m", "--models", tmp_path, *arguments)

    assert ended.value.code == 2
    assert read_rollout(tmp_path / "m") is None


def test_an_end_has_no_share(tmp_path: Path, capsys: Capture) -> None:
    publish(tmp_path, "m", 1)

    code, _, err = run(capsys, "rollout", "m", "--end", "--share", 0.5, "--models", tmp_path)

    assert (code, err) == (2, "error: --end goes without --share and --shadow\n")


@pytest.mark.parametrize("command", ["models", "rollback", "rollout"])
def test_help_tells_what_happens(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        run(capsys, command, "--help")

    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert {"models": "below 1 is better", "rollback": "the way back", "rollout": "--end"}[
        command
    ] in said
