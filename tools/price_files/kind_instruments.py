"""B: one instrument, or several in one file, beside or below each other."""

import re
from collections.abc import Sequence
from typing import Final

from tools.price_files.numbers import PLAIN, TRIMMED
from tools.price_files.price_file import SEVERAL, Expect, PriceFile, Said, truth_of
from tools.price_files.sessions import EVERY_DAY
from tools.price_files.sheet import Column, Sheet
from tools.price_files.tables import BY_NAME, LAYOUTS, a_table
from tools.price_files.walks import FIELDS, SHARE, Chance, Walk, a_walk

KIND: Final = "B instruments"

_HEADS: Final = (
    *("Name", "Index", "ts_code", "symbol", "Symbol", "Ticker", "ticker", "TICKER", "code", "Code"),
    *("Instrument", "ISIN", "security", "SECID", "asset", "Company", "coin", "pair", "act_symbol"),
    *(
        "股票代码",
        "代码",
        "Wertpapier",
        "Nazwa",
        "銘柄コード",
        "종목코드",
        "paper",
        "issue",
        "Scrip",
    ),
    *("Unnamed: 1", "variable", "RIC", "permno", "", "which", "Type", "market", "id", "level_1"),
)
_TICKERS: Final = (
    ("AAPL", "MSFT", "GOOG", "AMZN", "NVDA"),
    ("A", "C", "F", "T", "O"),
    ("1301", "1332", "7203", "6758"),
    ("000001.SZ", "600519.SH", "000002.SZ"),
    ("BTC-USD", "ETH-USD", "SOL-USD"),
    ("NIFTY 50", "NIFTY BANK", "INDIA VIX"),
    ("SAP SE", "BMW AG", "Allianz SE"),
    ("DE0007164600", "DE0005190003", "DE0008404005"),
)
_FLAT: Final = (
    "{field}_{ticker}",
    "{ticker}_{field}",
    "{ticker}.{field}",
    "{field} {ticker}",
    "{ticker} {field}",
    "('{field}', '{ticker}')",
    "{ticker}-{field}",
    "{field}.{ticker}",
    "({field!r}, {ticker!r})",
    "{ticker} - {field}",
    "{ticker}:{field}",
)


def one_in_a_column(chance: Chance) -> PriceFile:
    """Name the one instrument in a column of any name."""
    table = a_table(chance, BY_NAME["stooq"])
    at = chance.randrange(len(table.sheet.columns) + 1)
    name = chance.choice(chance.choice(_TICKERS))
    table.sheet.insert(at, _head(chance, at), "symbol", [name] * len(table.walk))
    return table.file(KIND, "one name in a column")


def one_by_yfinance(chance: Chance) -> PriceFile:
    """Write yfinance's frame of one ticker in any of its ways."""
    walk = a_walk(chance, calendar=chance.choice(("XNYS", EVERY_DAY)))
    return _yfinance(chance, [walk], [chance.choice(("AAPL", "F", "BTC-USD", "^GSPC"))])


def one_flattened(chance: Chance) -> PriceFile:
    """Name the one instrument in every head."""
    walk = a_walk(chance)
    return _flat(chance, [walk], [chance.choice(("AAPL", "MSFT", "F", "BRK-B", "SPY", "7203.T"))])


def one_column_of_a_name(chance: Chance) -> PriceFile:
    """Give closes under the instrument's name."""
    walk = a_walk(chance)
    head = chance.choice(
        ("AAPL", "SP500", "Price", "Value", "Kurs", "NAV", "close", "BTC", "^GSPC")
    )
    sheet = _closes([walk], [head])
    return PriceFile(
        KIND, "one column", sheet.content(), Expect.SOUND, truth_of(walk, fields=["close"])
    )


def other_text_that_varies(chance: Chance) -> PriceFile:
    """Name the day of the week, which is no instrument."""
    table = a_table(chance, BY_NAME["stooq"])
    names = [day.strftime(chance.choice(("%A",))) for day in table.walk.days]
    table.sheet.insert(
        chance.choice((0, 1, 6)), chance.choice(("Day", "Weekday", "dow")), "text", names
    )
    return table.file(KIND, "days of the week")


def as_vendors_name_it(chance: Chance) -> PriceFile:
    """Make a vendor's file that names its instrument."""
    named = [layout for layout in LAYOUTS if "=symbol" in layout.columns or layout.name == "r"]
    return a_table(chance, chance.choice(named)).file(KIND, "named by the vendor")


def several_in_a_column(chance: Chance) -> PriceFile:
    """Put several instruments below each other, or by day."""
    walks, tickers = _several(chance)
    rows = [(at, row) for at, walk in enumerate(walks) for row in range(len(walk))]
    shape = "below each other"
    if chance.random() < 0.5:
        rows.sort(key=lambda each: (each[1], each[0]))
        shape = "by day"
    sheet = _stacked(chance, walks, rows)
    at = chance.choice((0, 1, len(sheet.columns)))
    head = _head(chance, at)
    sheet.insert(at, head, "symbol", [tickers[which] for which, _ in rows])
    return _refused(sheet, f"several {shape}, named", (*_named(tickers),))


