"""
Price files as vendors write them, sound and faulty, and how the service reads them.

    python -m tools.price_files [--files 3000] [--seed 1] [--kinds ACJ] [--show 30] [--keep DIR]

Each file is made together with the truth about it: its days, its prices, or the fault that was
planted. Each is posted to /predict, with strict and without, and to /bars. What comes of it is

  read       its days and prices, and no others
  refused    with a reason that names what is wrong
  warned     answered, and refused by strict
  unhelpful  refused or warned of, and the reason lacks the line, the names or the counts
  lost       sound, and refused all the same
  misread    answered from wrong numbers without a word: what must never happen
  broken     an error of the service itself

The kinds are A dates, B instruments, C lines, D numbers, E jumps, F times, G letters, H rows,
I calendars and J JSON. Half of most kinds is sound; of the other half some may be read as well,
if they are read right. The same seed gives the same files, whichever kinds are chosen; the files
of H and I that end today depend on the day. A table, the worst, and one line of JSON; exits 1
where anything was misread or broke, or less than 97 % of the sound files was read right.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.price_files import report
from tools.price_files.asks import asking
from tools.price_files.catalogue import FILES, KINDS, a_file
from tools.price_files.runs import MODELS, Plan, run
from tools.price_files.verdicts import Outcome, look


def keep(outcomes: Sequence[Outcome], seed: int, folder: Path) -> None:
    """Write the files that did not become what they should, with what is said of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in report.worst(outcomes):
        file = a_file(seed, each.name[0], int(each.name[1:]))
        suffix = "json" if file.media_type == "application/json" else "csv"
        name = f"{each.verdict}-{each.name}"
        (folder / f"{name}.{suffix}").write_bytes(file.content)
        (folder / f"{name}.txt").write_text(
            f"{each.shape}\n{file.expect.value}\ncalendar: {file.calendar}\n{each.why}\n", "utf-8"
        )


def summarised(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    """Return what was seen, for the closing line."""
    return {
        "files": len(outcomes),
        "sound": sum(each.is_sound for each in outcomes),
        "read right": round(report.share_read(outcomes), 4),
        **Counter(str(each.verdict) for each in outcomes),
        "seconds": round(seconds, 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Make and ask; return 1 where that is not enough."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.price_files",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--files", type=int, default=FILES, help="how many, over all kinds")
    parser.add_argument("--seed", type=int, default=1, help="another one makes other files")
    parser.add_argument("--kinds", default="", help=f"letters of {''.join(KINDS)}")
    parser.add_argument("--keep", type=Path, help="a folder for the files that went wrong")
    parser.add_argument("--show", type=int, default=20, help="how many of the worst")
    parser.add_argument("--only", help="one file by its name, as A17, with what is answered")
    parser.add_argument("--url", help="a running service, in place of one in this process")
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args(arguments)
    unknown = set(options.kinds.upper()) - set(KINDS)
    if unknown:
        parser.error(f"no kind is called {', '.join(sorted(unknown))}")
    plan = Plan(
        options.seed, options.files, options.kinds, options.url, options.models, options.jobs
    )
    if options.only:
        return asyncio.run(_one(plan, options.only))
    began = time.monotonic()
    outcomes = run(plan)
    seconds = time.monotonic() - began
    print("\n".join([*report.rows(outcomes), "", *report.examples(outcomes, options.show)]))
    if options.keep:
        keep(outcomes, options.seed, options.keep)
    print(json.dumps(summarised(outcomes, seconds)))
    return 0 if report.is_enough(outcomes) else 1


async def _one(plan: Plan, name: str) -> int:
    """Show one file and its verdict."""
    file = a_file(plan.seed, name[0].upper(), int(name[1:]))
    print(file.content[:1500].decode("utf-8", "replace"))
    async with asking(plan.url, plan.models) as asker:
        outcome = await look(asker, file)
    print(f"\n{file.shape}: {file.expect.value}\n{outcome.verdict}: {outcome.why}")
    return 0 if report.is_enough([outcome]) else 1


if __name__ == "__main__":
    sys.exit(main())
