"""GET /models, /livez, /readyz, /docs and what is not there."""

import logging
import stat
import tomllib
from pathlib import Path

import pytest

from app import __version__
from tests.builders import assert_problem, manifest_of, publish, serving


def test_models_are_listed_with_their_skill_and_the_refused_with_the_reason(
    tmp_path: Path,
) -> None:
    publish(tmp_path, name="default", version=3)
    publish(tmp_path, name="broken", graph=b"")

    with serving(tmp_path) as client:
        listed = client.get("/models").json()
        ready = client.get("/readyz").json()

    [model] = listed["models"]
    assert (model["name"], model["version"], model["window"]) == ("default", 3, 3)
    assert model["skill"]["mae_skill_vs_naive"] == 0.0
    [refused] = listed["refused"]
    assert (refused["name"], refused["version"]) == ("broken", 1)
    assert refused["reason"].startswith("onnxruntime refuses model.onnx")
    assert ready == {"status": "ready", "models": {"default": 3}, "refused": [refused]}


def test_a_model_shows_its_versions_and_its_manifest(tmp_path: Path) -> None:
    publish(tmp_path, version=1)
    folder = publish(tmp_path, version=2)

    with serving(tmp_path) as client:
        model = client.get("/models/default").json()
        version = client.get("/models/default/versions/1").json()

    assert (model["version"], model["versions"]) == (2, [1, 2])
    assert model["manifest"] == manifest_of(folder).model_dump(mode="json")
    assert (version["version"], version["card"]) == (1, "# a card\n")
    assert version["manifest"]["version"] == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/models/fb", "no_such_model"),
        ("/models/fb/versions/1", "no_such_model"),
        ("/models/%2e%2e/versions/1", "no_such_model"),
        ("/models/default/versions/2", "no_such_version"),
        ("/models/default/versions/0", "no_such_version"),
        ("/models/default/versions/-1", "no_such_version"),
        ("/models/default/versions/" + "9" * 30, "no_such_version"),
        ("/nothing", "not_found"),
    ],
)
def test_what_is_not_there_is_not_found(tmp_path: Path, path: str, code: str) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        assert_problem(client.get(path), 404, code)


def test_a_version_that_is_no_number_is_a_bad_input(tmp_path: Path) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        assert_problem(client.get("/models/default/versions/latest"), 422, "bad_input")


def test_another_method_is_refused_and_told_the_right_one(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        response = client.get("/predict")

    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_a_refused_model_answers_with_the_reason_and_when_to_come_again(tmp_path: Path) -> None:
    publish(tmp_path, graph=b"")

    with serving(tmp_path) as client:
        response = client.post("/predict", json={"prices": [1, 2, 3]})
        ready = client.get("/readyz")
        live = client.get("/livez")

    assert "onnxruntime refuses" in assert_problem(response, 503, "model_refused")["detail"]
    assert response.headers["retry-after"] == "1"
    assert "default: onnxruntime refuses" in assert_problem(ready, 503, "not_ready")["detail"]
    assert live.json() == {"status": "live"}


def test_documentation_needs_no_other_host(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        page = client.get("/docs").text
        scripts = [part.split('"')[0] for part in page.split('src="')[1:]]
        styles = [part.split('"')[0] for part in page.split('href="')[1:]]

        assert scripts
        assert "://" not in page
        for path in scripts + styles:
            assert client.get(path).status_code == 200


def test_a_model_that_cannot_be_read_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = publish(tmp_path) / "scaler.json"
    file.unlink()
    file.mkdir()

    with (
        caplog.at_level(logging.ERROR, logger="app.inference.model_store"),
        serving(tmp_path) as client,
    ):
        response = client.get("/readyz")

    detail = assert_problem(response, 503, "not_ready")["detail"]
    assert "scaler.json" in detail
    assert str(tmp_path) not in detail
    assert stat.S_ISDIR(file.stat().st_mode)
    assert "refused default version 1" in caplog.text


def test_the_version_is_that_of_the_project(tmp_path: Path) -> None:
    settings = tomllib.loads(Path("pyproject.toml").read_text())

    assert settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["hatch"]["version"] == {"path": "app/__init__.py"}
    with serving(tmp_path) as client:
        assert client.get("/openapi.json").json()["info"]["version"] == __version__
