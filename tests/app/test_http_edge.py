"""What holds for every route, whichever way a request goes: upgrades, HEAD, proxies, Accept."""

import asyncio
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.main import HTTP_PROTOCOL
from app.transport.headers import prefers
from tests.builders import PRICES, publish, serving
from tests.wire import BODY, Connection, Service, request, run

KEY = "a-key-that-nobody-guesses"
OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ")
BATCH = json.dumps({"windows": [PRICES]}).encode()
SERIES = json.dumps(
    {
        "model": "default",
        "inputs": [
            {"type": "univariate_time_series", "name": "x", "series": PRICES, "frequency": "D"}
        ],
        "options": {"horizon": 1},
    }
).encode()
TENSOR = json.dumps(
    {
        "inputs": [
            {"name": "window", "datatype": "FP64", "shape": [1, len(PRICES), 1], "data": PRICES}
        ]
    }
).encode()
POSTS = {
    "/predict": BODY,
    "/predict/batch": BATCH,
    "/v2/models/default/infer": TENSOR,
    "/v1/timeseries/forecast": SERIES,
    "/v2/repository/index": b'{"ready": true}',
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish(tmp_path, window=len(PRICES))
    return tmp_path


def in_chunks(body: bytes, *headers: str, path: str = "/predict") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def plain(answer: tuple[int, dict[str, str], Any]) -> tuple[int, Any]:
    """Return a status and a body, without what differs from request to request."""
    body = answer[2]
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in {"id", "created_at"}}
    return answer[0], body


async def asked(connection: Connection, sent: bytes) -> tuple[int, Any]:
    await connection.send(sent)
    return plain(await connection.answer())


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("cut", ["nowhere", "at the end of the head", "within the body"])
def test_an_offer_to_upgrade_is_served_as_if_it_had_not_been_made(
    models: Path, path: str, cut: str
) -> None:
    body = POSTS[path]

    async def test(service: Service) -> None:
        connection = await service.connect()
        expected = await asked(connection, request(body, path=path))
        assert expected[0] == 200
        for offering in (request(body, *OFFER, path=path), in_chunks(body, *OFFER, path=path)):
            head = offering.index(b"\r\n\r\n") + 4
            at = {"nowhere": len(offering), "at the end of the head": head}.get(cut, head + 9)
            await connection.send(offering[:at])
            if at < len(offering):
                await connection.send(offering[at:])
            assert plain(await connection.answer()) == expected
        # the connection is in step still
        assert await asked(connection, request(body, path=path)) == expected
        await connection.close()

    run(test, models)


def test_offers_in_a_row_are_all_answered_in_order(models: Path) -> None:
    offering = [request(BODY, *OFFER, f"X-Request-Id: {number}") for number in range(20)]
    offering[7] = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(b"".join(offering))
        for number in range(20):
            status, headers, body = await connection.answer()
            assert status == 200
            if number == 7:
                assert body == {"status": "live"}
            else:
                assert headers["x-request-id"] == str(number)
        await connection.close()

    run(test, models)


@pytest.mark.parametrize("path", POSTS)
def test_a_wrong_key_is_refused_before_the_body_has_come(models: Path, path: str) -> None:
    async def test(service: Service) -> None:
        for headers in ([], ["X-API-Key: a-wrong-key-of-somebody"]):
            connection = await service.connect()
            whole = request(POSTS[path], *headers, path=path)
            # all but the end of it, which never comes
            await connection.send(whole[:-9])
            status, _, _ = await connection.answer()
            assert status == 401
            await connection.close()

    run(test, models, api_keys=(KEY,))


@pytest.mark.parametrize("path", ["/predict", "/v2/models/default/infer"])
def test_a_wrong_key_is_401_whatever_the_load(models: Path, path: str) -> None:
    async def ask(service: Service, key: str) -> int:
        connection = await service.connect()
        status, _ = await asked(connection, request(POSTS[path], f"X-API-Key: {key}", path=path))
        await connection.close()
        return status

    async def test(service: Service) -> None:
        keys = [KEY, "a-wrong-key-of-somebody"] * 30
        statuses = await asyncio.gather(*(ask(service, key) for key in keys))
        assert {*statuses[1::2]} == {401}
        # there was a load
        assert {*statuses[::2]} == {200, 503}

    run(test, models, api_keys=(KEY,), max_waiting=1)


def test_a_refused_request_leaves_its_connection_in_step(models: Path) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        whole = request(BODY, "X-API-Key: a-wrong-key-of-somebody")
        await connection.send(whole[:-9])
        assert (await connection.answer())[0] == 401
        await connection.send(whole[-9:])
        assert (await asked(connection, request(BODY, f"X-API-Key: {KEY}")))[0] == 200
        await connection.close()

    run(test, models, api_keys=(KEY,))


def test_what_is_no_http_ends_a_connection_once_what_was_asked_before_is_answered(
    models: Path,
) -> None:
    async def test(service: Service) -> None:
        for before in (request(BODY), b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", request(b"{}")):
            connection = await service.connect()
            await connection.send(before * 3 + b"no request at all\r\n\r\n")
            statuses = [(await connection.answer())[0] for _ in range(4)]
            assert statuses[0] in {200, 422}
            assert statuses == [statuses[0]] * 3 + [400]
            assert await connection.reader.read() == b""
            await connection.close()

    run(test, models)


def test_what_follows_a_chunked_body_is_no_header(models: Path) -> None:
    trailers = b"X-API-Key: " + KEY.encode() + b"\r\n\r\n"

    async def test(service: Service) -> None:
        for path in POSTS:
            connection = await service.connect()
            await connection.send(in_chunks(POSTS[path], path=path)[:-2] + trailers)
            assert (await connection.answer())[0] == 401
            await connection.close()

    run(test, models, api_keys=(KEY,))


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/models", "/metrics", "/openapi.json",
                                  "/docs", "/v2", "/v2/models/default", "/calendars", "/none",
                                  "/predict"])  # fmt: skip
