"""Requests from the pages of other origins: refused by browsers, unless a setting lets them in."""

from pathlib import Path

import pytest

from tests.builders import PRICES, publish, serving
from tests.wire import BODY, Service, request, run

ORIGIN = "https://page.example"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish(tmp_path)
    return tmp_path


def test_no_origin_is_let_in_unless_it_is_set(models: Path) -> None:
    with serving(models) as client:
        answer = client.post("/predict", json={"prices": PRICES}, headers={"Origin": ORIGIN})

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_origin_that_is_set_may_ask_by_every_way(models: Path) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        for path in ("/predict", "/predict?x", "/nowhere", "/predict"):
            await connection.send(request(BODY, f"Origin: {ORIGIN}", path=path))
            headers = (await connection.answer())[1]
            assert headers["access-control-allow-origin"] == ORIGIN
        await connection.send(request(BODY, "Origin: https://other.example"))
        assert "access-control-allow-origin" not in (await connection.answer())[1]
        await connection.close()

    run(test, models, cors_origins=(ORIGIN,))


def test_browsers_may_ask_beforehand(models: Path) -> None:
    with serving(models, cors_origins=(ORIGIN,), api_keys=("a-key-of-some-characters",)) as client:
        answer = client.options(
            "/predict",
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-api-key, content-type",
            },
        )

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "x-api-key" in answer.headers["access-control-allow-headers"]
