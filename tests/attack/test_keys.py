"""Unauthenticated control plane: with keys set, nothing but the health routes answers without."""

import hmac
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import Unauthorized
from app.serving.auth import AccessControl, needs_no_key
from app.settings import digests
from tools.fuzz.seeds import seeds
from tools.testbed.service import Service, request, serving

KEY = "a-key-that-nobody-guesses"
OTHER = "another-key-for-another-client"
VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "LINK")
MORE = (
    *("/", "/docs", "/openapi.json", "/redoc", "/metrics", "/static/x", "/favicon.ico"),
    *("/v2/repository/models/default/load", "/v2/repository/models/default/unload"),
    *("/livez/", "/livez/..", "//livez", "/livez/../metrics", "/livez%2f", "/readyz%00", "/LIVEZ"),
    *("/v2/health/live/../../models/default", "/admin", "/models/", "/predict/"),
)
"""Not in the document, or like what needs no key."""


@pytest.fixture(scope="module")
def locked(models: Path) -> Iterator[Service]:
    with serving(models, api_keys=f"{KEY},{OTHER}") as service:
        yield service


def paths(service: Service) -> list[str]:
    """Return every path of the document, with a name and a version in it."""
    answer = service.send(request("GET", "/openapi.json", None, f"X-API-Key: {KEY}"))
    documented = [
        re.sub(r"{version}", "1", path.replace("{name}", "default"))
        for path in answer.json["paths"]
    ]
    assert "/predict" in documented
    return [*documented, *MORE]


def test_unauthenticated_control_plane_every_route_and_verb_needs_a_key(locked: Service) -> None:
    checked = 0
    for path in paths(locked):
        for verb in VERBS:
            with locked.connect() as connection:
                connection.send(request(verb, path, b"{}" if verb == "POST" else None))
                answer = connection.answer(head=verb == "HEAD")
            assert answer is not None
            if needs_no_key(path):
                assert answer.status in {200, 405}, (verb, path)
            else:
                assert answer.status == 401, (verb, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                checked += 1
    assert checked > 300


def test_unauthenticated_control_plane_valid_requests_need_a_key_too(locked: Service) -> None:
    for each in seeds()[0]:
        path = each.target.decode()
        wanted = {200, 404, 400} if needs_no_key(path) else {401}
        assert locked.send(each.content).status in wanted, path


@pytest.mark.parametrize(
    "header",
    [
        "X-API-Key: wrong",
        "X-API-Key: ",
        f"X-API-Key: {KEY[:-1]}",
        f"X-API-Key: {KEY}x",
        f"X-API-Key: {KEY},{OTHER}",
        f"Authorization: Basic {KEY}",
        f"Authorization: Bearer{KEY}",
        "Authorization: Bearer ",
        f"Cookie: key={KEY}",
        f"X-Forwarded-Authorization: Bearer {KEY}",
        "X-Original-URL: /livez",
        "X-HTTP-Method-Override: GET",
    ],
)
def test_unauthenticated_control_plane_what_is_no_key_lets_nobody_in(
    locked: Service, header: str
) -> None:
    plain = seeds()[0][0]
    for target in ("/predict", f"/predict?key={KEY}", "/v2/models/default/infer", "/metrics"):
        assert locked.send(request("POST", target, plain.body, header)).status == 401


def test_a_known_head_lets_nobody_in_without_a_key(locked: Service) -> None:
    body = seeds()[0][0].body
    keyed = request("POST", "/predict", body, f"X-API-Key: {KEY}")
    with locked.connect() as connection:
        statuses = []
        for sent in (keyed, keyed, request("POST", "/predict", body), keyed):
            connection.send(sent)
            answer = connection.answer()
            assert answer is not None
            statuses.append(answer.status)

    assert statuses == [200, 200, 401, 200]


def test_the_control_plane_is_read_only(service: Service) -> None:
    for path in paths(service):
        for verb in ("PUT", "DELETE", "PATCH"):
            assert service.send(request(verb, path, b"{}")).status in {307, 404, 405}, (verb, path)
    for action in ("load", "unload"):
        path = f"/v2/repository/models/default/{action}"
        assert service.send(request("POST", path, b"{}")).status == 400


def test_keys_are_compared_in_constant_time() -> None:
    keys = [KEY, OTHER, "the-third-of-these-keys"]
    access = AccessControl(digests(keys), None)
    compared: list[int] = []

    def profile(_: Any, event: str, called: Any) -> None:
        if event == "c_call" and called is hmac.compare_digest:
            compared[-1] += 1

    for given in (*keys, "no key at all", ""):
        compared.append(0)
        sys.setprofile(profile)
        try:
            access.admit([(b"x-api-key", given.encode())])
        except Unauthorized:
            assert given not in keys
        finally:
            sys.setprofile(None)

    assert compared == [len(keys)] * 5
