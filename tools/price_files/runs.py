"""Many files, made and asked about in several processes."""

import asyncio
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from tools.price_files.asks import asking
from tools.price_files.catalogue import files
from tools.price_files.verdicts import Outcome, look

MODELS: Final = Path(__file__).parents[2] / "models"
"""The shipped ones."""


class Plan(NamedTuple):
    """What to ask, and whom."""

    seed: int
    files: int
    kinds: str = ""
    url: str | None = None
    models: Path = MODELS
    jobs: int = 1


def run(plan: Plan) -> list[Outcome]:
    """Make the files of a plan and ask what becomes of each, in several processes."""
    if plan.jobs == 1:
        return asyncio.run(_some(plan, 0))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(plan.jobs, mp_context=context) as pool:
        parts = pool.map(_part, [(plan, at) for at in range(plan.jobs)])
        outcomes = [each for part in parts for each in part]
    return sorted(outcomes, key=lambda each: (each.kind, int(each.name[1:])))


def _part(which: tuple[Plan, int]) -> list[Outcome]:
    return asyncio.run(_some(*which))


async def _some(plan: Plan, at: int) -> list[Outcome]:
    """Ask about every so-many-th file, from one on."""
    outcomes = []
    async with asking(plan.url, plan.models) as asker:
        for number, file in enumerate(files(plan.seed, plan.files, plan.kinds, at, plan.jobs)):
            outcomes.append(await look(asker, file))
            if at == 0 and number % 100 == 99:
                print(f"{(number + 1) * plan.jobs} files …", file=sys.stderr, flush=True)
    return sorted(outcomes, key=lambda each: (each.kind, int(each.name[1:])))
