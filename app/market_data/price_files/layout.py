"""
Where in a file what is: its header, and the column of each role, by name and by what it holds.

Nothing is taken for a price because it stands where one often does, but for what has one meaning
alone: a single column of numbers, and Binance's twelve.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from app.errors import BadTable
from app.market_data.price_files import dates, headings, numbers
from app.market_data.price_files.headings import Head, Role
from app.market_data.price_files.sheets import Row, Sheet

PRICES: Final[tuple[Role, ...]] = ("open", "high", "low", "close", "adjusted", "wanted")
_LOOKED_AT: Final = 60
"""Rows among which the header is."""
_SUBHEADS: Final = 4
"""Rows between the header and the first session, and those above it, that may name instruments."""
_SAMPLE: Final = 20
"""Rows below the header that tell what a column holds."""
_MAX_TEXTS: Final = 8
"""Columns of text that are looked at for instruments."""
_ONE_LETTER: Final = frozenset("ohlc")
_BINANCE: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_NAMED: Final = 8
"""Heads that a message lists."""
_LONGEST_NAME: Final = 30


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
    if any(_has_figures(below, at) for role, at in named.roles.items() if role in PRICES):
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
    if any(is_same(cell, name) for name in wanted for cell in cells):
        roles.add("wanted")
    if not roles & set(PRICES):
        return 0
    # a row of figures is no header, whatever else is in it
    if sum(map(_is_figure, cells)) * 3 > len(cells):
        return 0
    return len(roles) * 4 + sum(head is not None for head in heads)


def _named(sheet: Sheet, at: int, wanted: Sequence[str]) -> Layout | None:
    line, head = sheet.first[at]
    head = _without_empty_ends(head)
    below = sheet.first[at + 1 : at + 1 + _SUBHEADS + _SAMPLE]
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
    roles = _roles(heads, sample)
    asked_for = next(
        (head.index(cell) for name in wanted for cell in head if is_same(cell, name)), None
    )
    if asked_for is not None:
        roles["wanted"] = asked_for
    if not {*PRICES} & roles.keys():
        return None
    if not {"close", "adjusted", "wanted"} & roles.keys():
        _refuse_wide(head, heads, roles, sample)
    texts = _texts(head, heads, roles, sample)
    instrument = next(iter(set(tags.values())), "") if tags else ""
    unknown = _unknown_prices(head, heads, roles, sample)
    return Layout(head, line, at + 1 + subheads, roles, texts, instrument, unknown)


def _unknown_prices(
    head: Sequence[str],
    heads: Sequence[Head | None],
    roles: dict[Role, int],
    sample: Sequence[list[str]],
) -> str:
    """Find a column that moves with the closes, where the highs, say, have no name known here."""
    known = len({"open", "high", "low"} & roles.keys())
    if known == len(("open", "high", "low")) or "close" not in roles:
        return ""
    near = [
        head[at] for at in range(len(head))
        if heads[at] is None and at not in roles.values() and not headings.is_other(head[at])
        and _is_near(sample, at, roles["close"])
    ]  # fmt: skip
    # beside closes alone one or two may be anything
    return near[0] if near and (known or len(near) > 2) else ""  # noqa: PLR2004


def _is_near(sample: Sequence[list[str]], at: int, close: int) -> bool:
    pairs = [(_figure(row, at), _figure(row, close)) for row in sample]
    whole = [(one, other) for one, other in pairs if one and other]
    return len(whole) > 1 and all(0.5 < one / other < 2 for one, other in whole)  # noqa: PLR2004


def _figure(row: Sequence[str], at: int) -> float | None:
    text = numbers.bare(row[at]) if at < len(row) and not is_dated(row[at]) else None
    try:
        return None if text is None else float(text.replace(",", "."))
    except ValueError:
        return None


def _without_empty_ends(head: list[str]) -> list[str]:
    end = len(head)
    while end and not head[end - 1]:
        end -= 1
    return head[:end]


def _row_names(head: list[str], heads: list[Head | None], below: Sequence[Row]) -> int:
    """Tell whether rows begin with a name that has no head, as R's `write.table` has them."""
    if any(known is not None and known.role == "date" for known in heads) or not head[0]:
        return 0
    return int(
        all(len(cells) == len(head) + 1 and is_dated(cells[0]) for _, cells in below[:_SAMPLE])
        # and not for a delimiter at the end of each line
        and any(cells[-1] for _, cells in below[:_SAMPLE])
    )


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
        if _has_figures(rows, place) or _is_blank(rows, place):
            continue
        kept[place] = None
        if _holds(rows, place, is_dated) or any(
            other is not None and other.role == known.role and _has_figures(rows, at)
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
        is_empty = all(cell.lower() in numbers.NO_PRICE for cell in priced)
        if is_empty and any(is_dated(cell) for cell in cells):
            # a day without prices
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
        if len(named) == len(places) and not any(map(headings.meaning, named.values())):
            # of the names that stand there for a row, units are the same throughout
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


def several(names: Sequence[str]) -> str:
    """Name instruments, the first few and how many there are, without what may not be printed."""
    listed = ", ".join(map(shown, names[:_NAMED]))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} instruments ({listed}{more})"


