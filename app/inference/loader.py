"""A published version, verified and opened: what is wrong with it ends here, before it serves."""

from functools import partial
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from app.artifact import archive, graph_policy
from app.artifact.layout import CLOSE_GRAPH, GRAPH
from app.artifact.manifest import Manifest
from app.errors import ArtifactRejected
from app.forecasting import scalers
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Model, forecast
from app.inference.onnx_session import OnnxNetwork, SessionCache
from app.inference.proving import GraphProver


def load(
    folder: Path,
    name: str,
    version: int,
    *,
    sessions: SessionCache | None = None,
    prover: GraphProver | None = None,
) -> Model:
    """
    Verify and open the model in `folder`, and let it make one forecast.

    `sessions` bounds how many networks of those who share it stay open. With a `prover` each graph
    is tried in a process of its own before; who publishes a graph that it has just made needs
    none. Raises ArtifactRejected where it is not, whole and unchanged, that version of that model.
    """
    files = archive.read(folder)
    manifest = files.manifest
    if (manifest.name, manifest.version) != (name, version):
        raise ArtifactRejected("the manifest is that of another model or version")
    try:
        scaler = scalers.parse(files.scaler)
    except ValidationError:
        raise ArtifactRejected("scaler.json is not of this format") from None
    if len(manifest.fields) > 1 and not scaler.reads_bars:
        raise ArtifactRejected("scaler.json is of a single field, and the model of bars")
    for file, graph in ((GRAPH, files.graph), (CLOSE_GRAPH, files.close_graph)):
        if graph is not None:
            graph_policy.check(graph, file)
            if prover is not None:
                features = 1 if file == CLOSE_GRAPH else len(manifest.fields)
                prover.prove(graph, scaler.inputs(_flat(manifest, 1, features)), file)
    opened = partial(OnnxNetwork, steps=scaler.steps(manifest.window), sessions=sessions)
    close_only = None
    if manifest.close_only and files.close_graph is not None:
        network = opened(files.close_graph, features=1, file=CLOSE_GRAPH)
        part = manifest.of_closes(manifest.close_only)
        close_only = Model(part, scaler, network, files.card)
        _prove(close_only, CLOSE_GRAPH)
    network = opened(files.graph, features=len(manifest.fields), file=GRAPH)
    model = Model(manifest, scaler, network, files.card, close_only)
    _prove(model, GRAPH)
    return model


def _flat(manifest: Manifest, count: int, features: int) -> Floats:
    """Return windows of ordinary prices that stand still."""
    return np.full((count, manifest.window, features), 100.0)


def _prove(model: Model, file: str) -> None:
    """Refuse a network that cannot forecast ordinary prices that stand still; warm it up."""
    manifest = model.manifest
    # two: a graph that was written for a batch of one would fail at the first batch
    windows = _flat(manifest, 2, len(manifest.fields))
    try:
        outputs = model.network.run(model.scaler.inputs(windows))
    except Exception as error:
        raise ArtifactRejected(f"the first run of {file} failed: {type(error).__name__}") from error
    width, each = (len(manifest.quantiles), "quantile") if manifest.quantiles else (1, "window")
    if outputs.shape != (len(windows), width):
        raise ArtifactRejected(f"{file} must give (n, {width}): one number for each {each}")
    if not (np.isfinite(outputs).all() and forecast(model, windows[:1]).usable.all()):
        raise ArtifactRejected(f"the first forecast of {file} is not a finite number")
    if (np.diff(outputs) < 0).any():
        raise ArtifactRejected(f"the quantiles of {file} cross")
