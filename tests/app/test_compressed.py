"""Compressed bodies: read like any other, and never larger than a body may be."""

import gzip
import json
import zlib
from pathlib import Path

import pytest

from tests.builders import PRICES, assert_problem, publish, serving
from tests.wire import BODY, Service, request, run


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("encoding", "compressed"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
    ],
    ids=["gzip", "in capitals", "by its old name", "deflate", "not at all"],
)
def test_a_compressed_body_is_answered_as_it_is_otherwise(
    models: Path, encoding: str, compressed: bytes
) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        found = []
        for sent in (request(), request(compressed, f"Content-Encoding: {encoding}")):
            await connection.send(sent)
            found.append((await connection.answer())[2])
        assert found[0]["prediction"] == pytest.approx(104.0)
        assert found[1] == found[0]
        await connection.close()

    run(test, models)


def test_all_routes_read_them(models: Path) -> None:
    window = {"name": "window", "datatype": "FP64", "shape": [1, 3, 1], "data": PRICES[-3:]}
    with serving(models) as client:
        for path, body in [
            ("/predict/batch", {"windows": [PRICES]}),
            ("/v2/models/default/infer", {"inputs": [window]}),
        ]:
            answer = client.post(
                path,
                content=gzip.compress(json.dumps(body).encode()),
                headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
            )
            assert answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [BODY, gzip.compress(BODY)[:-9], gzip.compress(BODY) + b"more", b"", zlib.compress(b"")[:1]],
)
def test_what_is_not_compressed_as_it_says_is_refused(models: Path, body: bytes) -> None:
    with serving(models) as client:
        refused = client.post(
            "/predict",
            content=body,
            headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        )

    assert_problem(refused, 400, "not_compressed")
