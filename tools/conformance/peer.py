"""
Our service and MLServer side by side, as a check of the suite itself.

    python -m tools.conformance.peer [--docs docs/conformance.md]

Both are started, with a model of two versions each, and asked by every client. With --docs the
table replaces the one between the marks in that page.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import environments, servers
from tools.conformance import environment, models, report
from tools.testbed.pages import replace_table
from tools.testbed.service import serving

_NAME: Final = "prices"
_MLSERVER: Final = servers.Server(
    "mlserver",
    "MLServer",
    "a custom runtime, no worker processes",
    ("mlserver", "start", "."),
    ready=f"/v2/models/{_NAME}/ready",
    variables={
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": "{spare}",
        "MLSERVER_METRICS_ENDPOINT": "",
        "MLSERVER_DEBUG": "false",
        "MLSERVER_PARALLEL_WORKERS": "0",
    },
)


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[str]:
    """Start our service."""
    models.publish_all(folder)
    with serving(folder, log_level="error") as service:
        yield f"http://127.0.0.1:{service.port}"


@contextlib.contextmanager
def mlserver(folder: Path) -> Iterator[str]:
    """Start MLServer."""
    tensor = {"datatype": "FP64", "parameters": {"content_type": "np"}}
    for version in ("1", "2"):
        settings = {
            "name": _NAME,
            "implementation": "tools.conformance.mlserver_runtime.Prices",
            "platform": "none",
            "versions": ["1", "2"],
            "inputs": [{"name": "window", "shape": [-1, 5], **tensor}],
            "outputs": [{"name": name, "shape": [-1, 1], **tensor} for name in ("last", "mean")],
            "parameters": {"version": version},
        }
        home = folder / version
        home.mkdir()
        (home / "model-settings.json").write_text(json.dumps(settings))
    programs = environments.programs(_MLSERVER.name)
    with servers.running(_MLSERVER, programs, folder, 0, poll_s=0.2) as running:
        yield f"http://127.0.0.1:{running.port}"


def check(url: str, model: str) -> dict[str, Any]:
    """Run the suite by every client; return what it found."""
    program = str(environment.python())
    command = [program, "-m", "tools.conformance", url, "--model", model, "--json"]
    finished = subprocess.run(
        command, cwd=environment.ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def main() -> int:
    """Run it on both; return 1 where our own fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance.peer", description=__doc__)
    parser.add_argument("--docs", type=Path, help="the page whose table is replaced")
    options = parser.parse_args()
    found = {}
    for title, start, model in (
        (servers.OURS, ours, models.BARS),
        (_MLSERVER.title, mlserver, _NAME),
    ):
        with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as url:
            found[title] = check(url, model)
    table = report.side_by_side(found)
    print(table)
    if options.docs:
        replace_table(options.docs, "conformance", table, measured="Run on {day}.")
    return int(any(each["state"] == "failed" for each in found[servers.OURS]["outcomes"]))


if __name__ == "__main__":
    sys.exit(main())
