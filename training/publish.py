"""
Publishing: write aside, read back through the service's own loader, rename, then `current`.

At every moment the folder holds either the old version or the new one, whole.
"""

import contextlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from app import artifact, store
from app.artifact import Draft
from app.errors import ArtifactRejected
from app.forecast import Model
from app.scaling import Levels, Returns
from training.errors import PublishError, UsageError


def publish(  # noqa: PLR0913 - what a published model is made of
    root: Path,
    name: str,
    *,
    draft: Draft,
    graph: bytes,
    close_graph: bytes | None = None,
    scaler: Levels | Returns,
    reports: Mapping[str, bytes],
    prove: Callable[[Model], object],
) -> Model:
    """
    Publish the next version of a model and make it the current one.

    `close_graph` is the network for closes alone, where the draft says that there is one.
    `reports` are files for people, the card among them. `prove` is given the model as the
    service would load it, and raises where it is not what was fitted. Raises PublishError
    where the folder cannot take the model; whatever is raised, nothing is published and
    `current` is what it was.
    """
    require_name(name)
    home = root / name
    contents = {
        artifact.GRAPH: graph,
        artifact.SCALER: scaler.model_dump_json(indent=2).encode() + b"\n",
        **({artifact.CLOSE_GRAPH: close_graph} if close_graph else {}),
        **reports,
    }
    try:
        home.mkdir(parents=True, exist_ok=True)
        version = _next_version(home)
        staging = home / f".{version}.partial-{secrets.token_hex(4)}"
        with _removed_on_failure(staging):
            staging.mkdir()
            artifact.write(staging, name, version, draft, contents)
            model = store.load(staging, name, version)
            prove(model)
            # fails where another publisher took the number: a version is never overwritten
            staging.rename(home / str(version))
        artifact.sync_folder(home)
        _point(home, version)
    except OSError as error:
        raise PublishError(f"{home}: {error.strerror or error}") from error
    except ArtifactRejected as error:
        raise PublishError(f"the service would refuse this model: {error}") from error
    return model


def require_name(name: str) -> None:
    """Raise UsageError where a model may not be called so."""
    if not store.is_name(name):
        raise UsageError(
            f"{name!r} cannot name a model: use up to 64 of a-z, 0-9, '.', '_' and '-',"
            " a letter or a digit first"
        )


def _next_version(home: Path) -> int:
    """Return a number that no folder has, whole or not: numbers are never used twice."""
    numbers = (int(entry.name) for entry in home.iterdir() if entry.name.isdecimal())
    return max(numbers, default=0) + 1


def _point(home: Path, version: int) -> None:
    """Make `version` the current one, in one step that cannot be seen half done."""
    pointer = home / f".{store.CURRENT}.partial-{secrets.token_hex(4)}"
    with _removed_on_failure(pointer):
        artifact.write_durably(pointer, f"{version}\n".encode())
        pointer.replace(home / store.CURRENT)
    artifact.sync_folder(home)


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        raise
