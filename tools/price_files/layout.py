"""What is peculiar to one vendor's table."""

from dataclasses import dataclass

from tools.price_files.numbers import PLAIN, TRIMMED, NumberStyle


@dataclass(frozen=True, slots=True)
class Layout:
    """One vendor's table."""

    name: str
    columns: str
    """`head=role`, with bars between: see `Sheet` and `tables.cells_of`."""
    dates: tuple[str, ...] = ("iso",)
    styles: tuple[NumberStyle, ...] = (PLAIN, TRIMMED)
    delimiters: tuple[str, ...] = (",",)
    order: str = "oldest"
    """`oldest` or `newest` first, or `any`."""
    quoting: tuple[str, ...] = ("minimal",)
    encodings: tuple[str, ...] = ("utf-8",)
    calendars: tuple[str, ...] = ()
    """Of the instruments; all but 24/7 where none is named."""
    preamble: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    space: str = ""
    is_ragged: bool = False
