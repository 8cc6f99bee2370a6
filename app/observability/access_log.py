"""One line of JSON for each request, on standard output."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import BinaryIO, Final

from pydantic_core import to_json

from app.observability.request_record import Seen

_AFTER_S: Final = 0.02
"""Requests wait so long for others: to write each line by itself costs more than all of it."""


class RequestLog:
    """Writes lines to a stream, many at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        """Write to a stream of bytes."""
        self._stream = stream
        self._lines: list[tuple[Seen, int]] = []
        self._offset = time.time() - time.perf_counter()
        """What makes a time of day of the clock that requests are timed by."""

    def tell(self, seen: Seen, status: int) -> None:
        """Note the line of a request; within an event loop."""
        if not self._lines:
            asyncio.get_running_loop().call_later(_AFTER_S, self.flush)
        self._lines.append((seen, status))

    def flush(self) -> None:
        """Write what has been noted; a reader that has gone is no reason to stop serving."""
        noted, self._lines = self._lines, []
        if noted:
            with contextlib.suppress(OSError, ValueError):
                # control characters come out escaped, so that one request is one line
                lines = [to_json(self._line(seen, status)) for seen, status in noted]
                self._stream.write(b"\n".join([*lines, b""]))
                self._stream.flush()

    def _line(self, seen: Seen, status: int) -> dict[str, object]:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(self._offset + seen.arrived, UTC),
            "id": seen.id,
            "route": seen.route,
            "status": status,
            "ms": round(1000 * seen.whole_s, 3),
        }
        if seen.windows:
            line |= {"model": seen.model, "version": seen.version, "windows": seen.windows}
        if seen.run_s is not None and seen.wait_s is not None:
            line["wait_ms"] = round(1000 * seen.wait_s, 3)
            line["run_ms"] = round(1000 * seen.run_s, 3)
        if seen.caller is not None:
            line["key"] = seen.caller
        if seen.code is not None:
            line["code"] = seen.code
        return line
