"""
What the protocol's documents must hold, as pydantic reads them; other members are welcome.

Sources: KServe, open-inference-protocol, "inference_rest"; Triton's extensions "model_repository",
"model_configuration" and "statistics"; and what tritonclient and kserve read of a reply.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tools.conformance.exchange import Reply
from tools.conformance.outcomes import Violation

T = TypeVar("T")

Name = Annotated[str, Field(min_length=1)]
Parameters = dict[str, str | int | float | bool]


class Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())


class Live(Document):
    live: Literal[True]


class Ready(Document):
    ready: Literal[True]


class ModelReady(Document):
    name: Name
    ready: Literal[True]


class ServerMetadata(Document):
    name: Name
    version: str
    extensions: list[str]


class TensorMetadata(Document):
    name: Name
    datatype: Name
    shape: list[Annotated[int, Field(ge=-1)]]


class ModelMetadata(Document):
    name: Name
    versions: list[Name] = []
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Output(Document):
    name: Name
    shape: list[Annotated[int, Field(ge=0)]]
    datatype: Name
    parameters: Parameters = {}
    data: list[Any] = []


class InferenceResponse(Document):
    model_name: Name
    model_version: str = ""
    id: str = ""
    parameters: Parameters = {}
    outputs: Annotated[list[Output], Field(min_length=1)]


class Error(Document):
    error: Name


class IndexEntry(Document):
    name: Name
    version: str = ""
    state: str = ""
    reason: str = ""


class ConfigTensor(Document):
    name: Name
    data_type: Annotated[str, Field(pattern="^TYPE_")]
    dims: Annotated[list[int], Field(min_length=1)]


class Config(Document):
    name: Name
    input: list[ConfigTensor]
    output: list[ConfigTensor]


class Duration(Document):
    count: Annotated[int, Field(ge=0)]
    ns: Annotated[int, Field(ge=0)]


class InferenceStatistics(Document):
    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(Document):
    name: Name
    version: str
    last_inference: Annotated[int, Field(ge=0)]
    inference_count: Annotated[int, Field(ge=0)]
    execution_count: Annotated[int, Field(ge=0)]
    inference_stats: InferenceStatistics
    batch_stats: list[Any]


class Statistics(Document):
    model_stats: Annotated[list[ModelStatistics], Field(min_length=1)]


def read(kind: type[T], reply: Reply) -> T:
    """Return the document of a reply with status 200; raise Violation where it is another."""
    if reply.status != 200:
        raise Violation(f"answered {reply.status}")
    return validated(kind, reply.json())


def validated(kind: type[T], document: Any) -> T:
    """Return a document as what it should be; raise Violation where it is not."""
    try:
        return TypeAdapter(kind).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise Violation(f"{where}: {first['msg']}") from None
