"""A request's body: read under a cap, parsed once, in compiled code."""

import itertools
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.errors import Abandoned, BadInput, BodyTooLarge, NotJson, WrongMediaType

_Body = TypeVar("_Body", bound=BaseModel)

_MAX_PART: Final = 40
"""Characters of a member's name in a message: ours are shorter, a caller's may not be."""

_MAX_DIGITS: Final = 18

_JSON: Final = b"application/json"


def described(kind: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that the route reads itself, for the OpenAPI document."""
    content = {"schema": kind.model_json_schema(), "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def check(headers: Iterable[tuple[bytes, bytes]], limit: int) -> None:
    """Raise WrongMediaType, or BodyTooLarge where that is announced."""
    # one pass: to ask the framework for three of them costs more than all else in here
    for name, value in headers:
        if name == b"content-type":
            if value != _JSON and value.partition(b";")[0].strip().lower() != _JSON:
                raise WrongMediaType("send the body as Content-Type: application/json")
        elif name == b"content-length":
            # by its length first: a number of thousands of digits cannot be read
            if value.isdigit() and (len(value) > _MAX_DIGITS or int(value) > limit):
                raise BodyTooLarge(limit)
        elif name == b"content-encoding" and value != b"identity":
            raise WrongMediaType("send the body without Content-Encoding")


async def read(request: Request, limit: int) -> bytes:
    """
    Return the body of a JSON request.

    Raises WrongMediaType, BodyTooLarge as soon as it is known to be, read or announced, and
    Abandoned where the client left in the middle of it.
    """
    check(request.scope["headers"], limit)
    message = await request.receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _rest(request, bytearray(body), limit)
    elif message["type"] == "http.disconnect":
        raise Abandoned
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return body


async def _rest(request: Request, body: bytearray, limit: int) -> bytes:
    """Read on after the first part of a body."""
    more = True
    while more and len(body) <= limit:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Abandoned
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


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
        raise BadInput(f"a member is not known here; known are {known}")
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
