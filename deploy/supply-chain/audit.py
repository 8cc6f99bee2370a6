#!/usr/bin/env python3
"""
Ask whether a locked package has a known vulnerability: `make audit`.

    python deploy/supply-chain/audit.py requirements/*.txt [-- options of pip-audit]

pip-audit looks up every version that a lock names, whatever platform or Python it is for; by
itself it would leave out those that are not for this one, and call it clean where it could not
look up anything. Exit status: 0 none has, 1 one has, 69 (EX_UNAVAILABLE) the database could not
be asked, or not for all: nothing is known then.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

CLEAN: Final = 0
FOUND: Final = 1
UNAVAILABLE: Final = 69

# the advisories of PyPI and GitHub; PyPI's own interface has no answer behind most mirrors
_DATABASE: Final = ("--vulnerability-service", "osv")
_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


class Unavailable(Exception):
    """The database could not be asked."""


def main() -> int:
    """Look all of them up; return the exit status."""
    parser = argparse.ArgumentParser(description="Look locked packages up among vulnerabilities.")
    parser.add_argument("locks", nargs="+", type=Path)
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    locks, options = parser.parse_args(given[:end]).locks, given[end + 1 :]
    try:
        looked_up = [
            each for pins in _rounds(locks) for each in _ask(pins, options or list(_DATABASE))
        ]
    except Unavailable as error:
        return _unknown(str(error))
    found = [_told(each) for each in looked_up if each.get("vulns")]
    skipped = [each["name"] for each in looked_up if "skip_reason" in each]
    if found:
        print("\n".join(found))
        return FOUND
    if skipped:
        return _unknown(f"it knows nothing of {len(skipped)}, as {skipped[0]}")
    print(f"none of {len(looked_up)} locked packages has a known vulnerability")
    return CLEAN


def _rounds(locks: list[Path]) -> list[list[str]]:
    """Return all pins, one version of a package at a time, as pip-audit takes them."""
    versions: dict[str, set[str]] = defaultdict(set)
    for lock in locks:
        for name, version in _PIN.findall(lock.read_text(encoding="utf-8")):
            versions[name].add(version)
    pins = [[f"{name}=={each}" for each in sorted(found)] for name, found in versions.items()]
    return [[pin for pin in each if pin] for each in zip_longest(*pins)]


def _ask(pins: list[str], options: list[str]) -> list[dict[str, Any]]:
    """Return what is known of each; raise Unavailable."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("\n".join(pins), encoding="utf-8")
        # what they need is among them
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip"]
        command += ["--progress-spinner=off", "--format=json", f"--requirement={listed}", *options]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if not asked.stdout:
        # it ends with 1 for this too
        raise Unavailable((asked.stderr.strip().splitlines() or ["no reason given"])[-1])
    dependencies: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    return dependencies


def _told(package: dict[str, Any]) -> str:
    return "\n".join(
        f"{package['name']} {package['version']}: {each['id']}"
        f" (fixed in {', '.join(each['fix_versions']) or 'no version yet'}): {each['description']}"
        for each in package["vulns"]
    )


def _unknown(why: str) -> int:
    print(
        "nothing is known of vulnerabilities: their database could not be asked.\n"
        f"  {why}\n"
        "Run it where the database can be reached, or name another behind `--`, such as\n"
        "  -- --vulnerability-service osv --osv-url https://osv.example/v1/query",
        file=sys.stderr,
    )
    return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
