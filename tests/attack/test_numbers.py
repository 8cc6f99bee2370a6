"""Numbers and shapes that are too large, outputs that are too many, JSON that is too deep."""

import json
from typing import Any

import pytest

from tests.attack.test_bodies import little_memory
from tools.testbed.requests import HEADER_LENGTH, binary, columns, tensor
from tools.testbed.service import Answer, Service, request

INFER = "/v2/models/default/infer"
WINDOW = [columns(5, 4, seed=1)]
DEEP = 100_000
JSON_ROUTES = (
    *("/predict", "/predict/batch", "/v1/timeseries/forecast", INFER, "/v2/repository/index"),
    "/v2/models/default/versions/1/infer",
)


def infer(service: Service, document: Any) -> Answer:
    return service.send(request("POST", INFER, json.dumps(document).encode()))


def assert_refused(answer: Answer, *statuses: int) -> None:
    assert answer.status in (statuses or (400,)), answer
    assert len(answer.content) <= 1024
    # of one of the two forms that errors have
    assert answer.json.keys() & {"error", "code"}


@pytest.mark.parametrize(
    "shape",
    [
        [2**63, 5, 4],
        [2**64, 5, 4],
        [2**62, 2, 2],
        [2**61, 5, 4],
        [2**63 - 1, 5, 4],
        [10**30, 5, 4],
        [2**32, 2**32, 4],
        [-1, 5, 4],
        [1, -5, -4],
        [1.0, 5, 4],
        [1, 5, 4, 2**60],
        [1] * 100,
        [0, 5, 4],
        [1, 0, 4],
        [],
        ["1", 5, 4],
        [True, 5, 4],
        [None, 5, 4],
        5,
        [[1], 5, 4],
    ],
)
def test_huge_shapes_and_integer_overflow_allocate_nothing(service: Service, shape: Any) -> None:
    posted = {"name": "window", "shape": shape, "datatype": "FP64"}
    with little_memory(service, 8):
        assert_refused(infer(service, {"inputs": [posted | {"data": [1.0] * 20}]}))
        for size in (160, 2**63, 2**64, 10**30, -1, 1.5, "160", True):
            document = {"inputs": [posted | {"parameters": {"binary_data_size": size}}]}
            assert_refused(infer(service, document))


@pytest.mark.parametrize("length", ["9" * 18, "9" * 40, "-1", "1.5", "0x10", "1e3", "", " ", "+5"])
def test_integer_overflow_in_the_length_of_the_json_is_refused(
    service: Service, length: str
) -> None:
    asked = binary(INFER, WINDOW)
    headers = [each for each in asked.headers if each[0] != HEADER_LENGTH]
    sent = asked._replace(headers=[*headers, (HEADER_LENGTH, length.encode())])
    with little_memory(service, 8):
        assert_refused(service.send(sent.content), 400, 413)


def test_integer_overflow_in_sizes_that_contradict_the_bytes_is_refused(service: Service) -> None:
    asked = binary(INFER, WINDOW)
    body = asked.body or b""
    assert service.send(asked.content).status == 200
    for changed in (body[:-1], body + b"\0", body + body[-160:], body[:-160], body[-160:]):
        assert_refused(service.send(asked._replace(body=changed).content))
    for size in (b"8", b"161", b"159", b"1600000000000", b"18446744073709551776"):
        changed = body.replace(b'"binary_data_size": 160', b'"binary_data_size": ' + size)
        length = b"%d" % (len(changed) - 160)
        headers = [*asked.headers[:1], (HEADER_LENGTH, length)]
        assert_refused(service.send(asked._replace(body=changed, headers=headers).content))


@pytest.mark.parametrize("digits", [20, 300, 5000])
@pytest.mark.parametrize(
    "path",
    [
        "/models/default/versions/{}",
        "/v2/models/default/versions/{}",
        "/v2/models/default/versions/{}/ready",
        "/v2/models/default/versions/{}/stats",
    ],
)
def test_integer_overflow_in_a_version_is_refused(service: Service, path: str, digits: int) -> None:
    assert_refused(service.send(request("GET", path.format("9" * digits))), 400, 404, 422)


@pytest.mark.parametrize("digits", [20, 300, 5000])
def test_integer_overflow_in_a_version_that_is_pinned_is_refused(
    service: Service, digits: int
) -> None:
    for target, more in (
        ("/predict", '"prices": [1,2,3,4,5]'),
        ("/predict/batch", '"windows": [[1]]'),
    ):
        body = f'{{"model": "default", "version": {"9" * digits}, {more}}}'.encode()
        assert_refused(service.send(request("POST", target, body)), 400, 404, 422)


