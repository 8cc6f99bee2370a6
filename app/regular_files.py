"""Files that can be read to their end, which pipes, sockets and devices need not have."""

import errno
import stat
from pathlib import Path

REASON = "not a regular file"


def require(path: Path) -> Path:
    """
    Return the path of a regular file, or of a link to one.

    Raises OSError, whose `strerror` is the reason: to open a pipe would wait for whoever writes
    into it, for good.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, REASON, str(path))
    return path
