"""Progress on standard error: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from tqdm import tqdm

_LINES: Final = 10
"""About so many lines a run where there is no terminal."""


def say(line: str) -> None:
    """Print one line."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def epochs(total: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Give a function to call with each finished epoch, counted from 1, and its losses."""
    started = time.monotonic()
    terminal = sys.stderr.isatty()
    with tqdm(total=total, unit="epoch", disable=not terminal, leave=True) as bar:

        def show(epoch: int, losses: dict[str, float]) -> None:
            figures = ", ".join(f"{name} {value:.6f}" for name, value in losses.items())
            bar.set_postfix_str(figures, refresh=False)
            bar.update()
            if not terminal and (epoch in {1, total} or epoch % max(1, total // _LINES) == 0):
                took = time.monotonic() - started
                say(f"epoch {epoch}/{total}: {figures}, {took:.0f} s")

        yield show
