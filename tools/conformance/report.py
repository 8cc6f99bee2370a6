"""Outcomes as a table, as JSON, and side by side for a page."""

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from tools.conformance.outcomes import Outcome

_LONGEST: Final = 90
"""Characters of what a failure says, on a page."""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each check, and what they add up to."""
    rows = [("check", "client", "only with", "outcome", "why")]
    rows += (
        (each.check, each.client, ", ".join(each.extensions), each.state, each.why)
        for each in outcomes
    )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", summary(outcomes)])


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return how many checks came to what, of each client."""
    lines = []
    for client, own in itertools.groupby(outcomes, key=lambda outcome: outcome.client):
        lines.append(f"{client}: {_counted([dataclasses.asdict(outcome) for outcome in own])}")
    return "\n".join(lines)


def as_json(server: str, model: str, outcomes: Sequence[Outcome]) -> str:
    """Return everything, for machines."""
    found = [dataclasses.asdict(outcome) for outcome in outcomes]
    return json.dumps({"server": server, "model": model, "outcomes": found}, indent=1)


def side_by_side(servers: dict[str, Any]) -> str:
    """
    Return the outcomes of several servers as rows of Markdown, from what as_json returned.

    The many ways to infer by a client are one row.
    """
    found = {name: _grouped(told["outcomes"]) for name, told in servers.items()}
    rows: dict[tuple[str, str], None] = {}
    for grouped in found.values():
        rows |= dict.fromkeys(grouped)
    lines = [f"| | check | by | {' | '.join(found)} |", "|---|---|---|" + "---|" * len(found)]
    for check, client in rows:
        outcomes = [grouped[check, client] for grouped in found.values()]
        section, cells = outcomes[0][0]["section"], " | ".join(map(_cell, outcomes))
        lines.append(f"| {section} | {check} | {client} | {cells} |")
    totals = (_counted(told["outcomes"]) for told in servers.values())
    return "\n".join([*lines, f"| | **all** | | {' | '.join(totals)} |"])


def _grouped(outcomes: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in outcomes:
        is_way = each["check"].startswith("infer ")
        check = "infer in every form, place and encoding" if is_way else each["check"]
        groups.setdefault((check, each["client"]), []).append(each)
    return groups


def _cell(outcomes: list[dict[str, Any]]) -> str:
    """Return what came of a row; of failures, what was said of the first."""
    told = outcomes[0]["state"] if len(outcomes) == 1 else _counted(outcomes)
    whys = [each["why"] for each in outcomes if each["state"] == "failed"]
    if not whys:
        return str(told)
    why = whys[0] if len(whys[0]) <= _LONGEST else f"{whys[0][:_LONGEST]} …"
    return f"**{told}**: {why}".replace("|", "\\|")


def _counted(outcomes: list[dict[str, Any]]) -> str:
    counted = Counter(each["state"] for each in outcomes)
    return ", ".join(f"{count} {state}" for state, count in counted.items())
