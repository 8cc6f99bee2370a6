"""A request's body: read under a cap, parsed once, in compiled code."""

import asyncio
import itertools
import zlib
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.errors import (
    Abandoned,
    BadInput,
    BodyTooLarge,
    NotCompressed,
    NotJson,
    TooCompressed,
    WrongMediaType,
)
from app.market_data.price_files.quoting import shown
from app.observability.request_record import Headers
from app.serving.body_budget import Reservation
from app.transport import headers as http
from app.transport.dependencies import room_of

_Body = TypeVar("_Body", bound=BaseModel)

_MAX_PART: Final = 40
"""Characters of a member's name in a message: ours are shorter, a caller's may not be."""

_MAX_DIGITS: Final = 18

JSON: Final = b"application/json"
_IDENTITY: Final = b"identity"
_ENCODINGS: Final = {_IDENTITY, b"gzip", b"x-gzip", b"deflate"}

_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS + 32
"""As zlib has it: the header of either is recognised."""
_PART: Final = 256 * 1024
"""Bytes that are decompressed at once: a tenth of a millisecond or two."""
_MOST_RATIO: Final = 100
"""
Of a body to what it was before it was decompressed: prices become a third or a tenth of their
size. Below `_PART` it may be any, since a model is asked with a flat series now and then.
"""


def described(kind: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that the route reads itself, for the OpenAPI document."""
    schema = kind.model_json_schema()
    # in place: a reference would be looked for at the root of the document
    whole = _inlined(schema, schema.pop("$defs", {}))
    content = {"schema": whole, "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON is Any
    """Return a schema with what its references mean in their place; ours are not recursive."""
    if isinstance(part, list):
        return [_inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(each, definitions) for name, each in part.items()}


def check(headers: Headers, limit: int, *, media_type: bytes | None = JSON) -> None:
    """
    Raise WrongMediaType, or BodyTooLarge where that is announced.

    A media type of None is any.
    """
    # one pass: to ask the framework for three of them costs more than all else in here
    for name, value in headers:
        if name == b"content-type":
            if media_type and value != media_type and http.media_type(value) != media_type:
                or_table = ", or a CSV file to /predict as text/csv" if media_type == JSON else ""
                raise WrongMediaType(
                    f"send the body as Content-Type: {media_type.decode()}{or_table}"
                )
        elif name == b"content-length":
            # by its length first: a number of thousands of digits cannot be read
            if value.isdigit() and (len(value) > _MAX_DIGITS or int(value) > limit):
                raise BodyTooLarge(limit)
        elif name == b"content-encoding" and value.strip().lower() not in _ENCODINGS:
            raise WrongMediaType("send the body without Content-Encoding, or with gzip or deflate")


async def read(request: Request, limit: int, *, media_type: bytes | None = JSON) -> bytes:
    """
    Return the body of a request, decompressed where it was compressed.

    Raises WrongMediaType, BodyTooLarge as soon as it is known to be, read, announced or
    decompressed, NotCompressed where what is said to be compressed is not, TooBusy where the bodies
    of others leave no room, and Abandoned where the client left in the middle of it.
    """
    headers = request.scope["headers"]
    check(headers, limit, media_type=media_type)
    room = room_of(request)
    # what is announced before any of it is read, and of all else each part
    room.grow_to(http.announced_length(headers) or 0)
    message = await request.receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _rest(request, bytearray(body), limit, room)
    elif message["type"] == "http.disconnect":
        raise Abandoned
    if len(body) > limit:
        raise BodyTooLarge(limit)
    room.grow_to(len(body))
    encodings = (value.strip().lower() for name, value in headers if name == b"content-encoding")
    if any(encoding != _IDENTITY for encoding in encodings):
        body = await _decompressed(body, limit, room)
    return body


async def _rest(request: Request, body: bytearray, limit: int, room: Reservation) -> bytes:
    """Read on after the first part of a body."""
    more = True
    while more and len(body) <= limit:
        room.grow_to(len(body))
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Abandoned
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


async def _decompressed(body: bytes, limit: int, room: Reservation) -> bytes:
    """Return what was compressed, a part at a time, and no more than a body may hold."""
    whole, left = bytearray(), body
    reader = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        while left and not reader.eof:
            room.grow_to(len(body) + len(whole) + _PART)
            whole += reader.decompress(left, _PART)
            left = reader.unconsumed_tail
            if len(whole) > limit:
                raise BodyTooLarge(limit)
            if len(whole) > max(_PART, _MOST_RATIO * len(body)):
                raise TooCompressed(_MOST_RATIO)
            # others have their turn
            await asyncio.sleep(0)
    except zlib.error:
        raise NotCompressed("the body is not compressed as its Content-Encoding says") from None
    if not reader.eof or reader.unused_data:
        raise NotCompressed("the compressed body is cut short, or something follows it")
    return bytes(whole)


def parse(kind: type[_Body], body: bytes) -> _Body:
    """Parse a body; raise NotJson, or BadInput with the member and the row at fault."""
    try:
        # what `model_validate_json` calls, without its options
        parsed: _Body = kind.__pydantic_validator__.validate_json(body)
    except ValidationError as error:
        raise bad_input(error) from None
    refuse_unknown(parsed)
    return parsed


def refuse_unknown(parsed: BaseModel) -> None:
    """Raise BadInput where a body, or the bars in it, hold a member that is not known."""
    if parsed.__pydantic_extra__:
        known = ", ".join(type(parsed).model_fields)
        unknown = shown(next(iter(parsed.__pydantic_extra__)))
        raise BadInput(f"no member is called {unknown!r}; known are {known}")
    bars = getattr(parsed, "bars", None)
    if isinstance(bars, BaseModel):
        refuse_unknown(bars)


def bad_input(error: ValidationError) -> NotJson | BadInput:
    """Say what is wrong with a body in one sentence that repeats none of it."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return NotJson(f"the body is not JSON: {first['ctx']['error']}")
    location, message = first["loc"], str(first["msg"])
    if first["type"] == "model_type":
        # pydantic's own names a class of ours
        message = "input should be an object"
    # a member, or a member of it: `bars.low`
    names = itertools.takewhile(lambda part: isinstance(part, str), location)
    field = ".".join(map(str, names))[:_MAX_PART] or None
    index = next((part for part in location if isinstance(part, int)), None)
    where = "the body" if field is None else field if index is None else f"{field}[{index}]"
    return BadInput(f"{where}: {_sentence(message)}", field=field, index=index)


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:]
