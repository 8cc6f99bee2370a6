"""Networks that never end, or take all memory: valid ONNX, standard operators, few bytes."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from tools.hostile_models.folders import WINDOW, Hostile, good, variants
from tools.testbed.models import model_bytes

_node = helper.make_node
_TURNS: Final = 2**62
_ELEMENTS: Final = 2**30
_SIDE: Final = 4096
_CHAIN: Final = 60

Nodes = list[NodeProto]


def constant(name: str, value: object, kind: type = np.int64) -> TensorProto:
    """Return a constant of a graph."""
    return numpy_helper.from_array(np.array(value, dtype=kind), name)


def closed(nodes: Nodes, constants: list[TensorProto], result: str) -> bytes:
    """Return a network that does all of this, and adds nearly nothing of it to the last step."""
    ending = [
        _node("Cast", [result], ["cast"], to=TensorProto.FLOAT),
        _node("ReduceMax", ["cast"], ["most"], keepdims=0),
        _node("Mul", ["most", "nothing"], ["least"]),
        _node("Gather", ["window", "last"], ["newest"], axis=1),
        _node("Add", ["newest", "least"], ["forecast"]),
    ]
    known = [constant("nothing", 0.0, np.float32), constant("last", WINDOW - 1)]
    return model_bytes([*nodes, *ending], [*constants, *known], steps=WINDOW)


def count(name: str, most: int, *, later: bool) -> tuple[Nodes, list[TensorProto]]:
    """
    Compute a number of one element from the window's values.

    It is `most` or more where prices stand still, as in the loader's own forecast; or, `later`,
    1 there, and many for prices that rise.
    """
    base = 1.0 if later else float(most)
    nodes = [
        _node("ReduceSum", ["window"], [f"{name} sum"], keepdims=0),
        _node("Abs", [f"{name} sum"], [f"{name} size"]),
        _node("Mul", [f"{name} size", f"{name} most"], [f"{name} scaled"]),
        _node("Add", [f"{name} scaled", f"{name} base"], [f"{name} number"]),
        _node("Cast", [f"{name} number"], [f"{name} whole"], to=TensorProto.INT64),
        _node("Reshape", [f"{name} whole", f"{name} one"], [name]),
    ]
    values = [
        constant(f"{name} most", float(most), np.float32),
        constant(f"{name} base", base, np.float32),
        constant(f"{name} one", [1]),
    ]
    return nodes, values


def body(*within: NodeProto, name: str = "body", result: str = "inner state") -> GraphProto:
    """Return what a Loop does in each turn."""
    whole, truth = TensorProto.INT64, TensorProto.BOOL
    inputs = [
        helper.make_tensor_value_info(f"{name} turn", whole, []),
        helper.make_tensor_value_info(f"{name} go", truth, []),
        helper.make_tensor_value_info(f"{name} state", TensorProto.FLOAT, None),
    ]
    nodes = [*within] or [_node("Cos", [f"{name} state"], [result])]
    nodes.append(_node("Identity", [f"{name} go"], [f"{name} goes on"]))
    outputs = [
        helper.make_tensor_value_info(f"{name} goes on", truth, []),
        helper.make_tensor_value_info(result, TensorProto.FLOAT, None),
    ]
    return helper.make_graph(nodes, name, inputs, outputs)


def looping(turns: int | None = _TURNS) -> bytes:
    """Return a network that takes so many turns, or goes on for ever."""
    constants = [constant("yes", True, np.bool_)]  # noqa: FBT003 - a value
    if turns is not None:
        constants.append(constant("turns", turns))
    names = ["" if turns is None else "turns", "yes", "window"]
    return closed([_node("Loop", names, ["looped"], body=body())], constants, "looped")


def looping_by_input(*, later: bool) -> bytes:
    nodes, constants = count("turns", 2**40, later=later)
    constants.append(constant("yes", True, np.bool_))  # noqa: FBT003 - a value
    nodes.append(_node("Loop", ["turns", "yes", "window"], ["looped"], body=body()))
    return closed(nodes, constants, "looped")


def nested_loops(depth: int) -> bytes:
    """Return loops within loops, of a million turns each."""
    graph = body(name="body0", result="result0")
    for level in range(1, depth):
        inner = _node(
            "Loop", ["turns", "yes", f"body{level} state"], [f"result{level}"], body=graph
        )
        graph = body(inner, name=f"body{level}", result=f"result{level}")
    constants = [constant("turns", 2**20), constant("yes", True, np.bool_)]  # noqa: FBT003
    nodes = [_node("Loop", ["turns", "yes", "window"], ["looped"], body=graph)]
    return closed(nodes, constants, "looped")


def branch_that_loops() -> bytes:
    """Return a loop in a branch that is taken where a price is not what it is."""
    output = [helper.make_tensor_value_info("branched", TensorProto.FLOAT, None)]
    loop = _node("Loop", ["turns", "yes", "window"], ["branched"], body=body())
    then = helper.make_graph([loop], "then", [], output)
    kept = helper.make_graph([_node("Identity", ["window"], ["branched"])], "else", [], output)
    nodes, constants = count("many", 2, later=True)
    nodes += [
        _node("Greater", ["many", "one"], ["above"]),
        _node("If", ["above"], ["chosen"], then_branch=then, else_branch=kept),
    ]
    constants += [
        constant("one", [1]),
        constant("turns", _TURNS),
        constant("yes", True, np.bool_),  # noqa: FBT003 - a value
    ]
    return closed(nodes, constants, "chosen")


def scan(elements: int) -> bytes:
    """Return a Scan over a constant of so many elements."""
    floats = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(name, floats, []) for name in ("sum", "each")]
    outputs = [helper.make_tensor_value_info("sum after", floats, [])]
    graph = helper.make_graph([_node("Add", ["sum", "each"], ["sum after"])], "b", inputs, outputs)
    nodes = [
        _node("ConstantOfShape", ["shape"], ["zeros"]),
        _node("Scan", ["start", "zeros"], ["scanned"], body=graph, num_scan_inputs=1),
    ]
    constants = [constant("shape", [elements]), constant("start", 0.0, np.float32)]
    return closed(nodes, constants, "scanned")


def sequence_map() -> bytes:
    """Return a SequenceMap whose body is a loop."""
    loop = _node("Loop", ["turns", "yes", "part"], ["mapped part"], body=body())
    tensor = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT, shape=None)
    graph = helper.make_graph([loop], "map", [tensor("part")], [tensor("mapped part")])
    nodes = [
        _node("SequenceConstruct", ["window", "window"], ["parts"]),
        _node("SequenceMap", ["parts"], ["mapped"], body=graph),
        _node("ConcatFromSequence", ["mapped"], ["joined"], axis=0),
    ]
    constants = [constant("turns", _TURNS), constant("yes", True, np.bool_)]  # noqa: FBT003
    return closed(nodes, constants, "joined")


def sized(operator: str, *, later: bool) -> bytes:
    """Return an operator whose output is of gigabytes, by the values of its input."""
    nodes, constants = count("size", _ELEMENTS, later=later)
    floats = partial(constant, kind=np.float32)
    constants += [
        floats("unit", [1.0]),
        constant("zero", 0),
        constant("step", 1),
        constant("index", [0]),
        floats("off and on", [0.0, 1.0]),
        constant("zeros", [0]),
    ]
    made: Nodes = {
        "ConstantOfShape": [_node("ConstantOfShape", ["size"], ["made"])],
        "Expand": [_node("Expand", ["unit", "size"], ["made"])],
        "Tile": [_node("Tile", ["unit", "size"], ["made"])],
        "Range": [
            _node("Squeeze", ["size"], ["end"]),
            _node("Range", ["zero", "end", "step"], ["made"]),
        ],
        "Resize": [_node("Resize", ["unit", "", "", "size"], ["made"], mode="nearest")],
        "Pad": [
            _node("Concat", ["zeros", "size"], ["pads"], axis=0),
            _node("Pad", ["unit", "pads"], ["made"]),
        ],
        "OneHot": [_node("OneHot", ["index", "size", "off and on"], ["made"])],
        "RandomNormalLike": [
            _node("ConstantOfShape", ["size"], ["empty"]),
            _node("RandomNormalLike", ["empty"], ["made"], dtype=TensorProto.FLOAT),
        ],
    }[operator]
    return closed([*nodes, *made], constants, "made")


SIZED: Final = (
    "ConstantOfShape Expand Tile Range Resize Pad OneHot RandomNormalLike".split()  # noqa: SIM905
)


def constant_of_shape(*shape: int) -> bytes:
    node = _node("ConstantOfShape", ["shape"], ["made"])
    return closed([node], [constant("shape", list(shape))], "made")


def random_of_shape() -> bytes:
    node = _node("RandomUniform", [], ["made"], shape=[2**15, 2**15])
    return closed([node], [], "made")


def multiplied(*, by_input: bool) -> bytes:
    """Return a chain of products of large matrices: minutes of work, which may be folded away."""
    nodes, constants = count("some", 2, later=True)
    constants.append(constant("shape", [_SIDE, _SIDE]))
    nodes.append(_node("ConstantOfShape", ["shape"], ["blank"]))
    if by_input:
        nodes.append(_node("Cast", ["some"], ["number"], to=TensorProto.FLOAT))
        nodes.append(_node("Add", ["blank", "number"], ["product 0"]))
    else:
        nodes.append(_node("Identity", ["blank"], ["product 0"]))
    for turn in range(_CHAIN):
        name = f"product {turn}"
        nodes.append(_node("MatMul", [name, name], [f"product {turn + 1}"]))
    return closed(nodes, constants, f"product {_CHAIN}")


def doubled(times: int) -> bytes:
    """Return a tensor that is joined with itself so many times."""
    nodes = [_node("Concat", [f"d{turn}"] * 2, [f"d{turn + 1}"], axis=0) for turn in range(times)]
    return closed([_node("Identity", ["window"], ["d0"]), *nodes], [], f"d{times}")


def convolved() -> bytes:
    """Return a convolution of large kernels over a large signal."""
    nodes, constants = count("some", 2, later=True)
    constants += [constant("shape", [1, 1, _SIDE, _SIDE]), constant("kernel", [1, 1, 1024, 1024])]
    nodes += [
        _node("ConstantOfShape", ["shape"], ["blank"]),
        _node("Cast", ["some"], ["number"], to=TensorProto.FLOAT),
        _node("Add", ["blank", "number"], ["signal"]),
        _node("ConstantOfShape", ["kernel"], ["weights"]),
        _node("Conv", ["signal", "weights"], ["made"]),
    ]
    return closed(nodes, constants, "made")


GRAPHS: Final[dict[str, Callable[[], bytes]]] = {
    "loop": looping,
    "loop-for-ever": partial(looping, None),
    "loop-by-input": partial(looping_by_input, later=False),
    "loop-by-later-input": partial(looping_by_input, later=True),
    "loops-in-loops": partial(nested_loops, 4),
    "loops-nine-deep": partial(nested_loops, 9),
    "branch-that-loops": branch_that_loops,
    "scan": partial(scan, 2**28),
    "sequence-map": sequence_map,
}


def catalogue() -> Iterator[Hostile]:
    """Yield every network that does not end in time, or in memory."""
    yield from variants(
        "control-flow", [(key, partial(_written, make=make)) for key, make in GRAPHS.items()]
    )
    sizes: list[tuple[str, Callable[[], bytes]]] = [
        ("constant", partial(constant_of_shape, _ELEMENTS)),
        ("constant-in-dimensions", partial(constant_of_shape, 2**10, 2**10, 2**10)),
        ("constant-overflowing", partial(constant_of_shape, 2**32, 2**32)),
        ("constant-negative", partial(constant_of_shape, -1)),
        ("random", random_of_shape),
        ("doubled", partial(doubled, 28)),
    ]
    for operator in SIZED:
        for key, later in (("now", False), ("later", True)):
            sizes.append((f"{operator.lower()}-{key}", partial(sized, operator, later=later)))
    yield from variants("size", [(key, partial(_written, make=make)) for key, make in sizes])
    work: list[tuple[str, Callable[[], bytes]]] = [
        ("matmul-of-constants", partial(multiplied, by_input=False)),
        ("matmul-of-input", partial(multiplied, by_input=True)),
        ("convolution", convolved),
    ]
    yield from variants("work", [(key, partial(_written, make=make)) for key, make in work])


def _written(home: Path, make: Callable[[], bytes]) -> None:
    good(home, graph=make())
