"""All checks, one after the other."""

from collections.abc import Iterator, Sequence
from typing import Final

from tools.conformance import (
    binary_checks,
    client_checks,
    clients,
    endpoint_checks,
    extension_checks,
    http_checks,
    infer_checks,
    refusal_checks,
)
from tools.conformance.outcomes import Check, Outcome, carry_out
from tools.conformance.subject import Subject

OWN: Final[list[Check]] = [
    *endpoint_checks.CHECKS,
    *infer_checks.CHECKS,
    *binary_checks.CHECKS,
    *extension_checks.CHECKS,
    *http_checks.CHECKS,
    # last: they try to break the server
    *refusal_checks.CHECKS,
]


def run(subject: Subject, names: Sequence[str]) -> Iterator[Outcome]:
    """Make every check of our own, and those by the clients that are named."""
    for check in OWN:
        yield carry_out(check, subject)
    for name in names:
        client = clients.connect(name, subject.server)
        if client is None:
            why = f"not installed: {clients.INSTALL}"
            yield Outcome("all of it", "clients", name, "not run", (), why)
            continue
        for check in client_checks.checks(name, client):
            yield carry_out(check, subject)
