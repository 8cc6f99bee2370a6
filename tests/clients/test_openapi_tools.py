"""
The OpenAPI document, by others' tools: a linter, and a TypeScript client that is made of it.

The tools are those of clients/typescript/package-lock.json, installed there once.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import programs
from tools.testbed.waiting import PATIENCE_S

HOME = Path("clients/typescript")
LOCK = HOME / "package-lock.json"
INSTALLED = HOME / "node_modules" / ".package-lock.json"
# the linter would tell its makers that it ran, and ask them for a newer one
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


@pytest.fixture(scope="module")
def tools(url: str) -> Path:
    """Install the tools where they are not, and write the document beside them."""
    programs.require("npm")
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < LOCK.stat().st_mtime:
        ran = run("npm", "ci")
        assert ran.returncode == 0, ran.stderr
        INSTALLED.touch()
    (HOME / "openapi.json").write_bytes(httpx2.get(f"{url}/openapi.json").content)
    return (HOME / "node_modules" / ".bin").resolve()


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | QUIET  # noqa: TID251 - handed on
    return subprocess.run(
        command,
        cwd=HOME,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def found_by_linter(tools: Path) -> list[str]:
    ran = run(tools / "redocly", "lint", "openapi.json", "--format=json")
    report: dict[str, Any] = json.loads(ran.stdout)
    return [
        f"{problem['ruleId']}: {problem['message']} at {problem['location'][0].get('pointer')}"
        for problem in report["problems"]
        if not problem.get("ignored")
    ]


def test_the_linter_finds_nothing(tools: Path) -> None:
    assert found_by_linter(tools) == []


def test_the_linter_would_find_something(tools: Path) -> None:
    document = HOME / "openapi.json"
    whole = document.read_bytes()
    changed = json.loads(whole)
    del changed["info"]["license"]
    changed["paths"]["/predict"]["post"]["responses"] = {}
    document.write_text(json.dumps(changed))
    try:
        found = found_by_linter(tools)
    finally:
        document.write_bytes(whole)

    assert any("info-license" in each for each in found)
    assert any("~1predict/" in each for each in found)


def test_a_typescript_client_compiles_and_gets_a_forecast(tools: Path, url: str) -> None:
    made = run(tools / "openapi-typescript", "openapi.json", "--output", "schema.d.ts")
    assert made.returncode == 0, made.stderr
    compiled = run(tools / "tsc", "--project", ".", "--outDir", "built")
    assert compiled.returncode == 0, compiled.stdout

    script = HOME / "built" / "ask.js"
    script.write_text(f"globalThis.NEXTDAY_URL = {json.dumps(url)};\n{script.read_text()}")
    ran = run("node", Path("built") / "ask.js")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)

    assert said["model"] == "default"
    assert said["width"] > 0
    assert said["day"] is None
    assert 0 < said["skill"] < 0.1
    assert 0 <= said["novelty"] <= 1
    assert said["code"] == "window_too_short"
    assert said["predictions"][0] > 0
    assert said["predictions"][1] is None
    assert said["window"] == 60


def test_the_lock_is_whole_and_names_nowhere_to_get_it_from() -> None:
    lock = json.loads(LOCK.read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}

    assert packages
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert not any("resolved" in each for each in packages.values())