@pytest.mark.parametrize(
    "outputs",
    [
        [{"name": "prediction"}] * 2,
        [{"name": "prediction"}, {"name": "quantiles"}, {"name": "prediction"}],
        [{"name": "prediction"}] * 100_000,
        [{"name": f"output{each}"} for each in range(20_000)],
        [{"name": "other"}],
        [{"name": "prediction", "parameters": {"classification": 10**18}}],
        [{"name": "prediction", "parameters": {"binary_data_size": 2**62, "binary_data": 1}}],
        [{}],
        [None],
    ],
)
def test_excessive_and_duplicate_outputs_are_refused(service: Service, outputs: Any) -> None:
    with little_memory(service):
        refused = infer(service, tensor(WINDOW, outputs=outputs))

    assert_refused(refused, 400, 413)


def test_excessive_inputs_and_parameters_are_refused(service: Service) -> None:
    document = tensor(WINDOW)
    many = {f"p{each}": each for each in range(100)}

    assert_refused(infer(service, document | {"inputs": document["inputs"] * 2}))
    assert_refused(infer(service, document | {"inputs": document["inputs"] * 1000}), 400, 413)
    assert_refused(infer(service, document | {"parameters": many}))
    assert_refused(infer(service, document | {"id": "x" * 300}))


@pytest.mark.parametrize("target", JSON_ROUTES)
@pytest.mark.parametrize(
    "opened", ["[", '{"a":', '[{"model":', '{"prices":[', '{"inputs":[{"data":[']
)
def test_deep_json_is_refused_and_the_process_lives(
    service: Service, target: str, opened: str
) -> None:
    closed = "".join({"[": "]", "{": "}"}.get(each, "") for each in reversed(opened))
    for body in (opened * DEEP + "1" + closed * DEEP, opened * DEEP):
        with little_memory(service):
            answer = service.send(request("POST", target, body.encode()))
        assert_refused(answer, 400, 413, 422)
    assert service.get("/livez")[0] == 200


@pytest.mark.parametrize("target", ["/predict", "/predict/batch", "/v1/timeseries/forecast", INFER])
@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "-" + "9" * 5000, "0", "-1"],
)
def test_nan_infinity_and_endless_numbers_are_refused(
    service: Service, target: str, number: str
) -> None:
    body = json.dumps(with_prices(target, [100.0, 101.0, -12345.0, 103.0, 104.0]))
    answer = service.send(request("POST", target, body.replace("-12345.0", number).encode()))

    if answer.status == 200:
        # of a batch, an item is refused, not the request
        assert target == "/predict/batch"
        assert answer.json["predictions"] == [None]
        [error] = answer.json["errors"]
        assert error["index"] == 0
        assert len(error["message"]) < 200
    else:
        assert_refused(answer, 400, 422)
    assert b"NaN" not in answer.content
    assert b"nfinity" not in answer.content


def with_prices(target: str, prices: list[float]) -> dict[str, Any]:
    """Return a request for a forecast from prices."""
    if target == INFER:
        posted = {"name": "window", "shape": [1, 5, 1], "datatype": "FP64", "data": prices}
        return {"inputs": [posted]}
    if target == "/v1/timeseries/forecast":
        series = {"type": "univariate_time_series", "name": "x", "series": prices, "frequency": "D"}
        return {"model": "default", "inputs": [series], "options": {"horizon": 1}}
    if target == "/predict/batch":
        return {"model": "default", "windows": [prices]}
    return {"model": "default", "prices": prices}


def test_nan_says_at_which_price(service: Service) -> None:
    body = b'{"model": "default", "prices": [100, 101, NaN, 103, 104]}'

    assert service.send(request("POST", "/predict", body)).json["index"] == 2


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_nan_in_binary_tensors_is_refused(service: Service, value: str) -> None:
    for datatype in ("FP64", "FP32"):
        window = [row[:] for row in WINDOW[0]]
        window[2][1] = float(value)
        assert_refused(service.send(binary(INFER, [window], datatype=datatype).content))


@pytest.mark.parametrize(
    "prices", [[1e308] * 5, [5e-324] * 5, [1e-300, 1e300] * 3, [1e308, 1e-308] * 3]
)
def test_infinity_is_never_answered(service: Service, prices: list[float]) -> None:
    for target in ("/predict", "/predict/batch", "/v1/timeseries/forecast", INFER):
        body = json.dumps(with_prices(target, prices[-5:])).encode()
        answer = service.send(request("POST", target, body))
        assert answer.status in {200, 400, 422}
        assert b"NaN" not in answer.content
        assert b"nfinity" not in answer.content
        assert json.loads(answer.content, parse_constant=pytest.fail)