def shown(text: str) -> str:
    """Make what somebody sent fit for a message: short, and of printable letters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_NAME])
    return plain + ("…" if len(text) > _LONGEST_NAME else "")


def _without_lone_letters(head: Sequence[str], heads: list[Head | None]) -> list[Head | None]:
    """Take `C` for closes only where O, H, L and C are all there: it may be an instrument."""
    letters = {headings.plain(cell) for cell in head} & _ONE_LETTER
    if letters == _ONE_LETTER and sum(map(_is_priced, heads)) == len(_ONE_LETTER):
        return heads
    return [
        None
        if known is not None and known.role in PRICES and headings.plain(cell) in _ONE_LETTER
        else known
        for cell, known in zip(head, heads, strict=True)
    ]


def _is_priced(head: Head | None) -> bool:
    return head is not None and head.role in PRICES


def _roles(heads: Sequence[Head | None], sample: Sequence[list[str]]) -> dict[Role, int]:
    """Choose the column of each role: the best named of those that hold what they should."""
    roles: dict[Role, int] = {}
    for role in (*PRICES, "volume", "instrument"):
        named = [
            (head.rank + (50 if head.tag else 0), at)
            for at, head in enumerate(heads)
            if head is not None and head.role == role and not head.copy
        ]
        if role in PRICES:
            held = [one for one in named if _is_prices(sample, one[1]) or _is_blank(sample, one[1])]
            named = held or [one for one in named if _has_figures(sample, one[1])] or named
        if named:
            roles[role] = min(named)[1]
    dated = [
        (head.rank, at) for at, head in enumerate(heads)
        if head is not None and head.role == "date" and _holds(sample, at, is_dated)
    ]  # fmt: skip
    written = [one for one in dated if not _holds(sample, one[1], dates.is_count)]
    if dated:
        # of a date that is written and one that is counted, the written one
        roles["date"] = min(written or dated)[1]
    else:
        free = [
            at for at, known in enumerate(heads)
            if at not in roles.values() and (known is None or known.role == "date")
        ]  # fmt: skip
        at = _by_content(free, heads, sample)
        if at is not None:
            roles["date"] = at
    at = _time_of_day(heads, roles, sample)
    if at is not None:
        roles["time"] = at
    return roles


def _is_named_date(head: Head | None) -> bool:
    return head is not None and head.role == "date"


def _by_content(
    free: Sequence[int], heads: Sequence[Head | None], sample: Sequence[list[str]]
) -> int | None:
    """Find the first column that holds dates; of named ones also where some line is at fault."""
    for at in free:
        if _holds(sample, at, dates.is_date):
            return at
    first = free[0] if free else None
    if first == 0 and _holds(sample, 0, dates.is_count) and _skips_days(sample):
        return first
    # what is called a date and is none is refused by line
    return next(
        (
            at for at in free
            if at < len(heads) and _is_named_date(heads[at]) and not _holds(sample, at, dates.is_time)
            and any(at < len(cells) and cells[at] and not numbers.is_numeric(cells[at]) for cells in sample)
        ),
        None,
    )  # fmt: skip


def _skips_days(sample: Sequence[list[str]]) -> bool:
    """Tell Excel's days from rows that are counted: sessions leave days out."""
    counts = [int(cells[0].partition(".")[0]) for cells in sample if cells[0]]
    return abs(counts[-1] - counts[0]) > len(counts) - 1 if len(counts) > 1 else False


def _time_of_day(
    heads: Sequence[Head | None], roles: dict[Role, int], sample: Sequence[list[str]]
) -> int | None:
    if "date" not in roles:
        return None
    return next(
        (
            at for at, head in enumerate(heads)
            if head is not None and head.role in {"date", "time"} and at != roles["date"]
            and _holds(sample, at, dates.is_time)
        ),
        None,
    )  # fmt: skip


def is_instrument(head: str) -> bool:
    """Tell whether a column is called Symbol or the like."""
    known = headings.meaning(head)
    return known is not None and known.role == "instrument"


def is_same(head: str, name: str) -> bool:
    """Tell whether a head is what somebody calls it, but for case and punctuation."""
    return head == name or headings.plain(head) == headings.plain(name) != ""


