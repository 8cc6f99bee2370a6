"""What became of many files: a table by kind, the worst of them, and whether that is enough."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from tools.price_files.verdicts import Outcome, Verdict

ENOUGH: Final = 0.97
"""Of the sound files, the share that has to be read right."""

_WORST: Final = (Verdict.BROKEN, Verdict.MISREAD, Verdict.LOST, Verdict.UNHELPFUL)


def rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield (
        f"{'':14} |{'sound':>6} {'read':>5} {'lost':>5} {'misread':>8}"
        f" |{'faulty':>7} {'refused':>8} {'warned':>7} {'read':>5} {'unhelpful':>10} {'misread':>8}"
        f" |{'broken':>7} |{'ms':>6} {'slowest':>8}"
    )
    for kind in [*dict.fromkeys(each.kind for each in outcomes), ""]:
        found = [each for each in outcomes if not kind or each.kind == kind]
        sound = [each for each in found if each.is_sound]
        faulty = Counter(each.verdict for each in found if not each.is_sound)
        good = Counter(each.verdict for each in sound)
        times = [each.seconds * 1000 for each in found]
        yield (
            f"{kind or 'all':14} |{len(sound):6} {sum(each.is_read_right for each in sound):5}"
            f" {good[Verdict.LOST]:5} {good[Verdict.MISREAD]:8}"
            f" |{len(found) - len(sound):7} {faulty[Verdict.REFUSED]:8} {faulty[Verdict.WARNED]:7}"
            f" {faulty[Verdict.READ]:5} {faulty[Verdict.UNHELPFUL]:10} {faulty[Verdict.MISREAD]:8}"
            f" |{good[Verdict.BROKEN] + faulty[Verdict.BROKEN]:7}"
            f" |{median(times):6.1f} {max(times):8.1f}"
        )


def worst(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return what should not be, the worst first, and of each shape one before the next of any."""
    seen: Counter[tuple[str, str, Verdict]] = Counter()
    ranked: list[tuple[int, int, int, Outcome]] = []
    for each in outcomes:
        if each.verdict in _WORST:
            shape = (each.kind, each.shape.split(":")[0], each.verdict)
            ranked.append((_WORST.index(each.verdict), seen[shape], len(ranked), each))
            seen[shape] += 1
    return [each for *_, each in sorted(ranked, key=lambda rank: rank[:3])]


def examples(outcomes: Sequence[Outcome], most: int) -> Iterator[str]:
    """Yield a line for each of the worst."""
    shapes = Counter((each.kind, each.shape.split(":")[0], each.verdict) for each in outcomes)
    for each in worst(outcomes)[:most]:
        alike = shapes[each.kind, each.shape.split(":")[0], each.verdict]
        sort = "sound" if each.is_sound else "faulty"
        yield f"{each.name:6} {sort} {each.verdict} ({alike} alike): {each.shape}"
        yield f"       {each.why[:300]}"


def share_read(outcomes: Sequence[Outcome]) -> float:
    """Return which share of the sound files was read right."""
    sound = [each for each in outcomes if each.is_sound]
    return sum(each.is_read_right for each in sound) / len(sound) if sound else 1.0


def is_enough(outcomes: Sequence[Outcome]) -> bool:
    """Tell whether nothing was misread, and enough was read."""
    wrong = sum(each.verdict in {Verdict.MISREAD, Verdict.BROKEN} for each in outcomes)
    return not wrong and share_read(outcomes) >= ENOUGH
