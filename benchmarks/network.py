"""
The networks that the servers of `benchmarks.serving` serve: LSTM 4 x 50, and the shipped model.

    python -m benchmarks.network FOLDER [--copies 100]

The first is the recipe `goog-lstm50`, over 60 prices, fitted for one epoch on prices that are made
up: what is measured is time. Written are `models/`, as published for the service, under the name
`default`; the same graph and scaler bare, `model.onnx` and `scaler.json`; the same weights as
`model.keras`; and `questions-prices.json`, a few bodies with the forecasts that each server must
give. With `--copies`, `many/` holds the published model under so many names.

The other is the model that this project ships, copied to `shipped/`. Its bodies, of bars and
their dates, are in `questions-bars.json`.
"""

import argparse
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import keras
import numpy as np
import pandas as pd

from app.artifact import layout
from app.artifact.layout import CURRENT
from app.artifact.manifest import BARS, Draft, Scores, TrainingRange
from app.forecasting import forecaster
from app.forecasting.scalers import LevelScaler
from app.inference import loader
from benchmarks import servers
from training import provenance
from training.datasets import windows
from training.evaluation import holdout
from training.export import graphs, keras_to_onnx, parity
from training.networks import keras_networks
from training.publishing import publish
from training.recipes import library
from training.recipes.network_kinds import Network
from training.recipes.recipe import Recipe
from training.sources import csv_files

NAME: Final = "default"

_SEED: Final = 0
_ROWS: Final = 500
_HELD_OUT: Final = 60
_QUESTIONS: Final = 4


def main() -> None:
    """Make the network and leave its files in a folder."""
    parser = argparse.ArgumentParser(description="Make the network that all servers serve.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--copies", type=int, default=0, help="publish so many more in many/")
    options = parser.parse_args()
    write(options.folder)
    write_shipped(options.folder)
    copy_under_names(options.folder / "models", options.folder / "many", options.copies)


def write(folder: Path) -> None:
    """Fit, publish, and write the same network for everybody else."""
    chosen = library.load("goog-lstm50")
    if not isinstance(chosen.network, Network):
        raise TypeError("the recipe is of a network in Keras")
    prices = made_up()
    examples = windows.cut_windows(prices, chosen.window)
    cutoff = np.datetime64(prices["date"].iloc[-_HELD_OUT], "D")
    training, test = examples.before(cutoff), examples.since(cutoff)
    scaler = LevelScaler.fit("minmax", training.windows)
    keras.utils.set_random_seed(_SEED)
    fitted = keras_networks.build(chosen.network, steps=chosen.window, features=1)
    fitted.compile(optimizer="adam", loss=chosen.fit.loss)
    targets = scaler.targets(training.windows, training.next_prices)
    fitted.fit(scaler.inputs(training.windows), targets, batch_size=32, verbose=0)
    network = keras_networks.in_keras_own_layers(fitted, chosen.network)
    if network is None:
        raise TypeError("the recipe's layers are not Keras's own")
    outputs = network.predict(scaler.inputs(test.windows), verbose=0)
    expected = scaler.prices(test.windows, outputs)[:, 0]
    model = publish.publish(
        folder / "models",
        NAME,
        draft=_draft(chosen, prices, cutoff, holdout.score(test, expected)),
        graph=graphs.to_bytes(keras_to_onnx.convert(network)),
        scaler=scaler,
        reports={layout.CARD: b"Fitted for one epoch on prices that are made up.\n"},
        prove=parity.Parity(test.windows, expected).prove,
    )
    published = folder / "models" / NAME / str(model.manifest.version)
    for file in (layout.GRAPH, layout.SCALER):
        shutil.copy(published / file, folder / file)
    network.save(folder / "model.keras")
    shown = np.linspace(0, len(test) - 1, _QUESTIONS).astype(int)
    questions = [
        {"body": {"prices": window[:, 0].tolist()}, "prediction": price}
        for window, price in zip(test.windows[shown], expected[shown].tolist(), strict=True)
    ]
    (folder / servers.PRICES).write_text(json.dumps(questions), encoding="utf-8")


