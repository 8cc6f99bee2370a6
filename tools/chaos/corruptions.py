"""
Single-byte corruptions of a store: every answer is that of a whole version, or none is given.

    python -m tools.chaos.corruptions --count 2000 --seed 1

Each changes one byte of one file, or cuts the file short. A store that starts then, and one that
was serving all along, may refuse what was changed; what they serve must be, bit for bit, the
version that `current` names, and all that was not touched must go on. One line of JSON; exits 1
where a rule was broken.

A changed byte of `current` or rollout.json may name another version, or give it another share.
That is what those files are for, and nothing tells it from a person's wish: such versions must
be whole, as any other.
"""

import argparse
import json
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from app.artifact import layout
from app.artifact.rollout import Rollout
from app.errors import ArtifactRejected
from app.inference.model_store import ModelStore
from tools.chaos.models import fingerprint, publish_one
from training import progress
from training.publishing import retention
from training.publishing.publish import LAST, roll_out

_NAMES: Final = ("one", "other")
_VERSIONS: Final = (1, 2, 3)
_CURRENT: Final = 3
_CANDIDATE: Final = 2
_CUT_SHORT: Final = 0.2
"""The share of the corruptions that cut a file short; the others change a byte."""

_Known = dict[str, dict[int, str]]
"""Fingerprints, by name and version."""


def build(root: Path) -> _Known:
    """Publish two models of three versions, with a rollout each."""
    known: _Known = {name: {} for name in _NAMES}
    for at, name in enumerate(_NAMES):
        for version in _VERSIONS:
            model = publish_one(root, name, version / 10 + at)
            known[name][version] = fingerprint(model)
        roll_out(root, name, Rollout(candidate=_CANDIDATE, mode="canary", share=0.25))
    return known


def corrupted(content: bytes, random_: random.Random) -> bytes:
    """Return the content with one byte that is another, or only a part of it."""
    at = random_.randrange(len(content))
    if random_.random() < _CUT_SHORT:
        return content[:at]
    changed = bytearray(content)
    # one bit, as a failing memory would, or any other byte
    changed[at] ^= (
        1 << random_.randrange(8) if random_.random() < 1 / 2 else random_.randint(1, 255)
    )
    return bytes(changed)


def wrongs(
    root: Path, file: Path, fresh: ModelStore, serving: ModelStore, known: _Known
) -> Iterator[str]:
    """Tell what is wrong with what is served while `file`, relative to `root`, is changed."""
    for name in _NAMES:
        touched = file.parts[0] == name
        for kind, each in (("fresh", fresh), ("serving", serving)):
            yield from (f"{kind}: {wrong}" for wrong in _wrongs(root, name, each, known))
            if name not in each.served and (kind == "serving" or not touched):
                yield f"{kind}: {name} is lost"
        if not touched and serving.current(name).manifest.version != _CURRENT:
            yield f"{name} changed its version"
    for name, version in ((name, version) for name in _NAMES for version in _VERSIONS):
        try:
            if fingerprint(fresh.pinned(name, version)) != known[name][version]:
                yield f"{name} {version} is another"
        except ArtifactRejected:
            if file.parts[:2] != (name, str(version)):
                yield f"{name} {version} is lost"


def _wrongs(root: Path, name: str, found: ModelStore, known: _Known) -> Iterator[str]:
    """Tell what is wrong with what answers under a name."""
    model, trial = found.served.get(name), found.trials.get(name)
    if model is not None and fingerprint(model) != known[name].get(model.manifest.version):
        yield f"{name} is wrong"
    if trial and fingerprint(trial.candidate) != known[name].get(trial.rollout.candidate):
        yield f"the candidate of {name} is wrong"
    try:
        named = layout.current_version(root / name)
    except ArtifactRejected:
        named = None
    answers = model is not None and model.manifest.version == named
    if answers == (name in found.refused):
        yield f"{name} is neither what current names nor refused, or both"


def storm(count: int, seed: int) -> dict[str, Any]:
    """Corrupt so many times; return what was done, and what was wrong."""
    random_ = random.Random(seed)  # noqa: S311 - nothing secret
    done, wrong = Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        known = build(root)
        serving = ModelStore(root)
        serving.refresh()
        home = root / _NAMES[0]
        files = sorted(path for path in home.rglob("*") if path.is_file() and path.name != LAST)
        for _ in range(count):
            path = random_.choice(files)
            whole = path.read_bytes()
            path.write_bytes(corrupted(whole, random_))
            file = path.relative_to(root)
            fresh = ModelStore(root)
            fresh.refresh()
            serving.refresh()
            said = [f"{file}: {each}" for each in wrongs(root, file, fresh, serving, known)]
            done["refused" if _is_refused(home, fresh, file) else "served"] += 1
            # another file of the same name, as a copy from elsewhere is
            mended = path.with_name("mended")
            mended.write_bytes(whole)
            mended.replace(path)
            serving.refresh()
            if serving.refused or serving.trials_refused or not _is_as_before(serving):
                said.append(f"{file}: not what it was, though it was mended")
            wrong += said
    return {"corruptions": count, "files": len(files), **done, "violations": wrong}


def _is_refused(home: Path, fresh: ModelStore, file: Path) -> bool:
    of_version = len(file.parts) > 2 and retention.fault(home, int(file.parts[1]))
    return bool(fresh.refused or fresh.trials_refused or of_version)


def _is_as_before(serving: ModelStore) -> bool:
    return all(
        serving.current(name).manifest.version == _CURRENT
        and serving.trials[name].rollout.candidate == _CANDIDATE
        for name in _NAMES
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the storm; return 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos.corruptions", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    progress.quiet()
    logging.disable()
    summary = storm(options.count, options.seed)
    print(json.dumps(summary))
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
