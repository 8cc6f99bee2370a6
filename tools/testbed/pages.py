"""Tables that are measured, in the pages that show them."""

from datetime import UTC, datetime
from pathlib import Path


def replace_table(page: Path, name: str, table: str, *, measured: str) -> None:
    """Put a table between the marks of that name in a page, with the day on which it was made."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    told = measured.format(day=datetime.now(UTC).date())
    page.write_text(f"{before}{begin}\n{told}\n\n{table}\n{end}{after}", encoding="utf-8")
