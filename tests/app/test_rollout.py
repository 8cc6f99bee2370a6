"""A candidate beside the version that is served: whose requests it takes, what is seen of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.artifact import rollout
from app.artifact.rollout import Rollout
from app.errors import ArtifactRejected
from tests.builders import PRICES, fails_above_graph, levels, point, publish, serving
from tests.wire import Service, request, run

KEYS = [f"account-{number}".encode() for number in range(4000)]


def canary(share: float) -> Rollout:
    return Rollout(candidate=2, mode="canary", share=share)


def write(root: Path, **changes: Any) -> None:
    content = {"candidate": 2, "mode": "canary", "share": 0.5} | changes
    (root / "default" / rollout.ROLLOUT).write_text(json.dumps(content))


def two_versions(root: Path, **second: Any) -> None:
    publish(root)
    publish(root, version=2, scale=0.5, **second)
    point(root, "default", 1)


def metric(client: Any, name: str, **labels: str) -> float:
    """Return a metric of the service; they add up over the tests of this process."""
    for line in client.get("/metrics").text.splitlines():
        if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


@pytest.mark.parametrize("share", [0.01, 0.25, 0.8])
def test_about_its_share_of_the_keys_is_taken(share: float) -> None:
    taken = sum(canary(share).takes(key) for key in KEYS)

    # four standard deviations of a binomial
    assert abs(taken - share * len(KEYS)) < 4 * (len(KEYS) * share * (1 - share)) ** 0.5


@given(st.binary(), st.floats(1e-9, 1), st.floats(1e-9, 1))
def test_a_larger_share_takes_all_that_a_smaller_one_took(
    key: bytes, one: float, other: float
) -> None:
    small, large = sorted([one, other])

    assert canary(large).takes(key) or not canary(small).takes(key)
    assert canary(1).takes(key)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "EOF while parsing"),
        (b"[]", "should be an object"),
        (b'{"candidate": 2, "mode": "canary"}', "share: Field required"),
        (b'{"candidate": 0, "mode": "canary", "share": 0.5}', "candidate: "),
        (b'{"candidate": "2", "mode": "canary", "share": 0.5}', "candidate: "),
        (b'{"candidate": 2, "mode": "canary", "share": 0}', "share: "),
        (b'{"candidate": 2, "mode": "canary", "share": 1.5}', "share: "),
        (b'{"candidate": 2, "mode": "dark", "share": 0.5}', "mode: "),
        (b'{"candidate": 2, "mode": "canary", "share": 0.5, "until": 3}', "until: "),
    ],
)
def test_what_is_no_rollout_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ArtifactRejected, match=said):
        rollout.parse(content)


def test_a_key_stays_with_its_version_by_every_way(tmp_path: Path) -> None:
    two_versions(tmp_path)
    write(tmp_path)
    body = json.dumps({"prices": PRICES}).encode()
    batch = json.dumps({"windows": [PRICES]}).encode()
    expected = {key: 1 + canary(0.5).takes(key) for key in KEYS[:40]}
    assert set(expected.values()) == {1, 2}

    with serving(tmp_path) as client:
        for path, posted in (("/predict", body), ("/predict/batch", batch)):
            for key, version in expected.items():
                headers = {"Content-Type": "application/json", "Nextday-Key": key.decode()}
                answer = client.post(path, content=posted, headers=headers).json()
                assert answer["version"] == version

    async def test(service: Service) -> None:
        connection = await service.connect()
        # twice: the second time the head is known
        for key, version in [*expected.items()] * 2:
            await connection.send(request(body, f"Nextday-Key: {key.decode()}"))
            assert (await connection.answer())[2]["version"] == version
        await connection.close()

    run(test, tmp_path)


def test_without_a_key_the_question_is_the_key(tmp_path: Path) -> None:
    two_versions(tmp_path)
    write(tmp_path)

    with serving(tmp_path) as client:
        asked = [{"prices": [*PRICES[:-1], 100 + number]} for number in range(40)]
        first, again = (
            [client.post("/predict", json=each).json()["version"] for each in asked]
            for _ in range(2)
        )

    assert first == again
    assert set(first) == {1, 2}


def test_a_pinned_version_is_no_part_of_it(tmp_path: Path) -> None:
    two_versions(tmp_path)
    write(tmp_path, share=1)

    with serving(tmp_path) as client:
        for pinned in (1, 2):
            body = {"prices": PRICES, "version": pinned}
            assert client.post("/predict", json=body).json()["version"] == pinned
        assert client.get("/models/default").json()["rollout"] == {
            "candidate": 2,
            "mode": "canary",
            "share": 1.0,
        }


def test_a_shadow_is_measured_and_never_answers(tmp_path: Path) -> None:
    two_versions(tmp_path)
    write(tmp_path, mode="shadow", share=1)

    async def test(service: Service) -> None:
        connection = await service.connect()
        for _ in range(5):
            await connection.send(request())
            assert (await connection.answer())[2]["version"] == 1
        await connection.close()

    with serving(tmp_path) as client:
        count, total = (f"nextday_shadow_difference_ratio_{part}" for part in ("count", "sum"))
        before = [metric(client, name, version="2") for name in (count, total)]
        run(test, tmp_path)
        assert client.post("/predict", json={"prices": PRICES}).json()["version"] == 1
        after = [metric(client, name, version="2") for name in (count, total)]

    counted, summed = (later - sooner for sooner, later in zip(before, after, strict=True))
    assert counted == 6
    # levels from 100 to 200: the candidate halves 4 to 2, of a last price of 104
    assert summed == pytest.approx(counted * 2 / 104)


@pytest.mark.parametrize(
    ("looks_back", "metric_of"),
    [(3, "nextday_shadow_difference_ratio_count"), (4, "nextday_trial_answers_total")],
    ids=["a window that it takes", "a window that it does not"],
)
def test_a_shadow_forecasts_from_tensors_too(
    tmp_path: Path, looks_back: int, metric_of: str
) -> None:
    two_versions(tmp_path, window=looks_back)
    write(tmp_path, mode="shadow", share=1)
    window = {"name": "window", "datatype": "FP64", "shape": [1, 3, 1], "data": PRICES[-3:]}
    labels = {"version": "2"} | ({} if looks_back == 3 else {"outcome": "error"})
    body = {"inputs": [window]}

    async def test(service: Service) -> None:
        connection = await service.connect()
        for path in ("/v2/models/default/infer", "/v2/models/default/infer?x"):
            await connection.send(request(json.dumps(body).encode(), path=path))
            assert (await connection.answer())[2]["model_version"] == "1"
        await connection.close()

    with serving(tmp_path) as client:
        before = metric(client, metric_of, **labels)
        run(test, tmp_path)
        assert metric(client, metric_of, **labels) - before == 2


def test_a_failing_shadow_is_counted_and_nobody_notices(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, window=5)
    publish(tmp_path, version=2, window=5, graph=fails_above_graph(steps=5), scaler=levels())
    point(tmp_path, "default", 1)
    write(tmp_path, mode="shadow", share=1)
    # scaled by the range from 100 to 200, 320 is above 2, where the candidate fails
    bad = {"prices": [101.0] * 4 + [320.0]}

    with serving(tmp_path) as client:
        errors = metric(client, "nextday_trial_answers_total", version="2", outcome="error")
        for _ in range(3):
            answer = client.post("/predict", json=bad)
            assert (answer.status_code, answer.json()["version"]) == (200, 1)
        found = metric(client, "nextday_trial_answers_total", version="2", outcome="error")
        assert found - errors == 3

    assert "the candidate on trial failed" in caplog.text


def test_errors_of_a_canary_are_counted_by_version(tmp_path: Path) -> None:
    publish(tmp_path, window=5)
    publish(tmp_path, version=2, window=5, graph=fails_above_graph(steps=5), scaler=levels())
    point(tmp_path, "default", 1)
    write(tmp_path, share=1)
    bad = json.dumps({"prices": [101.0] * 4 + [320.0]}).encode()
    good = json.dumps({"prices": [101.0] * 5}).encode()

    async def test(service: Service) -> None:
        connection = await service.connect()
        for body, status in ((bad, 500), (good, 200)):
            await connection.send(request(body))
            assert (await connection.answer())[0] == status
        await connection.close()

    with serving(tmp_path) as client:
        before = [
            metric(client, "nextday_trial_answers_total", version="2", outcome=outcome)
            for outcome in ("ok", "error")
        ]
        run(test, tmp_path)
        # the framework's way
        headers = {"Content-Type": "application/json"}
        assert client.post("/predict", content=bad, headers=headers).status_code == 500
        after = [
            metric(client, "nextday_trial_answers_total", version="2", outcome=outcome)
            for outcome in ("ok", "error")
        ]

    assert [later - sooner for sooner, later in zip(before, after, strict=True)] == [1, 2]


def test_what_a_caller_gets_wrong_is_no_error_of_the_canary(tmp_path: Path) -> None:
    two_versions(tmp_path)
    write(tmp_path, share=1)
    # as JSON it is cut up along its windows, and the fault is in none of the last
    windows = ", ".join(["[1, 2, 01]", *[str(PRICES)] * 100])
    bodies = {
        "/predict": (b'{"prices": [1, 2, -3]}', 422),
        "/predict/batch": (f'{{"windows": [{windows}]}}'.encode(), 400),
        "/v2/models/default/infer": (b'{"inputs": []}', 400),
    }

    with serving(tmp_path) as client:
        labels = {"version": "2", "outcome": "error"}
        before = metric(client, "nextday_trial_answers_total", **labels)
        for path, (body, status) in bodies.items():
            headers = {"Content-Type": "application/json"}
            assert client.post(path, content=body, headers=headers).status_code == status
        assert metric(client, "nextday_trial_answers_total", **labels) == before


def test_a_candidate_that_cannot_be_loaded_is_told_and_takes_nothing(tmp_path: Path) -> None:
    two_versions(tmp_path, graph=b"no graph")
    write(tmp_path, share=1)

    with serving(tmp_path) as client:
        assert client.post("/predict", json={"prices": PRICES}).json()["version"] == 1
        [refused] = client.get("/readyz").json()["refused"]

    assert (refused["name"], refused["version"]) == ("default", 2)
    assert "no ONNX graph" in refused["reason"]
