"""The least that serves the same network: FastAPI, one route, onnxruntime; nothing checked."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel


class Body(BaseModel):
    """Prices, of which nothing is asked."""

    prices: list[float]


def serve() -> FastAPI:
    """Return the app: `uvicorn --factory benchmarks.bare:serve`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = Path("models/default/1/model.onnx").read_bytes()
    session = onnxruntime.InferenceSession(graph, options)
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/predict")
    async def predict(body: Body) -> dict[str, Any]:
        returns = np.diff(np.log(body.prices[-60:])) / 0.01
        inputs = returns.astype(np.float32)[None, :, None]
        [[output]] = session.run(None, {"window": inputs})[0]
        return {"prediction": float(output)}

    return app
