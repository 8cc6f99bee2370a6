"""CSV in and out: a file is posted, and is a request like any other."""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.transport.openapi_examples import EXAMPLE_BARS, EXAMPLE_CSV, EXAMPLE_DATES, EXAMPLE_PRICES
from tests.builders import assert_problem, publish, serving
from tests.wire import Service, run

CSV = {"Content-Type": "text/csv"}
SHIPPED = Path("models")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with serving(SHIPPED) as served:
        yield served


def test_a_file_is_answered_as_its_bars_are(client: TestClient) -> None:
    by_file = client.post("/predict?calendar=weekdays", content=EXAMPLE_CSV, headers=CSV)
    by_json = client.post(
        "/predict",
        json={"bars": EXAMPLE_BARS, "dates": EXAMPLE_DATES, "calendar": "weekdays"},
    )

    assert by_file.status_code == 200
    assert by_file.content == by_json.content
    assert by_file.json()["forecast_date"] == "2026-10-26"


def test_the_newest_may_come_first_and_compressed(client: TestClient) -> None:
    head, *rows = EXAMPLE_CSV.splitlines()
    turned = gzip.compress("\n".join([head, *rows[::-1]]).encode())

    plain = client.post("/predict", content=EXAMPLE_CSV, headers=CSV)
    other = client.post("/predict", content=turned, headers={**CSV, "Content-Encoding": "gzip"})

    assert plain.json()["prediction"] == other.json()["prediction"]


def test_the_answer_can_be_a_table_whatever_was_posted(client: TestClient) -> None:
    answers = [
        client.post(
            "/predict?levels=50,97.5",
            content=EXAMPLE_CSV,
            headers={**CSV, "Accept": "text/csv"},
        ),
        client.post(
            "/predict",
            json={"bars": EXAMPLE_BARS, "dates": EXAMPLE_DATES, "levels": [50, 97.5]},
            headers={"Accept": "text/csv"},
        ),
    ]
    number = client.post("/predict", json={"bars": EXAMPLE_BARS, "levels": [50, 97.5]}).json()

    assert answers[0].content == answers[1].content
    assert answers[0].headers["content-type"].startswith("text/csv")
    [row] = csv.DictReader(io.StringIO(answers[0].text))
    assert float(row["prediction"]) == number["prediction"]
    assert float(row["low_97.5"]) == number["intervals"][1]["low"]
    assert (row["model"], row["forecast_date"]) == ("default", "")


def test_a_file_of_closes_is_prices(tmp_path: Path) -> None:
    publish(tmp_path, window=60)
    text = "\n".join(map(str, EXAMPLE_PRICES))

    with serving(tmp_path) as client:
        answer = client.post("/predict", content=text, headers=CSV)

    assert answer.json()["last_price"] == EXAMPLE_PRICES[-1]


def test_what_a_model_forecasts_has_to_be_in_the_file(tmp_path: Path) -> None:
    publish(tmp_path, window=5)

    with serving(tmp_path) as client:
        response = client.post("/predict", content="Date,Open\n2026-01-05,1\n", headers=CSV)

    assert_problem(response, 422, "bad_table")
    assert "the file has no such column" in response.json()["detail"]


def test_faults_are_told_by_line(client: TestClient) -> None:
    head, *rows = EXAMPLE_CSV.splitlines()
    fields = [row.split(",") for row in rows]
    for row in fields[40:]:
        row[1:] = [str(float(price) / 2) for price in row[1:]]
    halved = "\n".join([head, *(",".join(row) for row in fields)])

    told = client.post("/predict", content=halved, headers=CSV).json()
    strict = client.post("/predict?strict=true", content=halved, headers=CSV)

    [warning] = [each for each in told["warnings"] if each["code"] == "possible_split"]
    assert warning["row"] == 40
    assert warning["message"].startswith("line 42 (2026-09-28): ")
    assert_problem(strict, 422, "suspicious")
    assert "line 42" in strict.json()["detail"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("levels=a", "levels must be percents"),
        ("levels=101", "less than 100"),
        ("version=x", "whole number"),
        ("version=99999999999999", "whole number"),
        ("strict=perhaps", "true or false"),
        ("window=60", "known are model, version, levels, calendar, strict"),
    ],
)
def test_parameters_are_checked(client: TestClient, query: str, sentence: str) -> None:
    response = client.post(f"/predict?{query}", content=EXAMPLE_CSV, headers=CSV)

    assert_problem(response, 422, "bad_input")
    assert sentence in response.json()["detail"]


@pytest.mark.parametrize("query", ["model=none", "version=99", "calendar=XXXX"])
def test_what_is_not_there_is_not_found(client: TestClient, query: str) -> None:
    response = client.post(f"/predict?{query}", content=EXAMPLE_CSV, headers=CSV)

    assert response.status_code == 404


def test_a_file_is_shown_as_it_is_read(client: TestClient) -> None:
    shown = client.post("/bars", content=EXAMPLE_CSV, headers=CSV).json()
    spreadsheet = client.post("/bars", content=b"PK\x03\x04", headers=CSV)
    json = client.post("/bars", json={})
    other = client.post("/bars", content="187.2", headers={"Content-Type": "text/plain"})

    assert shown["bars"] == EXAMPLE_BARS
    assert shown["dates"] == EXAMPLE_DATES
    assert shown["lines"] == list(range(2, 62))
    assert shown["warnings"] == []
    assert_problem(spreadsheet, 422, "bad_table")
    assert_problem(json, 422, "bad_table")
    assert_problem(other, 415, "wrong_media_type")


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(client: TestClient) -> None:
    response = client.post(
        "/predict", content=b"", headers={**CSV, "Content-Length": str(200 * 2**20)}
    )

    assert_problem(response, 413, "body_too_large")


def test_the_short_way_lets_a_file_pass() -> None:
    content = EXAMPLE_CSV.encode()
    asked = (
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv; charset=utf-8\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
    )

    async def twice(service: Service) -> None:
        connection = await service.connect()
        for _ in range(2):
            await connection.send(asked)
            assert (await connection.answer())[0] == 200
        await connection.close()

    run(twice, SHIPPED)
