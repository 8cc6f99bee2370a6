"""The storms, short: `make chaos` has them long."""

from tools.chaos import reloads, storm


def test_publishing_under_load_loses_and_confuses_nothing() -> None:
    summary = storm.run(8, undisturbed_s=1)

    # how much slower it gets is measured where the machine is quiet
    wrong = [each for each in summary["violations"] if each != "p99 rose too much"]
    assert wrong == []
    assert summary["versions seen"] > 2
    assert summary["requests"] > 1000


def test_reloads_are_noticed_and_cost_no_memory() -> None:
    summary = reloads.run(20)

    # how soon they are noticed, too
    assert [each for each in summary["violations"] if each != "a version was noticed late"] == []
    assert summary["reloads"] == 20
