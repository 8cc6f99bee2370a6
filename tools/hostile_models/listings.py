"""Manifests that list what is not so, and folders that hold more than was listed."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from app.artifact import layout
from app.artifact.manifest import MAX_BYTES
from tools.hostile_models.folders import (
    GOOD,
    Expect,
    Hostile,
    add_version,
    good,
    manifest,
    record,
    remove,
    seal,
    variants,
)
from tools.hostile_models.special_files import pipe

_MANY: Final = 3000
_SPARSE_FILES: Final = 40
_OUTSIDE: Final = {
    "parent": f"../../{GOOD}/current",
    "absolute": "/etc/hostname.md",
    "dots": "..",
    "inner-folder": "a/b.md",
    "backslash": "..\\b.md",
    "nul": "a\0.md",
    "program": "sitecustomize.py",
    "capital": "A.md",
    "empty": "",
    "long": "x" * 100_000,
}
"""Names that no file of a model may have."""


def changed(home: Path, **values: Any) -> None:
    """Change top values of the manifest."""
    folder = good(home)
    seal(folder, json.dumps(manifest(folder) | values))


def listed(home: Path, files: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change what the manifest says of the files."""
    folder = good(home)
    document = manifest(folder)
    document["files"] = files(document["files"])
    seal(folder, json.dumps(document))


def listed_too(home: Path, name: str) -> None:
    """List one more file."""
    listed(home, lambda known: known | {name: record(b"")})


def gone(home: Path, file: str) -> None:
    (good(home) / file).unlink()


def grown(home: Path, file: str) -> None:
    with (good(home) / file).open("ab") as opened:
        opened.write(b" ")


def other_digest(home: Path, file: str) -> None:
    """Change a byte and no size."""
    path = good(home) / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def sparse_gigabytes(home: Path) -> None:
    """List as many files of the largest size as make gigabytes, with the right digests."""
    folder = good(home)
    document = manifest(folder)
    one = record(bytes(MAX_BYTES))
    for number in range(_SPARSE_FILES):
        name = f"picture{number}.png"
        (folder / name).touch()
        os.truncate(folder / name, MAX_BYTES)
        document["files"][name] = one
    seal(folder, json.dumps(document))


def many_listed(home: Path) -> None:
    """List thousands of files that are there."""
    folder = good(home)
    document = manifest(folder)
    for number in range(_MANY):
        (folder / f"picture{number}.png").touch()
        document["files"][f"picture{number}.png"] = record(b"")
    seal(folder, json.dumps(document))


def unlisted(home: Path, make: Callable[[Path], object]) -> None:
    make(good(home) / "extra")


def many_unlisted(home: Path) -> None:
    folder = good(home)
    for number in range(_MANY):
        (folder / f"extra{number}").touch()


def many_folders(home: Path, *, whole: bool) -> None:
    """Have thousands of versions beside the one that is served; `whole` ones can be pinned."""
    good(home)
    for number in range(2, _MANY):
        (home / str(number)).mkdir()
        if whole:
            (home / str(number) / layout.MANIFEST).touch()


def many_files(home: Path) -> None:
    good(home)
    for number in range(_MANY):
        (home / f"note{number}").touch()


def of_another(home: Path) -> None:
    """Point `current` to a copy of version 1 in folder 2."""
    folder = good(home)
    shutil.copytree(folder, home / "2")
    (home / layout.CURRENT).write_text("2\n")


def empty_folder(home: Path) -> None:
    folder = good(home)
    remove(folder)
    folder.mkdir()


def unlistable(home: Path) -> None:
    good(home)
    special = home / "3"
    special.mkdir()
    pipe(special / layout.MANIFEST)
    (home / layout.CURRENT).write_text("3\n")


def candidate(home: Path, spoil: Callable[[Path], object]) -> None:
    """Serve a good version beside a candidate that is spoilt."""
    good(home)
    spoil(add_version(home, "2"))
    (home / "rollout.json").write_text('{"candidate": 2, "mode": "canary", "share": 0.5}')


def _spoil_graph(folder: Path) -> None:
    (folder / layout.GRAPH).write_bytes(b"\0")


def _spoil_manifest(folder: Path) -> None:
    seal(folder, b"[" * 100_000)


def _spoil_name(folder: Path) -> None:
    seal(folder, json.dumps(manifest(folder) | {"name": GOOD}))


def catalogue() -> Iterator[Hostile]:
    """Yield every listing."""
    files = (layout.MANIFEST, layout.GRAPH, layout.SCALER, layout.CARD)
    writers: list[tuple[str, Callable[[Path], object]]]
    writers = [(f"{file}-gone", partial(gone, file=file)) for file in files]
    writers += [(f"{file}-grown", partial(grown, file=file)) for file in (*files, layout.SEAL)]
    writers += [(f"{file}-other", partial(other_digest, file=file)) for file in files]
    one = record(b"")
    writers += [(f"name-{key}", partial(listed_too, name=name)) for key, name in _OUTSIDE.items()]
    missing = {f"page{number}.md": one for number in range(_MANY)}
    writers += [
        ("thousands-missing", partial(listed, files=lambda known: known | missing)),
        ("none", partial(listed, files=lambda _: {})),
        ("itself", partial(listed, files=lambda known: known | {layout.MANIFEST: one})),
        ("close-graph", partial(listed, files=lambda known: known | {layout.CLOSE_GRAPH: one})),
        ("sparse-gigabytes", sparse_gigabytes),
        ("name-of-another", partial(changed, name=GOOD)),
        ("version-of-another", partial(changed, version=2)),
        ("next-format", partial(changed, format=2)),
        ("other-window", partial(changed, window=4)),
        ("widest-window", partial(changed, window=10_000)),
        ("copy-of-another", of_another),
        ("empty-folder", empty_folder),
        ("pipe-for-manifest", unlistable),
    ]
    yield from variants("listing", writers)
    extras: list[tuple[str, Callable[[Path], object]]] = [
        ("file", partial(unlisted, make=Path.touch)),
        ("folder", partial(unlisted, make=Path.mkdir)),
        ("pipe", partial(unlisted, make=pipe)),
        ("thousands", many_unlisted),
    ]
    yield from variants("unlisted", extras)
    spoils: list[tuple[str, Callable[[Path], object]]] = [
        ("removed", remove),
        ("graph", _spoil_graph),
        ("deep-manifest", _spoil_manifest),
        ("other-name", _spoil_name),
    ]
    writers = [(key, partial(candidate, spoil=spoil)) for key, spoil in spoils]
    yield from variants("candidate", writers, Expect.BESIDE)
    writers = [
        ("empty-versions", partial(many_folders, whole=False)),
        ("versions", partial(many_folders, whole=True)),
        ("files", many_files),
    ]
    yield from variants("thousands-of", writers, Expect.SERVED)
    yield from variants("thousands-listed", [("files", many_listed)], Expect.EITHER)
