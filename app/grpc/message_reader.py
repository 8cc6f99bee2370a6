"""
Reads the message of a call, and waits for few of those that do not come.

A message is there with its call, nearly always, and is read in a fraction of a millisecond. What
comes slowly costs memory that nobody sees: gRPC keeps what it has of a message until it is whole.
So only as many calls as memory allows may wait for longer than a second, and where the process
grows by half of it meanwhile, for longer than a moment.
"""

import asyncio
from collections import Counter
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from grpc.aio import ServicerContext

from app.errors import BadInput, BodyTooSlow, TooBusy
from app.observability.metrics import resident_bytes

Context: TypeAlias = ServicerContext[bytes, bytes]

_ROUND_S: Final = 0.05
"""Between two looks at who waits, where too many do."""
_ROUNDS: Final = 21
"""
That a call may wait: a second at least. By looks, not by a clock, so that an event loop that has
been held up reads what came meanwhile before it ends whoever has waited.
"""
_LEAVES_S: Final = 0.05


class _Waiting(NamedTuple):
    """A call whose message has not come."""

    caller: str
    since: int
    """The round in which it came."""


class MessageReader:
    """Who waits for a message, the longest first."""

    def __init__(self, longest_s: float, most_bytes: int, message_bytes: int) -> None:
        """
        Wait for a message so long.

        What is not there at once may take `most_bytes` in all, and a message `message_bytes`.
        """
        self._longest_s = longest_s
        self._most_bytes = most_bytes
        self._most = max(1, most_bytes // message_bytes)
        self._resident_bytes = 0
        self._waiting: dict[asyncio.Timeout, _Waiting] = {}
        self._round = 0
        self._looking = False

    async def read(self, context: Context, caller: str) -> bytes:
        """
        Return the message of a call.

        Raises BodyTooSlow, TooBusy where it made room for others, and BadInput where the call
        ends without a message.
        """
        limit = asyncio.timeout(self._longest_s)
        self._waiting[limit] = _Waiting(caller, self._round)
        if len(self._waiting) > self._most and not self._looking:
            self._looking, self._resident_bytes = True, resident_bytes()
            self._look_later()
        try:
            async with limit:
                message: object = await context.read()
        except TimeoutError:
            raise (BodyTooSlow if limit in self._waiting else TooBusy) from None
        finally:
            self._waiting.pop(limit, None)
        if not isinstance(message, bytes):
            # the end, and nothing before it: of whoever has left, the call is cancelled right after
            await asyncio.sleep(_LEAVES_S)
            raise BadInput("the call holds no message")
        return message

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(_ROUND_S, self._look)

    def _look(self) -> None:
        self._round += 1
        self._make_room(len(self._waiting) - self._most)
        if len(self._waiting) > self._most:
            self._look_later()
        else:
            self._looking = False

    def _make_room(self, excess: int) -> None:
        """End so many waits of a second or more, each the longest of whoever has the most."""
        grown = resident_bytes() - self._resident_bytes
        latest = self._round - (_ROUNDS if grown < self._most_bytes // 2 else 1)
        of_caller = Counter(each.caller for each in self._waiting.values())
        long: list[tuple[int, asyncio.Timeout]] = []
        for limit, each in self._waiting.items():
            if each.since <= latest:
                long.append((of_caller[each.caller], limit))
            of_caller[each.caller] -= 1
        long.sort(key=itemgetter(0), reverse=True)
        for _, limit in long[: max(0, excess)]:
            del self._waiting[limit]
            limit.reschedule(asyncio.get_running_loop().time())
