"""The ONNX graph of each kind of fitted network, and its file."""

from collections import Counter
from typing import Final

import onnx

from training.errors import TrainingError
from training.export import keras_to_onnx, onnx_nodes
from training.networks import keras_networks, quantile_network
from training.networks.fit import FittedKeras, FittedScratch
from training.networks.quantile_fit import FittedQuantiles

_CONTROL_FLOW: Final = {"Loop", "Scan", "If"}


def of_point(fitted: FittedKeras | FittedScratch) -> onnx.ModelProto:
    """Return the graph of a network of points, `window` to `forecast` (n, 1)."""
    if isinstance(fitted, FittedScratch):
        return onnx_nodes.of_scratch(fitted.weights, steps=fitted.steps)
    own = keras_networks.in_keras_own_layers(fitted.network, fitted.spec)
    return onnx_nodes.of_keras(fitted.network) if own is None else keras_to_onnx.convert(own)


def of_quantiles(fitted: FittedQuantiles) -> onnx.ModelProto:
    """Return the graph of a network of quantiles, `window` to `forecast` (n, k)."""
    return keras_to_onnx.convert(
        quantile_network.served_model(fitted.spec, fitted.regression, fitted.network, own=True)
    )


def to_bytes(model: onnx.ModelProto) -> bytes:
    """Check a graph and return its file; raise TrainingError where it would be slow."""
    refuse_slow(model)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def refuse_slow(model: onnx.ModelProto) -> None:
    """Raise TrainingError where the graph holds control flow in place of a recurrent node."""
    kinds = Counter(node.op_type for node in model.graph.node)
    loops = _CONTROL_FLOW & kinds.keys()
    if loops:
        raise TrainingError(f"the graph holds {', '.join(sorted(loops))}: a layer was not fused")
