"""HTTPS by setting: the same service, and nothing of it without."""

import ssl
from pathlib import Path

import pytest
import trustme

from tools.testbed.service import Connection, request, serving

pytestmark = pytest.mark.process


def test_with_a_certificate_it_speaks_https_and_nothing_else(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate, key, trusted = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(trusted))
    context = ssl.create_default_context(cafile=trusted)

    with serving(
        Path("models"), context=context, tls_certificate=certificate, tls_key=key
    ) as service:
        answer = service.send(request("POST", "/predict", Path("docs/example.json").read_bytes()))
        plain = Connection(service.port)
        plain.send(request("GET", "/livez"))
        assert plain.ends()
        plain.close()

    assert answer.status == 200
    assert b'"model":"default"' in answer.content
