"""The table of bad input by every way to ask: all say the same, each in its protocol's form."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from grpc import StatusCode

from tests import grpc_calls
from tests.app.bad_input import CODED, GOOD, NOT_JSON, NOT_SERVED, PLAIN, PRICES
from tests.builders import publish_quantiles
from tests.wire import Service, run

MOST = 200_000
CAPS = {"max_body_bytes": MOST, "max_batch_body_bytes": 2 * MOST}


class Asked(NamedTuple):
    """Where a body is posted, and the body."""

    path: str
    body: str


class Door(NamedTuple):
    """A way to ask for a forecast of prices by HTTP."""

    ask: Callable[[str, str, int | None], Asked]
    """Of prices, a model and a version."""
    field: str | None
    """As a problem names the prices; None where errors are a text alone, and a bad request's."""


def predict(query: str) -> Callable[[str, str, int | None], Asked]:
    def ask(prices: str, model: str, version: int | None) -> Asked:
        pinned = f', "version": {version}' if version else ""
        body = f'{{"prices": {prices}, "model": "{model}"{pinned}}}'
        return Asked(f"/predict{query}", body)

    return ask


def infer(prices: str, model: str, version: int | None) -> Asked:
    count = prices.count(",") + 1 if prices != "[]" else 0
    part = f'"name": "window", "shape": [1, {count}, 1], "datatype": "FP64", "data": {prices}'
    pinned = f"/versions/{version}" if version else ""
    return Asked(f"/v2/models/{model}{pinned}/infer", f'{{"inputs": [{{{part}}}]}}')


def series(prices: str, model: str, _: int | None) -> Asked:
    whole = f'"type": "univariate_time_series", "name": "x", "series": {prices}, "frequency": "D"'
    options = '"options": {"horizon": 1, "quantiles": [0.1]}'
    body = f'{{"model": "{model}", "inputs": [{{{whole}}}], {options}}}'
    return Asked("/v1/timeseries/forecast", body)


def batch(windows: str, model: str, version: int | None) -> Asked:
    pinned = f', "version": {version}' if version else ""
    body = f'{{"windows": [{windows}], "model": "{model}"{pinned}}}'
    return Asked("/predict/batch", body)


DOORS = {
    "by the fast path": Door(predict(""), "prices"),
    "by the framework": Door(predict("?by=the-framework"), "prices"),
    "infer": Door(infer, None),
    "time series": Door(series, "inputs"),
}
BODIES = DOORS | {"batch": Door(batch, "windows")}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    publish_quantiles(root, fields=("close",))
    return root


