"""Whether a file is of one instrument, and which it is of."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Final, NamedTuple

from app.errors import BadTable
from app.market_data.anomalies import DataWarning
from app.market_data.price_files.cells.dates import month_of
from app.market_data.price_files.quoting import several, shown

_MOST_DIFFERING: Final = 2
"""Days that come twice with other prices: more are those of another instrument."""
_SHORTEST_RUN: Final = 5
_NEAR: Final = 0.25
"""Relative: of two bars of a day that may be one instrument's, before and after a correction."""
_WEEKDAYS: Final = frozenset(
    """
    mon tue wed thu fri sat sun mo di mi do fr sa so lun mar mer jeu ven sam dim lu ma me je
    ve lunes martes miercoles jueves viernes segunda terca quarta quinta sexta
    """.split()  # noqa: SIM905 - words are read better so
)
_NEVER: Final = frozenset(
    """
    buy sell hold up down bull bear bullish bearish long short flat yes no true false y n t f
    q1 q2 q3 q4 eq be open closed final adjusted close d daily split dividend dividends
    """.split()  # noqa: SIM905 - words are read better so
)
"""Words that say something of a day and name no instrument."""


class Split(NamedTuple):
    """Which rows are of which instrument."""

    head: str
    """Of the column that tells."""
    rows: dict[str, list[int]]


def split(
    heads: Sequence[str],
    columns: Sequence[Sequence[str]],
    days: Sequence[str],
    *,
    named: int,
) -> Split | None:
    """
    Find the column that tells instruments apart; None where the file is of one.

    `columns` are the texts of each row; the first `named` are called Symbol or the like, and
    others tell instruments apart only where their words are none of a day. `days` are the dates as
    they are written, empty where the file has none.
    """
    for at, (head, column) in enumerate(zip(heads, columns, strict=True)):
        names = dict.fromkeys(column)
        is_note = "" in names and 2 * column.count("") > len(column)
        names.pop("", None)
        if len(names) > 1 and not is_note and (at < named or _are_instruments(names, column, days)):
            rows: dict[str, list[int]] = {name: [] for name in dict.fromkeys(column)}
            for row, name in enumerate(column):
                rows[name].append(row)
            return Split(head, rows)
    return None


def _are_instruments(names: dict[str, None], column: Sequence[str], days: Sequence[str]) -> bool:
    """Tell whether the varying cells of a column of unknown name may be names of instruments."""
    if all(map(str.isdecimal, names)):
        # codes such as 1301: each with days of its own, or for a run of rows, as no count is
        if len(set(days)) < len(days) == len(set(zip(days, column, strict=True))):
            return True
        runs = [len(list(run)) for _, run in groupby(column)]
        return len(runs) == len(names) and min(runs) >= _SHORTEST_RUN
    return not _of_days(names)


def _of_days(names: dict[str, None]) -> bool:
    """Tell whether words are those of weekdays, months, quarters or of what one does on a day."""
    words = [name.lower().rstrip(".") for name in list(names)[:100]]
    return all(
        word in _NEVER
        or word[:3] in _WEEKDAYS
        or word in _WEEKDAYS
        or month_of(word) is not None
        or (word[-2:] in _NEVER and word[:-2].strip("- ").isdecimal())
        for word in words
    )


def refuse(found: Split) -> BadTable:
    """Say that a file holds several instruments, by the names in a column."""
    return BadTable(
        f"the file holds {several(list(found.rows))}, by its column {shown(found.head)!r}; send one"
        " at a time"
    )


def check_days(
    days: Sequence[date], lines: Sequence[int], closes: Sequence[Sequence[float]], unit: str
) -> tuple[list[int], list[DataWarning]]:
    """
    Return the rows by date, oldest first and each date once, and say where a file has one twice.

    `closes` are the columns of prices. Raises BadTable where days come again with other prices, as
    they do where instruments are below each other.
    """
    order = sorted(range(len(days)), key=days.__getitem__)
    kept: list[int] = []
    same: list[tuple[int, int]] = []
    differing: list[tuple[int, int]] = []
    for row in order:
        if not kept or days[row] != days[kept[-1]]:
            kept.append(row)
        elif all(_equal(column[row], column[kept[-1]]) for column in closes):
            same.append((kept[-1], row))
        else:
            differing.append((kept[-1], row))
    if differing:
        far = any(not _are_near(one, other, closes) for one, other in differing)
        if far or len(differing) > _MOST_DIFFERING:
            one, other = differing[0]
            raise BadTable(
                f"{days[one]} comes on {unit}s {lines[one]} and {lines[other]} with other prices,"
                f" the first of {len(differing)} such days: these are several instruments, or"
                " several bars a day; send one of each"
            )
    return kept, _repeated(days, lines, sorted(same + differing), unit, kept)


def _repeated(
    days: Sequence[date],
    lines: Sequence[int],
    pairs: Sequence[tuple[int, int]],
    unit: str,
    kept: Sequence[int],
) -> list[DataWarning]:
    if not pairs:
        return []
    newest = next((pair for pair in pairs if pair[0] == kept[-1]), None)
    one, other = newest or pairs[0]
    which = ", the newest," if newest else ""
    message = f"{unit} {lines[other]} has the date of {unit} {lines[one]}, {days[one]}{which}"
    more = f", and {len(pairs) - 1} more have that of another" if len(pairs) > 1 else ""
    message += f"{more}: the first of each day was taken"
    return [DataWarning("duplicate_date", message)]


def _equal(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN


def _are_near(one: int, other: int, columns: Sequence[Sequence[float]]) -> bool:
    return all(
        not abs(column[one] - column[other]) > _NEAR * abs(column[one]) for column in columns
    )
