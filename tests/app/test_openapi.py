"""What is documented is true: examples run, errors have statuses, settings are listed."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import errors
from app.settings import Settings
from app.transport.openapi_examples import EXAMPLE_BARS
from app.transport.problem_details import KINDS, kind_of
from tests.builders import assert_problem, serving
from tests.docs.answers import assert_shown

SHIPPED = Path("models")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with serving(SHIPPED) as served:
        yield served


@functools.cache
def document() -> dict[str, Any]:
    with serving(SHIPPED) as client:
        described: dict[str, Any] = client.get("/openapi.json").json()
    return described


def examples() -> list[Any]:
    found = []
    for path, methods in document()["paths"].items():
        for method in methods.values():
            body = method.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in body.get("examples", {}).items():
                found.append(pytest.param(path, example["value"], id=f"{path}: {name}"))
    return found


@pytest.mark.parametrize(("path", "body"), examples())
def test_every_example_can_be_pasted_and_run(client: TestClient, path: str, body: Any) -> None:
    version = int((SHIPPED / "default" / "current").read_text())
    response = client.post(path.format(name="default", version=version), json=body)

    assert response.status_code == 200


def test_all_ways_to_ask_have_examples() -> None:
    assert {example.values[0] for example in examples()} == {
        "/predict",
        "/predict/batch",
        "/v1/timeseries/forecast",
        "/v2/models/{name}/infer",
        "/v2/models/{name}/versions/{version}/infer",
    }


def test_answers_hold_just_what_is_documented(client: TestClient) -> None:
    described = document()
    answer = client.post("/predict", json={"bars": EXAMPLE_BARS}).json()
    batch = client.post("/predict/batch", json={"bars": [EXAMPLE_BARS]}).json()

    schemas = described["components"]["schemas"]
    assert answer.keys() == schemas["PredictResponse"]["properties"].keys()
    assert batch.keys() == schemas["BatchResponse"]["properties"].keys()


def test_every_error_in_the_document_is_of_its_protocol() -> None:
    described = document()
    answers = [
        (path.startswith("/v2"), next(iter(answer["content"])))
        for path, methods in described["paths"].items()
        for method in methods.values()
        for status, answer in method["responses"].items()
        if status != "200"
    ]

    assert set(answers) == {(False, "application/problem+json"), (True, "application/json")}
    assert "HTTPValidationError" not in described["components"]["schemas"]


def asked_of(path: str) -> dict[str, Any]:
    content = document()["paths"][path]["post"]["requestBody"]["content"]
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema


def test_the_document_says_that_unknown_members_are_refused() -> None:
    one, many = asked_of("/predict"), asked_of("/predict/batch")
    [bars, _] = one["properties"]["bars"]["anyOf"]

    assert one["additionalProperties"] is many["additionalProperties"] is False
    assert bars["additionalProperties"] is False
    assert bars["required"] == ["open", "high", "low", "close"]


@pytest.mark.parametrize(
    ("path", "prices"), [("/predict", "prices"), ("/predict/batch", "windows")]
)
def test_the_document_says_that_exactly_one_of_prices_and_bars_is_given(
    path: str, prices: str
) -> None:
    schema = asked_of(path)

    assert [way["required"] for way in schema["oneOf"]] == [[prices], ["bars"]]
    assert {prices, "bars"} <= schema["properties"].keys()
    assert "required" not in schema


def test_every_reference_in_the_document_leads_somewhere() -> None:
    described = document()
    text = json.dumps(described)

    references = set(re.findall(r'"\$ref": "([^"]*)"', text))

    assert references
    for reference in references:
        place = described
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_the_body_of_the_readme_is_that_of_the_document() -> None:
    assert json.loads(Path("docs/example.json").read_text()) == {"bars": EXAMPLE_BARS}


def test_every_error_has_a_status() -> None:
    """A new error without a status would surface as a 500."""
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.NextdayError)
    }
    raised = {kind for kind in kinds if not kind.__subclasses__()}

    assert raised
    assert {kind for kind in raised if not set(kind.__mro__) & KINDS.keys()} == set()


def test_a_new_error_takes_the_status_of_the_class_above_it() -> None:
    class Worse(errors.BadPrice):
        pass

    assert kind_of(Worse("x")) == KINDS[errors.BadPrice]


def test_a_long_reason_is_cut(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "current").write_text("1")
    (tmp_path / "default" / "1").mkdir()
    manifest = {"x" * 5000: 1}
    (tmp_path / "default" / "1" / "manifest.json").write_text(json.dumps(manifest))

    with serving(tmp_path) as client:
        assert_problem(client.get("/readyz"), 503, "not_ready")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_operators_table(name: str) -> None:
    assert f"| `NEXTDAY_{name.upper()}` |" in Path("docs/operations.md").read_text()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_every_error_code_is_in_the_documentation(kind: Any) -> None:
    row = f"| {kind.status} | `{kind.code}` |"

    assert row in Path("docs/api.md").read_text()


def test_the_answer_in_the_readme_is_the_one_that_comes(client: TestClient) -> None:
    readme = Path("README.md").read_text()
    shown = readme.partition("```json\n")[2].partition("```")[0]
    answer = client.post("/predict", content=Path("docs/example.json").read_bytes())

    assert_shown("json", shown, answer.text, shape=False)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTDAY_MODELS", "/elsewhere")
    monkeypatch.setenv("NEXTDAY_THREADS", "2")

    settings = Settings()

    assert (settings.models, settings.threads) == (Path("/elsewhere"), 2)
