"""Reply amplification and leaks, log injection, and the explosion of metric labels."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.fuzz.__main__ import wrongs
from tools.fuzz.mutations import CANARY
from tools.fuzz.seeds import seeds
from tools.testbed.client import Finished, Reply, Shot
from tools.testbed.service import Service, request, serving
from tools.testbed.waiting import until

LONG = 300_000
JSON_ROUTES = (
    *("/predict", "/predict/batch", "/v1/timeseries/forecast", "/v2/models/default/infer"),
    *("/v2/repository/index", "/v2/models/default/versions/1/infer"),
)
BODIES = {
    "a long word": json.dumps(CANARY * (LONG // len(CANARY))),
    "many words": json.dumps([CANARY] * (LONG // 14)),
    "many members": json.dumps({f"{CANARY}{each}": CANARY for each in range(LONG // 40)}),
    "words for prices": json.dumps({"prices": [CANARY] * 1000, "bars": CANARY, "levels": [CANARY]}),
    "words for windows": json.dumps({"windows": [[CANARY]] * 1000, "model": CANARY}),
    "words for tensors": json.dumps(
        {"inputs": [{"name": CANARY, "shape": [CANARY], "datatype": CANARY, "data": [CANARY]}] * 9}
    ),
    "words for series": json.dumps(
        {"model": CANARY, "inputs": [{CANARY: CANARY}] * 9, "options": {CANARY: CANARY}}
    ),
    "no JSON": CANARY * 1000,
    "cut short": '{"model": "' + CANARY,
    "a lone surrogate": '{"model": "\\ud800' + CANARY + '"}',
    "nothing": "",
}


def wrong(service: Service, sent: bytes) -> list[str]:
    """Return what is wrong with the answer to a request."""
    answer = service.send(sent)
    # the index takes any document, and looks at one member
    assert answer.status >= 400 or b"/v2/repository/index" in sent
    reply = Reply(answer.status, b"", answer.content)
    finished = Finished(Shot(sent, "one"), 0, [reply], ended=False, hung=False, at=0)
    return list(wrongs(finished, [str(Path.cwd()).encode()]))


@pytest.mark.parametrize("target", JSON_ROUTES)
@pytest.mark.parametrize("body", BODIES)
def test_reply_amplification_and_leaks_by_bodies(service: Service, target: str, body: str) -> None:
    assert wrong(service, request("POST", target, BODIES[body].encode())) == []


def test_reply_amplification_and_leaks_by_paths_and_headers(service: Service) -> None:
    for method in ("GET", "POST", "PUT", CANARY):
        for path in (
            f"/{CANARY}",
            f"/models/{CANARY}",
            f"/v2/models/{CANARY}/infer",
            f"/{CANARY * 900}",
        ):
            assert wrong(service, request(method, path, b"{}")) == []
    for version in (CANARY, f"1{CANARY}", "-1", "0"):
        assert wrong(service, request("GET", f"/models/default/versions/{version}")) == []
        assert wrong(service, request("GET", f"/v2/models/default/versions/{version}")) == []
    for header in ("Content-Type", "Content-Encoding", "Inference-Header-Content-Length"):
        sent = request("POST", "/predict", b"{}", f"{header}: {CANARY}", content_type=None)
        assert wrong(service, sent) == []
    for line in (
        f"{CANARY}\r\n\r\n",
        f"GET / HTTP/{CANARY}\r\n\r\n",
        f"GET /\r\n{CANARY}: \x00\r\n\r\n",
    ):
        assert wrong(service, line.encode()) == []


def test_leaks_would_be_seen() -> None:
    for content in (CANARY.encode(), b"x" * 1025, b'File "app/main.py"', str(Path.cwd()).encode()):
        finished = Finished(
            Shot(b"", "one"), 0, [Reply(422, b"", content)], ended=False, hung=False, at=0
        )
        assert list(wrongs(finished, [str(Path.cwd()).encode()]))


@pytest.fixture
def fresh(models: Path) -> Iterator[Service]:
    with serving(models) as service:
        yield service


def test_log_injection_one_request_is_one_line_of_json(fresh: Service) -> None:
    injected = '{"status": 200, "id": "forged"}'
    ids = (
        *(
            b"\xff\xfe" + CANARY.encode(),
            b"a b",
            f"x\t{injected}".encode(),
            b'"},{"' + CANARY.encode(),
        ),
        *(b"\xe2\x80\xa8" + CANARY.encode(), b"%0d%0a" + CANARY.encode(), b"a" * 129, b"${jndi:x}"),
    )
    plain = seeds()[0][0].body
    targets = ("/predict", "/predict?", f"/models/%0a{CANARY}", f"/%0d%0a%1b[31m{CANARY}")
    answers = [
        fresh.send(request("POST", target, plain, b"X-Request-Id: " + each))
        for each in ids
        for target in targets
    ]
    kept = fresh.send(request("POST", "/predict", plain, "X-Request-Id: a.plain-word:1"))
    fresh.send(request("POST", "/predict", b'{"model": "\\n\\u001b' + CANARY.encode() + b'"}'))
    # lines are written together, some moments later
    asked = len(answers) + 2
    until(lambda: fresh.out.read_text().count("\n") >= asked, "a line for each request")
    lines = fresh.out.read_text().splitlines()
    told = Counter(json.loads(line)["id"] for line in lines)

    assert kept.headers["x-request-id"] == "a.plain-word:1"
    assert {told[answer.headers["x-request-id"]] for answer in (*answers, kept)} == {1}
    assert len(told) == len(lines)
    for log in (fresh.out.read_bytes(), fresh.err.read_bytes()):
        assert CANARY.encode() not in log
        assert b"forged" not in log
        assert b"\x1b" not in log


def test_metric_label_explosion_made_up_names_make_no_series(fresh: Service) -> None:
    def series() -> set[bytes]:
        lines = fresh.get("/metrics")[1].splitlines()
        return {line.rpartition(b" ")[0] for line in lines if not line.startswith(b"#")}

    def ask(number: int) -> None:
        name = f"made-up-{number}"
        posted = json.dumps({"model": name, "prices": [1, 2, 3, 4, 5]}).encode()
        sent = [
            request("GET", f"/models/{name}"),
            request("GET", f"/{name}/{name}"),
            request("GET", f"/v2/models/{name}/versions/{number + 2}/stats"),
            request("POST", f"/v2/models/{name}/infer", b"{}"),
            request("POST", "/predict", posted, f"X-Request-Id: {name}", f"X-API-Key: {name}"),
            request(f"MADE{chr(65 + number % 26)}"[:4], "/livez"),
            request("GET", f"/models/default/versions/{number + 2}"),
        ]
        connection.send(b"".join(sent[:5]))
        for _ in sent[:5]:
            answer = connection.answer()
            assert answer is not None
            assert answer.status in {400, 404}
        connection.send(sent[6])
        assert connection.answer() is not None

    with fresh.connect() as connection:
        ask(0)
        # the question for them has series of its own
        series()
        before = series()
        for number in range(1, 2001):
            ask(number)
        after = series()

    assert after - before == set()
    assert not any(b"made-up" in each for each in after)
