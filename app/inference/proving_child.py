"""
The process in which graphs are tried: `proving.py` starts it, and its pipes say what to try.

It takes no more memory than a network may, and each graph has so much processor time: beyond, the
system ends it, whatever the graph is doing.
"""

import math
import os
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

import numpy as np

from app.errors import ArtifactRejected
from app.inference.onnx_session import MOST_AT_ONCE, OnnxNetwork

HEADER: Final = struct.Struct(">16sQII")
"""Its file; bytes of the graph; steps and fields of its input, whose example comes between."""
READY: Final = b"fine\n"
CPU_S: Final = 2
MEMORY_MIB: Final = 512
"""More than this process takes by itself: ten times what the largest graph holds."""
_BATCHES: Final = (1, 2, MOST_AT_ONCE)


def main() -> None:
    """Limit this process, and try what its pipes say."""
    _limit_memory()
    try_all(sys.stdin.buffer, sys.stdout.buffer, before_each=_limit_time)


def try_all(
    stdin: BinaryIO, stdout: BinaryIO, before_each: Callable[[], None] = lambda: None
) -> None:
    """Try graphs until there are no more; write a line that it is ready, and one for each."""
    stdout.write(READY)
    stdout.flush()
    while header := stdin.read(HEADER.size):
        name, length, steps, fields = HEADER.unpack(header)
        file = name.rstrip(b"\0").decode()
        example = np.frombuffer(stdin.read(4 * steps * fields), "<f4").reshape(1, steps, fields)
        graph = stdin.read(length)
        before_each()
        try:
            network = OnnxNetwork(graph, steps=steps, features=fields, file=file)
            for size in _BATCHES:
                network.run(np.repeat(example, size, axis=0))
            said = READY
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the graph's fault
            said = f"{_reason(file, error)}\n".encode()
        stdout.write(said)
        stdout.flush()


def _reason(file: str, error: Exception) -> str:
    cause = error.__cause__ or error
    # onnxruntime tells no kinds of failure apart but by its words
    if isinstance(cause, MemoryError) or "alloc" in str(cause).lower():
        return f"{file} needs more memory than a network may"
    if isinstance(error, ArtifactRejected):
        return str(error)
    return f"the first run of {file} failed: {type(error).__name__}"


def _limit_memory() -> None:
    """Take no more memory from now on than a network may."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not there on Windows

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - before Path is needed
        taken = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = taken + MEMORY_MIB * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _limit_time() -> None:
    """Let the system end this process once a graph has had its time."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not there on Windows

    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(
        resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime) + CPU_S, hard)
    )


if __name__ == "__main__":
    main()