def several_disjoint(chance: Chance) -> PriceFile:
    """Put one instrument's days after another's, named in a column."""
    walks, tickers = _several(chance, 2)
    cut = len(walks[0]) // 2
    rows = [(0, row) for row in range(cut)] + [(1, row) for row in range(cut, len(walks[1]))]
    sheet = _stacked(chance, walks, rows)
    sheet.is_newest_first = chance.random() < 0.4
    place = chance.choice((0, 1, len(sheet.columns)))
    sheet.insert(place, _head(chance, place), "symbol", [tickers[at] for at, _ in rows])
    return _refused(sheet, "several, one after the other", (*_named(tickers),))


def several_without_names(chance: Chance) -> PriceFile:
    """Put several below each other, or by day, and name none."""
    walks, _ = _several(chance)
    rows = [(at, row) for at, walk in enumerate(walks) for row in range(len(walk))]
    if chance.random() < 0.5:
        rows.sort(key=lambda each: (each[1], each[0]))
    sheet = _stacked(chance, walks, rows)
    sheet.is_newest_first = chance.random() < 0.4
    return _refused(sheet, "equal dates, other prices", ((*SEVERAL, r"same date", r"duplicate"),))


def a_few_rows_of_another(chance: Chance) -> PriceFile:
    """Put the last days of another instrument at the end."""
    walks, tickers = _several(chance, 2)
    few = chance.randrange(1, 6)
    rows = [(0, row) for row in range(len(walks[0]))]
    rows += [(1, row) for row in range(len(walks[1]) - few, len(walks[1]))]
    sheet = _stacked(chance, walks, rows)
    if chance.random() < 0.6:
        sheet.insert(1, _head(chance, 1), "symbol", [tickers[at] for at, _ in rows])
    return _refused(sheet, "a few rows of another", ())


def wide_closes(chance: Chance) -> PriceFile:
    """Put closes side by side under their names, of one letter too."""
    walks, tickers = _several(chance)
    if chance.random() < 0.5:
        letters = chance.choice(("A C MSFT O", "O H L X", "C F T", "A C", "H L C", "C D"))
        tickers = letters.split()
        walks = [a_walk(chance, days=walks[0].days, scale=SHARE) for _ in tickers]
    sheet = _closes(walks, tickers)
    sheet.is_newest_first = chance.random() < 0.4
    return _refused(sheet, f"closes side by side: {','.join(tickers)}", (*_named(tickers),))


def several_by_yfinance(chance: Chance) -> PriceFile:
    """Write yfinance's frame of several tickers in any of its ways."""
    walks, _ = _several(chance)
    tickers = ["AAPL", "MSFT", "GOOG", "AMZN", "NVDA"][: len(walks)]
    return _yfinance(chance, walks, tickers)


def several_flattened(chance: Chance) -> PriceFile:
    """Put several side by side, named in the heads."""
    walks, _ = _several(chance)
    return _flat(chance, walks, ["AAPL", "MSFT", "GOOG", "AMZN", "NVDA"][: len(walks)])


def repeated_heads(chance: Chance) -> PriceFile:
    """Put two side by side under heads that repeat."""
    walks, _ = _several(chance, 2)
    sheet = _closes(walks[:1], ["Close"])
    sheet.columns = sheet.columns[:1]
    numbered = chance.random() < 0.5
    for at, walk in enumerate(walks):
        for field in FIELDS:
            head = field.title() + (f".{at}" if numbered and at else "")
            sheet.columns.append(Column(head, field, _cells(walk, field)))
    return _refused(sheet, "heads that repeat", ((*SEVERAL, r"repeat"),))


def _head(chance: Chance, at: int) -> str:
    """Choose a head; only a first column has an empty one, as an index has it."""
    return chance.choice([each for each in _HEADS if each or at == 0])


def _several(chance: Chance, count: int = 0) -> tuple[list[Walk], list[str]]:
    tickers = chance.choice(_TICKERS)
    count = count or chance.randrange(2, len(tickers) + 1)
    first = a_walk(chance, calendar="XNYS", scale=SHARE, length=chance.randrange(120, 260))
    others = [a_walk(chance, days=first.days, scale=SHARE) for _ in range(count - 1)]
    return [first, *others], list(tickers[:count])


def _cells(walk: Walk, field: str) -> list[str]:
    return [PLAIN.write(price, walk.decimals) for price in walk.bars[field]]


def _days(walk: Walk) -> Column:
    return Column("Date", "date", [day.isoformat() for day in walk.days])


def _closes(walks: Sequence[Walk], heads: Sequence[str]) -> Sheet:
    sheet = Sheet([_days(walks[0])], PLAIN, walks[0].decimals)
    sheet.columns += [
        Column(head, "close", _cells(walk, "close"))
        for walk, head in zip(walks, heads, strict=True)
    ]
    return sheet


