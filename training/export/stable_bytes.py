"""
A graph's file, the same for every graph that computes the same in the same way.

tf2onnx numbers what it makes and goes through sets, so that two processes that fitted the same
weights write different files. Here values are called after what they are computed from, and
nodes come in an order that follows from it.
"""

import hashlib

import onnx
from onnx import numpy_helper


def stable_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """
    Return a graph without control flow with other names and order; inputs and outputs keep theirs.

    What computes the same from the same is left once, and notes for people are left out.
    """
    graph = model.graph
    called = {each.name: each.name for each in (*graph.input, *graph.output)} | {"": ""}
    initializers = {}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        name = _digest(str(array.dtype).encode(), str(array.shape).encode(), array.tobytes())
        called[tensor.name] = name
        initializers[name] = numpy_helper.from_array(array, name)
    depths = dict.fromkeys(called.values(), 0)
    nodes = {}
    # in a graph every node comes after those that it reads
    for node in graph.node:
        inputs = [called[name] for name in node.input]
        attributes = sorted((_unnamed(each) for each in node.attribute), key=lambda each: each.name)
        parts = [each.SerializeToString(deterministic=True) for each in attributes]
        own = _digest(
            node.domain.encode(), node.op_type.encode(), "\n".join(inputs).encode(), *parts
        )
        outputs = [called.setdefault(name, f"{own}.{at}") for at, name in enumerate(node.output)]
        depth = 1 + max((depths[name] for name in inputs), default=0)
        depths |= dict.fromkeys(filter(None, outputs), depth)
        nodes[depth, own, *outputs] = onnx.NodeProto(
            op_type=node.op_type,
            domain=node.domain,
            input=inputs,
            output=outputs,
            attribute=attributes,
        )
    return onnx.helper.make_model(
        onnx.helper.make_graph(
            [nodes[key] for key in sorted(nodes)],
            "network",
            *_with_sizes_called_n(graph),
            [initializers[name] for name in sorted(initializers)],
        ),
        opset_imports=sorted(model.opset_import, key=lambda each: each.domain),
        ir_version=model.ir_version,
    )


def _with_sizes_called_n(
    graph: onnx.GraphProto,
) -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    """Return inputs and outputs whose sizes that are not known are called n0, n1 and so on."""
    sizes: dict[str, str] = {}
    copied = onnx.GraphProto(input=graph.input, output=graph.output)
    for value in (*copied.input, *copied.output):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = sizes.setdefault(size.dim_param, f"n{len(sizes)}")
    return list(copied.input), list(copied.output)


def _unnamed(attribute: onnx.AttributeProto) -> onnx.AttributeProto:
    """Return an attribute without the name of the constant in it, if it is one."""
    copy = onnx.AttributeProto()
    copy.CopyFrom(attribute)
    if copy.HasField("t"):
        copy.t.ClearField("name")
    return copy


def _digest(*parts: bytes) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "big"))
        sha.update(part)
    return sha.hexdigest()[:16]
