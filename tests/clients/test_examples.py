"""The examples of clients/examples, each as its first lines say, against the running service."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tools.testbed.waiting import PATIENCE_S

EXAMPLES = Path("clients/examples")


def run(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    programs.require("curl" if command[-1].endswith("curl.sh") else command[0])
    environment = os.environ | {  # noqa: TID251 - handed on
        "NEXTDAY_URL": url,
        "PYTHONPATH": str(Path("clients/python/src").resolve()),
    }
    program = [*command[:-1], str(EXAMPLES / command[-1])]
    return subprocess.run(
        program, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def said(url: str, *command: str) -> str:
    ran = run(url, *command)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_curl_posts_a_file_and_gets_json_and_csv(url: str) -> None:
    as_json, *as_csv = said(url, "sh", "curl.sh").splitlines()
    answer = json.loads(as_json)
    [row] = csv.DictReader(as_csv)

    assert answer["forecast_date"] == row["forecast_date"] == "2026-04-01"
    assert answer["sessions_missing"] == 0
    assert answer["prediction"] == float(row["prediction"])
    assert answer["intervals"][0]["low"] == float(row["low_80"])


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "forecast.py"], id="python"),
        pytest.param(["node", "forecast.mjs"], id="javascript"),
        pytest.param(["Rscript", "forecast.R"], id="r"),
    ],
)
def test_every_language_says_the_same(url: str, command: list[str]) -> None:
    answer = json.loads(said(url, "sh", "curl.sh").splitlines()[0])
    [interval] = answer["intervals"]

    first, worth, *warnings = said(url, *command).splitlines()

    assert first == (
        f"2026-04-01: {answer['prediction']:.2f}, naive {answer['naive']:.2f},"
        f" 80 % within {interval['low']:.2f} to {interval['high']:.2f}"
    )
    assert answer["skill"]["mae_skill_vs_naive"] > 0
    assert worth == (
        f"on {answer['skill']['forecasts']:,} forecasts"
        f" {100 * answer['skill']['mae_skill_vs_naive']:.2f} % better than tomorrow = today"
    )
    assert [line.split(":")[0] for line in warnings] == [
        each["code"] for each in answer["warnings"]
    ]


@pytest.mark.parametrize(
    "command",
    [["node", "forecast.mjs"], [sys.executable, "forecast.py"]],
    ids=["javascript", "python"],
)
def test_an_example_shows_the_services_own_words_where_it_refuses(
    url: str, command: list[str]
) -> None:
    ran = run(f"{url}/nowhere", *command)

    assert ran.returncode != 0
    assert "Not Found" in ran.stderr
