"""Networks that are not what the manifest says: other inputs, outputs and numbers, or no graph."""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from app.artifact.manifest import MAX_BYTES
from tools.hostile_models.folders import BARS_WINDOW, WINDOW, Expect, Hostile, good, variants
from tools.hostile_models.graphs import constant
from tools.testbed.models import last_value_graph, model_bytes, spread_graph

_node = helper.make_node
_SHAPE: Final[tuple[str | int, ...]] = ("n", WINDOW, 1)
_OPERATORS: Final = (
    "Abs",
    "Ceil",
    "Cos",
    "Erf",
    "Exp",
    "Floor",
    "Identity",
    "Log",
    "MatMul",
    "Mul",
    "Neg",
    "NonZero",
    "Reciprocal",
    "Relu",
    "Round",
    "Shape",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softmax",
    "Sqrt",
    "Tan",
    "Tanh",
    "Transpose",
    "Unique",
    "Where",
    "Xor",
    "Einsum",
    "TopK",
    "Loop",
    "If",
    "Gemm",
)
_Inputs: TypeAlias = Mapping[str, tuple[int, tuple[str | int, ...]]]


def interface(
    inputs: _Inputs,
    outputs: Mapping[str, int],
    nodes: list[NodeProto] | None = None,
) -> bytes:
    """Return a network of these inputs and outputs, each output a copy of the first input."""
    given = [helper.make_tensor_value_info(name, *what) for name, what in inputs.items()]
    results = [helper.make_tensor_value_info(name, what, None) for name, what in outputs.items()]
    first = next(iter(inputs), "none")
    if nodes is None:
        nodes = [_node("Cast", [first], [name], to=what) for name, what in outputs.items()]
    graph = helper.make_graph(nodes, "interface", given, results)
    imports = [helper.make_opsetid("", 17)]
    content: bytes = helper.make_model(
        graph, opset_imports=imports, ir_version=8
    ).SerializeToString()
    return content


def _interfaces() -> Iterator[tuple[str, bytes]]:
    floats = TensorProto.FLOAT
    window: dict[str, tuple[int, tuple[str | int, ...]]] = {"window": (floats, _SHAPE)}
    yield "no-input", interface({}, {"forecast": floats}, [_node("Constant", [], ["forecast"])])
    yield "two-inputs", interface(window | {"w2": (floats, _SHAPE)}, {"forecast": floats})
    yield "no-output", interface(window, {})
    yield "two-outputs", interface(window, {"forecast": floats, "more": floats})
    for key in ("DOUBLE", "FLOAT16", "INT64", "BOOL", "STRING", "COMPLEX64", "UNDEFINED"):
        kind = TensorProto.DataType.Value(key)
        yield f"takes-{key.lower()}", interface({"window": (kind, _SHAPE)}, {"forecast": floats})
    for key in ("INT64", "BOOL", "STRING"):
        yield f"gives-{key.lower()}", _last(TensorProto.DataType.Value(key))
    for key, shape in {
        "rank-2": ("n", WINDOW),
        "rank-4": ("n", WINDOW, 1, 1),
        "rank-0": (),
        "more-steps": ("n", WINDOW + 1, 1),
        "more-features": ("n", WINDOW, 2),
        "one-window": (1, WINDOW, 1),
        "no-steps": ("n", 0, 1),
        "negative": ("n", -WINDOW, 1),
        "all-free": ("n", "steps", "features"),
    }.items():
        yield f"takes-{key}", interface({"window": (floats, shape)}, {"forecast": floats})


def _last(kind: int) -> bytes:
    """Return a network whose forecast is right but for its type."""
    nodes = [
        _node("Gather", ["window", "last"], ["newest"], axis=1),
        _node("Cast", ["newest"], ["forecast"], to=kind),
    ]
    return model_bytes(nodes, [constant("last", WINDOW - 1)], steps=WINDOW)


def ending(*nodes: NodeProto, constants: tuple[TensorProto, ...] = ()) -> bytes:
    """Return a network that goes from `newest`, (n, 1), to `forecast` by these nodes."""
    first = _node("Gather", ["window", "last"], ["newest"], axis=1)
    values = [constant("last", WINDOW - 1), *constants]
    return model_bytes([first, *nodes], values, steps=WINDOW)


