"""Bodies that can be pasted and run, for the OpenAPI document."""

import json
from pathlib import Path
from typing import Any, Final

_EXAMPLES: Final[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_bytes())

# made up: a seeded random walk. Not the prices of anything
EXAMPLE_BARS: Final[dict[str, list[float]]] = _EXAMPLES["bars"]
EXAMPLE_PRICES: Final = EXAMPLE_BARS["close"]
EXAMPLE_DATES: Final[list[str]] = _EXAMPLES["dates"]
"""Weekdays."""

EXAMPLE_CSV: Final = "".join(
    ",".join(map(str, row)) + "\n"
    for row in [
        ("Date", "Open", "High", "Low", "Close"),
        *zip(EXAMPLE_DATES, *EXAMPLE_BARS.values(), strict=True),
    ]
)

PREDICT_EXAMPLES: Final[dict[str, Any]] = _EXAMPLES["predict"]
BATCH_EXAMPLES: Final[dict[str, Any]] = _EXAMPLES["batch"]
INFER_EXAMPLES: Final[dict[str, Any]] = _EXAMPLES["infer"]
SERIES_EXAMPLES: Final[dict[str, Any]] = _EXAMPLES["series"]
