"""A file of many instruments at /predict/batch: each is forecast as it would be by itself."""

import csv
import io
from pathlib import Path

import pytest

from tests.app.price_walk import WALK, walk
from tests.builders import assert_problem, publish_quantiles, serving

OTHER = walk(2, 50.0)
LONG = "ticker,date,open,high,low,close\n" + "".join(
    f"{name},{bar.day},{bar.open},{bar.high},{bar.low},{bar.close}\n"
    for pair in zip(WALK, OTHER, strict=True)
    for name, bar in zip(("AAPL", "MSFT"), pair, strict=True)
)
HEADERS = {"Content-Type": "text/csv"}


def single(name: str) -> str:
    return "".join(
        line for line in LONG.splitlines(keepends=True) if line.startswith(("ticker", name))
    )


def test_each_instrument_of_a_file_is_forecast_as_by_itself(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)

    with serving(tmp_path) as client:
        batch = client.post("/predict/batch?levels=80", content=LONG, headers=HEADERS).json()
        alone = [
            client.post("/predict?levels=80", content=single(name), headers=HEADERS).json()
            for name in ("AAPL", "MSFT")
        ]

    assert batch["instruments"] == ["AAPL", "MSFT"]
    assert batch["errors"] == []
    assert batch["last_prices"] == [WALK[-1].close, OTHER[-1].close]
    assert batch["predictions"] == pytest.approx([each["prediction"] for each in alone])
    assert batch["intervals"]["80"]["low"] == pytest.approx(
        [each["intervals"][0]["low"] for each in alone]
    )


def test_a_bad_instrument_is_an_error_of_its_own(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    content = LONG + f"BAD,{WALK[0].day},1,1,1,0\nFEW,{WALK[0].day},1,1,1,1\n"

    with serving(tmp_path) as client:
        batch = client.post("/predict/batch", content=content, headers=HEADERS).json()

    assert batch["instruments"] == ["AAPL", "MSFT", "BAD", "FEW"]
    assert batch["predictions"][2:] == [None, None]
    assert [(fault["index"], fault["code"]) for fault in batch["errors"]] == [
        (2, "bad_table"),
        (3, "window_too_short"),
    ]
    assert f"line {2 * len(WALK) + 2}" in batch["errors"][0]["message"]


def test_who_asks_for_csv_gets_a_line_for_each(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)

    with serving(tmp_path) as client:
        answer = client.post(
            "/predict/batch", content=LONG, headers=HEADERS | {"Accept": "text/csv"}
        )

    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["instrument"] for row in rows] == ["AAPL", "MSFT"]
    assert float(rows[1]["last_price"]) == OTHER[-1].close
    assert float(rows[0]["low_95"]) < float(rows[0]["prediction"]) < float(rows[0]["high_95"])


def test_strict_refuses_the_instrument_that_looks_damaged(tmp_path: Path) -> None:
    publish_quantiles(tmp_path)
    lines = LONG.splitlines(keepends=True)
    # the newest bar of one of them comes twice
    content = LONG + lines[-1]

    with serving(tmp_path) as client:
        path = "/predict/batch?strict="
        told = client.post(f"{path}false", content=content, headers=HEADERS).json()
        strict = client.post(f"{path}true", content=content, headers=HEADERS).json()

    assert (1, "duplicate_date") in [(each["index"], each["code"]) for each in told["warnings"]]
    assert told["predictions"][1] is not None
    assert [(each["index"], each["code"]) for each in strict["errors"]] == [(1, "suspicious")]
    assert (strict["predictions"][0] is None, strict["predictions"][1]) == (False, None)


def test_a_file_without_a_sound_instrument_is_refused_with_what_was_read_as_what(
    tmp_path: Path,
) -> None:
    publish_quantiles(tmp_path)
    content = "ticker,date,close\nA,2026-01-05,x\nB,2026-01-05,y\n"

    with serving(tmp_path) as client:
        response = client.post("/predict/batch", content=content, headers=HEADERS)
        unknown = client.post("/predict/batch?calendar=XNYS", content=LONG, headers=HEADERS)

    assert_problem(response, 422, "bad_table")
    assert "calendar" in assert_problem(unknown, 422, "bad_input")["detail"]
