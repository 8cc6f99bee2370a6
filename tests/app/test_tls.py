"""HTTPS by setting: the same service, and nothing of it without."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme


def test_with_a_certificate_it_speaks_https_and_nothing_else(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate, key, trusted = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(trusted))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {  # noqa: TID251 - handed on
        "NEXTDAY_PORT": str(port),
        "NEXTDAY_TLS_CERTIFICATE": str(certificate),
        "NEXTDAY_TLS_KEY": str(key),
    }
    with subprocess.Popen([sys.executable, "-m", "app"], env=environment) as running:
        try:
            context = ssl.create_default_context(cafile=trusted)
            status, body = asked(f"https://127.0.0.1:{port}/predict", context)
            with pytest.raises(OSError):  # noqa: PT011 - whichever way it ends
                urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5)
        finally:
            running.terminate()

    assert status == 200
    assert b'"model":"default"' in body


def asked(url: str, context: ssl.SSLContext) -> tuple[int, bytes]:
    """Ask as soon as somebody listens."""
    body = Path("docs/example.json").read_bytes()
    request = urllib.request.Request(  # noqa: S310 - ours
        url, data=body, headers={"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(ConnectionRefusedError, urllib.error.URLError),
            urllib.request.urlopen(request, timeout=5, context=context) as answer,  # noqa: S310
        ):
            return answer.status, answer.read()
        time.sleep(0.05)
    pytest.fail("nobody listened within 30 s")
