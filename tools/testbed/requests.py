"""Valid requests of every route: what the fuzzer mutates, and what the soak mixes."""

import gzip
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from tools.testbed.prices import random_bars, random_walk

JSON: Final = b"application/json"
BINARY: Final = b"application/octet-stream"
HEADER_LENGTH: Final = b"Inference-Header-Content-Length"

Headers = list[tuple[bytes, bytes]]


class Request(NamedTuple):
    """One request, not written yet."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes | None

    @property
    def content(self) -> bytes:
        """The request as it is sent, with the length of its body."""
        headers = self.headers
        if self.body is not None:
            headers = [*headers, (b"Content-Length", b"%d" % len(self.body))]
        return written(self.method, self.target, headers, self.body or b"")


def written(method: bytes, target: bytes, headers: Headers, rest: bytes) -> bytes:
    """Return a head, and what follows it."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join([method, b" ", target, b" HTTP/1.1\r\nHost: x\r\n", *lines, b"\r\n", rest])


def get(target: str) -> Request:
    """Return a request for a document."""
    return Request(b"GET", target.encode(), [], None)


def post(target: str, document: Any, *headers: tuple[bytes, bytes]) -> Request:
    """Return a request that posts JSON."""
    body = json.dumps(document).encode()
    return Request(b"POST", target.encode(), [(b"Content-Type", JSON), *headers], body)


def compressed(request: Request) -> Request:
    """Return the same with its body compressed."""
    assert request.body is not None
    headers = [*request.headers, (b"Content-Encoding", b"gzip")]
    return request._replace(headers=headers, body=gzip.compress(request.body, 1))


def columns(window: int, fields: int, *, seed: int) -> list[list[float]]:
    """Return prices (sessions, fields)."""
    bars = random_bars(window, seed=seed)
    named = ["close"] if fields == 1 else ["open", "high", "low", "close"]
    return np.array([bars[name] for name in named]).T.tolist()  # type: ignore[no-any-return]


def tensor(windows: Sequence[Any], *, datatype: str = "FP64", **more: Any) -> dict[str, Any]:
    """Return the document of an inference, with its data as JSON."""
    shape = list(np.shape(windows))
    posted = {"name": "window", "shape": shape, "datatype": datatype, "data": list(windows)}
    return {"inputs": [posted], **more}


def binary(target: str, windows: Sequence[Any], *, datatype: str = "FP64") -> Request:
    """Return an inference whose input and outputs are bytes."""
    values = np.asarray(windows, "<f8" if datatype == "FP64" else "<f4")
    posted = {
        "name": "window",
        "shape": list(values.shape),
        "datatype": datatype,
        "parameters": {"binary_data_size": values.nbytes},
    }
    head = json.dumps({"inputs": [posted], "parameters": {"binary_data_output": True}}).encode()
    headers = [(b"Content-Type", BINARY), (HEADER_LENGTH, b"%d" % len(head))]
    return Request(b"POST", target.encode(), headers, head + values.tobytes())


def raw(target: str, windows: Sequence[Any]) -> Request:
    """Return an inference whose body is nothing but the tensor."""
    headers = [(b"Content-Type", BINARY), (HEADER_LENGTH, b"0")]
    return Request(b"POST", target.encode(), headers, np.asarray(windows, "<f8").tobytes())


def table(
    target: str, bars: dict[str, list[float]], dates: Sequence[str], *, accept: bytes
) -> Request:
    """Return a request that posts a CSV file."""
    lines = [("Date", *bars), *zip(dates, *bars.values(), strict=True)]
    body = "\n".join(",".join(map(str, line)) for line in lines).encode()
    headers = [(b"Content-Type", b"text/csv"), (b"Accept", accept)]
    return Request(b"POST", target.encode(), headers, body)


def forecasts(name: str, window: int, *, fields: int, version: int = 1) -> list[Request]:
    """Return requests for forecasts of a model, by every way that there is."""
    bars = random_bars(window, seed=3)
    prices = random_walk(window, seed=4).tolist()
    windows = [columns(window, fields, seed=seed) for seed in (5, 6)]
    asked: dict[str, Any] = {"model": name} | (
        {"prices": prices} if fields == 1 else {"bars": bars}
    )
    series = {
        "type": "univariate_time_series",
        "name": "made up",
        "series": prices,
        "frequency": "B",
        "start_timestamp": "2026-01-05",
    }
    several = [prices, prices[1:], random_walk(window, seed=8).tolist()]
    dates = [f"2026-03-{day + 2:02d}" for day in range(window)]
    infer = f"/v2/models/{name}/infer"
    outputs: dict[str, Any] = {
        "outputs": [{"name": "prediction", "parameters": {"binary_data": True}}]
    }
    return [
        post("/predict", asked),
        post("/predict", asked | {"levels": [50, 97.5]}),
        post("/predict", asked | {"version": version}),
        post("/predict", {"model": name, "prices": prices}, (b"X-Request-Id", b"a-word")),
        post("/predict", asked | {"dates": dates, "calendar": "NYSE"}),
        post("/predict", asked | {"dates": [*dates[:-1], "2026-03-28"], "strict": True}),
        table(f"/predict?model={name}&calendar=24/7&levels=50", bars, dates, accept=b"*/*"),
        table(f"/predict?model={name}", bars, dates, accept=b"text/csv"),
        table("/bars", bars, dates, accept=b"application/json"),
        compressed(post("/predict", asked)),
        post("/predict/batch", {"model": name, "windows": several}),
        post("/predict/batch", {"model": name, "bars": [bars, bars], "levels": [90]}),
        post(infer, tensor(windows[:1], id="of-theirs")),
        post(infer, tensor([np.ravel(windows[0]).tolist()], **outputs)),
        post(infer, tensor(windows, datatype="FP32")),
        post(f"/v2/models/{name}/versions/{version}/infer", tensor(windows[:1])),
        binary(infer, windows[:1]),
        binary(infer, windows, datatype="FP32"),
        raw(infer, windows[:1]),
        compressed(binary(infer, windows)),
        post(
            "/v1/timeseries/forecast",
            {"model": name, "inputs": [series], "options": {"horizon": 1, "quantiles": [0.1, 0.5]}},
        ),
    ]


def documents(name: str, version: int = 1) -> list[Request]:
    """Return requests for all that is told of the service and a model."""
    of_model = f"/v2/models/{name}"
    paths = [
        *("/livez", "/readyz", "/models", f"/models/{name}", f"/models/{name}/versions/{version}"),
        *("/v2", "/v2/", "/v2/health/live", "/v2/health/ready", "/v2/models/stats"),
        *(of_model, f"{of_model}/ready", f"{of_model}/config", f"{of_model}/stats"),
        *(f"{of_model}/versions/{version}{end}" for end in ("", "/ready", "/config", "/stats")),
        *("/v1/timeseries/models", "/docs", "/", "/calendars", "/calendars/XNYS"),
    ]
    return [
        *map(get, paths),
        post("/v2/repository/index", {"ready": True}),
        post(f"/v2/repository/models/{name}/load", {}),
    ]


def costly() -> list[Request]:
    """Return requests for documents that take a millisecond or more."""
    return [get("/metrics"), get("/openapi.json")]
