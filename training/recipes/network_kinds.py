"""The kinds of network that a recipe may describe, as frozen values."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_Frozen: Final = ConfigDict(frozen=True, extra="forbid", strict=True)


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
