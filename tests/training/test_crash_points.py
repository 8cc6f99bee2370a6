"""The storms of tools/chaos in small: crash points and corruptions, spread over all there are."""

import json
import subprocess
import sys
from typing import Any


def storm(name: str, *arguments: str) -> dict[str, Any]:
    """Run one in an interpreter of its own: it forks, and this one has threads."""
    ran = subprocess.run(
        [sys.executable, "-m", f"tools.chaos.{name}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    summary: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == bool(summary["violations"])
    return summary


def test_wherever_it_ends_the_store_is_whole_and_can_be_published_to() -> None:
    summary = storm("crashes", "--points", "48")

    assert summary["violations"] == []
    assert summary["points"] == summary["killed"] + summary["power"] + summary["full"] == 48
    assert min(summary[fault] for fault in ("killed", "power", "full")) >= 12
    assert all(operations > 10 for operations in summary["operations"].values())


def test_whatever_byte_is_changed_nothing_wrong_is_served_and_nothing_good_is_lost() -> None:
    summary = storm("corruptions", "--count", "50")

    assert summary["violations"] == []
    assert summary["refused"] + summary.get("served", 0) == 50
    assert summary["refused"] > 30
