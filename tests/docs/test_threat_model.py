"""The table of attacks in docs/operations.md names tests, and each test that it names is there."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs/operations.md").read_text().partition("| attack | test |")[2]
ROWS = [line for line in TABLE.partition("\n\n")[0].splitlines() if line.startswith("| ")]


def file_of(name: str) -> Path:
    return ROOT / (name if "/" in name else f"tests/attack/{name}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_attack_has_its_tests(row: str) -> None:
    file, found = "", 0
    for name, pattern in re.findall(r"`([\w/]+\.py)?(?:::(test_[\w*]+))?`", row):
        file = name or file
        assert file, row
        text = file_of(file).read_text()
        tests = re.findall(r"^def (test_\w+)", text, re.MULTILINE)
        if pattern:
            assert any(fnmatchcase(test, pattern) for test in tests), f"{file}::{pattern}"
        found += 1
    assert found or "`make" in row
