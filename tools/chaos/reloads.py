"""
Five hundred reloads of a running service: what it takes of memory does not grow with them.

    python -m tools.chaos.reloads [--reloads 500]

Prints a line of JSON; exits 1 where the memory after the last is more than a tenth above that
after the tenth, or where a reload was not noticed within two seconds.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tools.chaos.storm import NAME, publish_variant
from tools.testbed.service import Service, serving
from tools.testbed.waiting import until
from training.publishing.publish import rollback

POLL_S: Final = 0.05
NOTICED_S: Final = 2.0
FIRST: Final = 10
GROWTH: Final = 1.1


def until_served(service: Service, version: int) -> float:
    """Wait until a version answers; return how long that took in seconds."""
    began = time.monotonic()
    until(
        lambda: json.loads(service.get("/readyz")[1])["models"][NAME] == version,
        f"version {version} is served",
        process=service.process,
        every_s=0.01,
    )
    return time.monotonic() - began


def run(reloads: int) -> dict[str, Any]:
    """Reload so many times; return what was seen."""
    longest, resident = 0.0, {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        versions = [publish_variant(root, number).manifest.version for number in (0, 1)]
        with serving(
            root, has_own_core=True, poll_seconds=POLL_S, log_level="error", request_log=False
        ) as service:
            for number in range(1, reloads + 1):
                version = versions[number % 2]
                rollback(root, NAME, version)
                longest = max(longest, until_served(service, version))
                if number in {min(FIRST, reloads), reloads}:
                    resident[number] = service.resident_mib()
    before, after = min(resident.items())[1], max(resident.items())[1]
    violations = []
    if after > GROWTH * before:
        violations.append("memory grew")
    if longest > NOTICED_S:
        violations.append("a version was noticed late")
    return {
        "reloads": reloads,
        "MiB after 10": round(before, 1),
        "MiB after all": round(after, 1),
        "ratio": round(after / before, 3),
        "longest until served, s": round(longest, 2),
        "violations": violations,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Reload; return 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos.reloads", description=__doc__)
    parser.add_argument("--reloads", type=int, default=500)
    summary = run(parser.parse_args(arguments).reloads)
    print(json.dumps(summary))
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
