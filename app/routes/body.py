"""A request's body: read under a cap, parsed once, in compiled code."""

import itertools
from typing import Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.errors import BadInput, BodyTooLarge, NotJson, WrongMediaType

_Body = TypeVar("_Body", bound=BaseModel)

_MAX_PART: Final = 40
"""Characters of a member's name in a message: ours are shorter, a caller's may not be."""

_MAX_DIGITS: Final = 18


async def read(request: Request, limit: int) -> bytes:
    """
    Return the body of a JSON request.

    Raises WrongMediaType, and BodyTooLarge as soon as it is known to be, read or announced.
    """
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if media_type.lower() != "application/json":
        raise WrongMediaType("send the body as Content-Type: application/json")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise WrongMediaType("send the body without Content-Encoding")
    announced = request.headers.get("content-length", "0")
    # by its length first: a number of thousands of digits cannot be read
    if announced.isdecimal() and (len(announced) > _MAX_DIGITS or int(announced) > limit):
        raise BodyTooLarge(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit)
    return bytes(body)


def parse(kind: type[_Body], body: bytes) -> _Body:
    """Parse a body; raise NotJson, or BadInput with the member and the row at fault."""
    try:
        parsed = kind.model_validate_json(body)
    except ValidationError as error:
        raise bad_input(error) from None
    refuse_unknown(parsed)
    return parsed


def refuse_unknown(parsed: BaseModel) -> None:
    """Raise BadInput where a body, or the bars in it, hold a member that is not known."""
    if parsed.model_extra:
        known = ", ".join(type(parsed).model_fields)
        raise BadInput(f"a member is not known here; known are {known}")
    for _, value in parsed:
        if isinstance(value, BaseModel):
            refuse_unknown(value)


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
