"""Files as vendors write them, some of them: `make price-files` has thousands."""

from collections import Counter

import pytest

from tools.price_files import report
from tools.price_files.catalogue import KINDS
from tools.price_files.runs import Plan, run
from tools.price_files.verdicts import Outcome, Verdict

FILES = 200


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return run(Plan(seed=7, files=FILES))


def test_no_file_is_misread(outcomes: list[Outcome]) -> None:
    wrong = {Verdict.MISREAD, Verdict.BROKEN}

    assert [each for each in outcomes if each.verdict in wrong] == []
    assert len(outcomes) == FILES
    assert set(Counter(each.kind[0] for each in outcomes)) == set(KINDS)


def test_sound_files_are_read(outcomes: list[Outcome]) -> None:
    lost = [each for each in outcomes if each.verdict is Verdict.LOST]

    assert report.share_read(outcomes) >= report.ENOUGH, lost