def _outputs() -> Iterator[tuple[str, bytes]]:
    floats = partial(constant, kind=np.float32)
    for key, value in {"nan": np.nan, "infinite": np.inf, "negative-infinite": -np.inf}.items():
        add = _node("Add", ["newest", "value"], ["forecast"])
        yield key, ending(add, constants=(floats("value", value),))
    second = _node("Add", ["newest", "value"], ["forecast"])
    yield "nan-in-second", ending(second, constants=(floats("value", [[0.0], [np.nan]]),))
    for key, shape in {
        "flat": [-1],
        "transposed": [1, -1],
        "third-dimension": [-1, 1, 1],
        "one-row": [1, 2],
    }.items():
        reshape = _node("Reshape", ["newest", "shape"], ["forecast"])
        yield key, ending(reshape, constants=(constant("shape", shape),))
    yield "two-columns", ending(_node("Concat", ["newest"] * 2, ["forecast"], axis=1))
    yield "two-of-each", ending(_node("Concat", ["newest"] * 2, ["forecast"], axis=0))
    yield (
        "none",
        ending(
            _node("Compress", ["newest", "none"], ["forecast"], axis=0),
            constants=(constant("none", [False, False], np.bool_),),
        ),
    )
    yield "scalar", ending(_node("ReduceMax", ["newest"], ["forecast"], keepdims=0))
    yield "sequence", ending(_node("SequenceConstruct", ["newest"], ["forecast"]))


def windows_up_to(most: int) -> bytes:
    """Return a network that fails for more windows than so many."""
    nodes = [
        _node("Shape", ["window"], ["shape"], start=0, end=1),
        _node("Gather", ["table", "shape"], ["nothing"]),
        _node("Add", ["newest", "nothing"], ["forecast"]),
    ]
    return ending(*nodes, constants=(constant("table", [0.0] * (most + 1), np.float32),))


def crossing(*, first_row: bool) -> bytes:
    """Return quantiles that fall, in all rows or in the second of two."""
    falling = (1.0, 0.5, 0.0, -0.5, -1.0)
    if first_row:
        return spread_graph(steps=BARS_WINDOW - 1, each=falling, least=1.0)
    model = onnx.load_from_string(spread_graph(steps=BARS_WINDOW - 1, least=1.0))
    [each] = [one for one in model.graph.initializer if one.name == "each"]
    each.CopyFrom(constant("each", [sorted(falling), falling], np.float32))
    content: bytes = model.SerializeToString()
    return content


def altered(change: Callable[[ModelProto], object]) -> bytes:
    """Return a good network after a change."""
    model = onnx.load_from_string(last_value_graph(steps=WINDOW))
    change(model)
    content: bytes = model.SerializeToString()
    return content


def _cyclic(model: ModelProto) -> None:
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]


def _same_output(model: ModelProto) -> None:
    model.graph.node[0].output[0] = "forecast"


def _tensor(model: ModelProto, **values: Any) -> None:
    tensor = TensorProto(name="scale", **values)
    model.graph.initializer[1].CopyFrom(tensor)


def _axis_of_many(model: ModelProto) -> None:
    model.graph.node[0].attribute[0].i = 2**63 - 1


INVALID: Final[dict[str, Callable[[ModelProto], object]]] = {
    "cycle": _cyclic,
    "missing-initializer": lambda model: model.graph.initializer.pop(),
    "missing-input": lambda model: model.graph.input.pop(),
    "same-output-twice": _same_output,
    "unknown-operator": lambda model: setattr(model.graph.node[0], "op_type", "NoSuchOperator"),
    "empty-operator": lambda model: setattr(model.graph.node[0], "op_type", ""),
    "wrong-attribute": _axis_of_many,
    "no-operator-set": lambda model: model.ClearField("opset_import"),
    "operator-set-of-the-future": lambda model: setattr(model.opset_import[0], "version", 10**6),
    "negative-operator-set": lambda model: setattr(model.opset_import[0], "version", -(2**62)),
    "version-of-the-future": lambda model: setattr(model, "ir_version", 10**6),
    "no-nodes": lambda model: model.graph.ClearField("node"),
    "no-graph": lambda model: model.ClearField("graph"),
    "huge-dimensions": partial(_tensor, dims=[2**62], data_type=1, raw_data=b"\0" * 4),
    "overflowing-dimensions": partial(_tensor, dims=[2**32, 2**32], data_type=1, raw_data=b""),
    "negative-dimensions": partial(_tensor, dims=[-1], data_type=1, raw_data=b"\0" * 4),
    "too-few-numbers": partial(_tensor, dims=[10], data_type=1, raw_data=b"\0" * 4),
    "too-many-numbers": partial(_tensor, dims=[], data_type=1, raw_data=b"\0" * 4096),
    "no-such-type": partial(_tensor, dims=[], data_type=99, raw_data=b"\0" * 4),
    "strings-for-numbers": partial(_tensor, dims=[], data_type=8, string_data=[b"\xff"]),
}


