"""Programs that some tests need and a machine may lack, and one line that names what was missed."""

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

PACKAGES: Final = {
    "Rscript": "r-base-core r-cran-httr2 r-cran-jsonlite",
    "chromium": "chromium",
    "curl": "curl",
    "node": "nodejs",
    "npm": "nodejs npm",
    "promtool": "prometheus",
    "strace": "strace",
}
"""Programs that CI has, and whose absence there is an error; by Debian's packages."""


def require(program: str) -> str:
    """Return where a program is; skip the test where it is not, or fail it where CI=true."""
    found = shutil.which(program)
    if found is None:
        said = f"{program} is not installed"
        if program in PACKAGES:
            said += f" (apt install {PACKAGES[program]})"
            if os.environ.get("CI") == "true":  # noqa: TID251 - the tests' own
                pytest.fail(said)
        pytest.skip(said)
    return found


def closing_line(missed: Mapping[str, int]) -> str:
    """Return one line that names why tests were skipped, and how many for each reason."""
    told = [f"{reason}: {count}" for reason, count in sorted(missed.items())]
    return "skipped: " + ("; ".join(told) or "nothing")


def main(file: Path) -> None:
    """Print the closing line of several runs, each of which has left a line of JSON."""
    lines = file.read_text().splitlines() if file.exists() else []
    missed = Counter[str]()
    for line in lines:
        missed.update(json.loads(line))
    print(closing_line(missed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
