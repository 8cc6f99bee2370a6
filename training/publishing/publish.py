"""
Publishing: write aside, read back through the service's own loader, rename, then `current`.

At every moment the folder holds either the old version or the new one, whole. Whatever writes
to a model's folder does so here, under the lock of its publishers.

    <root>/<name>/.last    one line: the highest number that was ever given
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.artifact import archive, layout
from app.artifact.manifest import Draft
from app.artifact.rollout import ROLLOUT, Rollout, read_rollout
from app.errors import ArtifactRejected
from app.forecasting.forecaster import Model
from app.forecasting.scalers import LevelScaler, ReturnScaler
from app.inference import loader
from training.errors import PublishError, UsageError
from training.progress import say
from training.publishing import lock, retention
from training.publishing.lock import Lock

_RESERVED: Final = "stats"
"""GET /v2/models/stats is of all models: one of that name could not be asked about."""

LAST: Final = ".last"


@dataclass(frozen=True, slots=True)
class Release:
    """A model that was fitted, proven and published."""

    model: Model
    folder: Path
    parity: float
    """The largest relative difference between what is served and what was fitted."""


def publish(  # noqa: PLR0913 - a keyword for each part of a version
    root: Path,
    name: str,
    *,
    draft: Draft,
    graph: bytes,
    close_graph: bytes | None = None,
    scaler: LevelScaler | ReturnScaler,
    reports: Mapping[str, bytes],
    prove: Callable[[Model], object],
    keep: int | None = None,
) -> Model:
    """
    Publish the next version of a model and make it the current one.

    `close_graph` is the network for closes alone, where the draft says that there is one.
    `reports` are files for people, the card among them. `prove` is given the model as the
    service would load it, and raises where it is not what was fitted. With `keep`, versions
    older than the newest so many are removed, but for those that `retention.expired` spares.
    Raises PublishError where the folder cannot take the model, or another publisher does not
    let go of it; whatever is raised, nothing is published and `current` is what it was, unless
    the disk only failed to confirm the last step, which is said then.
    """
    require_name(name)
    if keep is not None and keep < 1:
        raise UsageError(f"keep must be at least 1 version, was {keep}")
    home = root / name
    contents = {
        layout.GRAPH: graph,
        layout.SCALER: scaler.model_dump_json(indent=2).encode() + b"\n",
        **({layout.CLOSE_GRAPH: close_graph} if close_graph else {}),
        **reports,
    }
    with _publishing(home) as held_lock:
        version = _next_version(home)
        staging = retention.partial(home / str(version))
        with _discarded_on_failure(staging):
            staging.mkdir()
            archive.write(staging, name, version, draft, contents)
            prove(model := _load_as_served(staging, name, version))
            held_lock.verify()
            _replace(home / LAST, version)
            staging.rename(home / str(version))
        with _withdrawn_on_failure(home, version):
            archive.sync_folder(home)
            held_lock.verify()
            _replace(home / layout.CURRENT, version)
        if keep is not None:
            _remove_expired(home, version, keep)
    return model


def _load_as_served(folder: Path, name: str, version: int) -> Model:
    try:
        return loader.load(folder, name, version)
    except ArtifactRejected as error:
        raise PublishError(f"the service would refuse this model: {error}") from error


def rollback(root: Path, name: str, version: int | None = None) -> int:
    """
    Make a published version the current one; return its number.

    Without `version` that is the newest whole one below the current one. Raises UsageError
    where there is no such version, and PublishError where it is damaged or the folder cannot
    be written; `current` is what it was then.
    """
    home = _published(root, name)
    with _publishing(home) as held_lock:
        if version is None:
            version = _version_before(home)
        _require_whole(home, version)
        held_lock.verify()
        _replace(home / layout.CURRENT, version)
        _warn_about_rollout(home, version)
    return version


def roll_out(root: Path, name: str, rollout: Rollout) -> None:
    """
    Roll a candidate out next to the current version of a model.

    Raises UsageError where it is not published or is the current version itself, and
    PublishError where it is damaged or the folder cannot be written.
    """
    home = _published(root, name)
    with _publishing(home) as held_lock:
        _require_whole(home, rollout.candidate)
        with contextlib.suppress(ArtifactRejected):
            # a damaged `current` names nothing
            if layout.current_version(home) == rollout.candidate:
                raise UsageError(f"version {rollout.candidate} of {name} is the current one")
        held_lock.verify()
        _replace(home / ROLLOUT, rollout.model_dump_json())


def end_rollout(root: Path, name: str) -> None:
    """Let the current version answer alone; raise UsageError where it does, or PublishError."""
    home = _published(root, name)
    with _publishing(home):
        try:
            (home / ROLLOUT).unlink()
        except FileNotFoundError:
            raise UsageError(f"{name} has no rollout") from None
        archive.sync_folder(home)


def require_name(name: str) -> None:
    """Raise UsageError where a model may not be called so."""
    if not layout.is_name(name):
        raise UsageError(
            f"{name!r} cannot name a model: use up to 64 of a-z, 0-9, '.', '_' and '-',"
            " a letter or a digit first"
        )
    if name == _RESERVED:
        raise UsageError(f"{name!r} cannot name a model: the path /v2/models/{name} is taken")


@contextlib.contextmanager
def _publishing(home: Path) -> Iterator[Lock]:
    """Have the folder to ourselves, without what others left; OSError becomes PublishError."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        archive.sync_folder(home.parent)
        with lock.acquire(home) as held_lock:
            retention.sweep(home)
            yield held_lock
    except OSError as error:
        raise PublishError(f"{home}: {error.strerror or error}") from error


