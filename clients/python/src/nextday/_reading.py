"""
JSON into dataclasses, by their annotations.

Members that a dataclass does not have are ignored, so that a newer service can be asked; one
that is missing is None where it may be, so that an older one can.
"""

# ruff: noqa: ANN401 - JSON is Any, and so are annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from nextday.errors import UnexpectedAnswer

T = TypeVar("T")
Reader = Callable[[Any], Any]


class _Mismatch(Exception):
    """A value is of another kind than expected; says where."""


def read(kind: type[T], content: bytes) -> T:
    """Read an answer; raise UnexpectedAnswer where it is not of this kind."""
    try:
        reader: Callable[[Any], T] = _reader(cast("Hashable", kind))
        return reader(json.loads(content))
    except ValueError:
        raise UnexpectedAnswer("the answer is no JSON: is this a nextday service?") from None
    except _Mismatch as mismatch:
        raise UnexpectedAnswer(f"the answer is none of this service: {mismatch}") from None


@cache
def _reader(hint: Any) -> Reader:
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: value
    if is_dataclass(hint):
        return _of_members(hint)
    if origin is tuple:
        item = _reader(args[0])
        return lambda value: tuple(map(item, _checked(value, list, "list")))
    if origin is dict:
        member = _reader(args[1])
        return lambda value: {
            name: member(each) for name, each in _checked(value, dict, "object").items()
        }
    if NoneType in args:
        [kind] = [_reader(arg) for arg in args if arg is not NoneType]
        return lambda value: None if value is None else kind(value)
    return _SCALARS[hint]


def _of_members(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers = [(field.name, _reader(hints[field.name])) for field in fields(kind)]

    def read_members(value: Any) -> Any:
        given = _checked(value, dict, "object")
        found = {}
        for name, reader in readers:
            try:
                found[name] = reader(given.get(name))
            except _Mismatch as mismatch:
                raise _Mismatch(f"{name}: {mismatch}") from None
        return kind(**found)

    return read_members


def _checked(value: Any, kind: type | tuple[type, ...], name: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _Mismatch(f"a {name} was expected")
    return value


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(_checked(value, str, "date"))
    except ValueError:
        raise _Mismatch("a date was expected") from None


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(_checked(value, str, "time"))
    except ValueError:
        raise _Mismatch("a time was expected") from None


_SCALARS: dict[Any, Reader] = {
    str: lambda value: _checked(value, str, "string"),
    int: lambda value: _checked(value, int, "whole number"),
    float: lambda value: float(_checked(value, (int, float), "number")),
    date: _day,
    datetime: _moment,
}
