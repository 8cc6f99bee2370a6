"""FastAPI as its tutorial has it: a declared body, a declared answer, the network in the route."""

from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.onnx_network import OnnxNetwork


class Question(BaseModel):
    """The newest prices, oldest first."""

    prices: list[float]


class Answer(BaseModel):
    """The next price."""

    prediction: float


app = FastAPI()
network = OnnxNetwork(Path())


@app.post("/predict")
async def predict(question: Question) -> Answer:
    """Forecast from one window."""
    [price] = network.forecast([question.prices])
    return Answer(prediction=price)
