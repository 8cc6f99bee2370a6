"""One line of JSON for each request, on standard output."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import BinaryIO, Final

from pydantic_core import to_json

from app.observability.request_record import RequestRecord

_AFTER_S: Final = 0.02
"""Requests wait so long for others: to write each line by itself costs more than all of it."""


class RequestLog:
    """Writes lines to a stream, many at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        """Write to a stream of bytes."""
        self._stream = stream
        self._lines: list[tuple[RequestRecord, int]] = []
        self._offset = time.time() - time.perf_counter()
        """What makes a time of day of the clock that requests are timed by."""

    def record(self, record: RequestRecord, status: int) -> None:
        """Note the line of a request; within an event loop."""
        if not self._lines:
            asyncio.get_running_loop().call_later(_AFTER_S, self.flush)
        self._lines.append((record, status))

    def flush(self) -> None:
        """Write what has been noted; a reader that has gone is no reason to stop serving."""
        noted, self._lines = self._lines, []
        if noted:
            with contextlib.suppress(OSError, ValueError):
                # control characters come out escaped, so that one request is one line
                lines = [to_json(self._line(record, status)) for record, status in noted]
                self._stream.write(b"\n".join([*lines, b""]))
                self._stream.flush()

    def _line(self, record: RequestRecord, status: int) -> dict[str, object]:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(self._offset + record.arrived, UTC),
            "id": record.id,
            "route": record.route,
            "status": status,
            "ms": round(1000 * record.whole_s, 3),
        }
        if record.windows:
            line |= {"model": record.model, "version": record.version, "windows": record.windows}
        if record.run_s is not None and record.wait_s is not None:
            line["wait_ms"] = round(1000 * record.wait_s, 3)
            line["run_ms"] = round(1000 * record.run_s, 3)
        if record.caller is not None:
            line["key"] = record.caller
        if record.code is not None:
            line["code"] = record.code
        return line
