"""Recipes: what is fitted, and how, as frozen values read from TOML files."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.artifact import PriceField
from app.scaling import ScalerKind
from training.errors import BadRecipe

_FOLDER: Final = Path(__file__).parent / "recipes"
_Frozen = ConfigDict(frozen=True, extra="forbid", strict=True)


class Network(BaseModel):
    """Stacked LSTM layers, each followed by dropout, and one number out."""

    model_config = _Frozen

    layers: Annotated[int, Field(ge=1, le=16)]
    units: Annotated[int, Field(ge=1, le=1024)]
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    correction: Annotated[float, Field(gt=0)] | None = None
    """Where given: the output starts at 0 and stays within plus and minus this."""


class Fit(BaseModel):
    """How the network is fitted: Adam, and the newest sessions choose the epoch if asked to."""

    model_config = _Frozen

    loss: Literal["mse", "mae"]
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    validation_sessions: Annotated[int, Field(ge=0)] = 0
    """The newest sessions of the training rows, kept from fitting to choose the epoch."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many epochs without a better validation loss, and go back to the best."""


class Evaluation(BaseModel):
    """Which sessions are held out where no test file says so."""

    model_config = _Frozen

    holdout_sessions: Annotated[int, Field(ge=1)] = 252


class Recipe(BaseModel):
    """One file of training/recipes."""

    model_config = _Frozen

    name: str
    """That of its file; a model is called so where nothing else is said."""
    title: str
    source: str
    target: PriceField
    columns: Annotated[list[str], Field(min_length=1)]
    """The CSV column of the target; the first that a file has."""
    window: Annotated[int, Field(ge=2, le=10_000)]
    """Sessions that the network looks back on."""
    scaler: ScalerKind
    network: Network
    fit: Fit
    evaluation: Evaluation = Evaluation()

    def with_epochs(self, epochs: int | None) -> "Recipe":
        """Return the recipe with another number of epochs, or as it is."""
        if epochs is None:
            return self
        return self.model_copy(update={"fit": self.fit.model_copy(update={"epochs": epochs})})


def names() -> list[str]:
    """Return the names of the recipes that come with the project."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> Recipe:
    """Read a recipe by its name or, where it ends in .toml, its path; raise BadRecipe."""
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise BadRecipe(f"no recipe {name!r}; there are {', '.join(names())}")
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Recipe.model_validate({"name": path.stem, **content})
    except OSError as error:
        raise BadRecipe(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRecipe(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadRecipe(f"{path}: {key} = {first['input']!r}: {first['msg']}") from None
