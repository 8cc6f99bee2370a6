"""An answer, as it is sent."""

from typing import Final, NamedTuple

from fastapi import Response

JSON: Final = ((b"content-type", b"application/json"),)


class EncodedAnswer(NamedTuple):
    """The body of an answer with status 200, and its headers."""

    content: bytes
    headers: tuple[tuple[bytes, bytes], ...] = JSON

    @property
    def response(self) -> Response:
        """The same as the framework has it."""
        response = Response(self.content)
        response.raw_headers[:0] = self.headers
        return response
