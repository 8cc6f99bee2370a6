"""What is started, and how: our service and its peers, each with the best settings we know."""

import contextlib
import dataclasses
import http.client
import json
import math
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import processes

ROOT: Final = Path(__file__).parent.parent
OURS: Final = "nextday"
OURS_BARS: Final = "nextday-bars"
DECLARED: Final = "fastapi"
DECLARED_BARS: Final = "fastapi-bars"

PRICES: Final = "questions-prices.json"
BARS: Final = "questions-bars.json"
"""Files of `benchmarks.network`: bodies, and the forecasts that must be given."""

_TOLERANCE: Final = 1e-4
"""Largest relative difference between a server's forecast and the network's own."""
_PATIENCE_S: Final = 120
_OK: Final = 200


def _unchanged(body: Any) -> Any:  # noqa: ANN401 - JSON is Any
    return body


def _prediction(answer: Any) -> float:  # noqa: ANN401 - as above
    return float(answer["prediction"])


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its command line, and how it is asked for a forecast."""

    name: str
    """For the command line; of its environment too, where `needs` has no other."""
    title: str
    settings: str
    """For the page: what was chosen."""
    command: tuple[str, ...]
    """A program of its environment and arguments; `{port}` stands for the port."""
    ready: str
    """A path that answers 200 once forecasts can be had."""
    path: str = "/predict"
    variables: dict[str, str] = field(default_factory=dict)
    """Of the environment, on top of our own."""
    questions: str = PRICES
    """What it is asked: `PRICES` or `BARS`."""
    question: Callable[[Any], Any] = _unchanged
    """Turns a body of `questions` into its own."""
    price: Callable[[Any], float] = _prediction
    needs: str = ""
    """The environment, where another server has the same."""
    compared_with: str = OURS
    """Which server of ours: one that serves the same network and is asked the same."""

    @property
    def environment(self) -> str:
        """The name of its environment, and of its requirements in `benchmarks/peers`."""
        return self.needs or self.name

    @property
    def is_ours(self) -> bool:
        """Tell whether it is our service."""
        return self.environment == OURS

    def body(self, question: dict[str, Any]) -> bytes:
        """Return what is posted to ask for a forecast."""
        return json.dumps(self.question(question["body"])).encode()


class Failed(Exception):
    """A server did not start, or gives another forecast than it should."""


def _uvicorn(app: str) -> tuple[str, ...]:
    options = ("--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop", "--http", "httptools")
    return ("python", "-m", "uvicorn", app, *options, "--no-access-log", "--log-level", "warning")


_MLSERVER: Final = Server(
    "mlserver",
    "MLServer",
    "custom runtime, no worker processes, adaptive batching of up to 16 within 1 ms;"
    " metrics as they come, gzip off; uvloop, httptools",
    ("mlserver", "start", "."),
    ready="/v2/models/nextday/ready",
    path="/v2/models/nextday/infer",
    variables={
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": "{spare}",
        "MLSERVER_DEBUG": "false",
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_GZIP_ENABLED": "false",
        "MLSERVER_MODEL_NAME": "nextday",
        "MLSERVER_MODEL_IMPLEMENTATION": "benchmarks.peers.mlserver_runtime.Forecaster",
        "MLSERVER_MODEL_MAX_BATCH_SIZE": "16",
        "MLSERVER_MODEL_MAX_BATCH_TIME": "0.001",
    },
    question=lambda body: {
        "inputs": [
            {
                "name": "prices",
                "shape": [1, len(body["prices"])],
                "datatype": "FP64",
                "data": body["prices"],
            }
        ]
    },
    price=lambda answer: float(answer["outputs"][0]["data"][0]),
)

_BENTOML: Final = Server(
    "bentoml",
    "BentoML",
    "one worker, adaptive batching of up to 16; metrics as they come; uvloop, httptools",
    (
        *("bentoml", "serve", "benchmarks.peers.bentoml_service:Forecaster"),
        *("--host", "127.0.0.1", "--port", "{port}"),
    ),
    ready="/readyz",
    variables={"BENTOML_DO_NOT_TRACK": "True"},
    question=lambda body: {"prices": [body["prices"]]},
    price=lambda answer: float(answer[0]),
)

_OURS: Final = Server(
    OURS,
    "nextday",
    "one worker, as it comes, but for the log of requests, which nobody else here keeps",
    ("python", "-m", "app"),
    ready="/readyz",
    variables={
        "NEXTDAY_MODELS": "models",
        "NEXTDAY_PORT": "{port}",
        "NEXTDAY_REQUEST_LOG": "false",
    },
)

_DECLARED: Final = Server(
    DECLARED,
    "FastAPI, declared route",
    "pydantic body and answer, `session.run` in an `async def` route; uvloop, httptools",
    _uvicorn("benchmarks.peers.fastapi_route:app"),
    ready="/openapi.json",
)

SERVERS: Final = (
    _OURS,
    _DECLARED,
    _MLSERVER,
    dataclasses.replace(
        _MLSERVER,
        name="mlserver-bare",
        title="MLServer, metrics off",
        settings="the same without its metrics, which ours has on",
        variables=_MLSERVER.variables | {"MLSERVER_METRICS_ENDPOINT": ""},
        needs="mlserver",
    ),
    _BENTOML,
    dataclasses.replace(
        _BENTOML,
        name="bentoml-bare",
        title="BentoML, metrics off",
        settings="the same without its metrics, which ours has on",
        variables=_BENTOML.variables | {"PEER_METRICS": "off"},
        needs="bentoml",
    ),
    Server(
        "litserve",
        "LitServe",
        "one API server, one worker, batches of up to 16 within 10 ms, the fast queue; uvloop,"
        " httptools",
        ("python", "-m", "benchmarks.peers.litserve_api", "{port}"),
        ready="/health",
    ),
    Server(
        "ray",
        "Ray Serve",
        "`serve.batch` of up to 16 within 1 ms; no access log",
        ("python", "-m", "benchmarks.peers.ray_deployment", "{port}"),
        ready="/-/healthz",
    ),
    Server(
        "ray-haproxy",
        "Ray Serve, HAProxy",
        "the same in its high-throughput mode: HAProxy in front, throughput-optimized replicas",
        ("python", "-m", "benchmarks.peers.ray_deployment", "{port}"),
        ready="/-/healthz",
        variables={"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"},
        needs="ray",
    ),
    Server(
        "keras",
        "FastAPI, Keras predict",
        "the declared route around `model.predict`, TensorFlow behind it; uvloop, httptools",
        _uvicorn("benchmarks.peers.keras_route:app"),
        ready="/openapi.json",
    ),
    dataclasses.replace(
        _OURS,
        name=OURS_BARS,
        title="nextday, bars and dates",
        settings="as nextday, with the shipped model, asked with 60 bars and their dates",
        variables=_OURS.variables | {"NEXTDAY_MODELS": "shipped"},
        questions=BARS,
        needs=OURS,
        compared_with=OURS_BARS,
    ),
    dataclasses.replace(
        _DECLARED,
        name=DECLARED_BARS,
        title="FastAPI, declared route of bars and dates",
        settings="the declared route around the shipped model, with our checks of bars and dates",
        command=_uvicorn("benchmarks.peers.fastapi_bars:app"),
        questions=BARS,
        needs=DECLARED,
        compared_with=OURS_BARS,
    ),
)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    server: Server
    port: int
    process: int
    ready_s: float
    """From its start to its first answer on the path `ready`."""

    @property
    def url(self) -> str:
        """Where it is asked for a forecast."""
        return f"http://127.0.0.1:{self.port}{self.server.path}"


@contextlib.contextmanager
def running(
    server: Server, programs: Path, folder: Path, core: int, *, poll_s: float
) -> Iterator[Running]:
    """Start a server on one core, in the folder of the network; stop it in the end."""
    port, spare = _free_ports(2)
    ports = {"port": str(port), "spare": str(spare)}
    variables = {"PYTHONPATH": str(ROOT), **server.variables}
    program, *arguments = server.command
    command = [
        "env",
        *(f"{name}={value.format(**ports)}" for name, value in variables.items()),
        str(programs / program),
        *(argument.format(**ports) for argument in arguments),
    ]
    log = folder / f"{server.name}.log"
    with log.open("wb") as output, processes.on_core(core):
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - a command of ours
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        while not _is_ready(port, server.ready):
            if process.poll() is not None or time.perf_counter() > began + _PATIENCE_S:
                last = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise Failed(f"{server.title} did not start: {' / '.join(last)}")
            time.sleep(poll_s)
        yield Running(server, port, process.pid, time.perf_counter() - began)
    finally:
        processes.stop(process)


def check(running_server: Running, questions: list[dict[str, Any]]) -> None:
    """Raise Failed where a server's forecasts are not those of its network."""
    server = running_server.server
    for question in questions:
        connection = http.client.HTTPConnection("127.0.0.1", running_server.port, timeout=60)
        with contextlib.closing(connection):
            body = server.body(question)
            connection.request("POST", server.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != _OK:
            raise Failed(f"{server.title} answered {answer.status}: {content[:200]!r}")
        price = server.price(json.loads(content))
        if not math.isclose(price, question["prediction"], rel_tol=_TOLERANCE):
            raise Failed(f"{server.title} forecast {price}, not {question['prediction']}")


def _is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == _OK
    return False


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