def is_dated(cell: str) -> bool:
    """Tell whether a cell may be a date, a count of days or seconds for one."""
    return dates.is_date(cell) or dates.is_count(cell)


def _holds(sample: Sequence[list[str]], at: int, what: Callable[[str], bool]) -> bool:
    """Tell whether most cells of a column that are not empty are of a kind."""
    cells = [row[at] for row in sample if at < len(row) and row[at].lower() not in numbers.NO_PRICE]
    return bool(cells) and sum(map(what, cells)) * 2 > len(cells)


def _is_blank(sample: Sequence[list[str]], at: int) -> bool:
    return not any(at < len(row) and row[at].lower() not in numbers.NO_PRICE for row in sample)


def _is_prices(sample: Sequence[list[str]], at: int) -> bool:
    return _holds(sample, at, _is_figure)


def _has_figures(sample: Sequence[list[str]], at: int) -> bool:
    return any(at < len(row) and _is_figure(row[at]) for row in sample)


def _is_figure(cell: str) -> bool:
    return numbers.is_numeric(cell) and not dates.is_date(cell)


def _texts(
    head: Sequence[str],
    heads: Sequence[Head | None],
    roles: dict[Role, int],
    sample: Sequence[list[str]],
) -> list[int]:
    """Return the columns that may name instruments: those that are called so, then other texts."""
    named = [
        at for at, known in enumerate(heads) if known is not None and known.role == "instrument"
    ]
    others = [
        at for at in range(len(head))
        if at not in roles.values() and at not in named
        and (_holds(sample, at, _is_text) or (heads[at] is None and _is_code(sample, at)))
    ]  # fmt: skip
    return [*named, *others][:_MAX_TEXTS]


def _is_code(sample: Sequence[list[str]], at: int) -> bool:
    """Tell whether a column has few whole numbers: they may be those of instruments."""
    cells = {row[at] for row in sample if at < len(row)}
    return len(cells) * 2 <= len(sample) and all(map(str.isdecimal, cells))


def _is_text(cell: str) -> bool:
    return not (
        numbers.is_numeric(cell) or cell.endswith("%") or dates.is_time(cell) or dates.is_date(cell)
        or numbers.volume(cell) == numbers.volume(cell)
    )  # fmt: skip


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
        if heads[at] is None and at not in roles.values() and _is_prices(sample, at)
        and (not {"open", "high", "low"} <= roles.keys() or _is_near(sample, at, other))
    ]  # fmt: skip
    if others:
        raise BadTable(
            f"no column is called Close, and several hold numbers ({_list(head, roles, others)}):"
            " if each is an instrument, send one at a time"
        )


def _list(head: Sequence[str], roles: dict[Role, int], others: Sequence[str]) -> str:
    names = [head[roles[role]] for role in PRICES if role in roles] + list(others)
    listed = ", ".join(map(shown, names[:_NAMED]))
    return listed + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _unnamed(sheet: Sheet) -> Layout:
    """Take a file that names no prices for what it can be alone; raise BadTable otherwise."""
    rows = sheet.first
    line, first = rows[0]
    if len(first) == 1 and numbers.is_numeric(first[0]) and not is_dated(first[0]):
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
    is_headed = len(rows) > 1 and not is_dated(first[0]) and is_dated(rows[1][1][0])
    if not is_headed and any(numbers.is_numeric(cell) or is_dated(cell) for cell in first):
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
            if any(map(_is_figure, cells)) and (len(cells) == 1 or any(map(is_dated, cells)))
        ),
        0,
    )  # fmt: skip
    line, head = sheet.first[at]
    head = _without_empty_ends(head)
    sample = [cells for _, cells in sheet.first[at + 1 : at + 1 + _SAMPLE]]
    heads = [headings.meaning(cell) for cell in head]
    if any(
        _is_priced(known) and len(headings.plain(cell)) > 1
        for cell, known in zip(head, heads, strict=True)
    ):
        raise _no_prices(head, line)
    heads = [None if _is_priced(known) else known for known in heads]
    roles = _roles(heads, sample)
    figures = [
        place for place, known in enumerate(heads)
        if place not in roles.values() and _is_prices(sample, place)
        and (known is None or known.role == "date")
    ]  # fmt: skip
    if "date" in roles and len(figures) == 1:
        found: dict[Role, int] = {"date": roles["date"], "close": figures[0]}
        return Layout(
            head, line, at + 1, found, _texts(head, heads, roles, sample), head[figures[0]]
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
    names = ", ".join(shown(cell) or "(empty)" for cell in head[:_NAMED])
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
