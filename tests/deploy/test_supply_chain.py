"""What the service is made of: its packages' licences, and how their vulnerabilities are asked."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app import __version__
from tests.deploy.manifests import ROOT
from tests.e2e.containers import free_port

FOLDER = ROOT / "deploy" / "supply-chain"
SERVE = ROOT / "requirements" / "serve.txt"

Finished = subprocess.CompletedProcess[str]


def run(script: str, *arguments: str | Path, **environment: str) -> Finished:
    return subprocess.run(
        [sys.executable, FOLDER / script, *arguments],
        env=os.environ | environment,  # noqa: TID251 - handed on
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def installed(folder: Path, *metadata: str) -> str:
    """Make a package that Python finds in a folder; return the folder."""
    package = folder / "made_up-1.0.dist-info"
    package.mkdir()
    head = ["Metadata-Version: 2.4", "Name: made-up", "Version: 1.0"]
    (package / "METADATA").write_text("\n".join([*head, *metadata]))
    return str(folder)


def lock(folder: Path, *pins: str) -> Path:
    path = folder / "lock.txt"
    path.write_text("\n".join(f"{pin} \\\n    --hash=sha256:{'0' * 64}" for pin in pins))
    return path


def test_no_dependency_of_the_service_is_copyleft() -> None:
    listed = run("licences.py", "--locked", SERVE)

    assert (listed.returncode, listed.stderr) == (0, "")
    names = set(re.findall(r"^([\w-]+)==", SERVE.read_text(), re.MULTILINE))
    assert {re.split("[ :]", line)[0] for line in listed.stdout.splitlines()} == names


def test_every_exception_has_its_reason() -> None:
    policy = tomllib.loads((FOLDER / "licences.toml").read_text())

    assert not [licence for licence in policy["permissive"] if "GPL" in licence]
    assert set(policy["spelled"].values()) <= set(policy["permissive"])
    assert all(len(reason) > 20 for reason in policy["reasons"].values())


@pytest.mark.parametrize(
    ("metadata", "may_stay"),
    [
        pytest.param("License-Expression: MIT", True, id="permissive"),
        pytest.param("License: 3-Clause BSD License", True, id="permissive, in other words"),
        pytest.param("License-Expression: GPL-3.0-only", False, id="copyleft"),
        pytest.param("License-Expression: MIT OR GPL-3.0-only", True, id="a choice"),
        pytest.param("License-Expression: MIT AND LGPL-3.0-only", False, id="both"),
        pytest.param("License-Expression: (MIT OR 0BSD) AND ISC", False, id="for people to read"),
        pytest.param("License: " + "as is " * 50, False, id="a text"),
        pytest.param("Classifier: Programming Language :: Python", False, id="nothing"),
        pytest.param(
            "Classifier: License :: OSI Approved :: Apache Software License", True, id="classified"
        ),
        pytest.param(
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: GNU General Public License (GPL)",
            False,
            id="classified twice",
        ),
    ],
)
def test_a_licence_may_stay_or_not(tmp_path: Path, metadata: str, may_stay: bool) -> None:  # noqa: FBT001 - a parameter of the test
    folder = installed(tmp_path, metadata)

    listed = run("licences.py", "--locked", lock(tmp_path, "made-up==1.0"), PYTHONPATH=folder)

    assert (listed.returncode == 0) is may_stay
    assert ("made-up (" in listed.stderr) is not may_stay
    assert listed.stdout.startswith("made-up 1.0: ")


def test_a_package_may_stay_for_a_reason(tmp_path: Path) -> None:
    folder = installed(tmp_path, "License-Expression: MPL-2.0")
    policy = tmp_path / "policy.toml"
    policy.write_text('permissive = []\n[spelled]\n[reasons]\nmade-up = "MPL-2.0: unchanged"')
    named = ("--locked", lock(tmp_path, "made-up==1.0"), "--policy", policy)

    assert run("licences.py", *named, PYTHONPATH=folder).returncode == 0


def test_all_that_is_installed_is_listed_where_nothing_else_is_asked_for(tmp_path: Path) -> None:
    folder = installed(tmp_path, "License-Expression: EUPL-1.2")

    listed = run("licences.py", PYTHONPATH=folder)

    assert listed.returncode == 1
    assert "made-up 1.0: EUPL-1.2" in listed.stdout
    assert "made-up (EUPL-1.2)" in listed.stderr
    # of the environment that runs this
    assert "\npytest " in listed.stdout


def test_a_package_for_another_system_is_told(tmp_path: Path) -> None:
    listed = run("licences.py", "--locked", lock(tmp_path, "nobody-has-this==1.0"))

    assert (listed.returncode, listed.stdout) == (0, "nobody-has-this: not installed here\n")


# One version of a package that is in the database, and all others are not.
BROKEN = ("jinja2", "2.4.1")


class Vulnerabilities(http.server.BaseHTTPRequestHandler):
    """Answers as the OSV database does (google.github.io/osv.dev/post-v1-query)."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = json.loads(body)
        known = (query["package"]["name"], query["version"]) == BROKEN
        events = [{"introduced": "0"}, {"fixed": "2.7.2"}]
        affected = {
            "package": {"name": BROKEN[0], "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
        found = {"id": "MADE-UP-1", "summary": "a hole", "affected": [affected]}
        content = json.dumps({"vulns": [found]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def database() -> Iterator[list[str]]:
    """Run one; give the options that name it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vulnerabilities) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1/query"
        try:
            yield ["--", "--vulnerability-service=osv", f"--osv-url={url}"]
        finally:
            server.shutdown()
            thread.join()


def test_versions_that_nothing_is_known_against_pass() -> None:
    with database() as options:
        audited = run("audit.py", SERVE, *options)

    pins = re.findall(r"^[\w-]+==\S+", SERVE.read_text(), re.MULTILINE)
    # those for other Pythons too
    assert audited.stdout == f"none of {len(pins)} locked packages has a known vulnerability\n"
    assert audited.returncode == 0


def test_a_vulnerability_is_told_with_the_version_that_mends_it(tmp_path: Path) -> None:
    # of two versions, for this Python and for one that is not this
    pins = ("click==8.0", f"{BROKEN[0]}==9.9", f"{BROKEN[0]}=={BROKEN[1]} ; python_version < '3'")

    with database() as options:
        audited = run("audit.py", lock(tmp_path, *pins), *options)

    assert audited.stdout == "jinja2 2.4.1: MADE-UP-1 (fixed in 2.7.2): a hole\n"
    assert audited.returncode == 1


def test_a_database_that_cannot_be_reached_is_no_clean_bill(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    audited = run("audit.py", lock(tmp_path, "click==8.0"), HTTPS_PROXY=nobody, https_proxy=nobody)

    assert (audited.returncode, audited.stdout) == (69, "")
    assert audited.stderr.startswith("nothing is known of vulnerabilities")
    assert "Run it where the database can be reached" in audited.stderr
    assert "Traceback" not in audited.stderr


def test_a_package_that_no_database_knows_is_not_clean(tmp_path: Path) -> None:
    # pip-audit says that nothing is known against it, and ends with 0; a mirror of the package
    # index often knows of none
    unheard = lock(tmp_path, "nextday-made-up-for-a-test==1.0")

    audited = run("audit.py", unheard, "--", "--vulnerability-service=pypi")

    # the same where there is no network to ask
    assert (audited.returncode, audited.stdout) == (69, "")
    assert audited.stderr.startswith("nothing is known of vulnerabilities")


def test_the_image_says_of_itself_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    labelled = [stage for stage in stages if "LABEL" in stage]

    assert len(labelled) == 2
    for stage in labelled:
        labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', stage))
        assert labels["version"] == __version__
        assert labels["licenses"] == project["license"]
        assert (labels["revision"], labels["created"]) == ("$REVISION", "$CREATED")
    assert project["description"] in labelled[0]
