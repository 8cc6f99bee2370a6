"""`python -m training fit`, through its front door: from CSV files to a served forecast."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from app.artifact import layout
from app.forecasting.forecaster import forecast
from app.forecasting.scalers import LevelScaler
from app.inference import loader
from tests.builders import publish, random_walk, serving, write_csv
from tests.training.test_recipe import GOOD
from training.__main__ import main
from training.errors import ParityError, TrainingError
from training.export import graphs, parity


def fit(tmp_path: Path, *arguments: str | Path) -> int:
    return main(["fit", "--models", str(tmp_path / "models"), *map(str, arguments)])


def small_recipe(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "small.toml"
    path.write_text(text)
    return path


def split_csv(tmp_path: Path, *, training: int, test: int) -> tuple[Path, Path]:
    """Write one walk as a training file and a test file that follows it."""
    prices = random_walk(training + test)
    days = np.datetime64("2015-01-02") + np.arange(len(prices), dtype="timedelta64[D]")
    return (
        write_csv(tmp_path / "TRAIN.csv", prices[:training], first=str(days[0])),
        write_csv(tmp_path / "TEST.csv", prices[training:], first=str(days[training]), form="us"),
    )


def test_the_guides_recipe_is_fitted_published_and_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training, test = split_csv(tmp_path, training=1258, test=21)

    code = fit(
        tmp_path, "--recipe", "fb-lstm45", "--train", training, "--test", test, "--name", "fb",
        "--epochs", "1",
    )  # fmt: skip

    printed = capsys.readouterr()
    assert code == 0
    assert "1,218 windows of 40 sessions" in printed.err
    assert "21 held out" in printed.err
    assert "epoch 1/1: loss" in printed.err
    rows = np.concatenate([random_walk(1279)])
    naive = np.abs(np.diff(rows[1257:])).mean()
    assert f"tomorrow = today {naive:.4g}" in printed.out

    folder = tmp_path / "models" / "fb" / "1"
    model = loader.load(folder, "fb", 1)
    scores = model.manifest.scores
    assert model.scaler == LevelScaler.fit("minmax", rows[:1258])
    assert scores.sessions == 21
    assert scores.naive_mae == pytest.approx(naive)
    assert model.manifest.trained_on.windows == 1218
    assert model.manifest.recipe["fit"]["epochs"] == 1

    windows = np.stack([rows[end - 40 : end] for end in range(1258, 1279)])[:, :, None]
    served = forecast(model, windows).predictions
    assert np.abs(rows[1258:] - served).mean() == pytest.approx(scores.mae, rel=1e-5)

    graph = onnx.load(str(folder / layout.GRAPH))
    kinds = Counter(node.op_type for node in graph.graph.node)
    assert kinds["LSTM"] == 4
    assert not kinds.keys() & {"Loop", "Scan", "If"}
    assert {entry.domain for entry in graph.opset_import} == {""}

    with serving(tmp_path / "models") as client:
        answer = client.post("/predict", json={"model": "fb", "prices": rows[-40:].tolist()})
    assert answer.status_code == 200
    assert answer.json()["target"] == "open"


def test_a_folder_is_fitted_all_at_once_and_scored_in_percent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_csv(data / "CHEAP.csv", random_walk(120, seed=1, start=2.0))
    write_csv(data / "DEAR.csv", random_walk(100, seed=2, start=9000.0))
    changes = ('"minmax"', '"returns"'), ("units = 4", "units = 4\ncorrection = 0.2")
    recipe = small_recipe(
        tmp_path, *changes, ("epochs = 2", "epochs = 2\nvalidation_sessions = 20\npatience = 1")
    )

    code = fit(tmp_path, "--recipe", recipe, "--data", data, "--holdout", "30", "--json")

    summary = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (summary["model"], summary["version"]) == ("small", 1)
    assert summary["parity"] <= 1e-5
    assert summary["scores"]["unit"] == "percent of the last price"
    assert summary["scores"]["sessions"] == 30 + 10
    assert summary["scores"]["mae_vs_naive"] == pytest.approx(1, abs=0.05)
    model = loader.load(tmp_path / "models" / "small" / "1", "small", 1)
    assert model.manifest.trained_on.instruments == ("CHEAP", "DEAR")
    # 20 of the sessions before the held-out ones choose the epoch
    assert model.manifest.trained_on.windows == (85 - 20) + (85 - 20)


def test_the_same_seed_gives_the_same_network(tmp_path: Path) -> None:
    training, test = split_csv(tmp_path, training=60, test=10)
    recipe = small_recipe(tmp_path)

    for seed in ("3", "3", "4"):
        files = "--train", training, "--test", test
        assert fit(tmp_path, "--recipe", recipe, *files, "--seed", seed) == 0

    maes = [
        loader.load(
            tmp_path / "models" / "small" / version, "small", int(version)
        ).manifest.scores.mae
        for version in ("1", "2", "3")
    ]
    assert maes[0] == maes[1] != maes[2]


def test_a_fit_that_diverges_says_when_and_publishes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training, test = split_csv(tmp_path, training=60, test=10)
    recipe = small_recipe(
        tmp_path,
        ('"minmax"', '"standard"'),
        ("batch_size = 8", "batch_size = 8\nlearning_rate = 1e38"),
    )

    code = fit(tmp_path, "--recipe", recipe, "--train", training, "--test", test)

    assert code == 1
    assert "after epoch 1: nothing was published" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("training", "test", "said"),
    [
        pytest.param("Date,Close\n2020-01-02,1\n", None, "no column Open", id="column"),
        pytest.param("Date,Open\n2020-01-02,1\n2020-01-99,1\n", None, "line 3: ", id="date"),
        pytest.param("Date,Open\n2020-01-02,x\n", None, "line 2: open is no number", id="number"),
        pytest.param("Date,Open\n2014-01-02,1\n", None, "TRAIN.csv: too few rows", id="rows"),
        pytest.param(None, "Date,Open\n2015-01-20,1\n", "must begin after that", id="overlap"),
    ],
)
def test_bad_data_is_named_and_nothing_is_published(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    training: str | None,
    test: str | None,
    said: str,
) -> None:
    paths = split_csv(tmp_path, training=60, test=10)
    for path, text in zip(paths, (training, test), strict=True):
        if text is not None:
            path.write_text(text)

    code = fit(
        tmp_path, "--recipe", small_recipe(tmp_path), "--train", paths[0], "--test", paths[1]
    )

    assert code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("rows", "recipe", "said"),
    [
        pytest.param(5, [], "need 6, and there are 5", id="no window"),
        pytest.param(20, [], "20 sessions are to be held out", id="nothing to fit on"),
        pytest.param(
            30,
            [("epochs = 2", "epochs = 2\nvalidation_sessions = 9")],
            "choose the epoch",
            id="epoch",
        ),
    ],
)
def test_a_folder_with_too_few_rows_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: int,
    recipe: list[tuple[str, str]],
    said: str,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_csv(data / "A.csv", random_walk(rows))

    code = fit(
        tmp_path, "--recipe", small_recipe(tmp_path, *recipe), "--data", data, "--holdout", "20"
    )

    printed = capsys.readouterr().err
    assert code == 2
    assert f"{data}: too few rows" in printed
    assert said in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["--recipe", "fb-lstm45"],
        ["--recipe", "fb-lstm45", "--train", "a.csv"],
        ["--recipe", "fb-lstm45", "--data", ".", "--train", "a.csv"],
        ["--recipe", "no-such", "--data", "."],
        ["--recipe", "fb-lstm45", "--data", ".", "--name", "../up"],
        ["--recipe", "fb-lstm45", "--data", "."],
    ],
)
def test_wrong_usage_is_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert fit(tmp_path, *arguments) == 2


def test_wrong_options_are_exit_2_and_help_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in (["fit", "--epochs", "0"], 2), (["nothing"], 2), (["fit", "--help"], 0):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == code
    assert "newest or oldest first" in capsys.readouterr().out


def test_recipes_are_listed_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    assert "fb-lstm45            Facebook's opens" in capsys.readouterr().out
    assert main(["recipes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fb-lstm45"]["window"] == 40


def test_a_model_that_forecasts_something_else_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, window=3)
    model = loader.load(tmp_path / "default" / "1", "default", 1)
    windows = np.array([[[101.0], [102.0], [103.0]], [[110.0], [120.0], [130.0]]])
    same = parity.Parity(windows, expected=windows[:, -1, 0])
    other = parity.Parity(windows, expected=windows[:, -1, 0] * 1.0001)

    same.prove(model)

    assert same.worst < 1e-6
    with pytest.raises(ParityError, match=r"differ by 1\.0e-04"):
        other.prove(model)


def test_a_graph_with_a_loop_is_refused() -> None:
    body = onnx.helper.make_graph([], "body", [], [])
    loop = onnx.helper.make_node("Loop", ["n", "go"], ["out"], body=body)
    graph = onnx.helper.make_graph([loop], "slow", [], [])

    with pytest.raises(TrainingError, match="holds Loop"):
        graphs.refuse_slow(onnx.helper.make_model(graph))
