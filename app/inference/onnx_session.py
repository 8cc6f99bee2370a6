"""The one door to onnxruntime: a graph in bytes becomes something that maps inputs to outputs."""

import contextlib
import os
import threading
import weakref
from collections import OrderedDict
from typing import Any, Final

import numpy as np

# it would call its maker, from its import on, and a forecast is nobody else's business
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # noqa: TID251 - written, for onnxruntime

import onnxruntime

from app.artifact.layout import GRAPH
from app.errors import ArtifactRejected
from app.forecasting.arrays import Float32s

onnxruntime.disable_telemetry_events()

MOST_AT_ONCE: Final = 32
"""
Windows in one call: the layers' outputs of more no longer fit into a core's own cache, which
makes each a fifth slower, and onnxruntime keeps the memory of the largest.
"""


class SessionCache:
    """
    How many networks have their session open, at most: for another, one is closed.

    It is that which ran longest ago. A network keeps its graph, so what was closed is opened
    again without the disk; and a network that nobody has any more takes its session with it.
    """

    def __init__(self, most: int = 1, *, threads: int = 1) -> None:
        """Keep at most so many, each of which runs in so many threads."""
        self._most = most
        self._threads = threads
        self._open: OrderedDict[weakref.ref[OnnxNetwork], None] = OrderedDict()
        self._lock = threading.Lock()

    def used(self, network: "OnnxNetwork") -> None:
        """Note that a network is about to run."""
        with self._lock, contextlib.suppress(KeyError):
            self._open.move_to_end(weakref.ref(network))

    def open(self, network: "OnnxNetwork", graph: bytes) -> Any:  # noqa: ANN401 - onnxruntime ships no types
        """Let a network have a session, and return it; one closed for it ends after its run."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # an idle thread that spins takes the core from the event loop
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        with self._lock:
            network.keep(session)
            self._open[weakref.ref(network, self._forget)] = None
            while len(self._open) > self._most:
                oldest = self._open.popitem(last=False)[0]()
                if oldest is not None:
                    oldest.keep(None)
        return session

    def _forget(self, gone: "weakref.ref[OnnxNetwork]") -> None:
        # without the lock, which the thread that dropped the network may hold; one step of Python
        self._open.pop(gone, None)


class OnnxNetwork:
    """An ONNX graph of one float32 input (n, steps, features) and one output (n, k)."""

    def __init__(
        self,
        graph: bytes,
        *,
        steps: int,
        features: int,
        file: str = GRAPH,
        sessions: SessionCache | None = None,
    ) -> None:
        """
        Open a session, one of `sessions` or one that is open for good.

        Raises ArtifactRejected where the graph, of `file`, is no such network.
        """
        self._graph = graph
        self._sessions = sessions or SessionCache()
        self._session: Any = None
        try:
            session = self.open()
        except Exception as error:
            reason = type(error).__name__
            raise ArtifactRejected(f"onnxruntime refuses {file}: {reason}") from error
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ArtifactRejected(f"{file} must have one input and one output")
        [taken], [given] = inputs, outputs
        if taken.type != "tensor(float)" or list(taken.shape[1:]) != [steps, features]:
            raise ArtifactRejected(
                f"{file} must take float32 (n, {steps}, {features}) for this window and scaler"
            )
        self._input, self._names = taken.name, [given.name]

    @property
    def ready(self) -> bool:
        """Tell whether a run may begin at once; if not, `open` takes some milliseconds."""
        return self._session is not None

    def open(self) -> Any:  # noqa: ANN401 - onnxruntime ships no types
        """Open the session, and return it."""
        return self._sessions.open(self, self._graph)

    def keep(self, session: Any | None) -> None:  # noqa: ANN401 - the same
        """Run in a session from now on; with none, the next run opens one."""
        self._session = session

    def run(self, inputs: Float32s) -> Float32s:
        """Map inputs (n, steps, features) to outputs (n, k)."""
        session = self._session or self.open()
        self._sessions.used(self)
        outputs: list[Float32s] = [
            session.run(self._names, {self._input: inputs[start : start + MOST_AT_ONCE]})[0]
            for start in range(0, len(inputs), MOST_AT_ONCE)
        ]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