def write_shipped(folder: Path) -> None:
    """Copy the model of this checkout, and ask it for a few forecasts from bars."""
    home = folder / "shipped" / NAME
    shutil.copytree(servers.ROOT / "models" / NAME, home)
    version = layout.current_version(home)
    if version is None:
        raise FileNotFoundError(f"{home / CURRENT} is not there")
    model = loader.load(home / str(version), NAME, version)
    bars, questions = made_up_bars(), []
    for end in np.linspace(model.manifest.window, len(bars), _QUESTIONS).astype(int):
        rows = bars[end - model.manifest.window : end]
        columns = rows[list(BARS)]
        [price] = forecaster.forecast(model, columns.to_numpy()[None]).predictions.tolist()
        dates = rows["date"].dt.strftime("%Y-%m-%d").tolist()
        body = {"bars": columns.to_dict("list"), "dates": dates}
        questions.append({"body": body, "prediction": price})
    (folder / servers.BARS).write_text(json.dumps(questions), encoding="utf-8")


def made_up_bars() -> pd.DataFrame:
    """Return bars whose closes are the made-up prices, all in cents."""
    made = made_up()
    close = made["price"].to_numpy()
    gaps, above, below = np.random.default_rng(_SEED + 1).normal(0, 0.005, (3, len(close)))
    opens = np.append(close[0], close[:-1]) * np.exp(gaps)
    columns = {
        "open": opens,
        "high": np.maximum(opens, close) * np.exp(np.abs(above)),
        "low": np.minimum(opens, close) * np.exp(-np.abs(below)),
        "close": close,
    }
    cents = {field: np.round(column, 2) for field, column in columns.items()}
    return pd.DataFrame({"date": made["date"], **cents})


def made_up() -> pd.DataFrame:
    """Return a random walk around 1,000, in cents, as a file of one instrument would be read."""
    moves = np.random.default_rng(_SEED).normal(0, 0.01, _ROWS)
    return pd.DataFrame(
        {
            "instrument": "made-up",
            "date": pd.bdate_range("2020-01-01", periods=_ROWS),
            "price": np.round(1000 * np.exp(np.cumsum(moves)), 2),
            "close": np.nan,
        }
    )


def copy_under_names(models: Path, folder: Path, copies: int) -> None:
    """Publish copies of the model, each under a name of its own."""
    for number in range(copies):
        home = folder / f"{NAME}-{number}"
        shutil.copytree(models / NAME, home)
        version = (home / CURRENT).read_text().strip()
        manifest = home / version / layout.MANIFEST
        document = json.loads(manifest.read_text(encoding="utf-8"))
        manifest.write_text(json.dumps(document | {"name": home.name}), encoding="utf-8")
        # it is another manifest now
        (manifest.parent / layout.SEAL).unlink()


def _draft(chosen: Recipe, prices: pd.DataFrame, cutoff: np.datetime64, scores: Scores) -> Draft:
    rows = prices.loc[prices["date"] < pd.Timestamp(cutoff)]
    return Draft(
        window=chosen.window,
        fields=(chosen.target,),
        target=chosen.target,
        output="point",
        recipe=chosen.model_dump(),
        seed=_SEED,
        trained_on=TrainingRange(
            first=rows["date"].min().date(),
            last=rows["date"].max().date(),
            cutoff=windows.as_date(cutoff),
            instruments=("made-up",),
            windows=len(rows) - chosen.window,
        ),
        data_digest=csv_files.digest(prices),
        scores=scores,
        created_at=datetime.now(UTC).replace(microsecond=0),
        libraries=provenance.libraries(),
        git_commit=provenance.git_commit(),
    )


if __name__ == "__main__":
    main()
