"""Special files: pipes, sockets, devices and folders in place of files, which nobody reads."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from app import regular_files
from app.inference.model_store import ModelStore
from app.settings import from_environment
from tests.builders import publish
from tests.training.retraining import prepare, retrain
from training.__main__ import main
from training.errors import BadData, BadRecipe
from training.recipes import library
from training.retraining import config, run_record
from training.sources import csv_files


@contextlib.contextmanager
def pipe(path: Path) -> Iterator[None]:
    """Make a pipe; whoever waits for it is let go, and the test fails."""
    os.mkfifo(path)
    over, waited = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            # there is a writer's end only where somebody waits at the other one
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                waited.set()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
    assert not waited.is_set(), f"{path.name} was waited for"


@contextlib.contextmanager
def listener(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(path.parent):
        # a short name: there is not much room for one
        bound.bind(path.name)
        yield


@contextlib.contextmanager
def device(path: Path) -> Iterator[None]:
    path.symlink_to("/dev/zero")
    yield


@contextlib.contextmanager
def folder(path: Path) -> Iterator[None]:
    path.mkdir()
    yield


KINDS = [pipe, listener, device, folder]
Kind = Callable[[Path], contextlib.AbstractContextManager[None]]


@pytest.mark.parametrize("kind", KINDS)
def test_special_files_among_prices_are_refused_by_name(tmp_path: Path, kind: Kind) -> None:
    home = prepare(tmp_path)
    with kind(home / "prices" / "PIPE.csv"):
        reason = rf"PIPE\.csv: .*{regular_files.REASON}"
        with pytest.raises(BadData, match=reason):
            csv_files.read_bars_folder(home / "prices")
        with pytest.raises(BadData, match=reason):
            csv_files.read_folder(home / "prices", ["Close"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["retrain.toml", "small.toml"])
def test_special_files_in_place_of_a_config_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Kind, name: str
) -> None:
    home = prepare(tmp_path)
    (home / name).unlink()
    with kind(home / name):
        assert retrain(home) == 2
        assert f"{name}: {regular_files.REASON}" in capsys.readouterr().err
    (home / "models").mkdir()
    assert list((home / "models").iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_special_files_given_by_hand_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Kind
) -> None:
    with kind(tmp_path / "given.csv"):
        given = str(tmp_path / "given.csv")
        arguments = ["fit", "--recipe", "fb-lstm45", "--train", given, "--test", given]
        assert main([*arguments, "--models", str(tmp_path / "models")]) == 2
        assert f"given.csv: cannot be read: {regular_files.REASON}" in capsys.readouterr().err
    with kind(tmp_path / "given.toml"), pytest.raises(BadRecipe, match=r"given\.toml: not"):
        library.load(str(tmp_path / "given.toml"))


@pytest.mark.parametrize("kind", KINDS)
def test_special_files_among_records_of_runs_are_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Kind
) -> None:
    (tmp_path / run_record.RUNS).mkdir()
    with kind(tmp_path / run_record.RUNS / "1.json"):
        assert list(run_record.newest_first(tmp_path)) == []
    assert "1.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["current", "rollout.json"])
def test_special_files_in_the_models_folder_keep_nobody_waiting(
    tmp_path: Path, kind: Kind, name: str
) -> None:
    publish(tmp_path, "fine")
    publish(tmp_path)
    (tmp_path / "default" / name).unlink(missing_ok=True)
    store = ModelStore(tmp_path)
    with kind(tmp_path / "default" / name):
        store.refresh()
    assert "fine" in store.served
    if name == "current":
        assert regular_files.REASON in str(store.refused["default"])
    else:
        assert "default" in store.served


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variable", ["API_KEYS_FILE", "TLS_CERTIFICATE", "TLS_KEY"])
def test_special_files_in_place_of_keys_stop_the_service_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, variable: str
) -> None:
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "TLS_CERTIFICATE")
    issued.private_key_pem.write_to_path(tmp_path / "TLS_KEY")
    for name in ("TLS_CERTIFICATE", "TLS_KEY", variable):
        monkeypatch.setenv(f"NEXTDAY_{name}", str(tmp_path / name))
    (tmp_path / variable).unlink(missing_ok=True)
    with (
        kind(tmp_path / variable),
        pytest.raises(
            SystemExit, match=f"NEXTDAY_{variable} cannot be read: {regular_files.REASON}"
        ),
    ):
        from_environment()


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    home = prepare(tmp_path)
    (home / "linked.toml").symlink_to(home / "retrain.toml")

    assert config.load(home / "linked.toml").config.name == "m"
