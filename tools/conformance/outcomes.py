"""What a check is, and what comes of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.conformance.subject import Subject

OWN: Final = "http"
"""The client that the suite has of its own: requests byte for byte."""

State = Literal["passed", "failed", "not offered", "not run"]


class Violation(Exception):
    """The server did not do what the protocol asks for; the message says what, on one line."""


class NotOffered(Exception):
    """The server, or its model, has nothing that the check could be made on."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the protocol."""

    name: str
    """A sentence."""
    section: str
    run: "Callable[[Subject], None]"
    """Raises Violation, or NotOffered."""
    extensions: tuple[str, ...] = ()
    """Those that it belongs to: required where all of them are offered. None: always required."""
    client: str = OWN


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a check."""

    check: str
    section: str
    client: str
    state: State
    extensions: tuple[str, ...] = ()
    why: str = ""
    """On one line; nothing for what passed."""


def named(
    section: str, *functions: "Callable[[Subject], None]", extensions: tuple[str, ...] = ()
) -> list[Check]:
    """Make checks of functions whose names are sentences."""
    return [
        Check(function.__name__.replace("_", " "), section, function, extensions)
        for function in functions
    ]


def carry_out(check: Check, subject: "Subject") -> Outcome:
    """Make a check on a server."""

    def outcome(state: State, why: str = "") -> Outcome:
        line = " ".join(why.split())
        return Outcome(check.name, check.section, check.client, state, check.extensions, line)

    try:
        for extension in check.extensions:
            if not subject.offers(extension):
                return outcome("not offered", f"no {extension}")
        check.run(subject)
    except NotOffered as lack:
        return outcome("not offered", str(lack))
    except Violation as violation:
        return outcome("failed", str(violation))
    return outcome("passed")
