"""Text, tables and pictures, written as Markdown or as a web page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, text, a table whose first row is its head, and a picture."""

    heading: str
    text: str = ""
    """Paragraphs, with an empty line between."""
    table: Sequence[Sequence[str]] = ()
    picture: str | None = None
    drawn: bytes = b""


def to_markdown(sections: Sequence[Section], *, title: str, folder: str) -> str:
    """Write sections as Markdown, whose pictures lie in `folder`."""
    lines = [f"# {title}", ""]
    for section in sections:
        lines += [f"## {section.heading}", ""]
        if section.text:
            lines += [section.text, ""]
        if section.table:
            head, *rows = section.table
            lines += [_row(head), "|" + "---|" * len(head), *map(_row, rows), ""]
        if section.picture:
            lines += [f"![{section.heading}]({folder}/{section.picture})", ""]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def to_html(sections: Sequence[Section], *, title: str) -> str:
    """Write sections as one HTML page, whose pictures lie beside it."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for section in sections:
        parts.append(f"<h2>{html.escape(section.heading)}</h2>")
        parts += [f"<p>{html.escape(text)}</p>" for text in section.text.split("\n\n") if text]
        if section.table:
            head, *rows = section.table
            cells = [_cells(head, "th"), *(_cells(row, "td") for row in rows)]
            parts.append(f"<table>{''.join(cells)}</table>")
        if section.picture:
            parts.append(f'<img src="{section.picture}" alt="{html.escape(section.heading)}">')
    return _WEB_PAGE.format(title=html.escape(title), body="\n".join(parts))


def _cells(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"


_WEB_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 2rem 1rem }}
table {{ border-collapse: collapse }} th, td {{ padding: .2rem .7rem; text-align: right }}
th:first-child, td:first-child {{ text-align: left }} tr {{ border-bottom: 1px solid #ccc }}
img {{ max-width: 100% }}
</style>
<body>
{body}
<p>Not investment advice.</p>
</body></html>
"""