def _stacked(chance: Chance, walks: list[Walk], rows: list[tuple[int, int]]) -> Sheet:
    sheet = Sheet([Column("Date", "date", [str(walks[at].days[row]) for at, row in rows])])
    for field in FIELDS:
        cells = [PLAIN.write(walks[at].bars[field][row], walks[at].decimals) for at, row in rows]
        sheet.columns.append(Column(field.title(), field, cells))
    if chance.random() < 0.7:
        cells = [str(walks[at].volumes[row]) for at, row in rows]
        sheet.columns.append(Column("Volume", "volume", cells))
    return sheet


def _yfinance(chance: Chance, walks: list[Walk], tickers: list[str]) -> PriceFile:
    """Write a frame with heads of two levels, by field or by ticker, its index reset or not."""
    fields = ["Close", "High", "Low", "Open", "Volume"]
    if chance.random() < 0.4:
        fields.insert(0, "Adj Close")
    by_ticker = chance.random() < 0.4
    pairs = [(field, at) for field in fields for at in range(len(walks))]
    if by_ticker:
        pairs.sort(key=lambda pair: pair[1])
    levels = [[field for field, _ in pairs], [tickers[at] for _, at in pairs]]
    if by_ticker:
        levels.reverse()
    way = chance.choice(("index", "index", "reset", "datareader", "no names"))
    names = {
        "index": ("Price", "Ticker"),
        "reset": ("Date", ""),
        "datareader": ("Attributes", "Symbols"),
        "no names": ("", ""),
    }[way]
    if by_ticker and way != "reset":
        names = names[::-1]
    columns = [Column(names[0], "date", [str(day) for day in walks[0].days])]
    for (field, at), head in zip(pairs, levels[0], strict=True):
        name = "close" if field == "Adj Close" else field.lower()
        role = name if field != "Adj Close" else "adj"
        cells = (
            [str(volume) for volume in walks[at].volumes]
            if name == "volume"
            else [TRIMMED.write(price, 2) for price in walks[at].bars[name]]
        )
        columns.append(Column(head, role, cells))
    sheet = Sheet(columns, TRIMMED, walks[0].decimals)
    sheet.more_heads = [[names[1], *levels[1]]]
    if way != "reset":
        sheet.more_heads.append(["Date", *[""] * len(pairs)])
    shape = f"yfinance, {way}, {'ticker' if by_ticker else 'field'} first"
    if len(walks) > 1:
        return _refused(sheet, f"{shape}, several", (*_named(tickers),))
    return PriceFile(KIND, shape, sheet.content(), Expect.SOUND, truth_of(walks[0]))


def _flat(chance: Chance, walks: list[Walk], tickers: list[str]) -> PriceFile:
    form = chance.choice(_FLAT)
    case = chance.choice((str.title, str.title, str.lower, str.upper))
    sheet = Sheet([_days(walks[0])], PLAIN, walks[0].decimals)
    if form.startswith("("):
        sheet.columns[0].head = chance.choice(("Date", "('Date', '')", ""))
    pairs = [(field, at) for field in (*FIELDS, "volume") for at in range(len(walks))]
    if chance.random() < 0.5:
        pairs.sort(key=lambda pair: pair[1])
    for field, at in pairs:
        cells = [*map(str, walks[at].volumes)] if field == "volume" else _cells(walks[at], field)
        head = form.format(field=case(field), ticker=tickers[at])
        sheet.columns.append(Column(head, field, cells))
    shape = f"heads as {form}"
    if len(walks) > 1:
        return _refused(sheet, f"{shape}, several", (*_named(tickers),))
    return PriceFile(KIND, shape, sheet.content(), Expect.SOUND, truth_of(walks[0]))


def _named(tickers: Sequence[str]) -> tuple[Said, ...]:
    """Return what names two instruments at least; with more of them, the first may do."""
    return tuple((_word(ticker),) for ticker in tickers[:2])


def _word(text: str) -> str:
    # a name of one letter has to stand by itself
    return rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])"


def _refused(sheet: Sheet, shape: str, said: tuple[Said, ...]) -> PriceFile:
    return PriceFile(KIND, shape, sheet.content(), Expect.FAULTY, said=said)


def different_lengths(chance: Chance) -> PriceFile:
    """Put several by day, of which one begins later."""
    walks, tickers = _several(chance, 2)
    begin = chance.randrange(20, 60)
    rows = [(at, row) for row in range(len(walks[0])) for at in (0, 1) if at == 0 or row >= begin]
    sheet = _stacked(chance, walks, rows)
    sheet.insert(0, _head(chance, 0), "symbol", [tickers[at] for at, _ in rows])
    return _refused(sheet, "one begins later", (*_named(tickers),))


SOUND: Final = (
    one_in_a_column,
    one_by_yfinance,
    one_flattened,
    one_column_of_a_name,
    other_text_that_varies,
    as_vendors_name_it,
)
FAULTY: Final = (
    several_in_a_column,
    several_by_yfinance,
    wide_closes,
    several_flattened,
    several_disjoint,
    several_without_names,
    repeated_heads,
    a_few_rows_of_another,
    different_lengths,
)
