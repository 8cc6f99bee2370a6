"""
Files of a model, read so that nothing that lies there can hang the service or fill it.

A folder may hold pipes, devices, links and files of any size, whoever put them there: only regular
files are read, never through a link, and never more than what a caller bounds.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.errors import ArtifactRejected

# a link could lead anywhere, and a pipe would be waited for
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_PART: Final = 2**20


def read(path: Path, most_bytes: int) -> bytes:
    """Read a file whole; raise ArtifactRejected where it is missing, none, or larger."""
    return b"".join(parts(path, most_bytes))


def read_optional(path: Path, most_bytes: int) -> bytes | None:
    """Do the same; None where there is no such file."""
    try:
        # a dangling link is something, and refused
        path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from None
    return read(path, most_bytes)


def sha256(path: Path, most_bytes: int) -> str:
    """Return the SHA-256 of a file, of which a part at a time is in memory; raises as `read`."""
    digest = hashlib.sha256()
    for part in parts(path, most_bytes):
        digest.update(part)
    return digest.hexdigest()


def parts(path: Path, most_bytes: int) -> Iterator[bytes]:
    """Yield a file in parts; raises as `read`, at the latest once it has turned out larger."""
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise ArtifactRejected(f"{path.name} is missing") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ArtifactRejected(f"{path.name} is not a regular file")
        left = most_bytes
        # also by its size before any of it is read: a sparse file is large and costs nothing
        while left >= 0 and found.st_size <= most_bytes:
            part = os.read(descriptor, min(_PART, left + 1))
            if not part:
                return
            left -= len(part)
            yield part
        raise ArtifactRejected(f"{path.name} is larger than {most_bytes} bytes")
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> ArtifactRejected:
    if error.errno in {errno.ELOOP, errno.ENXIO}:
        # a link, or a socket: that they cannot be opened so is what we want
        return ArtifactRejected(f"{path.name} is not a regular file")
    # strerror, not the error: that one names the whole path
    return ArtifactRejected(f"{path.name} cannot be read: {error.strerror}")
