"""Recipes: what is fitted, and how, as frozen values read from TOML files."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.artifact import archive, layout
from app.artifact.manifest import PriceField
from app.errors import ArtifactRejected
from app.forecasting.scalers import ScalerKind
from training.errors import BadRecipe, UsageError

_FOLDER: Final = Path(__file__).parent
_Frozen = ConfigDict(frozen=True, extra="forbid", strict=True)


class Network(BaseModel):
    """Stacked recurrent layers, each followed by dropout, and one number out."""

    model_config = _Frozen

    kind: Literal["lstm", "bilstm", "peephole-lstm", "coupled-lstm", "gru", "rnn"]
    layers: Annotated[int, Field(ge=1, le=16)]
    units: Annotated[int, Field(ge=1, le=1024)]
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    correction: Annotated[float, Field(gt=0)] | None = None
    """Where given: the output starts at 0 and stays within plus and minus this."""


class ScratchNetwork(BaseModel):
    """The recurrent network of training/networks/numpy_rnn.py: sigmoid states, one number out."""

    model_config = _Frozen

    kind: Literal["scratch-rnn"]
    units: Annotated[int, Field(ge=1, le=1024)]
    truncate: Annotated[int, Field(ge=1)]
    """Steps that an error is carried back."""
    clip: Annotated[float, Field(gt=0)]
    """The largest element of a gradient, either way."""


class QuantileNetwork(BaseModel):
    """A log-HAR with an LSTM that corrects it: training/networks/quantile_network.py."""

    model_config = _Frozen

    kind: Literal["har-lstm"]
    units: Annotated[int, Field(ge=1, le=1024)]
    """Of the LSTM."""
    dense: Annotated[int, Field(ge=1, le=1024)]
    """Of the layer between its state and the corrections."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    members: Annotated[int, Field(ge=1, le=16)] = 1
    """Networks of this kind, each with weights of its own, that are averaged."""
    regression_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The log-HAR's own share in the average."""


class Fit(BaseModel):
    """
    How the network is fitted.

    By Adam; by AdamW with a rate that falls to nothing as a cosine does if it forecasts
    quantiles; by plain gradient descent if it is from scratch.
    """

    model_config = _Frozen

    loss: Literal["mse", "mae", "pinball"]
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    validation_sessions: Annotated[int, Field(ge=0)] = 0
    """The newest sessions of the training rows, kept from fitting to watch the loss on."""
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The same as a share of the windows of a single instrument."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many epochs without a better validation loss, and go back to the best."""


class Evaluation(BaseModel):
    """Which sessions are held out where no test file says so."""

    model_config = _Frozen

    holdout_sessions: Annotated[int, Field(ge=1)] = 252
    refit_sessions: Annotated[int, Field(ge=1)] = 252
    """How often a walk forward fits anew."""
    seeds: Annotated[int, Field(ge=1)] = 1
    """How many seeds it is fitted with beside its source's figures: one proves little."""


class Data(BaseModel):
    """What the source fitted and tested on: two files by name, or a series that needs none."""

    model_config = _Frozen

    train: str | None = None
    test: str | None = None
    generate: Literal["sine"] | None = None


class Recipe(BaseModel):
    """One file of training/recipes."""

    model_config = _Frozen

    name: str
    """That of its file; a model is called so where nothing else is said."""
    title: str
    source: str
    """Where it was published."""
    published: dict[str, str] = {}
    """The figures that its source published, by name."""
    keras_mae: float | None = None
    """The test MAE of one run in Keras 3.15's own layers, seed 1, to hold ours against."""
    data: Data = Data()
    target: PriceField
    columns: list[str] = []
    """The CSV column of the target; the first that a file has. Bars need none."""
    window: Annotated[int, Field(ge=2, le=10_000)]
    """Sessions that the network looks back on."""
    scaler: ScalerKind
    network: Annotated[Network | ScratchNetwork | QuantileNetwork, Field(discriminator="kind")]
    fit: Fit
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _as_the_article(self) -> Self:
        """Refuse settings that the from-scratch network would pass over in silence."""
        if isinstance(self.network, ScratchNetwork) and (
            self.fit.loss != "mse" or self.fit.batch_size != 1
        ):
            raise ValueError('a scratch-rnn is fitted with loss = "mse" and batch_size = 1')
        return self

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse a recipe whose parts do not go together."""
        if isinstance(self.network, QuantileNetwork):
            if (self.fit.loss, self.scaler, self.target) != ("pinball", "returns", "close"):
                raise ValueError(
                    'a har-lstm forecasts the close: target = "close", scaler = "returns" and'
                    ' loss = "pinball"'
                )
        elif self.fit.loss == "pinball":
            raise ValueError('loss = "pinball" needs a har-lstm')
        elif not self.columns:
            raise ValueError("columns is missing: name the CSV column of the target")
        return self

    def with_epochs(self, epochs: int | None) -> "Recipe":
        """Return the recipe with another number of epochs, or as it is."""
        if epochs is None:
            return self
        return self.model_copy(update={"fit": self.fit.model_copy(update={"epochs": epochs})})


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
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
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