def _published(root: Path, name: str) -> Path:
    """Return the folder of a published model; raise UsageError where there is none."""
    require_name(name)
    if not layout.versions(root / name):
        known = [home.name for home in layout.model_folders(root) if layout.versions(home)]
        raise UsageError(f"no model {name} in {root}; there are: {', '.join(known) or 'none'}")
    return root / name


def _require_whole(home: Path, version: int) -> None:
    published = layout.versions(home)
    if version not in published:
        known = ", ".join(map(str, published))
        raise UsageError(f"{home.name} has no version {version}; there are: {known}")
    fault = retention.fault(home, version)
    if fault:
        raise PublishError(f"version {version} of {home.name} is damaged: {fault}")


def _version_before(home: Path) -> int:
    try:
        current = layout.current_version(home)
    except ArtifactRejected as rejection:
        raise UsageError(f"{rejection}: say which version of {home.name}") from None
    if current is None:
        raise UsageError(f"{home.name} has no current version: say which")
    version = retention.previous(home, current)
    if version is None:
        raise UsageError(f"{home.name} has no whole version below {current}, the current one")
    return version


def _warn_about_rollout(home: Path, current: int) -> None:
    """Say where a rollout makes no sense any more; it is for people to end it."""
    try:
        rollout = read_rollout(home)
    except ArtifactRejected as rejection:
        say(f"{home.name} has a rollout that is refused: {rejection}")
        return
    if rollout and rollout.candidate == current:
        say(f"version {current} of {home.name} was the candidate of its rollout, which now rests")
    elif rollout and rollout.candidate not in layout.versions(home):
        say(f"{home.name} has a rollout of version {rollout.candidate}, which is not there")


def _next_version(home: Path) -> int:
    """Return a number that no folder has, whole or not, and that none ever had."""
    numbers = [int(entry.name) for entry in home.iterdir() if entry.name.isdecimal()]
    with contextlib.suppress(FileNotFoundError, ValueError):
        numbers.append(int((home / LAST).read_text(encoding="ascii")))
    return max(numbers, default=0) + 1


def _replace(path: Path, content: object) -> None:
    """Give a file one line, in one step that cannot be seen half done."""
    partial = retention.partial(path)
    with _discarded_on_failure(partial):
        archive.write_durably(partial, f"{content}\n".encode())
        partial.replace(path)
    try:
        archive.sync_folder(path.parent)
    except OSError:
        say(f"{path} now holds {content}: the disk only failed to confirm it")
        raise


def _remove_expired(home: Path, current: int, keep: int) -> None:
    """Remove old versions. The new one is published: what cannot be removed stays until later."""
    for version in retention.expired(home, current, keep):
        try:
            retention.remove(home, version)
        except OSError as error:
            say(f"version {version} of {home.name} could not be removed: {error.strerror}")


@contextlib.contextmanager
def _discarded_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        retention.discard(path)
        raise


@contextlib.contextmanager
def _withdrawn_on_failure(home: Path, version: int) -> Iterator[None]:
    """Remove a version that did not become the current one."""
    try:
        yield
    except BaseException:
        # where that is not known, it stays: whole, and served or not
        with contextlib.suppress(OSError, ArtifactRejected):
            if layout.current_version(home) != version:
                retention.remove(home, version)
        raise