def test_head_answers_as_get_does_without_a_body(models: Path, path: str) -> None:
    with serving(models) as client:
        got, head = client.get(path), client.head(path)

    assert head.status_code == got.status_code
    assert head.headers["content-type"] == got.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == got.headers["content-length"]
    assert head.content == b""


async def exchanged(service: Service, *lines: str) -> bytes:
    connection = await service.connect()
    await connection.send("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    answer = await connection.reader.read()
    await connection.close()
    return answer


@pytest.mark.parametrize(("trusted", "root_path"), [((), ""), (("*",), "/forecasts")])
@pytest.mark.parametrize("host", ["x.example", "evil.example/x?", "127.0.0.1:1", ""])
def test_a_redirect_names_a_path_and_no_host(
    models: Path, host: str, trusted: tuple[str, ...], root_path: str
) -> None:
    forwarded = (
        "X-Forwarded-Proto: https",
        f"X-Forwarded-Host: {host}",
        "X-Forwarded-For: 9.9.9.9",
    )

    async def test(service: Service) -> None:
        for line, target in {
            "GET /models/": "/models",
            "GET /models/?a=b%20c&d=//x": "/models?a=b%20c&d=//x",
            "GET /models/a%3fb%25/": "/models/a%3fb%25",
            "GET /models/default///": "/models/default",
            "POST /predict/?model=default": "/predict?model=default",
            "POST /v2/models/default/infer/": "/v2/models/default/infer",
            "GET /v1/timeseries/models/": "/v1/timeseries/models",
        }.items():
            answer = await exchanged(service, f"{line} HTTP/1.1", f"Host: {host}", *forwarded)
            assert answer.startswith(b"HTTP/1.1 307 "), line
            assert f"location: {root_path}{target}\r\n".encode() in answer.lower()
        for line in ("GET //evil.example/models/", "GET //evil.example/", "GET /none/"):
            answer = await exchanged(service, f"{line} HTTP/1.1", f"Host: {host}", *forwarded)
            assert answer.startswith(b"HTTP/1.1 404 "), line

    run(test, models, trusted_proxies=trusted, root_path=root_path)


def test_the_routes_and_their_documentation_work_below_a_prefix(models: Path) -> None:
    async def test(service: Service) -> None:
        docs = await exchanged(service, "GET /docs HTTP/1.1", "Host: x")
        assert docs.startswith(b"HTTP/1.1 200 ")
        assert b"/forecasts/openapi.json" in docs
        scripts = [part.split(b'"')[0] for part in docs.split(b'src="')[1:]]
        assert scripts
        for script in scripts:
            assert script.startswith(b"/forecasts/")
            # as the proxy asks
            path = script.removeprefix(b"/forecasts").decode()
            sent = await exchanged(service, f"GET {path} HTTP/1.1", "Host: x")
            assert sent.startswith(b"HTTP/1.1 200 ")
        document = await exchanged(service, "GET /openapi.json HTTP/1.1", "Host: x")
        assert b'"servers":[{"url":"/forecasts"}' in document
        connection = await service.connect()
        for path, body in POSTS.items():
            assert (await asked(connection, request(body, path=path)))[0] == 200
        status, problem = await asked(connection, request(b"{}", path="/v2/models/none/infer"))
        assert (status, [*problem]) == (404, ["error"])
        await connection.close()
        moved = await exchanged(service, "GET /models/ HTTP/1.1", "Host: x")
        assert b"location: /forecasts/models\r\n" in moved.lower()

    run(test, models, root_path="/forecasts")


@pytest.mark.parametrize(
    ("accept", "csv"),
    [
        ("text/csv", True),
        ("TEXT/CSV; header=present", True),
        ("text/*", True),
        ("*/*", False),
        ("application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=0.0, */*", False),
        ("application/json, text/csv;q=0.5", False),
        ("application/json;q=0.5, text/csv", True),
        ("text/csv, application/json", True),
        ("text/csv;q=0.1, */*;q=0.9", False),
        ("text/csv;q=0.9, */*;q=0.1", True),
        ("text/html, application/xhtml+xml, */*;q=0.8", False),
        ("text/csv;q=nonsense", True),
        ("", False),
    ],
)
def test_accept_is_weighed(models: Path, accept: str, csv: bool) -> None:  # noqa: FBT001 - a case
    assert prefers([(b"accept", accept.encode())], b"text/csv", b"application/json") == csv
    with serving(models) as client:
        answer = client.post("/predict", content=BODY, headers={
            "Accept": accept, "Content-Type": "application/json"})  # fmt: skip

    assert answer.headers["content-type"].startswith("text/csv" if csv else "application/json")


def test_uvicorn_is_the_one_whose_inside_we_build_on() -> None:
    # `HttpConnection` and `PendingResponse` override and set what uvicorn does not promise: it is
    # pinned below its next minor version, and this says what to look at before that is moved
    assert version("uvicorn").startswith("0.54.")
    assert issubclass(HTTP_PROTOCOL, HttpToolsProtocol)
    overridden = {
        *("data_received", "on_message_begin", "on_headers_complete", "on_message_complete"),
        *("on_body", "on_response_complete", "connection_lost", "shutdown"),
    }
    assert overridden <= set(vars(HttpToolsProtocol))
    names = set(RequestResponseCycle.__init__.__code__.co_names)
    assert {"response_complete", "disconnected", "keep_alive", "message_event"} <= names
