"""
Calls that come at the same time wait for each other, so that they run together.

gRPC hands calls over one by one, from a thread of its own that hardly gets the core while the
event loop works: each call would be run alone, and none be taken meanwhile. So where calls overlap
they wait for some milliseconds, as long as each of them brings more; alone, a call waits for
nothing.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

_TURN_S: Final = 0.001
"""The shortest that an event loop can wait."""
_MOST_TURNS: Final = 4


class CallCoalescer:
    """Who is under way, and who waits for the others."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.is_last = False
        """Whether no more calls will come; the server says so."""
        self._under_way = 0
        self._here: list[asyncio.Future[None]] = []
        self._turn, self._were_here = 0, 0

    @contextlib.contextmanager
    def call(self) -> Iterator[bool]:
        """Note that a call is under way; give whether it came while another one was."""
        self._under_way += 1
        try:
            yield self._under_way > 1
        finally:
            self._under_way -= 1

    async def others(self) -> None:
        """Wait for those who are coming."""
        waiting = asyncio.get_running_loop().create_future()
        self._here.append(waiting)
        if len(self._here) == 1:
            self._turn, self._were_here = 0, 1
            self._look_again()
        await waiting

    def _look_again(self) -> None:
        asyncio.get_running_loop().call_later(_TURN_S, self._look)

    def _look(self) -> None:
        self._turn += 1
        if self._turn < _MOST_TURNS and len(self._here) > self._were_here:
            self._were_here = len(self._here)
            self._look_again()
            return
        here, self._here = self._here, []
        for each in here:
            if not each.done():
                each.set_result(None)
