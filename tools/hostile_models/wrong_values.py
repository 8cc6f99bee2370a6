"""Manifests, scalers and rollouts of which one value is wrong, each field in turn."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.artifact import layout, rollout
from app.artifact.manifest import Manifest
from app.artifact.rollout import Rollout
from app.forecasting.scalers import LevelScaler
from tools.hostile_models.folders import (
    GOOD,
    Expect,
    Hostile,
    good,
    manifest,
    relist,
    seal,
    variants,
)

_RAW: Final = "@raw@"
"""Stands in a document for text that `json` would not write."""

_WRONG: Final = {
    "null": "null",
    "boolean": "true",
    "string": '"no such value\\u0000"',
    "array": "[[]]",
    "object": '{"": [null]}',
    "number": "1e400",
    "nan": "NaN",
    "integer": "-1",
    "digits": "9" * 5000,
}
"""JSON of each type, as hostile as it gets."""
_NUMERIC: Final = ("number", "nan", "integer", "digits")


class Slot(NamedTuple):
    """A field somewhere in a document."""

    path: tuple[str, ...]
    schema: dict[str, Any]

    @property
    def key(self) -> str:
        """Its path, as part of a model's name."""
        return "-".join(self.path).lower()[-44:].strip("-._")


def slots(schema: dict[str, Any], document: Any) -> Iterator[Slot]:
    """Yield each field that the schema of a pydantic model has, and those within it."""
    definitions = schema.get("$defs", {})

    def within(part: dict[str, Any], value: Any, path: tuple[str, ...]) -> Iterator[Slot]:
        for each in part.get("anyOf", [part]):
            found = definitions[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
            for name, child in found.get("properties", {}).items():
                yield Slot((*path, name), child)
                yield from within(child, value.get(name, {}), (*path, name))
            rest = found.get("additionalProperties")
            if isinstance(rest, dict) and "$ref" in rest and value:
                name = min(value)
                yield from within(rest, value[name], (*path, name))

    return within(schema, document, ())


def wrong_values(slot: Slot, *, strict: bool = False) -> Iterator[str]:
    """Yield the names of the values that no field of this type may have."""
    alternatives = slot.schema.get("anyOf", [slot.schema])
    types = {_type(each) for each in alternatives}
    for name in _WRONG:
        if any(_may_be(each, name, strict=strict) for each in alternatives):
            continue
        # any object goes, and what is in it is nobody's business
        if name == "object" and "object" in types and slot.path[-1] == "recipe":
            continue
        yield name


def _type(schema: dict[str, Any]) -> str:
    return str(schema.get("type", "object" if "$ref" in schema else "any"))


def _may_be(schema: dict[str, Any], name: str, *, strict: bool) -> bool:
    """Tell whether a field may have this value, or one that pydantic reads as it."""
    of_type = _type(schema)
    limited = "const" in schema or "enum" in schema or "pattern" in schema
    if name == "boolean" and schema.get("const") == 1:
        # which is what `true` is for Python
        return True
    if of_type in {"integer", "number"}:
        least = schema.get("minimum", schema.get("exclusiveMinimum"))
        small = name == "integer" and least is None and not limited
        return small or (name == "boolean" and not strict and not limited)
    if of_type == "string":
        # a number is a time since 1970
        is_time = "format" in schema and name in {"integer", "number", "digits"}
        return is_time or (name == "string" and not limited and "format" not in schema)
    return of_type == name == "null"


def replaced(document: dict[str, Any], path: tuple[str, ...], raw: str) -> str:
    """Return the document with JSON of ours for one of its values."""
    copy = json.loads(json.dumps(document))
    part = copy
    for name in path[:-1]:
        if not isinstance(part.get(name), dict):
            part[name] = {}
        part = part[name]
    part[path[-1]] = _RAW
    return json.dumps(copy).replace(f'"{_RAW}"', raw)


def of_manifest(home: Path, path: tuple[str, ...], raw: str) -> None:
    folder = good(home, bars=True)
    seal(folder, replaced(manifest(folder), path, raw))


def without(home: Path, path: tuple[str, ...]) -> None:
    """Leave out a field that a manifest has to have."""
    folder = good(home, bars=True)
    document = part = manifest(folder)
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    seal(folder, json.dumps(document))


def of_scaler(home: Path, path: tuple[str, ...], raw: str) -> None:
    folder = good(home)
    document = json.loads((folder / layout.SCALER).read_bytes())
    relist(folder, layout.SCALER, replaced(document, path, raw).encode())


def of_rollout(home: Path, path: tuple[str, ...], raw: str) -> None:
    good(home)
    document = {"candidate": 2, "mode": "canary", "share": 0.5}
    (home / rollout.ROLLOUT).write_text(replaced(document, path, raw))


def repeated(home: Path, name: str, raw: str, *, first: bool) -> None:
    """Give a field of the manifest twice, once as it should be."""
    folder = good(home)
    text = json.dumps(manifest(folder))[1:-1]
    extra = f'"{name}": {raw}'
    seal(folder, "{" + (f"{extra}, {text}" if first else f"{text}, {extra}") + "}")


RECIPES: Final[dict[str, Callable[[], str]]] = {
    "overflow": lambda: '{"rate": 1e400}',
    "nan": lambda: '{"rate": NaN}',
    "digits": lambda: '{"rate": ' + "9" * 4000 + "}",
    "deep": lambda: '{"a":' * 150 + "1" + "}" * 150,
    "deeper": lambda: '{"a":' * 900 + "1" + "}" * 900,
    "surrogate": lambda: '{"\\ud800": "\\udfff"}',
    "million-members": lambda: json.dumps(dict.fromkeys(map(str, range(1_000_000)), 0)),
    "long-string": lambda: '{"a": "' + "x" * (16 * 2**20) + '"}',
}
"""Objects of anything: some may be served, and then the model must be able to say so."""


def of_recipe(home: Path, make: Callable[[], str]) -> None:
    of_manifest(home, ("recipe",), make())


def catalogue() -> Iterator[Hostile]:
    """Yield a folder for each field and each value that it may not have."""
    example: dict[str, Any] = {"files": {layout.GRAPH: {}}}
    fields = list(slots(Manifest.model_json_schema(), example))
    writers = [
        (f"{slot.key}.{name}", partial(of_manifest, path=slot.path, raw=_WRONG[name]))
        for slot in fields
        for name in wrong_values(slot)
    ]
    extra = partial(of_manifest, path=("no_such_field",), raw="1")
    yield from variants("manifest-value", [*writers, ("unknown", extra)])
    yield from variants(
        "manifest-without",
        [
            (slot.key, partial(without, path=slot.path))
            for slot in fields
            if "default" not in slot.schema and len(slot.path) <= 2
        ],
    )
    scaler = list(slots(LevelScaler.model_json_schema(), {}))
    writers = [
        (f"{slot.key}.{name}", partial(of_scaler, path=slot.path, raw=_WRONG[name]))
        for slot in scaler
        for name in wrong_values(slot)
    ]
    yield from variants("scaler-value", writers)
    writers = [
        (f"{slot.key}.{name}", partial(of_rollout, path=slot.path, raw=_WRONG[name]))
        for slot in slots(Rollout.model_json_schema(), {})
        for name in wrong_values(slot, strict=True)
    ]
    writers += [
        ("candidate-unpublished", partial(of_rollout, path=("candidate",), raw="7")),
        ("candidate-of-301-digits", partial(of_rollout, path=("candidate",), raw="1" + "0" * 300)),
        ("unknown", partial(of_rollout, path=("no_such_field",), raw="1")),
    ]
    yield from variants("rollout-value", writers, Expect.BESIDE)
    doubles = {"format": "2", "name": f'"{GOOD}"', "window": "-1", "files": "{}", "recipe": "[]"}
    writers = [
        (f"{name}-last", partial(repeated, name=name, raw=raw, first=False))
        for name, raw in doubles.items()
    ]
    yield from variants("manifest-repeats", writers)
    writers = [
        (f"{name}-first", partial(repeated, name=name, raw=raw, first=True))
        for name, raw in doubles.items()
    ]
    writers += [(f"recipe-{key}", partial(of_recipe, make=make)) for key, make in RECIPES.items()]
    yield from variants("manifest-allows", writers, Expect.EITHER)
