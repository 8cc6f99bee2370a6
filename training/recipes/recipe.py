"""A recipe: what is fitted, and how, as a frozen value; `library` reads them from TOML files."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.artifact.manifest import PriceField
from app.forecasting.scalers import ScalerKind
from training.errors import UsageError
from training.recipes.network_kinds import Network, QuantileNetwork, ScratchNetwork

_Frozen: Final = ConfigDict(frozen=True, extra="forbid", strict=True)


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
    """How many seeds are compared with its source's figures: one proves little."""


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
    """The test MAE of one run in Keras 3.15's own layers, seed 1, to compare ours with."""
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

    @property
    def quantile_network(self) -> QuantileNetwork:
        """Return the network where it forecasts quantiles; raise UsageError where points."""
        if not isinstance(self.network, QuantileNetwork):
            raise UsageError(f"{self.name} forecasts points, not quantiles")
        return self.network

    def with_epochs(self, epochs: int | None) -> "Recipe":
        """Return the recipe with another number of epochs, or as it is."""
        if epochs is None:
            return self
        return self.model_copy(update={"fit": self.fit.model_copy(update={"epochs": epochs})})
