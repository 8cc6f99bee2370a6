"""/v2: the same forecasts by the Open Inference Protocol, whichever way a request takes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.artifact.manifest import CloseOnly
from tests.builders import (
    PRICES,
    QUANTILES,
    fails_above_graph,
    levels,
    publish,
    publish_quantiles,
    random_bars,
    scores,
    serving,
    spread_graph,
)
from tests.wire import Service, request, run

BARS = random_bars(5)
ROWS = np.column_stack(list(BARS.values()))
INFER = "/v2/models/default/infer"


def asked(windows: Any, **members: Any) -> dict[str, Any]:
    values = np.asarray(windows, float)
    part = {"name": "window", "datatype": "FP64", "shape": values.shape, "data": values.tolist()}
    return {"inputs": [part], **members}


def of(answer: Any) -> dict[str, Any]:
    """Return the outputs of an answer by name."""
    return {output["name"]: output for output in answer["outputs"]}


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Publish a model of bars that answers closes too."""
    publish_quantiles(
        tmp_path,
        close_graph=spread_graph(steps=4, features=1, least=0.5),
        close_only=CloseOnly(scores=scores()),
    )
    return tmp_path


def test_a_window_of_bars_is_forecast_as_predict_does(bars: Path) -> None:
    # the ends of these are the model's own quantiles
    own = [100 * (1 - 2 * low) for low in QUANTILES[:2]]
    with serving(bars) as client:
        plain = client.post("/predict", json={"bars": BARS, "levels": own}).json()
        answer = client.post(INFER, json=asked([ROWS], id="seven")).json()

    outputs = of(answer)
    wide, narrow = plain["intervals"]
    assert outputs["prediction"]["data"] == [plain["prediction"]]
    assert outputs["quantiles"]["shape"] == [1, 5]
    assert outputs["quantiles"]["data"] == pytest.approx(
        [wide["low"], narrow["low"], plain["prediction"], narrow["high"], wide["high"]]
    )
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (
        "default",
        "1",
        "seven",
    )
    assert answer["parameters"] == {"mae_skill_vs_naive": 0.0}


def test_closes_alone_are_answered_by_the_network_for_them(bars: Path) -> None:
    closes = ROWS[:, 3:]
    with serving(bars) as client:
        plain = client.post("/predict", json={"prices": closes.ravel().tolist()}).json()
        [both] = [client.post(INFER, json=asked([closes])).json()]

    assert of(both)["prediction"]["data"] == [plain["prediction"]]


def test_many_windows_are_forecast_as_each_by_itself(bars: Path) -> None:
    windows = [np.column_stack(list(random_bars(5, seed=seed).values())) for seed in range(300)]
    with serving(bars) as client:
        many = of(client.post(INFER, json=asked(windows)).json())
        alone = [of(client.post(INFER, json=asked([window])).json()) for window in windows[-3:]]

    assert many["quantiles"]["shape"] == [300, 5]
    rows = np.reshape(many["quantiles"]["data"], (300, 5))
    for row, each in zip(rows[-3:], alone, strict=True):
        assert row == pytest.approx(each["quantiles"]["data"], rel=1e-6)
    assert np.array_equal(rows[:, 2], many["prediction"]["data"])


def test_bytes_are_answered_in_bytes(bars: Path) -> None:
    numbers = ROWS.astype("<f8").tobytes()
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "window",
                    "datatype": "FP64",
                    "shape": [1, 5, 4],
                    "parameters": {"binary_data_size": len(numbers)},
                }
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    with serving(bars) as client:
        plain = of(client.post(INFER, json=asked([ROWS])).json())
        answer = client.post(
            INFER,
            content=head + numbers,
            headers={"Inference-Header-Content-Length": f"{len(head)}"},
        )
        raw = client.post(INFER, content=numbers, headers={"Inference-Header-Content-Length": "0"})

    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    tensors = np.frombuffer(answer.content[length:], "<f8")
    assert tensors.tolist() == [*plain["prediction"]["data"], *plain["quantiles"]["data"]]
    assert raw.content == answer.content


def test_a_point_model_gives_no_quantiles(tmp_path: Path) -> None:
    publish(tmp_path)
    with serving(tmp_path) as client:
        answer = client.post(INFER, json=asked(np.reshape(PRICES[-3:], (1, 3, 1)))).json()
        metadata = client.get("/v2/models/default").json()

    assert [output["name"] for output in answer["outputs"]] == ["prediction"]
    assert [output["name"] for output in metadata["outputs"]] == ["prediction"]


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        (INFER, asked([ROWS * -1]), 400, "window[0] is not above zero"),
        (INFER, asked([ROWS[:, [0, 2, 1, 3]]]), 400, "window.low[0]"),
        (INFER, asked([ROWS[:3]]), 400, "[-1, 5, 4] or [-1, 5, 1]"),
        (INFER, asked([ROWS, ROWS * np.geomspace(1e-300, 1e300, 5)[:, None]]), 400, "window 1"),
        (INFER, asked([ROWS * np.geomspace(1e-300, 1e300, 5)[:, None]]), 400, "too large"),
        ("/v2/models/other/infer", asked([ROWS]), 404, "no model of that name"),
        ("/v2/models/default/versions/9/infer", asked([ROWS]), 404, "no such version"),
        ("/v2/models/default/versions/0/infer", asked([ROWS]), 400, "version"),
        ("/v2/models/default/versions/x/infer", asked([ROWS]), 400, "version"),
        ("/v2/elsewhere", {}, 404, "Not Found"),
        ("/v2/repository/models/default/unload", {}, 400, "published by python -m training"),
    ],
)
def test_what_is_wrong_is_told_as_the_protocol_has_it(
    bars: Path, path: str, body: Any, status: int, reason: str
) -> None:
    with serving(bars) as client:
        response = client.post(path, json=body)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert reason in response.json()["error"]


