"""What is tried again, when, and what never is: against a server on a real socket."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from nextday import (
    AsyncClient,
    BadInput,
    Client,
    Forecast,
    NextdayError,
    RateLimited,
    Retries,
    ServiceError,
    Unavailable,
    Unreachable,
)
from nextday.retries import Tries

from tests.clients.flaky import BUSY, Flaky, Reply, flaky
from tools.testbed.waiting import PATIENCE_S

PRICES = [100.0] * 60
QUICK = Retries(first_s=0.01, most_s=0.02)
Ask = Callable[..., Forecast]


def waiting(server: Flaky, retries: Retries, timeout_s: float = PATIENCE_S) -> Forecast:
    with Client(server.url, retries=retries, timeout=timeout_s) as client:
        return client.predict(PRICES)


def awaiting(server: Flaky, retries: Retries, timeout_s: float = PATIENCE_S) -> Forecast:
    async def asked() -> Forecast:
        async with AsyncClient(server.url, retries=retries, timeout=timeout_s) as client:
            return await client.predict(PRICES)

    return asyncio.run(asked())


both = pytest.mark.parametrize("ask", [waiting, awaiting])


@both
def test_retry_after_is_waited_for_and_the_same_is_asked_again(ask: Ask) -> None:
    with flaky(Reply(503, {"Retry-After": "1"}, BUSY)) as server:
        found = ask(server, QUICK)

    first, second = server.asked_at
    assert found.prediction == 100
    assert second - first >= 1
    assert server.requests[0][0] == server.requests[1][0] == "/predict"
    assert server.requests[0][2] == server.requests[1][2]


@both
@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_may_be_a_moment(ask: Ask, zone: str) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    moment = moment.replace("GMT", zone)
    with flaky(Reply(503, {"Retry-After": moment})) as server:
        ask(server, QUICK)

    first, second = server.asked_at
    # whole seconds are all that the header can say
    assert second - first >= 0.5


@both
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(503), id="503"),
        pytest.param(Reply(429), id="429"),
        pytest.param(Reply(), id="a connection that is cut"),
    ],
)
def test_what_passes_is_tried_again(ask: Ask, reply: Reply) -> None:
    with flaky(reply, reply) as server:
        ask(server, QUICK)

    assert len(server.asked_at) == 3


@both
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadInput),
        (422, BadInput),
        (404, NextdayError),
        (500, ServiceError),
        (504, Unavailable),
    ],
)
def test_what_does_not_pass_is_asked_once(ask: Ask, status: int, kind: type[Exception]) -> None:
    with flaky(Reply(status, {"Retry-After": "0"}, {})) as server, pytest.raises(kind) as raised:
        ask(server, QUICK)

    assert len(server.asked_at) == 1
    assert isinstance(raised.value, NextdayError)
    assert raised.value.status == status
    assert raised.value.code is None


@both
def test_an_answer_that_is_slow_to_come_is_not_asked_for_again(ask: Ask) -> None:
    with flaky(Reply(200, after_s=1.5)) as server, pytest.raises(Unreachable, match="in time"):
        ask(server, QUICK, 0.5)

    assert len(server.asked_at) == 1


@both
def test_attempts_are_bounded_and_the_last_failure_is_told(ask: Ask) -> None:
    with flaky(*[Reply(503, body=BUSY)] * 9) as server, pytest.raises(Unavailable) as raised:
        ask(server, QUICK)

    assert len(server.asked_at) == 4
    assert raised.value.code == "too_busy"
    assert raised.value.status == 503


@both
def test_time_is_bounded_and_a_wait_beyond_it_is_none(ask: Ask) -> None:
    limited = Reply(429, {"Retry-After": "60"})
    began = time.monotonic()
    with flaky(limited) as server, pytest.raises(RateLimited) as raised:
        ask(server, Retries(total_s=59))

    assert time.monotonic() - began < 59
    assert raised.value.retry_after_s == 60


def test_pauses_double_to_a_most_and_differ_between_callers() -> None:
    retries = Retries(attempts=5, first_s=0.1, most_s=0.3)
    lost = Unreachable("nobody there")
    callers = Tries(retries), Tries(retries)

    pauses = [[tries.pause(lost, lost=True) for _ in range(4)] for tries in callers]

    for pause, most in zip(pauses[0], [0.1, 0.2, 0.3, 0.3], strict=True):
        assert most / 2 <= pause <= most
    assert pauses[0] != pauses[1]


def test_a_probe_is_asked_once() -> None:
    with (
        flaky(Reply(503, {"Retry-After": "1"}, BUSY)) as server,
        Client(server.url) as client,
        pytest.raises(Unavailable),
    ):
        client.ready()

    assert len(server.asked_at) == 1


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"total_s": -1.0}])
def test_retries_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Retries(**wrong)  # type: ignore[arg-type]
