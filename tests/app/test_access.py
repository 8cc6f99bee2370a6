"""Keys and limits: who may ask, and how often; and nothing else of them is known."""

import hashlib
import json
from pathlib import Path
from typing import Any

import limits
import pytest
from pydantic import ValidationError

from app.errors import RateLimited, Unauthorized
from app.serving.auth import AccessControl
from app.settings import Settings, digests
from tests.builders import PRICES, assert_problem, publish, serving
from tests.wire import BODY, Service, request, run

KEY, OTHER = "a-key-of-24-characters-xx", "another-key-of-characters"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish(tmp_path / "models")
    return tmp_path / "models"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"X-API-Key": KEY},
    ],
)
def test_a_key_lets_in(models: Path, headers: dict[str, str]) -> None:
    with serving(models, api_keys=(f"sha256:{DIGEST}", OTHER)) as client:
        assert client.post("/predict", json={"prices": PRICES}, headers=headers).status_code == 200
        assert client.get("/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": f"sha256:{DIGEST}"},
        {"X-API-Key": ""},
    ],
)
def test_without_one_nothing_but_the_health_is_told(models: Path, headers: dict[str, str]) -> None:
    with serving(models, api_keys=(KEY,)) as client:
        for method, path in [
            ("POST", "/predict"),
            ("POST", "/predict/batch"),
            ("GET", "/models"),
            ("GET", "/metrics"),
            ("GET", "/docs"),
            ("GET", "/nowhere"),
        ]:
            refused = client.request(method, path, json={"prices": PRICES}, headers=headers)
            assert_problem(refused, 401, "unauthorized")
            assert refused.headers["www-authenticate"] == "Bearer"
            assert KEY not in refused.text
        assert client.get("/v2/models/default", headers=headers).json().keys() == {"error"}
        for path in ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready"):
            assert client.get(path, headers=headers).status_code == 200


def test_a_key_that_asks_too_often_is_told_when_to_come_back(models: Path) -> None:
    rate = limits.parse("5/minute")

    async def test(service: Service) -> None:
        connection = await service.connect()
        found = []
        # a long history, a window, a path of the framework's: all count, and each once
        long = json.dumps({"prices": PRICES, "version": 1}).encode()
        for body, path in [(BODY, "/predict"), (long, "/predict"), (BODY, "/predict?x")] * 3:
            await connection.send(request(body, f"X-API-Key: {KEY}", path=path))
            status, headers, answer = await connection.answer()
            found.append(status)
        assert found == [200] * 5 + [429] * 4
        assert answer["code"] == "rate_limited"
        assert 1 <= int(headers["retry-after"]) <= 60
        await connection.send(request(BODY, f"X-API-Key: {OTHER}"))
        assert (await connection.answer())[0] == 200
        await connection.close()

    run(test, models, api_keys=(KEY, OTHER), rate_limit=rate)


def test_without_keys_all_are_one(models: Path) -> None:
    with serving(models, rate_limit=limits.parse("2/minute")) as client:
        statuses = [client.post("/predict", json={"prices": PRICES}).status_code for _ in range(3)]
        assert client.get("/readyz").status_code == 200

    assert statuses == [200, 200, 429]


def test_no_keys_let_everybody_in() -> None:
    assert AccessControl(frozenset(), None).admit([]) is None


def test_a_caller_is_told_by_the_beginning_of_the_digest() -> None:
    of_keys = AccessControl(digests([KEY]), limits.parse("1/hour"))

    headers = [(b"host", b"x"), (b"x-api-key", KEY.encode())]

    assert of_keys.admit(headers) == DIGEST[:8]
    with pytest.raises(RateLimited) as raised:
        of_keys.admit(headers)
    assert 1 <= raised.value.retry_s <= 7200
    with pytest.raises(Unauthorized):
        of_keys.admit([(b"x-api-key", OTHER.encode())])


@pytest.mark.parametrize("key", ["short", "sha256:" + "x" * 64, "sha256:abc", "é" * 20])
def test_what_is_no_key_ends_the_start_and_is_not_repeated(key: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(api_keys=(KEY, key))

    assert "key 2 is neither" in str(raised.value)
    assert key not in str(raised.value)


def test_keys_come_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# whose\n{OTHER}\n\nsha256:{DIGEST}\n")
    monkeypatch.setenv("NEXTDAY_API_KEYS", f" {KEY}, ,{OTHER}")
    assert Settings().key_digests == digests([KEY, OTHER])
    monkeypatch.setenv("NEXTDAY_API_KEYS", "")
    assert Settings().key_digests == frozenset()
    monkeypatch.setenv("NEXTDAY_API_KEYS_FILE", str(file))
    assert Settings().key_digests == digests([KEY, OTHER])
    assert KEY not in repr(Settings(api_keys=(KEY,)))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"api_keys_file": "nowhere"}, "cannot be read"),
        ({"api_keys_file": "empty"}, "holds no key"),
        ({"tls_certificate": "x.pem"}, "given together"),
        ({"rate_limit": "often"}, "rate_limit"),
    ],
)
def test_settings_that_would_let_in_by_mistake_end_the_start(
    tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    (tmp_path / "empty").write_text("# nothing\n")
    changed = {
        name: tmp_path / value if name == "api_keys_file" else value
        for name, value in changed.items()
    }
    with pytest.raises(ValidationError, match=reason):
        Settings(**changed)
