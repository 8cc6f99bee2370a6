"""The whole suite on our own service, and what its command line says."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.conformance import clients, environment, models
from tools.conformance.__main__ import main
from tools.conformance.outcomes import OWN

_PATIENCE_S = 600


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    ("model", "not_offered"),
    [
        pytest.param(models.POINT, {"outputs can be had in any order"}, id="a point, one output"),
        pytest.param(models.QUANTILES, set(), id="quantiles of closes"),
        pytest.param(models.BARS, set(), id="quantiles of bars"),
    ],
)
def test_every_check_passes_by_every_client(url: str, model: str, not_offered: set[str]) -> None:
    finished = ask_with_clients(url, "--model", model)

    outcomes = json.loads(finished.stdout)["outcomes"]
    assert {each["client"] for each in outcomes} == {OWN, *clients.MODULES}
    others = {each["check"]: each for each in outcomes if each["state"] != "passed"}
    assert others.keys() == not_offered, others
    assert all(each["state"] == "not offered" for each in others.values())
    assert finished.returncode == 0


def test_a_model_of_bars_takes_closes_alone(url: str, tmp_path: Path) -> None:
    given = write(tmp_path, [[[101.0], [102.5], [99.0], [100.0], [103.0]]])

    assert main([url, "--model", models.BARS, "--client", "", "--inputs", given]) == 0


def test_values_that_the_model_refuses_fail_the_suite(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = write(tmp_path, [[[-1.0, 1.0, 1.0, 1.0]] * 5])

    code = main([url, "--model", models.BARS, "--client", "", "--inputs", given, "--json"])

    outcomes = {each["check"]: each for each in json.loads(capsys.readouterr().out)["outcomes"]}
    assert code == 1
    assert outcomes["the answer names its model"]["state"] == "failed"
    assert "above zero" in outcomes["the answer names its model"]["why"]
    assert outcomes["the server is live"]["state"] == "passed"


@pytest.mark.needs("curl")
def test_the_table_says_what_came_of_each_check(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([url, "--model", models.POINT, "--client", "curl"])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0].split() == ["check", "client", "only", "with", "outcome", "why"]
    assert any(line.startswith("an id comes back as it was") for line in lines)
    [of_curl] = [line for line in lines if line.startswith("curl: ")]
    assert of_curl.endswith(" passed")


def test_a_client_that_is_not_installed_is_not_run(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    code = main([url, "--model", models.POINT, "--client", "curl"])

    out = capsys.readouterr().out
    assert code == 0
    assert "curl: 1 not run" in out
    assert "not installed: run with --install" in out


def test_the_clients_can_be_installed_and_asked_with_in_one_go(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", models.POINT, "--client", "kserve", "--json"]

    code = main([url, "--install", *arguments])

    out = capfd.readouterr().out
    outcomes = json.loads(out[out.index('{\n "server"') :])["outcomes"]
    states = {each["state"] for each in outcomes if each["client"] == "kserve"}
    assert (code, states) == (0, {"passed"})


def test_without_a_name_the_first_model_that_is_listed_is_asked(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([url, "--client", "", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["model"] == models.BARS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--model", "no-such-model"], "answered 404", id="no such model"),
        pytest.param(["--inputs", "no-such-file.json"], "no-such-file.json", id="no such file"),
    ],
)
def test_what_cannot_be_checked_is_said_and_is_no_failure_of_the_server(
    url: str, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([url, *arguments]) == 2

    assert said in capsys.readouterr().err


def test_a_client_that_is_not_known_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["http://127.0.0.1:1", "--client", "wget"])

    assert "clients are tritonclient, aio, kserve, curl" in capsys.readouterr().err


def test_where_nobody_answers_nothing_can_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://127.0.0.1:1"]) == 2

    assert "does not list its models" in capsys.readouterr().err


def ask_with_clients(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the suite in the environment of the clients."""
    command = [str(environment.python()), "-m", "tools.conformance", url, "--json", *arguments]
    return subprocess.run(
        command,
        cwd=environment.ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )


def write(folder: Path, window: Any) -> str:
    path = folder / "inputs.json"
    path.write_text(json.dumps({"window": window}))
    return str(path)
