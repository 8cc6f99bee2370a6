"""Path traversal and SSRF: what a request says never becomes a path or an address."""

import json
import os
import socket
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.fuzz.seeds import NAMES, seeds
from tools.testbed.service import Answer, Service, request, serving

PIECES = (
    *(
        "..",
        ".",
        "/",
        "//",
        "\\",
        "%2e",
        "%2E%2e",
        "%252e%252e",
        "%2f",
        "%252f",
        "%5c",
        "%00",
        "\0",
    ),
    *("．．", "․․", "‥", "%c0%ae%c0%ae", "%e2%80%ae", "~", "etc", "passwd", "secret", "file:", ":"),  # noqa: RUF001 - dots that are none
    *("default", "closes", "current", "manifest.json", "versions", "1", "0", "-1", "9" * 5000, " "),
)
REFUSED = {307, 400, 404, 405, 422}

names = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)


class Audited:
    """A service, and what it opened, connected to and started since it was last asked."""

    def __init__(self, service: Service, root: Path, file: Path) -> None:
        self.service, self.root, self._file = service, root, file
        self._read = 0

    def events(self) -> list[tuple[str, str]]:
        content = self._file.read_bytes()[self._read :]
        self._read += len(content)
        return [tuple(json.loads(line)) for line in content.splitlines()]

    def outside(self) -> list[tuple[str, str]]:
        """Return the events but looks into the models, and at the process's own figures."""
        inside, own = f"{self.root.resolve()}{os.sep}", f"/proc/{self.service.process.pid}/"
        root = str(self.root.resolve())
        return [
            (event, what)
            for event, what in self.events()
            if not (event == "open" or event.startswith("os.listdir") or event == "os.scandir")
            or not (what == root or what.startswith((inside, own)))
        ]


@pytest.fixture(scope="module")
def audited(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    file = tmp_path_factory.mktemp("audit") / "events"
    command = (sys.executable, "-m", "tests.attack.audited", str(file))
    with serving(models, command=command, poll_seconds=0.2) as service:
        found = Audited(service, models, file)
        # what is imported at first use is imported now
        for each in seeds()[0]:
            service.send(each.content)
        for method, target, body in asked("nobody"):
            service.send(request(method, target, body))
        opened = {what for event, what in found.events() if event == "open"}
        assert any(what.endswith("/closes/1/model.onnx") for what in opened)
        yield found


def asked(name: str) -> list[tuple[str, str, bytes | None]]:
    """Return requests that hold a name, or a version, wherever one may be."""
    quoted = urllib.parse.quote(name, safe="%/\\:~.")
    versions = f"/models/default/versions/{quoted}"
    found: list[tuple[str, str, bytes | None]] = [
        ("GET", f"/models/{quoted}", None),
        ("GET", f"/models/{quoted}/versions/1", None),
        ("GET", versions, None),
        *(
            ("GET", f"/v2/models/{quoted}{end}", None)
            for end in ("", "/ready", "/config", "/stats")
        ),
        *(("GET", f"/v2{versions}{end}", None) for end in ("", "/ready", "/config", "/stats")),
        ("POST", f"/v2/models/{quoted}/infer", b"{}"),
        ("POST", f"/v2{versions}/infer", b"{}"),
        ("POST", f"/v2/repository/models/{quoted}/load", b"{}"),
        ("GET", f"/{quoted}", None),
    ]
    for target, more in (
        ("/predict", {"prices": [1, 2, 3]}),
        ("/predict/batch", {"windows": [[1, 2, 3]]}),
        ("/v1/timeseries/forecast", {"inputs": [SERIES], "options": {"horizon": 1}}),
    ):
        found += [
            ("POST", target, json.dumps(more | {"model": name}).encode()),
            ("POST", target, json.dumps(more | {"model": "default", "version": name}).encode()),
        ]
    return found


SERIES = {"type": "univariate_time_series", "name": "x", "series": [1, 2, 3], "frequency": "D"}


def is_honest(answer: Answer, target: str) -> bool:
    """Tell whether a request was refused, or answered for a model that is published."""
    if answer.status in REFUSED:
        return len(answer.content) <= 1024
    if answer.status != 200:
        return False
    if answer.headers["content-type"].startswith("text/html") or target.startswith("/openapi"):
        return True
    told: dict[str, Any] = answer.json
    stats = told.get("model_stats")
    known = {*NAMES, "nextday"}
    return told.get("name", told.get("model")) in known or stats is not None or "models" in told


@given(names)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def check_names(audited: Audited, name: str) -> None:
    with audited.service.connect() as connection:
        for method, target, body in asked(name):
            connection.send(request(method, target, body))
            answer = connection.answer()
            assert answer is not None
            assert is_honest(answer, target), (answer, method, target)
            assert answer.headers.get("connection") != "close"


def test_path_traversal_in_names_opens_nothing_outside_the_models(audited: Audited) -> None:
    check_names(audited)

    assert audited.outside() == []


def test_path_traversal_by_a_target_that_is_no_path(audited: Audited) -> None:
    for target in (b"/models/\xc0\xae\xc0\xae/", b"http://x/models/default", b"//etc/passwd", b"*"):
        answer = audited.service.send(request("GET", target))
        assert answer.status in {200, *REFUSED}, target

    assert audited.outside() == []


def test_ssrf_no_request_makes_the_service_connect_anywhere(audited: Audited) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]
        address = f"http://127.0.0.1:{port}/"
        headers = [
            f"{name}: {address}"
            for name in (
                "Host",
                "Origin",
                "Referer",
                "Forwarded",
                "X-Forwarded-Host",
                "Traceparent",
            )
        ]
        for method, target, body in (*asked(address), *asked(f"127.0.0.1:{port}")):
            audited.service.send(request(method, target, body, *headers))
        audited.service.send(request("GET", address))
        trap.settimeout(0.2)
        with pytest.raises(TimeoutError):
            trap.accept()

    assert audited.outside() == []
    assert all(local == audited.service.port for local in connected_ports(audited.service))


def connected_ports(service: Service) -> list[int]:
    """Return the local ports of the process's TCP connections, as the system has them."""
    process = Path(f"/proc/{service.process.pid}")
    own = {str(each.readlink()) for each in (process / "fd").iterdir() if each.is_symlink()}
    found = []
    for table in ("tcp", "tcp6"):
        for line in (process / "net" / table).read_text().splitlines()[1:]:
            columns = line.split()
            if f"socket:[{columns[9]}]" in own:
                found.append(int(columns[1].rpartition(":")[2], 16))
    return found
