"""What somebody sent, made fit to be said again in a message: short, and of printable letters."""

from collections.abc import Sequence
from typing import Final

MAX_NAMES: Final = 8
"""That a message lists."""
_LONGEST: Final = 24


def several(names: Sequence[str]) -> str:
    """Name instruments, the first few and how many there are, without what may not be printed."""
    listed = ", ".join(map(shown, names[:MAX_NAMES]))
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{len(names)} instruments ({listed}{more})"


def shown(text: str) -> str:
    """Make what somebody sent fit for a message: short, and of printable letters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST])
    return plain + ("…" if len(text) > _LONGEST else "")
