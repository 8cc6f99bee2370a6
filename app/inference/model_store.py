"""
Names, versions, and which version is served: one reference a model, swapped whole.

    <root>/<name>/current        one line: the version being served
    <root>/<name>/rollout.json   where there is one: a candidate beside it, see rollout.py
    <root>/<name>/<version>/     one published model, see artifact.py

The folder is polled, not watched: it may lie on a volume of another container or on NFS. Both
files are read at each look, a few bytes each: NFS may tell a file's times late, its bytes not.
A request takes its model once and keeps it, so a swap never changes a model in the middle
of an answer; and what is loaded lives in memory, so a damaged folder does not disturb it.
"""

import contextlib
import itertools
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar

from app.artifact import layout
from app.artifact.rollout import Rollout, read_rollout
from app.errors import ArtifactRejected, NoSuchModel, NoSuchVersion
from app.forecasting.forecaster import Model
from app.inference.loader import load
from app.inference.onnx_session import SessionCache
from app.inference.proving import GraphProver

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

_PINNED_KEPT: Final = 64
_PINNED_BYTES: Final = 64 * 2**20
"""
Versions that are not current and stay loaded, those asked for last, and the bytes of their files:
each takes about as much memory again, and its session where it is open.
"""
_MOST_REASON: Final = 300
"""Characters of the reason for a refusal: a manifest may name what is longer."""
_LOOKED_AT: Final = 256
"""Files of a refused version by which a change of it is noticed: one of ours has ten."""

_RETRY_S: Final = 60.0
"""After so long a version that was refused is read again, though its files are as they were."""

LoadListener: TypeAlias = Callable[[str, int | None, Literal["served", "trial", "refused"]], None]
"""Told of a model's version: it is served from now on, or tried, or was refused."""


