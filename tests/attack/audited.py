"""
The service, and a file of what it opens, connects to, starts, or makes code of.

    python -m tests.attack.audited FILE

Python tells its audit hooks of these, whoever does them; they cannot be taken away again. The
compiled event loop connects without Python, so here the service runs on asyncio's own.
"""

import json
import os
import sys
from typing import Any, Final

_FIRST: Final = {
    *("open", "os.listdir", "os.scandir", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    *("socket.gethostbyname", "socket.getaddrinfo", "subprocess.Popen", "pickle.find_class"),
    *("shutil.unpack_archive", "urllib.Request"),
}
_SECOND: Final = {"socket.connect", "socket.sendto"}
"""Events whose second argument says what to; the first is the socket."""
_CODE: Final = {"compile", "exec"}


def watch(descriptor: int) -> None:
    """Write a line for each event, from now on."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FIRST:
            what = arguments[0] if arguments else ""
        elif event in _SECOND:
            what = arguments[1]
        elif event in _CODE:
            what = "code"
        else:
            return
        if isinstance(what, str | bytes | os.PathLike):
            # where it leads, of links too
            what = os.path.realpath(os.fsdecode(what)) if event in {"open", *_FOLDERS} else what
        os.write(descriptor, json.dumps([event, str(what)]).encode() + b"\n")

    sys.addaudithook(hook)


_FOLDERS: Final = {"os.listdir", "os.scandir"}


if __name__ == "__main__":
    sys.modules["uvloop"] = None  # type: ignore[assignment]
    watch(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    from app.__main__ import main

    main()
