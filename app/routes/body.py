"""A request's body: read under a cap, parsed once, in compiled code."""

from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.errors import BadInput, BodyTooLarge, NotJson, WrongMediaType

_Body = TypeVar("_Body", bound=BaseModel)

_MAX_PART: Final = 40
"""Characters of a member's name in a message: ours are shorter, a caller's may not be."""


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
    if announced.isdecimal() and int(announced) > limit:
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
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise bad_input(kind, error) from None


def bad_input(kind: type[BaseModel], error: ValidationError) -> NotJson | BadInput:
    """Say what is wrong with a body in one sentence that repeats none of it."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return NotJson(_json_fault(first["ctx"]["error"]))
    location, message = first["loc"], str(first["msg"])
    if first["type"] == "extra_forbidden":
        return BadInput(f"a member is not known here; known are {', '.join(kind.model_fields)}")
    field = str(location[0])[:_MAX_PART] if location else None
    index = next((part for part in location if isinstance(part, int)), None)
    where = "the body" if field is None else field if index is None else f"{field}[{index}]"
    return BadInput(f"{where}: {_sentence(message)}", field=field, index=index)


def _json_fault(reason: Any) -> str:  # noqa: ANN401 - pydantic types its context so
    return f"the body is not JSON: {reason}"


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:]
