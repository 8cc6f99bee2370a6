"""
Where in a file what is: its header, and the column of each role, by name and by what it holds.

Nothing is taken for a price because it stands where one often does, but for what has one meaning
alone: a single column of numbers, and Binance's twelve.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.errors import BadTable
from app.market_data.price_files import columns
from app.market_data.price_files.cells import dates, headings, numbers
from app.market_data.price_files.cells.headings import Head, Role
from app.market_data.price_files.columns import PRICES
from app.market_data.price_files.quoting import MAX_NAMES, several, shown
from app.market_data.price_files.sheets.csv_sheet import Row, Sheet

_LOOKED_AT: Final = 60
"""Rows among which the header is."""
_SUBHEADS: Final = 4
"""Rows between the header and the first session, and those above it, that may name instruments."""
_SAMPLE: Final = 20
"""Rows below the header that tell what a column holds."""
_ONE_LETTER: Final = frozenset("ohlc")
_BINANCE: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip


class Layout(NamedTuple):
    """Where what is."""

    head: list[str]
    line: int | None
    """Of the header; None where there is none."""
    begins: int
    """Rows of the file before the first that may hold a session."""
    roles: dict[Role, int]
    """The column of each role that the file has."""
    texts: list[int]
    """Columns of text that have no role: instruments, for all that one knows."""
    instrument: str
    """As the header has it; empty where it has none."""
    unknown: str = ""
    """The head of a column that holds prices and has no name that is known here."""

    @property
    def unused(self) -> list[str]:
        """The heads of columns that are not read."""
        used = set(self.roles.values())
        return [head for at, head in enumerate(self.head) if head and at not in used]


def score(rows: Sequence[Row], wanted: Sequence[str] = ()) -> int:
    """Say how many roles the best row of these names, for a header among them."""
    return max((_merit(cells, wanted) for _, cells in rows[:_LOOKED_AT]), default=0)


def find(sheet: Sheet, wanted: Sequence[str] = ()) -> Layout:
    """
    Find the header and the columns of a file; of the columns `wanted` the first that it has.

    Raises BadTable where it has no header, names no prices, or names those of several instruments.
    """
    rows = sheet.first[:_LOOKED_AT]
    merits = [_merit(cells, wanted) for _, cells in rows]
    best = max(merits)
    named = _named(sheet, merits.index(best), wanted) if best else None
    if named is None:
        return _unnamed(sheet)
    below = [cells for _, cells in sheet.first[named.begins :]]
    if any(columns.has_figures(below, at) for role, at in named.roles.items() if role in PRICES):
        return named
    # a title that speaks of prices, or a file without any
    try:
        return _unnamed(sheet)
    except BadTable:
        return named


def _merit(cells: Sequence[str], wanted: Sequence[str] = ()) -> int:
    """Count the roles that a row names; none where it names no price."""
    if len(cells) == 1 and " " in cells[0]:
        return 0
    heads = [headings.meaning(cell) for cell in cells]
    roles = {head.role for head in heads if head is not None}
    if any(columns.is_same(cell, name) for name in wanted for cell in cells):
        roles.add("wanted")
    if not roles & set(PRICES):
        return 0
    # a row of figures is no header, whatever else is in it
    if sum(map(columns.is_figure, cells)) * 3 > len(cells):
        return 0
    return len(roles) * 4 + sum(head is not None for head in heads)


def _named(sheet: Sheet, at: int, wanted: Sequence[str]) -> Layout | None:
    line, head = sheet.first[at]
    below = sheet.first[at + 1 : at + 1 + _SUBHEADS + _SAMPLE]
    head = _without_empty_ends(head, below)
    if not below:
        raise BadTable("the file has a header and no prices below it")
    heads = [headings.meaning(cell) for cell in head]
    shift = _row_names(head, heads, below)
    if shift:
        head, heads = ["", *head], [None, *heads]
    heads = _with_figures(heads, below, sheet.unit)
    rows = [cells for _, cells in below]
    subheads = _subheads(below, heads)
    sample = rows[subheads:]
    above = [cells for _, cells in sheet.first[max(0, at - 2) : at]]
    _one_instrument(heads, tags := _instruments_of(heads, above, rows[:subheads]))
    heads = _without_lone_letters(head, heads)
    roles = columns.choose(heads, sample)
    asked_for = _wanted(head, roles, wanted)
    if asked_for is not None:
        roles["wanted"] = asked_for
    if not {*PRICES} & roles.keys():
        return None
    if not {"close", "adjusted", "wanted"} & roles.keys():
        _refuse_wide(head, heads, roles, sample)
    texts = columns.texts_of(head, heads, roles, sample)
    instrument = next(iter(set(tags.values())), "") if tags else ""
    unknown = columns.unknown_prices(head, heads, roles, sample)
    return Layout(head, line, at + 1 + subheads, roles, texts, instrument, unknown)


def _wanted(head: Sequence[str], roles: dict[Role, int], wanted: Sequence[str]) -> int | None:
    """Find the first wanted column that a file has, as it is called or by what it is for."""
    for name in wanted:
        called = next((at for at, cell in enumerate(head) if columns.is_same(cell, name)), None)
        if called is not None:
            return called
        known = headings.meaning(name)
        if known is not None and known.role in roles:
            return roles[known.role]
    return None


def _without_empty_ends(head: list[str], below: Sequence[Row]) -> list[str]:
    """Leave out the heads behind the last column that has one, or holds dates."""
    end = len(head)
    while end and not head[end - 1]:
        # a number there is half of one with a comma, and refused for that
        if any(len(cells) >= end and columns.is_dated(cells[end - 1]) for _, cells in below):
            break
        end -= 1
    return head[:end]


def _row_names(head: list[str], heads: list[Head | None], below: Sequence[Row]) -> int:
    """Tell whether rows begin with a name that has no head, as R's `write.table` has them."""
    rows = [cells for _, cells in below[:_SAMPLE]]
    # a delimiter at the end of each line is no name
    if not all(len(cells) == len(head) + 1 for cells in rows) or not any(map(_last, rows)):
        return 0
    if [cells[0] for cells in rows] == [str(number) for number in range(1, len(rows) + 1)]:
        return 1
    if any(known is not None and known.role == "date" for known in heads) or not head[0]:
        return 0
    return int(all(columns.is_dated(cells[0]) for cells in rows))


