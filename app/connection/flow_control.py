"""What one connection may keep in memory that nobody works on: bytes unread, and answers unsent."""

import asyncio
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl

from app.serving.body_budget import BodyBudget

_LOOK_S: Final = 1.0
"""Between two looks at a client who does not read."""


class BoundedFlow(FlowControl):
    """
    uvicorn's flow control, within the budget that all connections share.

    It does not read on while bytes are held that nobody has parsed, and it gives up a client who
    does not read its answers.
    """

    def __init__(self, transport: asyncio.Transport, bodies: BodyBudget, longest_s: float) -> None:
        """Give a client so long to read some of its answers."""
        super().__init__(transport)
        self.is_held = False
        """Whether bytes are held, so that no more are to be read."""
        self._unread, self._unsent = bodies.reserve(), bodies.reserve()
        self._longest_s = longest_s
        self._loop = asyncio.get_running_loop()
        self._unsent_since = 0.0
        self._bodies = bodies
        self._timer: asyncio.TimerHandle | None = None

    @property
    def keeps_unread(self) -> bool:
        """Whether there is room reserved for bytes on which nobody works yet."""
        return self._unread.size > 0

    def keep_unread(self, size: int) -> None:
        """Reserve room for so many bytes on which nobody works yet; raises TooBusy."""
        self._unread.resize(size)

    def hold(self) -> None:
        """Read no more until `let_go`."""
        self.is_held = True
        self.pause_reading()

    def let_go(self, *, read_on: bool) -> None:
        """Hold nothing any more, and read on unless there is another reason not to."""
        if self.is_held:
            self.is_held = False
            if read_on:
                self.resume_reading()

    def resume_reading(self) -> None:
        """Read on, unless what was read has to be parsed first."""
        if not self.is_held:
            super().resume_reading()

    def pause_writing(self) -> None:
        """Take note that the client does not read its answers as fast as they are written."""
        super().pause_writing()
        self._unsent.count(self._transport.get_write_buffer_size())
        self._unsent_since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_S, self._look)

    def resume_writing(self) -> None:
        """Take note that the client has read."""
        super().resume_writing()
        self._unsent.release()

    def _look(self) -> None:
        """Give up a client who reads nothing, at once where others need the memory."""
        self._timer = None
        if not self.write_paused:
            return
        size, now = self._transport.get_write_buffer_size(), self._loop.time()
        if size < self._unsent.size:
            self._unsent_since = now
        self._unsent.count(size)
        longest = _LOOK_S if self._bodies.is_over else self._longest_s
        if now - self._unsent_since >= longest:
            self._transport.abort()
        else:
            self._timer = self._loop.call_later(_LOOK_S, self._look)

    def release(self) -> None:
        """Give back what is reserved."""
        self._unread.release()
        self._unsent.release()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
