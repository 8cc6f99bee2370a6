"""Requests to a server, byte for byte, and its replies."""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from tools.conformance.outcomes import Violation

PATIENCE_S: Final = 30
JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
HEADER_LENGTH: Final = "Inference-Header-Content-Length"

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    content: bytes

    def json(self, length: int | None = None) -> Any:
        """Parse the content, or so many bytes of it; raise Violation where that is not JSON."""
        if not self.content:
            raise Violation(f"answered {self.status} with an empty body")
        try:
            return json.loads(self.content[:length], parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise Violation(f"answered {self.status} and no JSON: {error}") from None


class Server:
    """A server at a base URL; every request has a connection of its own."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url} is no http:// or https:// URL")
        self._kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.authority = f"{parts.netloc}{parts.path.rstrip('/')}"
        """As clients take it that put the scheme before it themselves."""
        self.is_secure = parts.scheme == "https"
        self._netloc, self._base = parts.netloc, parts.path.rstrip("/")

    def get(self, path: str) -> Reply:
        """Ask for a document."""
        return self.ask("GET", path)

    def post(self, path: str, body: bytes, headers: Headers) -> Reply:
        """Post a body with these headers, its length and no others."""
        return self.ask("POST", path, body, headers)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Headers | None = None,
    ) -> Reply:
        """Make a request, a body in parts in chunks; raise Violation where there is no answer."""
        connection = self._kind(self._netloc, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            try:
                connection.request(
                    method,
                    self._base + path,
                    body,
                    dict(headers or {}),
                    encode_chunked=isinstance(body, Iterator),
                )
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                kind = type(error).__name__
                raise Violation(f"no answer: {kind} {error}".rstrip()) from None
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, fields, content)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")