def _last(cells: Sequence[str]) -> str:
    return cells[-1]


def _with_figures(
    heads: Sequence[Head | None], below: Sequence[Row], unit: str
) -> list[Head | None]:
    """
    Leave out what is called a price and holds dates, as `Price` above those of pandas.

    Raises BadTable where it holds something else that is no number.
    """
    rows = [cells for _, cells in below]
    kept = list(heads)
    for place, known in enumerate(heads):
        if known is None or known.role not in PRICES:
            continue
        if columns.has_figures(rows, place) or columns.is_blank(rows, place):
            continue
        kept[place] = None
        if columns.holds(rows, place, columns.is_dated) or any(
            other is not None and other.role == known.role and columns.has_figures(rows, at)
            for at, other in enumerate(heads)
        ):
            continue
        line = next(line for line, cells in below if place < len(cells) and cells[place])
        raise BadTable(f"{unit} {line}: {known.role} is no number")
    return kept


def _subheads(below: Sequence[Row], heads: Sequence[Head | None]) -> int:
    """Count the rows below a header that hold no number where prices are: more of the header."""
    places = [at for at, head in enumerate(heads) if head is not None and head.role in PRICES]
    for count, (_, cells) in enumerate(below[:_SUBHEADS]):
        priced = [cells[at] for at in places if at < len(cells)]
        if any(numbers.is_numeric(cell) for cell in priced):
            return count
        if any(columns.is_dated(cell) for cell in cells):
            # a session, whatever stands there for its price
            return count
    return 0


def _instruments_of(
    heads: Sequence[Head | None], above: Sequence[list[str]], below: Sequence[list[str]]
) -> dict[int, str]:
    """Say which instrument each column of prices is of, where the header says so."""
    places = [at for at, head in enumerate(heads) if head is not None and head.role in PRICES]
    tags = {at: head.tag for at in places if (head := heads[at]) is not None and head.tag}
    if tags:
        return tags
    for cells in (*reversed(above), *below):
        if len(cells) < len(heads) - 1:
            continue
        named = {at: cells[at] for at in places if at < len(cells) and cells[at]}
        # several need a column of one kind each: what differs beside it is a title with commas
        is_of_kinds = len({heads[at] for at in places}) == len(places)
        if len(named) == len(places) and not any(map(headings.meaning, named.values())):
            if is_of_kinds and len(set(named.values())) > 1:
                continue
            return named
    return {}


def _one_instrument(heads: Sequence[Head | None], tags: dict[int, str]) -> None:
    names = list(dict.fromkeys(tags.values()))
    priced = [head for head in heads if head is not None and head.role in PRICES]
    if len(names) > 1 and _untagged(heads, tags):
        # closes of this one beside those of an index, say
        return
    if len(names) > 1:
        raise BadTable(f"the file holds {several(names)}; send one at a time")
    if len({head._replace(copy=0) for head in priced}) < len(priced):
        raise BadTable(
            "the file holds prices of several instruments side by side, under the same heads; send"
            " one at a time"
        )


def _untagged(heads: Sequence[Head | None], tags: dict[int, str]) -> bool:
    return any(
        head is not None and head.role == "close" and at not in tags
        for at, head in enumerate(heads)
    )


def _without_lone_letters(head: Sequence[str], heads: list[Head | None]) -> list[Head | None]:
    """Take `C` for closes only where O, H, L and C are all there: it may be an instrument."""
    letters = {headings.plain(cell) for cell in head} & _ONE_LETTER
    if letters == _ONE_LETTER and sum(map(columns.is_priced, heads)) == len(_ONE_LETTER):
        return heads
    return [
        None
        if known is not None and known.role in PRICES and headings.plain(cell) in _ONE_LETTER
        else known
        for cell, known in zip(head, heads, strict=True)
    ]