def garbage(seed: int, size: int = MAX_BYTES) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - nothing secret


def truncated(seed: int) -> bytes:
    whole = last_value_graph(steps=WINDOW)
    return whole[: random.Random(seed).randrange(1, len(whole))]  # noqa: S311 - nothing secret


def bit_flipped(seed: int) -> bytes:
    """Return a good network with one to eight bits that are others."""
    random_ = random.Random(seed)  # noqa: S311 - nothing secret
    content = bytearray(last_value_graph(steps=WINDOW))
    for _ in range(random_.randint(1, 8)):
        content[random_.randrange(len(content))] ^= 1 << random_.randrange(8)
    return bytes(content)


def random_operators(seed: int) -> bytes:
    """Return a chain of operators, whether they fit or not."""
    random_ = random.Random(seed)  # noqa: S311 - nothing secret
    names = ["window", *(f"value {number}" for number in range(12)), "forecast"]
    nodes = [
        _node(
            random_.choice(_OPERATORS),
            random_.choices(names[: at + 1], k=random_.randint(1, 3)),
            [names[at + 1]],
        )
        for at in range(len(names) - 1)
    ]
    return model_bytes(nodes, [], steps=WINDOW)


def long_chain(nodes: int) -> bytes:
    """Return so many operators one after the other."""
    chain = [_node("Identity", [f"i{at}"], [f"i{at + 1}"]) for at in range(nodes)]
    first = _node("Identity", ["newest"], ["i0"])
    return ending(first, *chain, _node("Identity", [f"i{nodes}"], ["forecast"]))


def _write(home: Path, make: Callable[[], bytes], *, bars: bool = False) -> None:
    good(home, graph=make(), bars=bars)


def catalogue(seed: int) -> Iterator[Hostile]:
    """Yield every network that is no such network."""
    for kind, graphs in (("interface", _interfaces()), ("output", _outputs())):
        made = [(key, partial(good, graph=graph)) for key, graph in graphs]
        yield from variants(kind, made)
    limits: list[tuple[str, Callable[[], bytes]]] = [
        (f"up-to-{most}", partial(windows_up_to, most)) for most in (1, 31)
    ]
    yield from variants("windows", [(key, partial(_write, make=make)) for key, make in limits])
    for key, first_row in (("all", True), ("in-second", False)):
        write = partial(_write, make=partial(crossing, first_row=first_row), bars=True)
        yield Hostile("crossing", key, write)
    yield from variants(
        "invalid",
        [(key, partial(_write, make=partial(altered, change))) for key, change in INVALID.items()],
    )
    noise = {"64-mib": MAX_BYTES, "one-byte-more": MAX_BYTES + 1, "a-page": 4096}
    yield from variants(
        "garbage",
        [(key, partial(_write, make=partial(garbage, seed, size))) for key, size in noise.items()],
    )
    random_ = {"truncated": truncated, "bit-flipped": bit_flipped, "operators": random_operators}
    for kind, of_seed in random_.items():
        writers = [
            (f"seed{seed + each}", partial(_write, make=partial(of_seed, seed + each)))
            for each in range(15)
        ]
        yield from variants(f"random-{kind}", writers, Expect.EITHER)
    chains: list[tuple[str, Callable[[Path], object]]] = [
        (f"{nodes}-nodes", partial(_write, make=partial(long_chain, nodes)))
        for nodes in (1_000, 100_000)
    ]
    yield from variants("long-chain", chains, Expect.EITHER)
