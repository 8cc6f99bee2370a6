"""What is known of exchanges' sessions better than the library knows it: a small table of days."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_TABLE: Final = Path(__file__).with_suffix(".toml")


class Correction(NamedTuple):
    """A day of an exchange of which the library says the contrary."""

    exchange: str
    date: date
    session: bool
    """Whether the exchange traded."""
    because: str
    source: str


class Corrections(NamedTuple):
    """All that is known better."""

    days: tuple[Correction, ...]
    aliases: Mapping[str, str]
    """Names that the library does not know, of exchanges that it does."""


@cache
def corrections() -> Corrections:
    """Return what the table beside this module says."""
    table = tomllib.loads(_TABLE.read_text())
    return Corrections(tuple(Correction(**day) for day in table["day"]), table["aliases"])


def corrected(exchange: str, sessions: set[date], first: date, last: date) -> set[date]:
    """Return the sessions of an exchange, from `first` to `last`, as they are known to be."""
    of_it = [
        day for day in corrections().days if day.exchange == exchange and first <= day.date <= last
    ]
    held = {day.date for day in of_it if day.session}
    return sessions - {day.date for day in of_it} | held
