"""A model of a server: what its metadata say of it, and requests made of that."""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from tools.conformance import answers, schemas, tensors
from tools.conformance.exchange import HEADER_LENGTH, JSON, OCTETS, Headers, Reply, Server
from tools.conformance.outcomes import Violation
from tools.conformance.schemas import IndexEntry, ModelMetadata, TensorMetadata
from tools.conformance.tensors import DTYPES, Tensor

BINARY: Final = "binary_tensor_data"
REPOSITORY: Final = "model_repository"
CONFIGURATION: Final = "model_configuration"
STATISTICS: Final = "statistics"
VERSIONS: Final = "versions"
GZIP: Final = "gzip"
DEFLATE: Final = "deflate"

COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {GZIP: gzip.compress, DEFLATE: zlib.compress}
"""`deflate` is zlib's format: RFC 9110, section 8.4.1.2."""

_INDEX: Final = "/v2/repository/index"


class Unsuitable(Exception):
    """There is nothing to check, or nothing that we could ask; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, and the server it is on."""

    server: Server
    metadata: ModelMetadata
    extensions: frozenset[str]
    """As the server lists them."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Values for inputs by name, in place of those made up: one row of each, nested."""
    _offered: dict[str, bool] = field(default_factory=dict)
    _expected: dict[tuple[int, str | None], dict[str, Tensor]] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return self.metadata.name

    @property
    def newest(self) -> str | None:
        """The version listed last."""
        return self.metadata.versions[-1] if self.metadata.versions else None

    @property
    def outputs(self) -> list[str]:
        return [output.name for output in self.metadata.outputs]

    @property
    def is_batched(self) -> bool:
        """Tell whether the first dimension of all that it takes and gives may be any."""
        described = [*self.metadata.inputs, *self.metadata.outputs]
        return all(each.shape[:1] == [-1] for each in described)

    @property
    def has_floats(self) -> bool:
        """Tell whether the first input is of floats."""
        return self.metadata.inputs[0].datatype in tensors.FLOATS

    def path(self, suffix: str = "", version: str | None = None) -> str:
        """Return the path of the model, of a version, or of what is beneath it."""
        part = "" if version is None else f"/versions/{version}"
        return f"/v2/models/{quote(self.model, safe='')}{part}{suffix and '/'}{suffix}"

    def inputs(self, rows: int = 1) -> list[Tensor]:
        """Return valid inputs."""
        return [
            tensors.given(each.name, each.datatype, each.shape, rows, self.given[each.name])
            if each.name in self.given
            else tensors.made_up(each.name, each.datatype, each.shape, rows)
            for each in self.metadata.inputs
        ]

    def document(self, rows: int = 1, **members: Any) -> dict[str, Any]:
        """Return a valid request in JSON, with further members."""
        return {"inputs": [each.in_json() for each in self.inputs(rows)], **members}

    def infer(
        self, document: Any, version: str | None = None, headers: Headers | None = None
    ) -> Reply:
        """Post a request; a document that is not bytes is written as JSON."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"Content-Type": JSON} if headers is None else headers
        return self.server.post(self.path("infer", version), body, headers)

    def infer_binary(self, document: Any, *raw: bytes, rows: int = 1) -> Reply:
        """Post a request whose tensors are behind the JSON: those of the inputs, or `raw`."""
        body, headers = packed(document, raw or [each.raw for each in self.inputs(rows)])
        return self.infer(body, headers=headers)

    def expected(self, rows: int = 1, version: str | None = None) -> dict[str, Tensor]:
        """Return what the server answers to the same as plain JSON; it is asked once."""
        key = rows, version
        if key not in self._expected:
            self._expected[key] = answers.read(self.infer(self.document(rows), version)).outputs
        return self._expected[key]

    def offers(self, extension: str) -> bool:
        """Tell whether the server lists an extension, or answers what it is for."""
        if extension not in self._offered:
            is_listed = extension in self.extensions
            self._offered[extension] = is_listed or _PROBES[extension](self)
        return self._offered[extension]


def packed(document: Any, raw: list[bytes] | tuple[bytes, ...]) -> tuple[bytes, dict[str, str]]:
    """Return a binary request: a body, and its headers."""
    head = json.dumps(document).encode()
    return b"".join([head, *raw]), {"Content-Type": OCTETS, HEADER_LENGTH: str(len(head))}


def discover(server: Server, model: str | None, given: Mapping[str, Any]) -> Subject:
    """Find out what a model takes; raise Unsuitable where that cannot be known."""
    name = model or _any_model(server)
    try:
        metadata = schemas.read(ModelMetadata, server.get(f"/v2/models/{quote(name, safe='')}"))
        listed = schemas.read(schemas.ServerMetadata, server.get("/v2")).extensions
    except Violation as violation:
        raise Unsuitable(f"no metadata of the server and its model {name}: {violation}") from None
    if not metadata.inputs or not metadata.outputs:
        raise Unsuitable(f"the metadata of {name} name no inputs, or no outputs")
    described: list[TensorMetadata] = [*metadata.inputs, *metadata.outputs]
    unknown = {each.datatype for each in described} - DTYPES.keys()
    if unknown:
        raise Unsuitable(f"{name} has tensors of {', '.join(sorted(unknown))}, which JSON has not")
    # by whatever name it calls itself: that is for a check to find
    named = metadata.model_copy(update={"name": name})
    return Subject(server, named, frozenset(listed), given)


def _any_model(server: Server) -> str:
    try:
        index = schemas.read(list[IndexEntry], server.post(_INDEX, b"{}", {"Content-Type": JSON}))
    except Violation:
        raise Unsuitable("the server does not list its models: say which with --model") from None
    ready = [entry.name for entry in index if entry.state in {"READY", ""}]
    if not ready:
        raise Unsuitable("no model of the server is ready")
    return ready[0]


def _answers_binary(subject: Subject) -> bool:
    document = {"inputs": [each.in_binary() for each in subject.inputs()]}
    return _is_answered(subject.infer_binary(document))


def _answers_compressed(encoding: str) -> Callable[[Subject], bool]:
    def answers_it(subject: Subject) -> bool:
        body = COMPRESS[encoding](json.dumps(subject.document()).encode())
        headers = {"Content-Type": JSON, "Content-Encoding": encoding}
        return _is_answered(subject.infer(body, headers=headers))

    return answers_it


def _is_answered(reply: Reply) -> bool:
    return reply.status == 200


_PROBES: Final[dict[str, Callable[[Subject], bool]]] = {
    BINARY: _answers_binary,
    REPOSITORY: lambda subject: _is_answered(
        subject.server.post(_INDEX, b"{}", {"Content-Type": JSON})
    ),
    CONFIGURATION: lambda subject: _is_answered(subject.server.get(subject.path("config"))),
    STATISTICS: lambda subject: _is_answered(subject.server.get(subject.path("stats"))),
    VERSIONS: lambda subject: bool(subject.metadata.versions),
    GZIP: _answers_compressed(GZIP),
    DEFLATE: _answers_compressed(DEFLATE),
}
