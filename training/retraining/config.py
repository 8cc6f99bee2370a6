"""What a retraining does: one TOML file as a frozen value. Nothing is read but that file."""

import hashlib
import json
import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app import regular_files
from training.errors import BadConfig
from training.publishing.publish import require_name
from training.recipes import library
from training.recipes.network_kinds import QuantileNetwork
from training.recipes.recipe import Recipe
from training.retraining.verdict import Bounds
from training.sources import open_source

_Frozen = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX: Final = "Value error, "
"""What pydantic puts before a reason of ours."""


class Evaluation(BaseModel):
    """The sessions that candidate, incumbent and naive are judged on: the newest there are."""

    model_config = _Frozen

    sessions: Annotated[int, Field(ge=1)] = 252
    refit_sessions: Annotated[int, Field(ge=1)] | None = None
    """How often the walk over them fits anew; as the recipe says where it is not given."""


class Store(BaseModel):
    """What stays of what was published."""

    model_config = _Frozen

    keep: Annotated[int, Field(ge=1)] = 10
    """Versions; older ones are removed when a new one is published."""


class Fit(BaseModel):
    """What is fitted otherwise than the recipe says."""

    model_config = _Frozen

    epochs: Annotated[int, Field(ge=1)] | None = None


class Retries(BaseModel):
    """How often a source that cannot be reached is tried, and how long is waited between."""

    model_config = _Frozen

    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    first_wait_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Twice as long each time."""


class RetrainConfig(BaseModel):
    """The whole file."""

    model_config = _Frozen

    name: str = "default"
    """The model that is published."""
    recipe: str = "global-ohlc"
    """A name from `recipes`, or the path of a .toml file."""
    seed: int = 1
    source: open_source.Source
    evaluation: Evaluation = Evaluation()
    verdict: Bounds = Bounds()
    store: Store = Store()
    fit: Fit = Fit()
    retries: Retries = Retries()


_SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "evaluation": Evaluation,
    "verdict": Bounds,
    "store": Store,
    "fit": Fit,
    "retries": Retries,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A file that was read, and the recipe of quantiles that it names."""

    config: RetrainConfig
    recipe: Recipe
    digest: str
    """
    The SHA-256 of what was asked for: another one is another run, whatever the data.

    Of the file as it is written: what the environment fills in changes no question, and is secret.
    """
    warnings: tuple[str, ...] = ()
    """What is to be said of the files, and stops nothing."""


def load(path: Path) -> Plan:
    """
    Read a file; raise BadConfig, which names the key, or BadRecipe.

    Paths are relative to the file. `${VARIABLE}` in a text of [source] is that of the
    environment: a password does not belong in a file.
    """
    try:
        content: dict[str, Any] = tomllib.loads(
            regular_files.require(path).read_text(encoding="utf-8")
        )
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: not TOML: {error}") from None
    filled = content | {key: _expanded(path, content[key]) for key in content.keys() & {"source"}}
    try:
        # as JSON, where a list may stand for a tuple and a text for a path or a date
        config = RetrainConfig.model_validate_json(json.dumps(filled, default=str), strict=True)
    except ValidationError as error:
        raise BadConfig(f"{path}: {_fault(error)}") from None
    require_name(config.name)
    chosen, files = config.recipe, [path]
    if chosen.endswith(".toml"):
        files.append(path.parent / chosen)
    found = library.load(str(files[1]) if len(files) > 1 else chosen)
    found = found.with_epochs(config.fit.epochs)
    if not isinstance(found.network, QuantileNetwork):
        raise BadConfig(f"{path}: recipe = {chosen!r}: forecasts points, and quantiles are judged")
    digested = {"config": content, "recipe": found.model_dump(mode="json")}
    text = json.dumps(digested, sort_keys=True, default=str)
    return Plan(
        config=config.model_copy(update={"source": _relative_to(path.parent, config.source)}),
        recipe=found,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        warnings=tuple(_warning(file) for file in files if _is_writable_by_all(file)),
    )


def _is_writable_by_all(file: Path) -> bool:
    return os.name == "posix" and bool(file.stat().st_mode & stat.S_IWOTH)


def _warning(file: Path) -> str:
    """Say so, and no more: bind mounts of Docker Desktop show every file like that."""
    return (
        f"{file} can be written by everybody on this machine, who so choose what is published:"
        f" chmod o-w {file}"
    )


def _expanded(path: Path, value: object) -> object:
    """Put variables of the environment where a text asks for them."""
    if isinstance(value, dict):
        return {key: _expanded(path, each) for key, each in value.items()}
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])  # noqa: TID251 - secrets, by names that the file gives
        if found is None:
            raise BadConfig(f"{path}: source asks for {match[0]}, which the environment lacks")
        return found

    return _VARIABLE.sub(variable, value)


def _relative_to(folder: Path, source: open_source.Source) -> open_source.Source:
    """Return the source with its relative paths made relative to a folder."""
    paths = {name: folder / value for name, value in source if isinstance(value, Path)}
    return source.model_copy(update=paths)


def _fault(error: ValidationError) -> str:
    """Name the first key at fault, its value unless that may be a secret, and what is allowed."""
    first = error.errors(include_url=False)[0]
    section, *rest = map(str, first["loc"])
    if section == "source":
        # of ("source", "csv", "folder") the middle is the kind, not a key
        rest = rest[1:]
    key, said = ".".join([section, *rest]), first["msg"].removeprefix(_PREFIX)
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] == "extra_forbidden":
        allowed = _SECTIONS[section] if section in _SECTIONS and rest else RetrainConfig
        known = "" if section == "source" else f"; known are {', '.join(allowed.model_fields)}"
        return f"{key}: not known here{known}"
    if section == "source":
        return f"{key}: {said}"
    return f"{key} = {first['input']!r}: {said}"
