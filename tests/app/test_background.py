"""Long work in threads: bounded, and ended when nobody waits for it."""

import asyncio
import threading
import time
from collections.abc import Mapping
from threading import Event
from typing import Any

import pytest

from app.background import Background
from app.errors import Abandoned, TooBusy


async def stays() -> Mapping[str, Any]:
    await asyncio.Event().wait()
    return {}


def test_work_is_done_in_another_thread() -> None:
    background = Background(1, 1)

    def work(_: Event) -> int:
        return threading.get_ident()

    assert asyncio.run(background.run(work, stays)) != threading.get_ident()
    background.close()


def test_beyond_the_bound_it_is_too_busy_and_free_again_afterwards() -> None:
    background, release = Background(1, 2), Event()

    def work(_: Event) -> bool:
        return release.wait(10)

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
    background, ended = Background(1, 1), Event()

    def work(gone: Event) -> None:
        began = time.monotonic()
        while time.monotonic() - began < 10:
            if gone.wait(0.01):
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

    assert ended.wait(5)
    background.close()
