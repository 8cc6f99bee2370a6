"""The storms, short: `make chaos` has them long."""

import json

import pytest

from tools.chaos import reloads, storm


def test_publishing_under_load_loses_and_confuses_nothing() -> None:
    summary = storm.run(8)

    # how much slower it gets is measured where the machine is quiet
    wrong = [each for each in summary["violations"] if each != "p99 rose too much"]
    assert wrong == []
    assert summary["versions seen"] > 2
    assert summary["requests"] > 1000


def test_reloads_are_noticed_and_cost_no_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert reloads.main(["--reloads", "20"]) == 0

    summary = json.loads(capsys.readouterr().out)
    assert summary["reloads"] == 20
    assert summary["longest until served, s"] < 2
