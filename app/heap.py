"""
How the C library keeps the memory that onnxruntime, NumPy and the parsers take from it.

A service that runs for months must not grow with how its memory scatters.
"""

import contextlib
import ctypes
from typing import Final

# of glibc's malloc.h
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

_LARGE: Final = 256 * 1024
"""Bytes of a block that goes back to the system by itself. Untold, the bound rises with use."""
_FREE: Final = 1024 * 1024
"""Bytes at the end of the heap that are kept for the next to ask."""


def settle() -> None:
    """Use one heap for all threads, and give large blocks back; for later allocations, glibc's."""
    # other C libraries have no such call, and Windows no such library
    with contextlib.suppress(AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _FREE)
