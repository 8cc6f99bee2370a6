"""The Open Inference Protocol by gRPC: what HTTP answers, to real clients of another protocol."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop
from grpc import StatusCode

from app.artifact import rollout
from app.artifact.rollout import Rollout
from app.grpc import inference_pb2 as pb
from app.grpc import server
from app.grpc.coalescing import CallCoalescer
from app.observability import metrics
from app.observability.request_record import Recorders
from tests.builders import (
    point,
    publish,
    publish_quantiles,
)
from tests.grpc_calls import (
    VERSION,
    WINDOW,
    Service,
    assert_same,
    by_http,
    counted,
    outcomes,
    refusal,
    request,
    run,
    tensors,
    windows,
)
from tools.testbed.waiting import PATIENCE_S


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_quantiles(tmp_path, window=WINDOW)
    return tmp_path


def test_it_is_live_and_ready_once_a_model_is(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        async def ready() -> bool:
            asked = pb.ServerReadyRequest()
            return (await service.call("ServerReady", asked, pb.ServerReadyResponse)).ready

        live = await service.call("ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse)
        assert live.live
        assert not await ready()
        publish_quantiles(tmp_path, window=WINDOW)
        service.state["store"].refresh()
        assert await ready()

    run(test, tmp_path)


@pytest.mark.parametrize(
    ("name", "version", "ready"),
    [
        ("default", "", True),
        ("default", "1", True),
        ("default", "2", False),
        ("nobody", "", False),
        ("refused", "", False),
    ],
)
def test_a_model_is_ready_or_not(root: Path, name: str, version: str, *, ready: bool) -> None:
    broken = publish(root, "refused")
    (broken / "model.onnx").write_bytes(b"")

    async def test(service: Service) -> None:
        asked = pb.ModelReadyRequest(name=name, version=version)
        answer = await service.call("ModelReady", asked, pb.ModelReadyResponse)
        assert answer.ready is ready

    run(test, root)


def test_the_server_says_what_it_is(root: Path) -> None:
    async def test(service: Service) -> None:
        answer = await service.call(
            "ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse
        )
        assert (answer.name, answer.version) == ("nextday", VERSION)
        assert "statistics" in answer.extensions

    run(test, root)


@pytest.mark.parametrize("version", ["", "1"])
def test_a_model_is_described(root: Path, version: str) -> None:
    async def test(service: Service) -> None:
        asked = {"name": "default", "version": version}
        metadata = await service.call(
            "ModelMetadata", pb.ModelMetadataRequest(**asked), pb.ModelMetadataResponse
        )
        told = await service.call(
            "ModelConfig", pb.ModelConfigRequest(**asked), pb.ModelConfigResponse
        )

        assert (metadata.name, list(metadata.versions)) == ("default", ["1"])
        described = [(each.name, each.datatype, list(each.shape)) for each in metadata.inputs]
        assert described == [("window", "FP64", [-1, WINDOW, 4])]
        described = [(each.name, each.datatype, list(each.shape)) for each in metadata.outputs]
        assert described == [("prediction", "FP64", [-1]), ("quantiles", "FP64", [-1, 5])]
        config = told.config
        assert (config.name, config.platform) == (metadata.name, metadata.platform)
        assert config.input[0].data_type == config.output[1].data_type == pb.TYPE_FP64
        assert list(config.input[0].dims) == [WINDOW, 4]
        assert config.HasField("dynamic_batching")

    run(test, root)


@pytest.mark.parametrize("asked", [{"name": "default"}, {"name": "default", "version": "1"}, {}])
def test_what_was_answered_is_counted(root: Path, asked: dict[str, str]) -> None:
    async def statistics(service: Service) -> int:
        request = pb.ModelStatisticsRequest(**asked)
        answer = await service.call("ModelStatistics", request, pb.ModelStatisticsResponse)
        # other tests of this process have had other versions
        own = ("default", "1")
        [count] = [
            each.inference_count for each in answer.model_stats if (each.name, each.version) == own
        ]
        return count

    async def test(service: Service) -> None:
        # as production counts, which is over all tests of this process
        service.state["recorders"] = Recorders([metrics.record_request])
        before = await statistics(service)
        await service.infer(request(windows(3)))
        assert await statistics(service) == before + 3

    run(test, root)


def test_the_models_are_listed(root: Path) -> None:
    (publish(root, "refused") / "model.onnx").write_bytes(b"")

    async def test(service: Service) -> None:
        async def listed(*, ready: bool) -> list[tuple[str, str]]:
            asked = pb.RepositoryIndexRequest(ready=ready)
            answer = await service.call("RepositoryIndex", asked, pb.RepositoryIndexResponse)
            return [(each.name, each.state) for each in answer.models]

        assert await listed(ready=True) == [("default", "READY")]
        assert await listed(ready=False) == [("default", "READY"), ("refused", "UNAVAILABLE")]

    run(test, root)


@pytest.mark.parametrize("count", [1, 2, 600])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "contents"])
@pytest.mark.parametrize("datatype", ["FP64", "FP32"])
def test_an_answer_is_that_of_http_to_the_last_bit(
    root: Path, datatype: str, count: int, *, raw: bool
) -> None:
    posted = windows(count)
    # prices that both kinds hold, and bars still
    posted = posted.astype(np.float32).astype(np.float64)

    async def test(service: Service) -> None:
        answer = await service.infer(request(posted, datatype=datatype, raw=raw, id="an id"))

        expected = await service.infer_by_http(posted)
        assert_same(tensors(answer), by_http(expected))
        assert (answer.model_name, answer.model_version, answer.id) == ("default", "1", "an id")
        assert [output.datatype for output in answer.outputs] == ["FP64", "FP64"]
        parameters = {name: each.double_param for name, each in answer.parameters.items()}
        assert parameters == expected["parameters"]

    run(test, root)


@pytest.mark.parametrize(
    "names", [["quantiles"], ["quantiles", "prediction"], ["prediction"]], ids=" ".join
)
def test_only_the_outputs_that_are_wanted_are_given_as_they_are_wanted(
    root: Path, names: list[str]
) -> None:
    async def test(service: Service) -> None:
        whole = tensors(await service.infer(request(windows(3))))
        some = tensors(await service.infer(request(windows(3), outputs=names)))
        assert_same(some, {name: whole[name] for name in names})

    run(test, root)


def test_calls_that_wait_together_are_answered_each_its_own(root: Path) -> None:
    posted = windows(50)

    async def test(service: Service) -> None:
        answers = await asyncio.gather(
            *(service.infer(request(each[None], id=str(n))) for n, each in enumerate(posted))
        )
        assert [answer.id for answer in answers] == [str(n) for n in range(50)]
        predictions = np.concatenate([tensors(answer)["prediction"] for answer in answers])
        expected = by_http(await service.infer_by_http(posted))["prediction"]
        np.testing.assert_allclose(predictions, expected, rtol=1e-6)

    run(test, root)


def test_calls_that_overlap_run_together(root: Path) -> None:
    runs = 'nextday_run_windows_count{model="default"'

    async def test(service: Service) -> None:
        before, asked = counted(runs), request(windows()).SerializeToString()
        comes = asyncio.Event()

        async def message() -> AsyncIterator[bytes]:
            await comes.wait()
            yield asked

        asking: Any = service.channel.stream_unary(f"/{server.SERVICE}/ModelInfer")
        calls = [asking(message(), timeout=PATIENCE_S) for _ in range(40)]
        # by now all are under way
        await asyncio.sleep(0.5)
        comes.set()
        assert await outcomes(calls) == ["ok"] * 40
        assert counted(runs) - before < 40

    run(test, root)


def test_a_version_is_that_which_was_asked_for(root: Path) -> None:
    publish_quantiles(root, version=2, window=WINDOW)
    point(root, "default", 2)

    async def test(service: Service) -> None:
        for version, answers in (("", "2"), ("1", "1"), ("2", "2")):
            answer = await service.infer(request(windows(), model_version=version))
            assert answer.model_version == answers

        asked = request(windows(), model_name="../default", model_version="1")
        await refusal(service.infer(asked), StatusCode.NOT_FOUND, "no_such_model")

    run(test, root)


def test_whose_key_is_named_stays_with_a_version(root: Path) -> None:
    publish_quantiles(root, version=2, window=WINDOW)
    point(root, "default", 1)
    canary = Rollout(candidate=2, mode="canary", share=0.5)
    (root / "default" / rollout.ROLLOUT).write_text(canary.model_dump_json())

    async def test(service: Service) -> None:
        for key in map(str, range(20)):
            answer = await service.infer(request(windows()), nextday_key=key)
            assert answer.model_version == ("2" if canary.takes(key.encode()) else "1")

    run(test, root)


def test_a_network_that_was_closed_is_opened_again(root: Path) -> None:
    publish_quantiles(root, name="other", window=WINDOW)

    async def test(service: Service) -> None:
        for name in ("default", "other", "default"):
            assert (await service.infer(request(windows(), model_name=name))).model_name == name

    run(test, root, open_models=1)


def test_one_that_leaves_keeps_nobody_waiting_nor_do_those_who_come_without_end() -> None:
    async def test() -> None:
        gathering = CallCoalescer()
        first, leaving = (asyncio.ensure_future(gathering.others()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        coming = []
        async with asyncio.timeout(5):
            while not first.done():
                coming.append(asyncio.ensure_future(gathering.others()))
                await asyncio.sleep(0)
            await asyncio.gather(*coming)
        assert leaving.cancelled()

    uvloop.run(test())
