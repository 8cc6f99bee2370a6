"""The bodies of /v2, as the Open Inference Protocol has them; requests are read by tensors.py."""

from typing import Any, Final, Literal, NotRequired

# pydantic asks for this one below Python 3.12
from typing_extensions import TypedDict


class ServerLive(TypedDict):
    """The process answers."""

    live: bool


class ServerReady(TypedDict):
    """Forecasts can be had; of both members, clients read one or the other."""

    live: bool
    ready: bool


class ServerMetadata(TypedDict):
    """What a server is, and what of the protocol it speaks."""

    name: str
    version: str
    extensions: list[str]


class ModelReady(TypedDict):
    """A model answers."""

    name: str
    ready: bool


class TensorMetadata(TypedDict):
    """A tensor; -1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(TypedDict):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class RepositoryEntry(TypedDict):
    """A version, and whether it answers."""

    name: str
    version: NotRequired[str]
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class Duration(TypedDict):
    """How often, and how long in all, in nanoseconds."""

    count: int
    ns: int


class InferenceStatistics(TypedDict):
    """What became of the requests for a version."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(TypedDict):
    """What a version has answered since the service started."""

    name: str
    version: str
    last_inference: int
    """In milliseconds since 1970; 0 where it never did."""
    inference_count: int
    execution_count: int
    inference_stats: InferenceStatistics
    batch_stats: list[dict[str, Any]]


class Statistics(TypedDict):
    """Those of one model, or of all."""

    model_stats: list[ModelStatistics]


class Tensor(TypedDict):
    """A tensor in an answer: its data here, or as many bytes behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: NotRequired[dict[str, Any]]
    data: NotRequired[list[float]]


class InferenceResponse(TypedDict):
    """Forecasts, as tensors."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    parameters: dict[str, float]
    outputs: list[Tensor]


class InferenceError(TypedDict):
    """What went wrong."""

    error: str


ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "400 bad request · 404 no such model · 503 not ready, or too busy",
        "model": InferenceError,
    }
}
