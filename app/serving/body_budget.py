"""
How many bytes of bodies and answers one worker holds at once, whoever sends them.

A body is bounded by its route, and so is what may wait; a thousand connections with a part of a
body each are bounded by neither. So a body is given room before it is read, and keeps it until its
request is answered; so is a large answer before it is made. Where there is no room, the request is
told to come back. What a client does not read of its answer is counted, too.

Large bodies may not take the last quarter: whoever fills the budget with them does not keep out
the plain forecasts of others.
"""

from types import TracebackType
from typing import Final, Self

from app.errors import TooBusy
from app.inference.worker_threads import INLINE_BYTES

_FOR_SMALL: Final = 4
"""One of so many parts is for small bodies alone."""


class BodyBudget:
    """The bytes that the bodies and answers of one worker may hold."""

    def __init__(self, most: int) -> None:
        """Give out at most so many bytes."""
        self._most = most
        self._most_of_large = most - most // _FOR_SMALL
        self.held = 0
        """Bytes that are given out."""

    def reserve(self) -> "Reservation":
        """Return the room of one request, which is none yet."""
        return Reservation(self)

    @property
    def is_over(self) -> bool:
        """Whether more is held than should be: clients do not read their answers."""
        return self.held > self._most

    def admit(self) -> None:
        """Raise TooBusy where nothing more should be answered until others have read."""
        if self.is_over:
            raise TooBusy

    def change(self, before: int, after: int) -> None:
        """Give a request other room than it had; raise TooBusy where there is none."""
        held = self.held - before + after
        if after > before and held > (self._most if after <= INLINE_BYTES else self._most_of_large):
            raise TooBusy
        self.held = held


class Reservation:
    """The room of one request; it is given back at the end of a `with`."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: BodyBudget) -> None:
        """Begin with none of a budget."""
        self._budget = budget
        self.size = 0
        """Bytes that are reserved."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def grow_to(self, size: int) -> None:
        """Reserve so many bytes in all, if fewer are; raise TooBusy where there is no room."""
        if size > self.size:
            self.resize(size)

    def grow_by(self, size: int) -> None:
        """Reserve so many bytes more; raise TooBusy where there is no room."""
        self.resize(self.size + size)

    def count(self, size: int) -> None:
        """Take note of so many bytes in all, which are there already."""
        self._budget.held += size - self.size
        self.size = size

    def resize(self, size: int) -> None:
        """Reserve so many bytes in all, more or fewer; raise TooBusy where there is no room."""
        self._budget.change(self.size, size)
        self.size = size

    def release(self) -> None:
        """Give back all of it."""
        self.resize(0)
