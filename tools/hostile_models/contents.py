"""Plain files that hold something else than they should, with digests that are right."""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from app.artifact import layout, rollout
from app.artifact.manifest import MAX_BYTES
from tools.hostile_models.folders import (
    GOOD,
    VERSION,
    Expect,
    Hostile,
    good,
    manifest,
    record,
    relist,
    seal,
    variants,
)

_SPARSE: Final = 8 * 2**30
_MANY: Final = 1_000_000
_DEEP: Final = 100_000

BYTES: Final[dict[str, Callable[[], bytes]]] = {
    "empty": lambda: b"",
    "nul-bytes": lambda: bytes(4096),
    "utf-16": lambda: '{"candidate": 1}\n'.encode("utf-16"),
    "bad-utf-8": lambda: b'{"candidate\xff\xc0\x80": "\xed\xa0\x80"}',
    "long-line": lambda: b"1" * 2**20,
    "long-string": lambda: b'{"candidate": "' + b"x" * (16 * 2**20) + b'"}',
    "deep-lists": lambda: b"[" * _DEEP + b"]" * _DEEP,
    "deep-objects": lambda: b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "unfinished-lists": lambda: b"[" * 2**22,
    "million-members": lambda: _members(_MANY),
    "million-numbers": lambda: json.dumps([0] * _MANY).encode(),
    "one-name-a-million-times": lambda: b'{"kind":1' + b',"kind":1' * _MANY + b"}",
    "null": lambda: b"null",
    "list": lambda: b"[]",
    "number": lambda: b"-0",
    "huge-exponent": lambda: b"1e400",
    "two-documents": lambda: b"{}{}",
    "digits": lambda: b"9" * 5000,
}
"""What is no content of any file of a model but the card."""

NUMBERS: Final = {
    "zero": "0",
    "negative": "-1",
    "leading-zero": "01",
    "plus": "+1",
    "fraction": "1.0",
    "exponent": "1e0",
    "nan": "NaN",
    "overflow": "1e400",
    "hundreds-of-digits": "1" + "0" * 300,
    "thousands-of-digits": "1" + "0" * 5000,
    "one-more-digit": "1000000000",
    "unpublished": "999999999",
    "two-lines": "1\n1",
    "path": f"../{GOOD}/1",
    "absolute": "/proc/self",
    "nul": "1\0",
    "arabic-digit": "\u0661",
    "underscore": "1_0",
    "manifest": f"1/{layout.MANIFEST}",
}
"""Lines that `current` may not hold."""


def _members(count: int) -> bytes:
    return json.dumps(dict.fromkeys(map(str, range(count)), 0)).encode()


def of_current(home: Path, content: bytes) -> None:
    good(home)
    (home / layout.CURRENT).write_bytes(content)


def of_rollout(home: Path, make: Callable[[], bytes]) -> None:
    good(home)
    (home / rollout.ROLLOUT).write_bytes(make())


def of_manifest(home: Path, make: Callable[[], bytes]) -> None:
    seal(good(home), make())


def of_seal(home: Path, make: Callable[[], bytes]) -> None:
    (good(home) / layout.SEAL).write_bytes(make())


def of_listed(home: Path, file: str, make: Callable[[], bytes]) -> None:
    """Put content into a file that the manifest lists, and its digest into the manifest."""
    relist(good(home), file, make())


def sparse(home: Path, place: str) -> None:
    """Let one file be of gigabytes, though the disk holds none of them."""
    good(home)
    os.truncate(home / place, _SPARSE)


def sparse_rollout(home: Path) -> None:
    good(home)
    (home / rollout.ROLLOUT).touch()
    os.truncate(home / rollout.ROLLOUT, _SPARSE)


def sparse_and_listed(home: Path) -> None:
    """Let the manifest agree that the graph is of gigabytes."""
    folder = good(home)
    os.truncate(folder / layout.GRAPH, _SPARSE)
    document = manifest(folder)
    document["files"][layout.GRAPH]["size"] = _SPARSE
    seal(folder, json.dumps(document))


def largest_zeros(home: Path, file: str) -> None:
    """Let a file be as large as one may be, and hold zeros, with the right digest."""
    folder = good(home)
    os.truncate(folder / file, MAX_BYTES)
    document = manifest(folder)
    document["files"][file] = record(bytes(MAX_BYTES))
    seal(folder, json.dumps(document))


def catalogue() -> Iterator[Hostile]:
    """Yield every content in every file."""
    writers: list[tuple[str, Callable[[Path], object]]]
    writers = [(key, partial(of_current, content=text.encode())) for key, text in NUMBERS.items()]
    writers += [
        (f"all-{key}", partial(of_current, content=BYTES[key]()))
        for key in ("empty", "nul-bytes", "utf-16", "bad-utf-8", "long-line", "digits")
    ]
    yield from variants("current-holds", writers)
    writers = [(key, partial(of_rollout, make=make)) for key, make in BYTES.items()]
    yield from variants("rollout-holds", writers, Expect.BESIDE)
    for kind, write in (("manifest-holds", of_manifest), ("seal-holds", of_seal)):
        writers = [(key, partial(write, make=make)) for key, make in BYTES.items()]
        yield from variants(kind, writers)
    for kind, file in (("scaler-holds", layout.SCALER), ("graph-holds", layout.GRAPH)):
        writers = [(key, partial(of_listed, file=file, make=make)) for key, make in BYTES.items()]
        yield from variants(kind, writers)
    writers = [
        (key, partial(of_listed, file=layout.CARD, make=make)) for key, make in BYTES.items()
    ]
    yield from variants("card-holds", writers, Expect.EITHER)
    files = (layout.MANIFEST, layout.GRAPH, layout.SCALER, layout.CARD, layout.SEAL)
    places = {"current": layout.CURRENT} | {file: f"{VERSION}/{file}" for file in files}
    writers = [(key, partial(sparse, place=place)) for key, place in places.items()]
    writers.append(("graph-and-listed", sparse_and_listed))
    writers += [
        (f"zeros-{file}", partial(largest_zeros, file=file))
        for file in (layout.GRAPH, layout.SCALER)
    ]
    yield from variants("huge-is", writers)
    yield from variants("huge-rollout", [("sparse", sparse_rollout)], Expect.BESIDE)
