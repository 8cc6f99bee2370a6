"""All hostile folders there are, for a seed."""

import random
from collections import defaultdict
from typing import Final

from tools.hostile_models import (
    changes,
    contents,
    graphs,
    listings,
    networks,
    special_files,
    wire,
    wrong_values,
)
from tools.hostile_models.folders import Hostile

_SOURCES: Final = (special_files, contents, wrong_values, listings, graphs, wire, changes)


def hostile_folders(seed: int) -> dict[str, list[Hostile]]:
    """Return every hostile folder, by kind; the same seed gives the same ones."""
    kinds: dict[str, list[Hostile]] = defaultdict(list)
    for source in _SOURCES:
        for each in source.catalogue():
            kinds[each.kind].append(each)
    for each in networks.catalogue(seed):
        kinds[each.kind].append(each)
    return dict(kinds)


def few(kinds: dict[str, list[Hostile]], seed: int) -> dict[str, list[Hostile]]:
    """Return one of each kind, other ones for other seeds."""
    random_ = random.Random(seed)  # noqa: S311 - nothing secret
    return {kind: [random_.choice(found)] for kind, found in kinds.items()}
