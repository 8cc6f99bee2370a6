"""The headers of requests."""

from typing import TypeAlias

Headers: TypeAlias = list[tuple[bytes, bytes]]
