"""Hostile folders of models, a few of them: `make hostile-models` has a thousand."""

import json
from pathlib import Path

import pytest

from app.artifact import layout
from app.inference.model_store import ModelStore
from tools.hostile_models import __main__ as hostile_models
from tools.hostile_models.catalogue import few, hostile_folders
from tools.hostile_models.folders import good


@pytest.mark.process
def test_no_hostile_folder_harms_the_models_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    status = hostile_models.main(["--short"])

    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["violations"] == []
    assert status == 0
    assert summary["folders"] >= 40


@pytest.mark.parametrize("bars", [False, True])
def test_what_the_folders_begin_from_is_served(tmp_path: Path, *, bars: bool) -> None:
    good(tmp_path / "default", bars=bars)
    store = ModelStore(tmp_path)
    store.refresh()

    assert store.refused == {}
    assert "default" in store.served


def test_every_folder_has_a_name_of_its_own_that_a_model_may_have() -> None:
    names = [each.name for found in hostile_folders(1).values() for each in found]

    assert len(set(names)) == len(names) >= 1000
    assert all(map(layout.is_name, names))


def test_the_same_seed_chooses_the_same_folders() -> None:
    def chosen(seed: int) -> list[str]:
        return [each.name for found in few(hostile_folders(seed), seed).values() for each in found]

    assert chosen(1) == chosen(1) != chosen(2)
