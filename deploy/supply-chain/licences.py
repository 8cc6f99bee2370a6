#!/usr/bin/env python3
"""
List the licences of installed packages, and refuse any that is not permissive.

    python licences.py [--locked requirements/serve.txt] [--policy licences.toml]

All that is installed for this interpreter, or what a lock names of it; licences.toml says what is
permissive, and names each exception with its reason. Exit status: 0 all may stay, 1 one may not.
"""

import argparse
import re
import sys
import tomllib
from importlib.metadata import PackageMetadata, distributions
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_LONGEST: Final = 200
"""Characters of a field that names a licence: a longer one holds its text."""


def main() -> int:
    """List them; return the exit status."""
    options = _parser().parse_args()
    policy = tomllib.loads(options.policy.read_text(encoding="utf-8"))
    installed = {_normal(found.name): found for found in distributions()}
    refused = []
    for name in sorted(_locked(options.locked) if options.locked else installed):
        if name not in installed:
            print(f"{name}: not installed here")
            continue
        licence = licence_of(installed[name].metadata, policy["spelled"])
        print(f"{name} {installed[name].version}: {licence}")
        if not is_permissive(licence, policy["permissive"]) and name not in policy["reasons"]:
            refused.append(f"{name} ({licence})")
    if refused:
        print(f"not permissive, and without a reason: {', '.join(refused)}", file=sys.stderr)
    return 1 if refused else 0


def licence_of(metadata: PackageMetadata, spelled: dict[str, str]) -> str:
    """Return what a package says of its licence, as an SPDX expression where it can be read so."""
    for field in ("License-Expression", "License"):
        said: str = (metadata.get_all(field) or [""])[0]
        if said and len(said) <= _LONGEST:
            return spelled.get(said, said)
    # several may be a choice or all of them at once: the stricter is taken
    classified = [
        each.rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    return " AND ".join(spelled.get(each, each) for each in classified) or "unknown"


def is_permissive(expression: str, permissive: list[str]) -> bool:
    """
    Tell whether one may choose permissive licences alone.

    AND binds closer than OR (SPDX 3.0, annex B). Parentheses and exceptions are for people to
    read: what has them is not permissive until it is named.
    """
    return any(
        all(licence in permissive for licence in choice.split(" AND "))
        for choice in expression.split(" OR ")
    )


def _locked(lock: Path) -> set[str]:
    pins = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {_normal(name) for name in pins}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="List licences; refuse what is not permissive.")
    parser.add_argument("--locked", type=Path, help="only packages of this requirements file")
    parser.add_argument("--policy", type=Path, default=_HERE / "licences.toml")
    return parser


if __name__ == "__main__":
    sys.exit(main())
