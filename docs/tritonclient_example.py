"""
Ask the service by Triton's own client, over HTTP and by gRPC; both give the same forecast.

    pip install "tritonclient[http,grpc]"
    python docs/tritonclient_example.py                       HTTP alone, on 127.0.0.1:8000
    python docs/tritonclient_example.py 127.0.0.1:8000 127.0.0.1:8001

gRPC is spoken where NEXTDAY_GRPC_PORT is set.
"""  # noqa: INP001 - a script, in no package

import json
import sys
from pathlib import Path

import numpy as np
from tritonclient import grpc, http

MODEL = "default"


def main(http_address: str = "127.0.0.1:8000", grpc_address: str | None = None) -> None:
    """Print the forecast of the bars in example.json, once for each protocol."""
    bars = json.loads(Path(__file__).with_name("example.json").read_bytes())["bars"]
    history = np.column_stack([bars[field] for field in ("open", "high", "low", "close")])

    with http.InferenceServerClient(http_address) as client:
        _, sessions, _ = client.get_model_metadata(MODEL)["inputs"][0]["shape"]
        window = history[np.newaxis, -sessions:]  # (1, sessions, fields)
        tensor = http.InferInput("window", list(window.shape), "FP64")
        tensor.set_data_from_numpy(window)
        show("HTTP", client.infer(MODEL, [tensor], request_id="an example"))

    if grpc_address is not None:
        with grpc.InferenceServerClient(grpc_address) as client:
            tensor = grpc.InferInput("window", list(window.shape), "FP64")
            tensor.set_data_from_numpy(window)
            show("gRPC", client.infer(MODEL, [tensor], request_id="an example"))


def show(protocol: str, result: http.InferResult | grpc.InferResult) -> None:
    """Print the forecast, and its widest interval where the model has any."""
    [prediction] = result.as_numpy("prediction")
    print(f"{protocol}: {prediction:.4f}", end="")
    quantiles = result.as_numpy("quantiles")
    if quantiles is not None:
        print(f", between {quantiles[0, 0]:.4f} and {quantiles[0, -1]:.4f}", end="")
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
