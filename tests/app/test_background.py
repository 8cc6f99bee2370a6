"""Work beside single forecasts: bounded; long work ended when nobody waits for it."""

import asyncio
import os
import sys
import threading
from collections.abc import Mapping
from threading import Event
from typing import Any

import pytest

from app.errors import Abandoned, TooBusy
from app.inference.worker_threads import LowPriorityThread, WorkerThreads
from tools.testbed.waiting import PATIENCE_S


async def stays() -> Mapping[str, Any]:
    await asyncio.Event().wait()
    return {}


def test_work_is_done_in_another_thread() -> None:
    background = WorkerThreads(1, 1)

    def work(_: Event) -> int:
        return threading.get_ident()

    assert asyncio.run(background.run(work, stays)) != threading.get_ident()
    background.close()


def test_short_work_is_done_on_the_loop_once_in_each_of_its_turns() -> None:
    background, turn = WorkerThreads(1, 8), 0
    done: list[tuple[int, int]] = []

    def work(_: Event) -> None:
        done.append((threading.get_ident(), turn))

    async def asking() -> None:
        nonlocal turn
        several = [
            asyncio.ensure_future(background.run(work, stays, is_short=True)) for _ in range(6)
        ]
        # whoever has left costs nothing
        several[2].cancel()
        while not all(task.done() for task in several):
            turn += 1
            await asyncio.sleep(0)

    asyncio.run(asking())

    assert {thread for thread, _ in done} == {threading.get_ident()}
    assert len({turn for _, turn in done}) == len(done) == 5


def test_short_work_that_fails_leaves_its_turn_to_the_next() -> None:
    background = WorkerThreads(1, 1)

    def fails(_: Event) -> None:
        raise ValueError

    async def asking() -> list[object]:
        several = [background.run(fails, stays, is_short=True) for _ in range(3)]
        found = await asyncio.gather(*several, return_exceptions=True)
        return [*found, await background.run(lambda _: 1, stays, is_short=True)]

    first, waited, refused, later = asyncio.run(asking())

    assert isinstance(first, ValueError)
    assert isinstance(waited, ValueError)
    assert isinstance(refused, TooBusy)
    assert later == 1


def test_beyond_the_bound_it_is_too_busy_and_free_again_afterwards() -> None:
    background, release = WorkerThreads(1, 2), Event()

    def work(_: Event) -> bool:
        return release.wait(PATIENCE_S)

    async def asking() -> list[object]:
        several = [asyncio.ensure_future(background.run(work, stays)) for _ in range(3)]
        await asyncio.sleep(0)
        release.set()
        found = await asyncio.gather(*several, return_exceptions=True)
        return [*found, await background.run(work, stays)]

    *first, third, later = asyncio.run(asking())

    assert first == [True, True]
    assert isinstance(third, TooBusy)
    assert later is True
    background.close()


@pytest.mark.parametrize("way", ["the client leaves", "the request is cancelled"])
def test_work_for_nobody_ends(way: str) -> None:
    background, ended = WorkerThreads(1, 1), Event()

    def work(gone: Event) -> None:
        if gone.wait(PATIENCE_S):
            ended.set()
            raise Abandoned

    async def leaves() -> Mapping[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def asking() -> None:
        if way == "the client leaves":
            with pytest.raises(Abandoned):
                await background.run(work, leaves)
        else:
            task = asyncio.ensure_future(background.run(work, stays))
            await asyncio.sleep(0.05)
            task.cancel()

    asyncio.run(asking())

    assert ended.wait(PATIENCE_S)
    background.close()


def test_work_aside_is_known_before_it_begins_and_until_it_has_ended() -> None:
    aside = LowPriorityThread("loader")
    seen: list[bool] = []

    def work() -> None:
        seen.append(aside.is_busy)
        if sys.platform == "linux":
            assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == 19

    def fails() -> None:
        raise ValueError

    async def asking() -> None:
        seen.append(aside.is_busy)
        task = asyncio.ensure_future(aside.run(work))
        # the turn in which the work is handed over, and that alone
        await asyncio.sleep(0)
        seen.append(aside.is_busy)
        await task
        with pytest.raises(ValueError):  # noqa: PT011 - our own
            await aside.run(fails)

    asyncio.run(asking())

    assert seen[0] is False
    assert seen[1:] == [True, True]
    assert not aside.is_busy
    aside.close()
