"""
Check a server against the Open Inference Protocol v2, over REST.

    python -m tools.conformance URL [--model NAME] [--client tritonclient,aio,kserve,curl]
        [--inputs FILE.json] [--json] [--install]

Exits 1 where something failed, 2 where nothing could be checked. An extension is checked where
the server lists it, or answers what it is for. --install makes an environment of its own for the
clients, once, and runs in it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.conformance import clients, environment, report, suite
from tools.conformance.exchange import Server
from tools.conformance.outcomes import Outcome
from tools.conformance.subject import Subject, Unsuitable, discover


def main(arguments: list[str]) -> int:
    """Run the suite; return 1 where a check failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", help="where the server is, without /v2")
    parser.add_argument("--model", help="the first that the server's index lists, otherwise")
    parser.add_argument("--client", default=",".join(clients.MODULES), help="those to ask with")
    parser.add_argument("--inputs", type=Path, help="values by name, nested, for picky models")
    parser.add_argument("--json", action="store_true", help="everything, for machines")
    parser.add_argument("--install", action="store_true", help="install the clients, and use them")
    options = parser.parse_args(arguments)
    if options.install:
        return _in_environment([each for each in arguments if each != "--install"])
    names = [name for name in options.client.split(",") if name]
    if not set(names) <= clients.MODULES.keys():
        parser.error(f"clients are {', '.join(clients.MODULES)}")
    try:
        given: dict[str, Any] = json.loads(options.inputs.read_bytes()) if options.inputs else {}
        subject = discover(Server(options.url), options.model, given)
    except (OSError, ValueError, Unsuitable) as error:
        print(f"python -m tools.conformance: {error}", file=sys.stderr)
        return 2
    outcomes = list(_run(subject, names, quiet=options.json))
    if options.json:
        print(report.as_json(options.url, subject.model, outcomes))
    else:
        print(report.table(outcomes))
    return int(any(outcome.state == "failed" for outcome in outcomes))


def _run(subject: Subject, names: list[str], *, quiet: bool) -> list[Outcome]:
    outcomes = []
    tells = sys.stderr.isatty() and not quiet
    for outcome in suite.run(subject, names):
        outcomes.append(outcome)
        if tells:
            print(f"\r{len(outcomes)} checks", end="", file=sys.stderr, flush=True)
    if tells:
        print(file=sys.stderr)
    return outcomes


def _in_environment(arguments: list[str]) -> int:
    try:
        program = environment.python()
    except environment.NotInstalled as error:
        print(f"the clients cannot be installed: {error}", file=sys.stderr)
        return 2
    command = [str(program), "-m", "tools.conformance", *arguments]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