def _refuse_wide(
    head: Sequence[str],
    heads: Sequence[Head | None],
    roles: dict[Role, int],
    sample: Sequence[list[str]],
) -> None:
    """Refuse a file whose opens, highs or lows may be instruments that are called so."""
    other = next(roles[role] for role in ("open", "high", "low") if role in roles)
    others = [
        head[at] for at in range(len(head))
        if heads[at] is None and at not in roles.values() and columns.is_prices(sample, at)
        and (not {"open", "high", "low"} <= roles.keys() or columns.is_near(sample, at, other))
    ]  # fmt: skip
    if others:
        raise BadTable(
            f"no column is called Close, and several hold numbers ({_list(head, roles, others)}):"
            " if each is an instrument, send one at a time"
        )


def _list(head: Sequence[str], roles: dict[Role, int], others: Sequence[str]) -> str:
    names = [head[roles[role]] for role in PRICES if role in roles] + list(others)
    listed = ", ".join(map(shown, names[:MAX_NAMES]))
    return listed + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")


def _unnamed(sheet: Sheet) -> Layout:
    """Take a file that names no prices for what it can be alone; raise BadTable otherwise."""
    rows = sheet.first
    _, first = rows[0]
    if len(first) == 1 and numbers.is_numeric(first[0]) and not columns.is_dated(first[0]):
        # one column of figures, pasted
        return Layout([], None, 0, {"close": 0}, [], "")
    if _is_binance(rows):
        roles: dict[Role, int] = {
            "date": 0,
            "open": 1,
            "high": 2,
            "low": 3,
            "close": 4,
            "volume": 5,
        }
        return Layout(list(_BINANCE), None, 0, roles, [], "")
    is_headed = len(rows) > 1 and not columns.is_dated(first[0]) and columns.is_dated(rows[1][1][0])
    if not is_headed and any(numbers.is_numeric(cell) or columns.is_dated(cell) for cell in first):
        raise BadTable(
            f"the file has no header: add a first line that names the {len(first)} columns, such as"
            f" {'Date,Close' if len(first) == 2 else 'Date,Open,High,Low,Close'}"  # noqa: PLR2004
        )
    return _single(sheet)


def _single(sheet: Sheet) -> Layout:
    """Find the one column of numbers beside dates, whatever it is called."""
    # the row above the first that holds a date and a number, or a number alone
    at = next(
        (
            max(0, number - 1) for number, (_, cells) in enumerate(sheet.first[:_LOOKED_AT])
            if any(map(columns.is_figure, cells))
            and (len(cells) == 1 or any(map(columns.is_dated, cells)))
        ),
        0,
    )  # fmt: skip
    line, head = sheet.first[at]
    head = _without_empty_ends(head, sheet.first[at + 1 : at + 1 + _SAMPLE])
    sample = [cells for _, cells in sheet.first[at + 1 : at + 1 + _SAMPLE]]
    heads = [headings.meaning(cell) for cell in head]
    if any(
        columns.is_priced(known) and len(headings.plain(cell)) > 1
        for cell, known in zip(head, heads, strict=True)
    ):
        raise _no_prices(head, line)
    heads = [None if columns.is_priced(known) else known for known in heads]
    roles = columns.choose(heads, sample)
    figures = [
        place for place, known in enumerate(heads)
        if place not in roles.values() and columns.is_prices(sample, place)
        and (known is None or known.role == "date")
    ]  # fmt: skip
    if len(figures) == 1 and headings.is_other(head[figures[0]]):
        # changes in percent, say
        raise _no_prices(head, line)
    if "date" in roles and len(figures) == 1:
        found: dict[Role, int] = {"date": roles["date"], "close": figures[0]}
        return Layout(
            head,
            line,
            at + 1,
            found,
            columns.texts_of(head, heads, roles, sample),
            head[figures[0]],
        )
    if "date" in roles and len(figures) > 1:
        names = [head[place] or f"column {place + 1}" for place in figures]
        raise BadTable(
            f"no column is called Close, and {len(figures)} hold numbers"
            f" ({_list(head, {}, names)}): if they are closes of several instruments, send one at a"
            " time; otherwise name the columns Date, Open, High, Low, Close"
        )
    raise _no_prices(head, line)


def _no_prices(head: Sequence[str], line: int) -> BadTable:
    names = ", ".join(shown(cell) or "(empty)" for cell in head[:MAX_NAMES])
    return BadTable(
        f"line {line} names no column of prices; wanted are Date, and Close or Open, High, Low and"
        f" Close, and it has {names}"
    )


def _is_binance(rows: Sequence[Row]) -> bool:
    """Tell Binance's bulk files by all that they hold: two times, and four prices in order."""
    possible = 0
    for _, cells in rows:
        if len(cells) != len(_BINANCE) or not (
            dates.is_count(cells[0]) and dates.is_count(cells[6])
        ):
            return False
        try:
            begin, end = int(cells[0]), int(cells[6])
            opened, high, low, closed = map(float, cells[1:5])
        except ValueError:
            continue
        possible += begin < end and low <= min(opened, closed) <= max(opened, closed) <= high
    # a row that is spoilt is told of by itself
    return possible > _BINANCE_SHARE * len(rows)


_BINANCE_SHARE: Final = 0.9