def test_much_json_is_refused_and_as_many_bytes_are_not(bars: Path) -> None:
    numbers = np.stack([ROWS] * 20).astype("<f8").tobytes()
    with serving(bars, max_body_bytes=2000) as client:
        as_json = client.post(INFER, json=asked([ROWS] * 20))
        as_bytes = client.post(
            INFER, content=numbers, headers={"Inference-Header-Content-Length": "0"}
        )

    assert (as_json.status_code, as_bytes.status_code) == (413, 200)
    assert "binary tensors" in as_json.json()["error"]


def test_every_way_gives_the_same_bytes(bars: Path) -> None:
    publish_quantiles(bars, version=2)
    body = json.dumps(asked([ROWS])).encode()

    async def test(service: Service) -> None:
        connection = await service.connect()
        found = []
        paths = [INFER, INFER, f"{INFER}?by=the-framework", "/v2/models/default/versions/2/infer"]
        for path in paths:
            await connection.send(request(body, path=path))
            status, headers, answer = await connection.answer()
            found.append((status, headers["content-type"], answer))
        assert found == [found[0]] * 4
        assert found[0][2]["model_version"] == "2"
        await connection.send(request(body, path="/v2/models/default/versions/1/infer"))
        assert (await connection.answer())[2]["model_version"] == "1"
        for path in ("/v2/models/other/infer", INFER):
            await connection.send(request(b"{}", path=path))
            assert list((await connection.answer())[2]) == ["error"]
        await connection.close()

    run(test, bars)


def test_what_fails_in_the_network_is_an_error_of_ours(tmp_path: Path) -> None:
    publish(tmp_path, window=5, graph=fails_above_graph(steps=5), scaler=levels())
    with serving(tmp_path) as client:
        response = client.post(INFER, json=asked([[[101.0]] * 4 + [[320.0]]]))

    assert response.status_code == 500
    assert list(response.json()) == ["error"]


@pytest.fixture
def client(bars: Path) -> Any:
    publish(bars, "second", version=4)
    with serving(bars) as made:
        yield made


def test_health_is_told_to_clients_of_either_taste(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}
    with serving(tmp_path / "nothing") as other:
        assert other.get("/v2/health/ready").status_code == 503
        assert other.get("/v2/health/live").status_code == 200


def test_the_server_and_its_models_are_described(client: TestClient) -> None:
    server = client.get("/v2").json()
    assert server == client.get("/v2/").json()
    assert server["name"] == "nextday"
    assert "binary_tensor_data" in server["extensions"]
    assert client.get("/v2/models/default").json() == {
        "name": "default",
        "versions": ["1"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "window", "datatype": "FP64", "shape": [-1, 5, 4]}],
        "outputs": [
            {"name": "prediction", "datatype": "FP64", "shape": [-1]},
            {"name": "quantiles", "datatype": "FP64", "shape": [-1, 5]},
        ],
    }
    assert client.get("/v2/models/second/versions/4").json()["versions"] == ["4"]
    assert client.get("/v2/models/second/ready").json() == {"name": "second", "ready": True}
    assert client.get("/v2/models/second/versions/4/ready").json()["ready"] is True
    assert client.get("/v2/models/second/versions/5/ready").status_code == 404


def test_configurations_are_as_triton_has_them(client: TestClient) -> None:
    config = client.get("/v2/models/default/config").json()

    assert config["input"] == [{"name": "window", "data_type": "TYPE_FP64", "dims": [5, 4]}]
    assert [output["dims"] for output in config["output"]] == [[1], [5]]
    assert config["parameters"]["fields"] == {"string_value": "open,high,low,close"}
    assert config == client.get("/v2/models/default/versions/1/config").json()


def test_statistics_count_what_was_answered(client: TestClient) -> None:
    def counted(path: str = "/v2/models/default/stats") -> Any:
        found = client.get(path).json()["model_stats"]
        return next(each for each in found if each["version"] == "1")

    before = counted()
    client.post(INFER, json=asked([ROWS]))
    client.post(INFER, json=asked([ROWS] * 7))
    client.post(INFER, json={})
    after = counted("/v2/models/default/versions/1/stats")

    assert after["inference_count"] - before["inference_count"] == 8
    assert after["execution_count"] - before["execution_count"] == 2
    success, earlier = after["inference_stats"]["success"], before["inference_stats"]["success"]
    assert success["count"] - earlier["count"] == 2
    assert success["ns"] > earlier["ns"]
    assert after["last_inference"] > 1.7e12
    named = {each["name"] for each in client.get("/v2/models/stats").json()["model_stats"]}
    assert {"default", "second"} <= named
    assert client.get("/v2/models/other/stats").status_code == 404


def test_the_index_lists_what_is_loaded_and_what_was_refused(bars: Path) -> None:
    folder = publish(bars, "second", version=4)
    (folder / "scaler.json").write_text("{}")
    with serving(bars) as client:
        every = client.post("/v2/repository/index").json()
        ready = client.post("/v2/repository/index", json={"ready": True}).json()

    assert ready == [{"name": "default", "version": "1", "state": "READY", "reason": ""}]
    assert every[0] == ready[0]
    assert (every[1]["name"], every[1]["version"]) == ("second", "4")
    assert every[1]["state"] == "UNAVAILABLE"
    assert "scaler.json" in every[1]["reason"]
