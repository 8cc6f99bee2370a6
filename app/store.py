"""
Names, versions, and which version is served: one reference a model, swapped whole.

    <root>/<name>/current        one line: the version being served
    <root>/<name>/<version>/     one published model, see artifact.py

The folder is polled, not watched: it may lie on a volume of another container or on NFS.
A request takes its model once and keeps it, so a swap never changes a model in the middle
of an answer; and what is loaded lives in memory, so a damaged folder does not disturb it.
"""

import logging
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from app import artifact, scaling
from app.artifact import CLOSE_GRAPH, GRAPH, NAME_PATTERN
from app.errors import ArtifactRejected, NoSuchModel, NoSuchVersion
from app.forecast import Model, forecast
from app.runtime import OnnxNetwork, Sessions

CURRENT: Final = "current"

_log = logging.getLogger(__name__)
_name = re.compile(NAME_PATTERN)
_version = re.compile(r"[1-9][0-9]{0,8}")

_PINNED_KEPT: Final = 8
"""Versions that are not current and stay loaded, those asked for last."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the version that `current` names is not being served."""

    version: int | None
    reason: str


def is_name(name: str) -> bool:
    """Tell whether `name` may name a model; nothing else ever becomes part of a path."""
    return _name.fullmatch(name) is not None


def model_folders(root: Path) -> list[Path]:
    """Return the folders of the published models, by name; those of no valid name are ignored."""
    try:
        return sorted(
            folder for folder in root.iterdir() if is_name(folder.name) and folder.is_dir()
        )
    except OSError:
        return []


def versions(home: Path) -> list[int]:
    """Return the published versions of the model in `home`, oldest first."""
    try:
        return sorted(
            int(folder.name)
            for folder in home.iterdir()
            if _version.fullmatch(folder.name) and (folder / artifact.MANIFEST).is_file()
        )
    except OSError:
        return []


def current_version(home: Path) -> int | None:
    """Return the version that `current` names; None where there is no such file."""
    try:
        line = (home / CURRENT).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactRejected(f"{CURRENT} cannot be read: {error.strerror}") from None
    if not _version.fullmatch(line):
        raise ArtifactRejected(f"{CURRENT} does not hold a version number")
    return int(line)


def load(folder: Path, name: str, version: int, *, sessions: Sessions | None = None) -> Model:
    """
    Verify and open the model in `folder`, and let it make one forecast.

    `sessions` bounds how many networks of those who share it stay open. Raises ArtifactRejected
    where it is not, whole and unchanged, that version of that model.
    """
    files = artifact.read(folder)
    manifest = files.manifest
    if (manifest.name, manifest.version) != (name, version):
        raise ArtifactRejected("the manifest is that of another model or version")
    try:
        scaler = scaling.parse(files.scaler)
    except ValidationError:
        raise ArtifactRejected("scaler.json is not of this format") from None
    if len(manifest.fields) > 1 and not scaler.reads_bars:
        raise ArtifactRejected("scaler.json is of a single field, and the model of bars")
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


def _prove(model: Model, file: str) -> None:
    """Refuse a network that cannot forecast ordinary prices that stand still; warm it up."""
    manifest = model.manifest
    # two: a graph that was written for a batch of one would fail at the first batch
    windows = np.full((2, manifest.window, len(manifest.fields)), 100.0)
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


class Store:
    """The models of one folder, each served by the newest version that could be loaded."""

    def __init__(self, root: Path, sessions: Sessions | None = None) -> None:
        """Follow the models in `root`, whose networks run in `sessions`."""
        self._root = root
        self._load = partial(load, sessions=sessions)
        self._served: dict[str, Model] = {}
        self._refused: dict[str, Refusal] = {}
        self._pinned: OrderedDict[tuple[str, int], Model] = OrderedDict()
        self._loading = threading.Lock()

    @property
    def served(self) -> dict[str, Model]:
        """The model that answers under each name; not to be changed."""
        return self._served

    @property
    def refused(self) -> dict[str, Refusal]:
        """Names whose `current` version is not the one that answers; not to be changed."""
        return self._refused

    def versions(self, name: str) -> list[int]:
        """Return the published versions of a served model, oldest first; reads the disk."""
        return versions(self._root / name)

    def current(self, name: str) -> Model:
        """
        Return the model that answers under `name`; reads nothing but memory.

        Raises NoSuchModel, or ArtifactRejected where it is published and was never loadable.
        """
        model = self._served.get(name)
        if model is not None:
            return model
        refusal = self._refused.get(name)
        if refusal is not None:
            raise ArtifactRejected(f"the model is published, but was refused: {refusal.reason}")
        raise NoSuchModel

    def pinned(self, name: str, version: int) -> Model:
        """
        Return one version of a model, loaded on first use; may read the disk.

        Raises NoSuchModel, NoSuchVersion or ArtifactRejected.
        """
        served = self._served.get(name)
        if served is not None and served.manifest.version == version:
            return served
        if served is None and name not in self._refused:
            raise NoSuchModel
        key = (name, version)
        with self._loading:
            if key not in self._pinned:
                folder = self._root / name / str(version)
                if not (folder / artifact.MANIFEST).is_file():
                    raise NoSuchVersion
                self._pinned[key] = self._load(folder, name, version)
            self._pinned.move_to_end(key)
            while len(self._pinned) > _PINNED_KEPT:
                self._pinned.popitem(last=False)
            return self._pinned[key]

    def refresh(self) -> None:
        """
        Look at every `current` once, and load what changed; what cannot be loaded is refused.

        A refused version leaves the one before it serving, and is tried again next time: it
        may have been a volume that was not there yet. A model whose folder went away goes on
        serving. One thread at a time.
        """
        for home in model_folders(self._root):
            try:
                self._follow(home)
            except ArtifactRejected as rejection:
                self._refuse(home, str(rejection))

    def _follow(self, home: Path) -> None:
        version = current_version(home)
        if version is None:
            return
        name, served = home.name, self._served.get(home.name)
        if served is None or served.manifest.version != version:
            model = self._load(home / str(version), name, version)
            self._served = self._served | {name: model}
            _log.info("serving %s version %d", name, version)
        if name in self._refused:
            self._refused = {key: why for key, why in self._refused.items() if key != name}

    def _refuse(self, home: Path, reason: str) -> None:
        try:
            version = current_version(home)
        except ArtifactRejected:
            version = None
        refusal = Refusal(version, reason)
        if self._refused.get(home.name) != refusal:
            _log.error("refused %s version %s: %s", home.name, version, reason)
            self._refused = self._refused | {home.name: refusal}
