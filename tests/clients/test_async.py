"""The client of asyncio, against the running service."""

import asyncio
from pathlib import Path

import nextday
import pytest
from nextday import AsyncClient, Client, Forecast

from tests.builders import random_bars
from tests.clients.flaky import flaky
from tests.clients.prices import bars_of, days_of, frame


def test_it_answers_as_the_client_that_waits_does(url: str, tmp_path: Path) -> None:
    prices = frame(70)
    bars, days = bars_of(prices), days_of(prices)
    file = tmp_path / "prices.csv"
    prices.to_csv(file)

    async def asked() -> list[object]:
        async with AsyncClient(url) as client:
            return [
                await client.predict(bars=bars, dates=days, calendar="weekdays", strict=True),
                await client.predict_batch(bars=[bars]),
                await client.predict_csv(file, calendar="weekdays"),
                await client.forecast(prices, calendar="weekdays"),
                await client.models(),
                await client.model("default"),
                await client.ready(),
            ]

    awaited = asyncio.run(asked())
    with Client(url) as client:
        assert awaited == [
            client.predict(bars=bars, dates=days, calendar="weekdays", strict=True),
            client.predict_batch(bars=[bars]),
            client.predict_csv(file, calendar="weekdays"),
            client.forecast(prices, calendar="weekdays"),
            client.models(),
            client.model("default"),
            client.ready(),
        ]


def test_many_tasks_share_a_client(url: str) -> None:
    series = [random_bars(60, seed=seed) for seed in range(40)]

    async def asked() -> list[Forecast]:
        async with AsyncClient(url) as client:
            return await asyncio.gather(*(client.predict(bars=bars) for bars in series))

    answers = asyncio.run(asked())

    assert [each.last_price for each in answers] == [bars["close"][-1] for bars in series]


def test_connections_are_kept() -> None:
    async def asked(url: str) -> None:
        async with AsyncClient(url) as client:
            for _ in range(20):
                await client.predict([1.0] * 60)

    with flaky() as server:
        asyncio.run(asked(server.url))
        assert server.connections == 1
    assert len(server.requests) == 20


def test_errors_are_the_same(url: str) -> None:
    async def asked() -> None:
        async with AsyncClient(url) as client:
            await client.model("none")

    with pytest.raises(nextday.NotFound) as raised:
        asyncio.run(asked())

    assert raised.value.code == "no_such_model"
