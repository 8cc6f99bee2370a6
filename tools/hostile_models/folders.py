"""A hostile folder: what it is called, what it is, and what the service should make of it."""

import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from app.artifact import layout
from app.artifact.manifest import CloseOnly, Distribution
from tools.testbed.models import calibration, publish, publish_quantiles, scores, spread_graph

GOOD: Final = "zz-good"
"""The model that nothing may harm; by its name it is the last that the service looks at."""
VERSION: Final = "1"
"""The version that `current` names in every folder that `good` writes."""
WINDOW: Final = 3
"""Sessions that the model of `good` looks back on, and steps that its network takes."""
BARS_WINDOW: Final = 5


class Expect(Enum):
    """What the service should make of a folder."""

    REFUSED = "named with a reason, and never served"
    BESIDE = "its good version is served, and what lies beside it is named with a reason"
    SERVED = "served: what is hostile in it is not what is served"
    ABSENT = "not served; it need not be named, as it is no folder of a model"
    EITHER = "served or named with a reason: it may be harmless, or changes all the time"


class Skipped(Exception):
    """This machine, or this user, cannot make such a folder; the message says why."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """One hostile folder, not written yet."""

    kind: str
    variant: str
    write: Callable[[Path], object]
    """Writes it: a path that is free, whose last part is the model's name. May raise Skipped."""
    expect: Expect = Expect.REFUSED
    disturb: Callable[[Path], None] | None = None
    """Changes it once, when it is in its place; called again and again."""

    @property
    def name(self) -> str:
        """The name of the model."""
        return f"{self.kind}.{self.variant}"


def variants(
    kind: str,
    writers: Iterable[tuple[str, Callable[[Path], object]]],
    expect: Expect = Expect.REFUSED,
) -> Iterator[Hostile]:
    """Yield a hostile folder of a kind for each variant and its writer."""
    for variant, write in writers:
        yield Hostile(kind, variant, write, expect)


def good(home: Path, *, graph: bytes | None = None, bars: bool = False) -> Path:
    """
    Write a model that is served, or would be but for its graph; return its version's folder.

    It is one of closes, or one of quantiles from bars that has every part that a model can have.
    """
    home.mkdir(parents=True)
    folder = add_version(home, VERSION, bars=bars)
    (home / layout.CURRENT).write_text(f"{VERSION}\n")
    if graph is not None:
        relist(folder, layout.GRAPH, graph)
    return folder


def add_version(home: Path, version: str, *, bars: bool = False) -> Path:
    """Write one more good version into a model's folder; return the version's folder."""
    folder = home / version
    folder.mkdir()
    for file, content in _template(bars=bars).items():
        (folder / file).write_bytes(content)
    document = manifest(folder) | {"name": home.name, "version": int(version)}
    seal(folder, json.dumps(document))
    return folder


def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a version."""
    document: dict[str, Any] = json.loads((folder / layout.MANIFEST).read_bytes())
    return document


def seal(folder: Path, text: str | bytes) -> None:
    """Write a version's manifest and its digest, so that what it says is what is judged."""
    content = text.encode() if isinstance(text, str) else text
    (folder / layout.MANIFEST).write_bytes(content)
    (folder / layout.SEAL).write_text(f"{digest(content)}  {layout.MANIFEST}\n")


def relist(folder: Path, file: str, content: bytes) -> None:
    """Write a file of a version, and its size and digest into the manifest."""
    (folder / file).write_bytes(content)
    document = manifest(folder)
    document["files"][file] = record(content)
    seal(folder, json.dumps(document))


def record(content: bytes) -> dict[str, Any]:
    """Return what a manifest says of a file that holds this."""
    return {"sha256": digest(content), "size": len(content)}


def digest(content: bytes) -> str:
    """Return the SHA-256 as manifests write it."""
    return hashlib.sha256(content).hexdigest()


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@functools.cache
def _template(*, bars: bool) -> dict[str, bytes]:
    """Return the files of a good version."""
    with tempfile.TemporaryDirectory() as root:
        if not bars:
            folder = publish(Path(root), window=WINDOW)
        else:
            folder = publish_quantiles(
                Path(root),
                window=BARS_WINDOW,
                own=calibration(),
                close_graph=spread_graph(steps=BARS_WINDOW - 1, features=1),
                close_only=CloseOnly(scores=scores(), calibration=calibration()),
            )
            percentiles = [float(level) for level in range(Distribution.LEVELS)]
            distribution = {"volatility": percentiles, "largest_move": percentiles}
            seal(folder, json.dumps(manifest(folder) | {"distribution": distribution}))
        return {path.name: path.read_bytes() for path in folder.iterdir()}
