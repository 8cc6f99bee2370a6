"""Progress on standard error: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from tqdm import tqdm

_LINES: Final = 10
"""About so many lines a run where there is no terminal."""

_Item = TypeVar("_Item")


_state: Final = {"quiet": False}


def quiet() -> None:
    """Say nothing from now on: this process works for another, which reports progress."""
    _state["quiet"] = True


def say(line: str) -> None:
    """Print one line."""
    if not _state["quiet"]:
        print(line, file=sys.stderr, flush=True)


def track(items: Sequence[_Item], unit: str) -> Iterator[_Item]:
    """Give item after item, and show how many of them are done."""
    started = time.monotonic()
    terminal = sys.stderr.isatty() and not _state["quiet"]
    for done, item in enumerate(tqdm(items, unit=unit, disable=not terminal), start=1):
        yield item
        if not terminal and _due(done, len(items)):
            say(f"{unit} {done}/{len(items)}, {time.monotonic() - started:.0f} s")


@contextlib.contextmanager
def epochs(total: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Give a function to call with each finished epoch, counted from 1, and its losses."""
    started = time.monotonic()
    terminal = sys.stderr.isatty() and not _state["quiet"]
    with tqdm(total=total, unit="epoch", disable=not terminal, leave=True) as bar:

        def show(epoch: int, losses: dict[str, float]) -> None:
            figures = ", ".join(f"{name} {value:.6f}" for name, value in losses.items())
            bar.set_postfix_str(figures, refresh=False)
            bar.update()
            if not terminal and _due(epoch, total):
                took = time.monotonic() - started
                say(f"epoch {epoch}/{total}: {figures}, {took:.0f} s")

        yield show


def _due(done: int, total: int) -> bool:
    """Tell whether so much done is worth a line: the first, the last, and some between."""
    return done in {1, total} or done % max(1, total // _LINES) == 0
