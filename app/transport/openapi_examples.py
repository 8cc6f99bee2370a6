"""Bodies that can be pasted and run, for the OpenAPI document."""

from datetime import date, timedelta
from typing import Final

# Made up: a seeded random walk. Not the prices of anything.
EXAMPLE_PRICES: Final = [
    182.4, 183.1, 181.76, 182.05, 184.33, 185.02, 184.6, 186.11, 187.45, 186.9,
    185.72, 186.38, 188.04, 188.91, 187.63, 186.2, 184.95, 185.41, 187.02, 188.3,
    189.74, 190.12, 189.05, 187.88, 188.46, 189.97, 191.3, 190.84, 192.05, 193.41,
    192.66, 191.02, 189.83, 190.57, 191.95, 193.22, 194.01, 193.35, 191.78, 190.44,
    188.92, 187.35, 188.1, 189.64, 190.88, 190.02, 188.57, 187.91, 186.48, 187.06,
    188.75, 189.93, 189.21, 187.64, 186.83, 185.97, 186.7, 188.02, 187.55, 187.2,
]  # fmt: skip

EXAMPLE_BARS: Final = {
    "open": [
        181.8, 182.26, 183.38, 181.64, 181.88, 183.82, 184.9, 185.22, 186.35, 188.03,
        187.04, 185.94, 186.48, 187.1, 189.39, 187.92, 186.48, 184.01, 184.44, 186.52,
        188.04, 189.91, 190.09, 189.35, 187.52, 188.63, 190.19, 190.92, 191.82, 192.37,
        194.1, 192.3, 190.6, 189.63, 190.51, 192.31, 193.36, 193.75, 192.79, 191.48,
        191.14, 188.46, 187.49, 188.34, 188.79, 190.91, 190.76, 187.43, 187.73, 186.42,
        186.6, 189.03, 189.89, 188.38, 188.11, 187.21, 186.5, 187.51, 188.22, 187.62,
    ],
    "high": [
        183.35, 183.55, 183.83, 182.38, 185.26, 185.74, 185.29, 187.07, 188.97, 189.13,
        187.22, 187.46, 188.48, 190.35, 191.3, 188.19, 187.03, 186.24, 187.75, 189.13,
        189.86, 190.31, 190.42, 190.56, 188.93, 190.36, 191.72, 192.12, 193.03, 194.15,
        194.51, 193.82, 191.08, 191.21, 193.34, 193.36, 194.8, 194.77, 194.03, 191.9,
        191.25, 188.7, 188.59, 189.73, 191.75, 191.42, 191.08, 188.69, 187.75, 187.72,
        189.46, 191.04, 190.23, 189.42, 188.21, 187.32, 186.92, 189.08, 188.99, 188.57,
    ],
    "low": [
        180.88, 181.69, 181.3, 180.82, 181.26, 183.57, 184.49, 185.11, 185.92, 186.77,
        185.51, 185.51, 186.48, 186.53, 187.21, 184.7, 184.71, 183.7, 184.17, 186.51,
        187.35, 189.65, 188.76, 186.5, 185.6, 187.78, 190.0, 190.54, 191.64, 192.04,
        192.16, 190.8, 189.43, 187.79, 190.24, 191.88, 193.28, 193.18, 191.73, 188.36,
        188.55, 186.59, 186.61, 188.29, 188.07, 189.37, 187.45, 186.15, 186.22, 186.17,
        186.13, 188.2, 187.18, 186.82, 185.75, 185.46, 185.39, 187.38, 186.65, 187.09,
    ],
    "close": EXAMPLE_PRICES,
}  # fmt: skip

_MONDAY: Final = date(2026, 8, 3)
EXAMPLE_DATES: Final = [
    (_MONDAY + timedelta(weeks=row // 5, days=row % 5)).isoformat()
    for row in range(len(EXAMPLE_PRICES))
]
"""Weekdays."""

EXAMPLE_CSV: Final = "".join(
    ",".join(map(str, row)) + "\n"
    for row in [
        ("Date", "Open", "High", "Low", "Close"),
        *zip(EXAMPLE_DATES, *EXAMPLE_BARS.values(), strict=True),
    ]
)

PREDICT_EXAMPLES: Final = {
    "newest prices": {
        "summary": "Sixty closes, oldest first: the least that the default model takes",
        "value": {"prices": EXAMPLE_PRICES},
    },
    "newest bars": {
        "summary": "Sixty bars, oldest first, and the intervals to give",
        "value": {"bars": EXAMPLE_BARS, "levels": [50, 80, 95]},
    },
    "newest bars with their dates": {
        "summary": "With dates and a calendar the answer names the session that is forecast",
        "value": {"bars": EXAMPLE_BARS, "dates": EXAMPLE_DATES, "calendar": "weekdays"},
    },
    "a pinned version": {
        "summary": "Always from this version, whatever is published later",
        "value": {"model": "default", "version": 1, "prices": EXAMPLE_PRICES},
    },
}

BATCH_EXAMPLES: Final = {
    "two instruments": {
        "summary": "Two windows, the second in another currency",
        "value": {
            "windows": [EXAMPLE_PRICES, [round(price * 157.3, 1) for price in EXAMPLE_PRICES]]
        },
    },
    "two instruments, as bars": {
        "summary": "Bars in place of windows, one interval",
        "value": {"bars": [EXAMPLE_BARS, EXAMPLE_BARS], "levels": [90]},
    },
    "one bad window": {
        "summary": "A bad window is null in every column and costs its neighbours nothing",
        "value": {"windows": [EXAMPLE_PRICES, EXAMPLE_PRICES[:12]]},
    },
}

INFER_EXAMPLES: Final = {
    "one window of bars": {
        "summary": "Sixty sessions of open, high, low and close, one after the other",
        "value": {
            "inputs": [
                {
                    "name": "window",
                    "datatype": "FP64",
                    "shape": [1, 60, 4],
                    "data": [
                        price for bar in zip(*EXAMPLE_BARS.values(), strict=True) for price in bar
                    ],
                }
            ]
        },
    },
    "one window of closes": {
        "summary": "Sixty closes, and one of the outputs",
        "value": {
            "inputs": [
                {
                    "name": "window",
                    "datatype": "FP64",
                    "shape": [1, 60, 1],
                    "data": EXAMPLE_PRICES,
                }
            ],
            "outputs": [{"name": "prediction"}],
        },
    },
}

SERIES_EXAMPLES: Final = {
    "one series": {
        "summary": "Sixty closes of weekdays",
        "value": {
            "model": "default",
            "inputs": [
                {
                    "type": "univariate_time_series",
                    "name": "closes",
                    "series": EXAMPLE_PRICES,
                    "frequency": "B",
                    "start_timestamp": "2026-08-03",
                }
            ],
            "options": {"horizon": 1, "quantiles": [0.1, 0.5, 0.9]},
        },
    }
}
