"""
Every storm, one after the other, and a table of what came of them.

    python -m tools.chaos [--short] [--docs docs/operations.md]

With --docs the table replaces the one between the marks in that page. Exits 1 on a violation.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tools.testbed.pages import replace_table

STORMS: Final = {
    "storm": ("--changes", 200, 20),
    "reloads": ("--reloads", 500, 30),
    "crashes": ("--points", 1200, 60),
    "corruptions": ("--count", 2000, 100),
}
"""Module, option, how many of it, and how many for a short trial."""


def main() -> int:
    """Run them; return 1 where any rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a trial, in a minute")
    parser.add_argument("--docs", type=Path, help="the page whose table is replaced")
    options = parser.parse_args()
    found = {}
    for module, (option, full, short) in STORMS.items():
        print(f"{module} …", file=sys.stderr, flush=True)
        found[module] = run(module, option, short if options.short else full)
    table = "\n".join(rows(found))
    print(table)
    if options.docs:
        replace_table(options.docs, "chaos", table, measured="Measured on {day}, two shared cores.")
    return int(any(summary["violations"] for summary in found.values()))


def run(module: str, option: str, count: int) -> dict[str, Any]:
    """Run one storm in a process of its own; return its summary."""
    command = [sys.executable, "-m", f"tools.chaos.{module}", option, str(count)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = finished.stdout.strip().splitlines()
    if not lines:
        return {"violations": [f"it ended with {finished.returncode} and said nothing"]}
    summary: dict[str, Any] = json.loads(lines[-1])
    return summary


def rows(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the summaries as a table."""
    lines = ["| | what was seen | violations |", "|---|---|---|"]
    for module, summary in found.items():
        seen = ", ".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in summary.items()
            if name != "violations"
        )
        lines.append(f"| {module} | {seen} | {'; '.join(summary['violations']) or 'none'} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
