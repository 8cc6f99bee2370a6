"""Frames of many instruments: named, answered by name, and each wrong one by itself."""

import asyncio
from collections.abc import Callable
from typing import Any

import nextday
import pandas as pd
import pytest
from nextday import AsyncClient, BadFrame, Client

from tests.builders import random_bars
from tests.clients.flaky import FORECAST, Reply, flaky
from tests.clients.prices import bars_of, frame

BATCH = {name: FORECAST[name] for name in ("model", "version", "target", "skill")} | {
    "instruments": ["FB", "7203"],
    "predictions": [101.0, None],
    "last_prices": [100.0, None],
    "intervals": {"80": {"low": [99.0, None], "high": [103.0, None]}},
    "warnings": [],
    "errors": [{"index": 1, "code": "bad_table", "message": "these are hourly bars"}],
}


def parts() -> dict[str, pd.DataFrame]:
    """Return the bars of two instruments."""
    return {"FB": frame(70, seed=1), "7203": frame(90, seed=2)}


def both() -> pd.DataFrame:
    """Return them below each other, by a level of the index."""
    return pd.concat(parts(), names=["Ticker", "Date"])


def test_a_frame_is_posted_as_csv_with_what_is_asked_beside_it() -> None:
    with flaky(Reply(200, body=BATCH)) as server, Client(server.url) as client:
        client.predict_batch(both(), levels=[80, 97.5], strict=True, version=3)
    [(path, headers, content)] = server.requests
    target, _, query = path.partition("?")

    assert target == "/predict/batch"
    assert headers["content-type"] == "text/csv"
    assert sorted(query.split("&")) == ["levels=80.0%2C97.5", "strict=true", "version=3"]
    lines = content.decode().splitlines()
    assert lines[0] == "Ticker,Date,Open,High,Low,Close"
    assert len(lines) == 161
    assert lines[1].startswith("FB,2026-")


def test_forecasts_are_a_frame_by_instrument() -> None:
    with flaky(Reply(200, body=BATCH)) as server, Client(server.url) as client:
        found = client.predict_batch(both())
    table = found.to_frame()

    assert found.instruments == ("FB", "7203")
    assert table.index.name == "instrument"
    assert table.index.tolist() == ["FB", "7203"]
    assert table["prediction"].tolist()[0] == 101.0
    assert table["low_80"].isna().tolist() == [False, True]
    assert table["error"].isna().tolist() == [True, False]
    assert table["error"].tolist()[1] == "these are hourly bars"


def test_an_older_service_names_no_instruments() -> None:
    older = {name: value for name, value in BATCH.items() if name != "instruments"}
    with flaky(Reply(200, body=older)) as server, Client(server.url) as client:
        found = client.predict_batch([[1.0] * 60, [2.0]])

    assert found.instruments is None
    assert found.to_frame().index.tolist() == [0, 1]


def test_what_cannot_be_sent_is_refused_before_anything_is_sent() -> None:
    with flaky() as server, Client(server.url) as client:
        with pytest.raises(BadFrame, match=r"side by side \(A, B\)"):
            client.predict_batch(pd.concat({"A": frame(5), "B": frame(5)}, axis=1))
        with pytest.raises(BadFrame, match="not both"):
            client.predict_batch(both(), bars=[random_bars(60)])
        with pytest.raises(BadFrame, match="empty"):
            client.predict_batch(both().iloc[:0])

    assert server.requests == []


def long(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.reset_index()


def by_instrument(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.reset_index("Date")


def without_names(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.rename_axis([None, None])


def shuffled(prices: pd.DataFrame) -> pd.DataFrame:
    """Return rows by date, so that instruments take turns."""
    return prices.reset_index().sort_values(["Date", "Ticker"], ascending=False)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda prices: prices, id="an index of both"),
        long,
        by_instrument,
        without_names,
        shuffled,
    ],
)
def test_a_long_frame_is_answered_as_its_windows_are(
    url: str, change: Callable[[pd.DataFrame], Any]
) -> None:
    bars = {name: bars_of(prices) for name, prices in parts().items()}
    with Client(url) as client:
        found = client.predict_batch(change(both()), levels=[90])
        expected = client.predict_batch(bars=list(bars.values()), levels=[90])

    assert found.instruments is not None
    assert sorted(found.instruments) == sorted(bars)
    table = found.to_frame().loc[list(bars)]
    assert table["prediction"].tolist() == pytest.approx(list(expected.predictions))
    assert table["low_90"].tolist() == pytest.approx(list(expected.intervals["90"].low))
    assert table["error"].isna().all()


def nixtla(prices: pd.DataFrame) -> pd.DataFrame:
    names = {"Ticker": "unique_id", "Date": "ds", "Close": "y"}
    return prices.reset_index().rename(columns=names)[["unique_id", "ds", "y"]]


@pytest.mark.parametrize(
    "change", [nixtla, pytest.param(lambda prices: prices["Close"], id="series")]
)
def test_closes_below_each_other_are_answered_as_closes(
    url: str, change: Callable[[pd.DataFrame], Any]
) -> None:
    closes = [prices["Close"].tolist() for prices in parts().values()]
    with Client(url) as client:
        found = client.predict_batch(change(both()))
        expected = client.predict_batch(closes)

    assert found.instruments == ("FB", "7203")
    assert list(found.predictions) == pytest.approx(list(expected.predictions))
    assert [notice.code for notice in found.warnings] == ["close_only"]


def test_a_bad_instrument_costs_the_others_nothing(url: str) -> None:
    hours = pd.date_range("2024-06-03 09:30", periods=90, freq="h", tz="America/New_York")
    given = {
        "GOOD": frame(70).tz_localize("America/New_York"),
        "HOURS": frame(90).set_axis(hours, axis=0),
        "SHORT": frame(20).tz_localize("America/New_York"),
    }
    with Client(url) as client:
        found = client.predict_batch(pd.concat(given, names=["Ticker", "Date"]))

    assert found.instruments == ("GOOD", "HOURS", "SHORT")
    assert [failure.index for failure in found.errors] == [1, 2]
    table = found.to_frame()
    assert "hourly bars" in str(table["error"].tolist()[1])
    assert table["prediction"].isna().tolist() == [False, True, True]


def test_the_client_that_is_awaited_takes_frames_too(url: str) -> None:
    prices = both()

    async def asked() -> nextday.BatchForecast:
        async with AsyncClient(url) as client:
            return await client.predict_batch(prices, levels=[80])

    with Client(url) as client:
        assert asyncio.run(asked()) == client.predict_batch(prices, levels=[80])
