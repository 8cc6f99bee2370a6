"""The same declared route around Keras's own `predict`, as notebooks are put into service."""

import json
from pathlib import Path

import keras
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel


class Question(BaseModel):
    """The newest prices, oldest first."""

    prices: list[float]


class Answer(BaseModel):
    """The next price."""

    prediction: float


app = FastAPI()
network = keras.models.load_model("model.keras")
scaler = json.loads(Path("scaler.json").read_text())


@app.post("/predict")
async def predict(question: Question) -> Answer:
    """Forecast from one window."""
    scaled = (np.array(question.prices) - scaler["offset"]) / scaler["scale"]
    [[output]] = network.predict(scaled[None, :, None], verbose=0)
    return Answer(prediction=float(output) * scaler["scale"] + scaler["offset"])
