"""The fuzzer and the soak, short: `make fuzz` and `make soak` have them long."""

import json
import random
from pathlib import Path

import pytest

from tools import differential, soak
from tools.fuzz import __main__ as fuzz
from tools.fuzz.mutations import Mutator
from tools.fuzz.seeds import seeds
from tools.testbed.client import Shot
from tools.testbed.waiting import PATIENCE_S


def test_twenty_thousand_fuzzed_requests_break_no_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.jsonl"
    arguments = ["--requests", "20000", "--grpc-calls", "2000", "--seconds", str(PATIENCE_S)]
    # bodies that cost much are in test_stalls.py
    arguments += ["--found", str(found), "--patience", str(PATIENCE_S), "--costly-every", "0"]
    status = fuzz.main(arguments)

    summary = json.loads(capsys.readouterr().out)
    # by how much the event loop is held on a busy machine, a long run on a quiet one tells
    assert [each for each in summary["violations"] if "held the event loop" not in each] == []
    assert status == 0 or summary["violations"]
    assert summary["requests"] >= 20_000
    assert summary["gRPC calls"] >= 2_000
    assert {200, 400, 404, 405, 415, 422} <= {int(each) for each in summary["statuses"]}


def test_the_same_seed_makes_the_same_requests() -> None:
    def shots(seed: int) -> list[Shot]:
        mutator = Mutator(*seeds(), random.Random(seed))  # noqa: S311 - no secret
        return [mutator.shot() for _ in range(50)]

    first, again, other = map(shots, (1, 1, 2))

    assert first == again != other


def test_what_was_found_can_be_sent_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.jsonl"
    plain = seeds()[0][0].content
    # two answers are wrong where one was expected
    fuzz.write(file, [Shot(plain, "plain"), Shot(plain + plain, "two", answers=3, leave_s=0.5)])

    assert fuzz.main(["--replay", str(file)]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["violations"] == ["2 answers to 3 requests"]
    assert "< 200" in printed.err


def test_the_fast_path_and_the_framework_answer_the_same_bytes_alike(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert differential.main(["--requests", "1500"]) == 0

    summary = json.loads(capsys.readouterr().out)
    assert {"200", "400", "404", "405", "415", "422"} <= summary["statuses"].keys()


def test_some_seconds_of_all_that_is_asked_fail_nothing_and_fill_nothing() -> None:
    summary = soak.soak(0.2, 0.5, turns=1)

    # how much slower it gets is measured where the machine is quiet, and for longer
    assert [each for each in summary["violations"] if each != "p99 rose too much"] == []
    assert summary["requests"] > 1000
