"""A walk in a vendor's layout: the sheet, and the truth about it."""

from dataclasses import dataclass
from typing import Final

from tools.price_files.cells import Cells
from tools.price_files.dates import STYLES, DateStyle
from tools.price_files.layout import Layout
from tools.price_files.layouts_asia import ASIAN_LAYOUTS
from tools.price_files.layouts_english import ENGLISH
from tools.price_files.layouts_europe import EUROPEAN_LAYOUTS, INVESTING
from tools.price_files.numbers import PLAIN, NumberStyle, is_ambiguous
from tools.price_files.price_file import Expect, PriceFile, Said, Truth, truth_of
from tools.price_files.sessions import EVERY_DAY, after
from tools.price_files.sheet import Column, Sheet
from tools.price_files.walks import FIELDS, SYMBOLS, Chance, Scale, Walk, a_walk

WORLD: Final = (*INVESTING, *EUROPEAN_LAYOUTS, *ASIAN_LAYOUTS)
LAYOUTS: Final = (*ENGLISH, *WORLD)

BY_NAME: Final = {layout.name: layout for layout in LAYOUTS}

_ENDINGS: Final = ("\n", "\n", "\n", "\r\n", "\r\n")
_EXCHANGES: Final = [name for name in SYMBOLS if name != EVERY_DAY]


@dataclass(slots=True)
class Table:
    """A sheet that may be spoilt, and what it says."""

    layout: Layout
    walk: Walk
    sheet: Sheet
    adjusted: list[float] | None

    def truth(self, walk: Walk | None = None, *, calendar: str | None = None) -> Truth:
        """Return what the sheet says, or would of another walk."""
        walk = walk or self.walk
        return truth_of(
            walk,
            fields=[field for field in FIELDS if self.sheet.has(field)],
            adjusted=self.adjusted,
            has_dates=self.sheet.has("date"),
            decimals=self.sheet.decimals,
            forecast_date=after(calendar, walk.days[-1]) if calendar else None,
        )

    def file(
        self,
        kind: str,
        shape: str,
        expect: Expect = Expect.SOUND,
        said: tuple[Said, ...] = (),
        *,
        truth: Truth | None = None,
        calendar: str | None = None,
        by_reader: bool = True,
        is_of_calendar: bool = False,
    ) -> PriceFile:
        """Return the file as it is now; one that has no truth is faulty."""
        if truth is None and expect is not Expect.FAULTY:
            truth = self.truth(calendar=calendar)
        return PriceFile(
            kind,
            f"{shape}: {self.layout.name}",
            self.sheet.content(),
            expect,
            truth,
            calendar,
            said,
            is_of_calendar,
            by_reader,
        )

    def line(self, row: int) -> int:
        """Return the line of a row in the file."""
        return self.sheet.line_of(row)


def a_table(
    chance: Chance,
    layout: Layout | None = None,
    *,
    walk: Walk | None = None,
    length: int | None = None,
    style: NumberStyle | None = None,
    date_style: DateStyle | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    scale: Scale | None = None,
    adjusted: list[float] | None = None,
) -> Table:
    """Return a table of a vendor; what is not said is chosen as the vendor has it."""
    layout = layout or chance.choice(LAYOUTS)
    delimiter = delimiter or chance.choice(layout.delimiters)
    if style is None:
        # one in which prices of so many decimals are beyond doubt
        decimals = 2 if walk is None else walk.decimals
        plain = [each for each in layout.styles if not is_ambiguous(each, decimals, delimiter)]
        style = chance.choice(plain or (PLAIN,))
    calendar = chance.choice(layout.calendars or _EXCHANGES)
    while walk is None:
        tried = a_walk(chance, calendar=calendar, scale=scale, length=length)
        if not is_ambiguous(style, tried.decimals, delimiter):
            walk = tried
    named = STYLES[chance.choice(layout.dates)]
    sheet = Sheet(
        [],
        style,
        walk.decimals,
        delimiter,
        chance.choice(layout.quoting),
        chance.choice(_ENDINGS),
        encoding or chance.choice(layout.encodings),
        {"oldest": False, "newest": True}.get(layout.order, chance.random() < 0.5),
        has_final_ending=chance.random() < 0.8,
        is_ragged=layout.is_ragged,
        space=layout.space,
        preamble=[*layout.preamble],
        footer=[*layout.footer],
    )
    if adjusted is None and "=adj" in layout.columns:
        adjusted = adjusted_closes(chance, walk)
    cells = Cells(chance, sheet, walk, date_style or named, adjusted)
    sheet.columns += [_column(layout, walk, cells, pair) for pair in layout.columns.split("|")]
    return Table(layout, walk, sheet, adjusted)


def adjusted_closes(chance: Chance, walk: Walk) -> list[float]:
    """Return closes adjusted for dividends, or for none."""
    closes = walk.bars["close"]
    if chance.random() < 0.4:
        return closes
    to, factor, found = walk.decimals + 4, 1.0, []
    for row in reversed(range(len(walk))):
        found.append(round(closes[row] * factor, to))
        if row and chance.random() < 1 / 63:
            factor *= 1 - chance.uniform(0.002, 0.012)
    return found[::-1]


def _column(layout: Layout, walk: Walk, cells: Cells, pair: str) -> Column:
    head, role = pair.rsplit("=", 1)
    if layout.name == "r" and head:
        head = f"{walk.symbol}.{head.title()}"
    return Column(head, "date" if role == "date-offset" else role, cells.of(role))
