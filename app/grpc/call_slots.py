"""How many calls may be under way, so that nobody can keep all others out."""

import contextlib
from collections.abc import Iterator

from app.errors import TooBusy


class CallSlots:
    """A slot for each call under way; a caller has at most as many as are left for others."""

    def __init__(self, most: int) -> None:
        """Let one caller alone have so many: there are as many again, for others."""
        self._free = 2 * most
        self._held: dict[str, int] = {}

    @contextlib.contextmanager
    def hold(self, caller: str) -> Iterator[None]:
        """
        Hold a slot for a caller.

        Of n callers who want all there are, each gets one part in n + 1, and one part stays free
        for whoever comes next. Raises TooBusy.
        """
        held = self._held.get(caller, 0)
        if held >= self._free:
            raise TooBusy
        self._held[caller] = held + 1
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
            left = self._held[caller] - 1
            if left:
                self._held[caller] = left
            else:
                del self._held[caller]
