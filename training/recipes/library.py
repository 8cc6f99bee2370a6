"""The recipes that come with the project, and those of files and published models."""

import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from app import regular_files
from app.artifact import archive, layout
from app.errors import ArtifactRejected
from training.errors import BadRecipe, UsageError
from training.recipes.network_kinds import Network, QuantileNetwork, ScratchNetwork
from training.recipes.recipe import Data, Evaluation, Fit, Recipe

_FOLDER: Final = Path(__file__).parent


_SECTIONS: Final[dict[str, type[BaseModel]]] = {"data": Data, "fit": Fit, "evaluation": Evaluation}


_NETWORKS: Final[dict[str, type[BaseModel]]] = {
    "scratch-rnn": ScratchNetwork,
    "har-lstm": QuantileNetwork,
}
"""By kind; all others are described by `Network`."""


def names() -> list[str]:
    """Return the names of the recipes that come with the project."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> Recipe:
    """Read a recipe by its name or, where it ends in .toml, its path; raise BadRecipe."""
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise BadRecipe(f"no recipe {name!r}; there are {', '.join(names())}")
    try:
        content: dict[str, Any] = tomllib.loads(
            regular_files.require(path).read_text(encoding="utf-8")
        )
        return Recipe.model_validate({"name": path.stem, **content})
    except OSError as error:
        raise BadRecipe(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRecipe(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        raise BadRecipe(f"{path}: {_fault(error)}") from None


def of_model(root: Path, name: str) -> Recipe:
    """Return the recipe of a published model's current version; raise UsageError."""
    if not layout.is_name(name):
        raise UsageError(f"{name!r} cannot name a model")
    try:
        version = layout.current_version(root / name)
        if version is None:
            raise UsageError(f"no model {name!r} in {root}")
        return Recipe.model_validate(archive.read(root / name / str(version)).manifest.recipe)
    except ArtifactRejected as error:
        raise UsageError(f"{root / name}: {error}") from error
    except ValidationError as error:
        raise BadRecipe(
            f"{root / name}: its recipe is of another format: {_fault(error)}"
        ) from None


def _fault(error: ValidationError) -> str:
    """Name the first key at fault, its value, and what is allowed."""
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        # a reason of ours, after what pydantic puts before it
        return first["msg"].removeprefix("Value error, ")
    section, *rest = first["loc"]
    allowed: type[BaseModel] = _SECTIONS.get(str(section), Recipe) if rest else Recipe
    if section == "network" and len(rest) > 1:
        # of ("network", "gru", "units") the middle is the kind, not a key
        allowed = _NETWORKS.get(str(rest[0]), Network)
        rest = rest[1:]
    key, said = ".".join(map(str, [section, *rest])), first["msg"]
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] == "extra_forbidden":
        said = f"not known here; known are {', '.join(allowed.model_fields)}"
    return f"{key} = {first['input']!r}: {said}"


def with_data() -> list[str]:
    """Return the names of the recipes that say what they are fitted on."""
    loaded = map(load, names())
    return [each.name for each in loaded if each.data.train or each.data.generate]
