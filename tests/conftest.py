"""What holds for every test: no clock for Hypothesis, and what was skipped named at the end."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import programs

# how long an example takes says more of the machine than of the code
settings.register_profile("anywhere", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("anywhere"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "anywhere")  # noqa: TID251 - the tests' own


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            programs.require(program)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    missed = Counter[str]()
    for report in terminalreporter.stats.get("skipped", []):
        _, _, reason = report.longrepr
        missed[reason.removeprefix("Skipped: ")] += 1
    if missed:
        terminalreporter.write_line(programs.closing_line(missed))
    if gathered := os.environ.get("NEXTDAY_TEST_SKIPPED"):  # noqa: TID251 - the Makefile's
        with Path(gathered).open("a") as file:
            file.write(json.dumps(missed) + "\n")