class Trial(NamedTuple):
    """A candidate beside the version that is served."""

    rollout: Rollout
    candidate: Model


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a version that `current` or rollout.json names does not answer."""

    version: int | None
    reason: str


class ModelStore:
    """The models of one folder, each served by the newest version that could be loaded."""

    def __init__(
        self,
        root: Path,
        sessions: SessionCache | None = None,
        noticed: LoadListener = lambda *_: None,
        prover: GraphProver | None = None,
    ) -> None:
        """
        Follow the models in `root`, whose networks run in `sessions`, and tell `noticed`.

        With a `prover` each new graph is tried in a process of its own first.
        """
        self._root = root
        self._load = partial(load, sessions=sessions, prover=prover)
        self._noticed = noticed
        # swapped whole, never changed: requests in other threads read them meanwhile
        self.served: dict[str, Model] = {}
        """The model that answers under each name."""
        self.refused: dict[str, Refusal] = {}
        """Names whose `current` version is not the one that answers."""
        self.trials: dict[str, Trial] = {}
        """The candidates that are on trial, by name."""
        self.trials_refused: dict[str, Refusal] = {}
        """Names whose rollout.json, or the candidate in it, was refused."""
        self._failed: dict[Path, _Failed] = {}
        self._pinned: OrderedDict[tuple[str, int], Model] = OrderedDict()
        self._loading = threading.Lock()

    def versions(self, name: str) -> list[int]:
        """Return the published versions of a served model, oldest first; reads the disk."""
        return layout.versions(self._root / name)

    def current(self, name: str) -> Model:
        """
        Return the model that answers under `name`; reads nothing but memory.

        Raises NoSuchModel, or ArtifactRejected where it is published and was never loadable.
        """
        model = self.served.get(name)
        if model is not None:
            return model
        refusal = self.refused.get(name)
        if refusal is not None:
            raise ArtifactRejected(f"the model is published, but was refused: {refusal.reason}")
        raise NoSuchModel

    def answering(self, name: str) -> tuple[Model, Trial | None]:
        """Return what `current` does, and the candidate beside it; raises the same."""
        served = self.served.get(name) or self.current(name)
        return served, self.trials.get(name)

    def loaded(self, name: str, version: int) -> Model | None:
        """
        Return one version of a model where it is in memory; reads nothing else.

        Raises NoSuchModel.
        """
        served = self.served.get(name)
        if served is not None and served.manifest.version == version:
            return served
        if served is None and name not in self.refused:
            raise NoSuchModel
        trial = self.trials.get(name)
        if trial is not None and trial.candidate.manifest.version == version:
            return trial.candidate
        key = (name, version)
        found = self._pinned.get(key)
        if found is not None:
            # another thread may have just made room
            with contextlib.suppress(KeyError):
                self._pinned.move_to_end(key)
        return found

    def pinned(self, name: str, version: int) -> Model:
        """
        Return one version of a model, loaded on first use; may read the disk.

        Raises NoSuchModel, NoSuchVersion or ArtifactRejected, whatever lies there.
        """
        found = self.loaded(name, version)
        if found is not None:
            return found
        if version > layout.HIGHEST_VERSION:
            # more digits than a file's name may have
            raise NoSuchVersion
        key = (name, version)
        with self._loading:
            if key not in self._pinned:
                folder = self._root / name / str(version)
                if not layout.is_published(folder):
                    raise NoSuchVersion
                try:
                    model = self._load(folder, name, version)
                except Exception as error:
                    raise _rejection(error, name) from error
                self._pinned[key] = model
                self._make_room()
                return model
            return self._pinned[key]

    def _make_room(self) -> None:
        """Let go of the pinned versions that were asked for longest ago, but the last."""
        sizes = [
            sum(record.size for record in model.manifest.files.values())
            for model in self._pinned.values()
        ]
        while len(sizes) > 1 and (len(sizes) > _PINNED_KEPT or sum(sizes) > _PINNED_BYTES):
            self._pinned.popitem(last=False)
            del sizes[0]

    def refresh(self) -> None:
        """
        Look at every model once, and load what changed; what cannot be loaded is refused.

        A refused version leaves the one before it serving. It is tried again when its files
        have changed, and once a minute: it may have been a volume that was not there yet. A
        model whose folder went away goes on serving. One thread at a time.
        """
        for home in layout.model_folders(self._root):
            self._follow(home)
            self._follow_rollout(home)

    def _follow(self, home: Path) -> None:
        name, version, served = home.name, None, self.served.get(home.name)
        try:
            version = layout.current_version(home)
            if version is None:
                return
            if served is None or served.manifest.version != version:
                model = self._loaded(home, version)
                self.served = self.served | {name: model}
                self._noticed(name, version, "served")
                _log.info("serving %s version %d", name, version)
        except Exception as error:  # noqa: BLE001 - one model is not to stop the others
            reason = str(_rejection(error, name))[:_MOST_REASON]
            self.refused = self._refuse(self.refused, name, Refusal(version, reason))
        else:
            self.refused = _without(self.refused, name)

    def _follow_rollout(self, home: Path) -> None:
        name, served, trial = home.name, self.served.get(home.name), self.trials.get(home.name)
        version = None
        try:
            wanted = read_rollout(home)
            version = wanted.candidate if wanted else None
            if wanted is None or served is None or served.manifest.version == version:
                # none, or it has won
                self.trials = _without(self.trials, name)
            elif trial is None or trial.rollout != wanted:
                same = trial is not None and trial.rollout.candidate == wanted.candidate
                candidate = (
                    trial.candidate if trial and same else self._loaded(home, wanted.candidate)
                )
                self.trials = self.trials | {name: Trial(wanted, candidate)}
                self._noticed(name, version, "trial")
                _log.info("trying %s version %d: %s", name, version, wanted)
        except Exception as error:  # noqa: BLE001 - one model is not to stop the others
            reason = str(_rejection(error, name))[:_MOST_REASON]
            self.trials = _without(self.trials, name)
            self.trials_refused = self._refuse(self.trials_refused, name, Refusal(version, reason))
        else:
            self.trials_refused = _without(self.trials_refused, name)

    def _loaded(self, home: Path, version: int) -> Model:
        """Load a version, unless it was refused and is as it was."""
        folder = home / str(version)
        seen, before = _fingerprint(folder), self._failed.get(folder)
        if before and before.fingerprint == seen and time.monotonic() < before.until:
            raise ArtifactRejected(before.reason)
        try:
            model = self._load(folder, home.name, version)
        except Exception as error:
            rejection = _rejection(error, home.name)
            self._failed[folder] = _Failed(seen, str(rejection), time.monotonic() + _RETRY_S)
            raise rejection from error
        self._failed.pop(folder, None)
        return model

    def _refuse(
        self, refused: dict[str, Refusal], name: str, refusal: Refusal
    ) -> dict[str, Refusal]:
        """Add a refusal, and tell it once."""
        if refused.get(name) == refusal:
            return refused
        self._noticed(name, refusal.version, "refused")
        _log.error("refused %s version %s: %s", name, refusal.version, refusal.reason)
        return refused | {name: refusal}


def _rejection(error: Exception, name: str) -> ArtifactRejected:
    """Return why a model is refused; what we did not think of is told to the log alone."""
    if isinstance(error, ArtifactRejected):
        return error
    _log.error("cannot load %s", name, exc_info=error)
    return ArtifactRejected(f"it cannot be loaded: {type(error).__name__}")


class _Failed(NamedTuple):
    fingerprint: "_Fingerprint"
    reason: str
    until: float


_Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]


def _fingerprint(folder: Path) -> _Fingerprint:
    """Return what changes when a file of the folder does: names, times, sizes and inodes."""
    try:
        with os.scandir(folder) as entries:
            some = itertools.islice(entries, _LOOKED_AT)
            stats = [(entry.name, entry.stat(follow_symlinks=False)) for entry in some]
    except OSError:
        return ()
    return tuple(sorted((name, s.st_mtime_ns, s.st_size, s.st_ino) for name, s in stats))


def _without(several: dict[str, _T], name: str) -> dict[str, _T]:
    """Return the same without one; requests in other threads read the old one meanwhile."""
    if name not in several:
        return several
    return {key: value for key, value in several.items() if key != name}
