"""The clients that people have, each behind one face, and imported only where it is used."""

import importlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tools.conformance.exchange import Server
from tools.conformance.tensors import Tensor, Values

INSTALL: Final = "run with --install, or pip install -r tools/conformance/clients.txt"


@dataclass(frozen=True, slots=True)
class Ask:
    """An inference request, as any client can make it."""

    model: str
    version: str | None
    inputs: Sequence[Tensor]
    outputs: Sequence[str] | None
    """None: whatever the client says where no outputs are named."""
    binary_in: bool = False
    binary_out: bool = False
    encoding: str = ""
    """`gzip`, `deflate` or nothing: of the body, and asked for of the answer."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a client makes of an inference response."""

    id: str
    outputs: dict[str, Values]


class Client(Protocol):
    """A client of a server."""

    ENCODINGS: tuple[str, ...]
    """Those in which it can compress a body, and nothing for a plain one."""
    DOCUMENTS: tuple[str, ...]
    """What else it can ask for: server, model, config, index, stats."""

    def __init__(self, server: Server) -> None: ...

    def infer(self, ask: Ask) -> Told:
        """Raise whatever the client raises."""
        ...

    def error(self, ask: Ask) -> str:
        """Return what the server said, as the client tells it; raise AssertionError if nothing."""
        ...

    def is_ready(self, model: str, version: str | None) -> bool:
        """Tell whether server and model are live and ready."""
        ...

    def document(self, what: str, model: str, version: str | None) -> object:
        """Ask for one of DOCUMENTS."""
        ...


MODULES: Final = {
    "tritonclient": ("triton", "tritonclient.http"),
    "aio": ("triton_aio", "tritonclient.http.aio"),
    "kserve": ("kserve_rest", "kserve"),
    "curl": ("curl", None),
}
"""By the name on the command line: the module here, and what it needs."""


def connect(name: str, server: Server) -> Client | None:
    """Return a client; None where it is not installed."""
    module, needs = MODULES[name]
    try:
        if needs is not None:
            importlib.import_module(needs)
    except (ImportError, RuntimeError):
        # tritonclient without its http extra raises the second
        return None
    if needs is None and shutil.which(name) is None:
        return None
    client: Client = importlib.import_module(f"{__name__}.{module}").Connected(server)
    return client