async def said(
    service: Service, path: str, body: bytes, header: str = "Content-Type: application/json"
) -> tuple[int, Any]:
    """Return the status and the body of the answer, which is a problem or the protocol's error."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = await service.connect()
    await connection.send(head.encode() + body)
    status, headers, answer = await connection.answer()
    await connection.close()
    if status >= 400:
        is_problem = headers["content-type"] == "application/problem+json"
        assert answer.keys() == {"error"} if not is_problem else "detail" in answer
        assert len(str(answer)) < 1000
    return status, answer


def compared(models: Path, expected: dict[str, Any], ask: Callable[[Service, str], Any]) -> None:
    """Assert that what is said of each case is what is expected, and that good prices go on."""

    async def test(service: Service) -> None:
        assert {name: await ask(service, name) for name in expected} == expected
        asked = predict("")(GOOD, "default", None)
        assert (await said(service, asked.path, asked.body.encode()))[0] == 200

    run(test, models, **CAPS)


@pytest.mark.parametrize("way", DOORS)
def test_prices_that_cannot_be_forecast_from_are_named(models: Path, way: str) -> None:
    door = DOORS[way]

    async def ask(service: Service, name: str) -> Any:
        asked = door.ask(PRICES[name].prices, "default", None)
        status, answer = await said(service, asked.path, asked.body.encode())
        if door.field is None:
            place = re.search(r"\[(\d)\] is not|element (\d) ", answer["error"])
            return status, int(place[1] or place[2]) if place else None
        assert answer["field"].startswith(door.field)
        return status, answer["code"], answer.get("index")

    expected = {
        name: (422, case.code, case.row) if door.field else (400, case.row)
        for name, case in PRICES.items()
    }
    if way == "time series":
        # as that API has it
        expected["no list"] = expected["a list of nothing"] = (422, "bad_input", 0)
    compared(models, expected, ask)


@pytest.mark.parametrize("name", PRICES)
def test_a_bad_window_of_a_batch_is_named_and_costs_its_neighbours_nothing(
    models: Path, name: str
) -> None:
    async def ask(service: Service, name: str) -> Any:
        asked = batch(f"{GOOD}, {PRICES[name].prices}, {GOOD}", "default", None)
        status, answer = await said(service, asked.path, asked.body.encode())
        first, bad, last = answer["predictions"]
        found = [(error["index"], error["code"]) for error in answer["errors"]]
        return status, found, bad, first == last > 0

    compared(models, {name: (200, [(1, PRICES[name].code)], None, True)}, ask)


@pytest.mark.parametrize("way", BODIES)
def test_what_is_not_json_is_said_to_be(models: Path, way: str) -> None:
    door = BODIES[way]
    path = door.ask(GOOD, "default", None).path

    async def ask(service: Service, name: str) -> Any:
        status, answer = await said(service, path, NOT_JSON[name])
        return status, answer.get("code")

    code = "not_json" if door.field else None
    compared(models, dict.fromkeys(NOT_JSON, (400, code)), ask)


@pytest.mark.parametrize("way", BODIES)
def test_a_body_beyond_its_cap_is_refused(models: Path, way: str) -> None:
    door = BODIES[way]
    path, body = door.ask(GOOD, "default", None)
    most = 2 * MOST if way == "batch" else MOST

    async def ask(service: Service, name: str) -> Any:
        status, answer = await said(service, path, body.encode().rjust(int(name)))
        return status, answer.get("code")

    refused = (413, "body_too_large" if door.field else None)
    compared(models, {str(most): (200, None), str(most + 1): refused}, ask)


@pytest.mark.parametrize("way", BODIES)
def test_another_media_type_is_refused(models: Path, way: str) -> None:
    door = BODIES[way]
    path, body = door.ask(GOOD, "default", None)

    async def ask(service: Service, header: str) -> Any:
        status, answer = await said(service, path, body.encode(), header)
        return status, answer.get("code")

    # the Open Inference Protocol's clients send JSON under any type, or none
    compared(models, {PLAIN: (415, "wrong_media_type") if door.field else (200, None)}, ask)
    coded = dict.fromkeys(CODED, (415, "wrong_media_type" if door.field else None))
    compared(models, coded, ask)


@pytest.mark.parametrize("way", BODIES)
def test_what_is_not_served_is_not_found(models: Path, way: str) -> None:
    door = BODIES[way]

    async def ask(service: Service, name: str) -> Any:
        model, version, _ = NOT_SERVED[name]
        asked = door.ask(GOOD, model, version)
        status, answer = await said(service, asked.path, asked.body.encode())
        return status, answer.get("code")

    # that API has no versions
    expected = {
        name: (404, code if door.field else None)
        for name, (_, version, code) in NOT_SERVED.items()
        if version is None or way != "time series"
    }
    compared(models, expected, ask)


def numbers(prices: str) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return prices as a tensor has them; None where it cannot."""
    parsed = json.loads(prices)
    if isinstance(parsed, list) and parsed and {type(each) for each in parsed} <= {int, float}:
        return np.array(parsed, float).reshape(1, -1, 1)
    return None


def test_grpc_says_the_same(models: Path) -> None:
    async def test(service: grpc_calls.Service) -> None:
        for case in PRICES.values():
            windows = numbers(case.prices)
            if windows is None:
                continue
            # here too few prices are another shape
            code = "bad_input" if case.code == "window_too_short" else case.code
            asking = service.infer(grpc_calls.request(windows))
            await grpc_calls.refusal(asking, StatusCode.INVALID_ARGUMENT, code)
        good = numbers(GOOD)
        assert good is not None
        for model, version, code in NOT_SERVED.values():
            asked = grpc_calls.request(good, model_name=model, model_version=str(version or ""))
            await grpc_calls.refusal(service.infer(asked), StatusCode.NOT_FOUND, code)
        await service.infer(grpc_calls.request(good))

    grpc_calls.run(test, models)
