"""
Five hundred reloads of a running service: what it takes of memory does not grow with them.

    python -m tests.chaos.reloads [--reloads 500]

Prints a line of JSON; exits 1 where the memory after the last is more than a tenth above that
after the tenth, or where a reload was not noticed within two seconds.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.chaos.service import Service, serving
from tests.chaos.storm import NAME, publish_variant
from training.publish import rollback

POLL_S: Final = 0.05
NOTICED_S: Final = 2.0
FIRST: Final = 10
GROWTH: Final = 1.1


def until_served(service: Service, version: int) -> float:
    """Wait until a version answers; return how long that took in seconds."""
    began = time.monotonic()
    while time.monotonic() < began + 10 * NOTICED_S:
        if json.loads(service.get("/readyz")[1])["models"][NAME] == version:
            return time.monotonic() - began
        time.sleep(0.01)
    raise TimeoutError(f"version {version} was not served in time")


def main() -> int:
    """Reload."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--reloads", type=int, default=500)
    options = parser.parse_args()
    longest, resident = 0.0, {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        versions = [publish_variant(root, number).manifest.version for number in (0, 1)]
        with serving(root, poll_s=POLL_S) as service:
            for reload in range(1, options.reloads + 1):
                version = versions[reload % 2]
                rollback(root, NAME, version)
                longest = max(longest, until_served(service, version))
                if reload in {FIRST, options.reloads}:
                    resident[reload] = service.resident_mib()
    ratio = resident[options.reloads] / resident[FIRST]
    summary = {
        "reloads": options.reloads,
        "resident_mib_after_10": round(resident[FIRST], 1),
        "resident_mib_after_all": round(resident[options.reloads], 1),
        "ratio": round(ratio, 3),
        "longest_until_noticed_s": round(longest, 2),
    }
    print(json.dumps(summary))
    return int(ratio > GROWTH or longest > NOTICED_S)


if __name__ == "__main__":
    sys.exit(main())
