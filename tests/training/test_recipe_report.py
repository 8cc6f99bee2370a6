"""`python -m training recipes --run`: the source systems side by side."""

from pathlib import Path

import numpy as np
import pytest

from tests.builders import random_walk, serving, write_csv
from training.__main__ import main
from training.recipes import library

TWELVE = {
    "fb-lstm45",
    "goog-lstm50",
    "goog-lstm100",
    "amzn-lstm50",
    "amzn-lstm50-dropout",
    "amzn-lstm100",
    "tata-rnn5",
    "sine-rnn100",
    "goog-gru50",
    "goog-bilstm50",
    "goog-peephole50",
    "goog-coupled50",
}


def tata(folder: Path) -> Path:
    """Write files of the names that the TATA recipe asks for, newest first."""
    prices = random_walk(200)
    folder.mkdir()
    write_csv(folder / "NSE-TATAGLOBAL.csv", prices[:184], order="newest")
    write_csv(folder / "tatatest.csv", prices[184:], first="2020-07-03", order="newest")
    return folder


def test_all_are_the_twelve_systems_of_the_sources() -> None:
    assert set(library.with_data()) == TWELVE


@pytest.mark.parametrize(
    ("name", "window", "batch"), [("goog-lstm50", 60, 32), ("tata-rnn5", 60, 100)]
)
def test_settings_are_those_of_the_sources(name: str, window: int, batch: int) -> None:
    loaded = library.load(name)

    assert (loaded.window, loaded.fit.batch_size, loaded.fit.epochs) == (window, batch, 100)


def test_chosen_recipes_are_fitted_published_served_and_written_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, models = tata(tmp_path / "data"), tmp_path / "models"
    arguments = ["--run", "tata-rnn5,sine-rnn100", "--epochs", "2", "--seeds", "2", "--jobs", "2"]

    code = main(["recipes", *arguments, "--data", str(data), "--models", str(models)])

    page = (models / ".trial" / "recipes.md").read_text()
    pictures = sorted(path.name for path in (models / ".trial" / "recipes").iterdir())
    assert code == 0
    assert "4/4" in capsys.readouterr().err
    assert pictures == ["sine-rnn100.png", "tata-rnn5.png"]
    assert all((models / ".trial" / "recipes" / name).stat().st_size < 40_000 for name in pictures)
    assert "| MAE 5.82, MSE 53.03 |" in page
    assert "--epochs 2 --seeds 2`" in page
    with serving(models) as client:
        ready = client.get("/readyz").json()
        sine = (10 + np.sin(np.arange(150, 200))).tolist()
        answer = client.post("/predict", json={"model": "sine-rnn100", "prices": sine})
    # one version each, though two seeds were fitted
    assert ready["models"] == {"sine-rnn100": 1, "tata-rnn5": 1}
    assert answer.status_code == 200
    report = models / "tata-rnn5" / "1"
    assert {path.name for path in report.iterdir()} >= {"report.html", "loss.png", "lag.png"}


def test_missing_files_are_named_before_anything_is_fitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tata(tmp_path / "data")
    (data / "tatatest.csv").unlink()

    code = main(
        ["recipes", "--run", "tata-rnn5", "--data", str(data), "--models", str(tmp_path / "m")]
    )

    assert code == 2
    assert "tatatest.csv: cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_recipes_that_cannot_be_run_are_answered_with_those_that_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["recipes", "--run", "global-close"]) == 2
    assert "no recipe 'global-close' that names its data" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["recipes", "--run", "tata-rnn5"]) == 2
    assert "tata-rnn5: give --train FILE and --test FILE, or --data DIR" in capsys.readouterr().err


def test_one_that_fails_is_named_when_the_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, models = tata(tmp_path / "data"), tmp_path / "models"
    models.mkdir()
    (models / "tata-rnn5").write_text("a file in the way")
    arguments = ["--run", "tata-rnn5,sine-rnn100", "--epochs", "1", "--jobs", "1"]

    code = main(["recipes", *arguments, "--data", str(data), "--models", str(models)])

    assert code == 1
    assert "failed: tata-rnn5 (seed 1): " in capsys.readouterr().err
    assert (models / "sine-rnn100" / "current").read_text() == "1\n"
