"""Whatever is edited in a file or a message: it is read, or refused by what is wrong with it."""

import contextlib
import copy
import json
import random
from typing import Any

import pytest

from app.errors import BadTable
from app.market_data.price_files import reader
from tests.app.test_price_file_edges import READ
from tests.app.test_price_file_shapes import MIXED, REFUSED
from tests.app.test_vendor_json import MESSAGES

TEXTS = [*MIXED.values(), *READ.values(), *(text for text, _ in REFUSED.values())]
PIECES = [
    *(",", ";", "\t", "\n", '"', "'", "", "0", "-", ".", "%", "::", "/", "#"),
    *("nan", "inf", "1e999", "1e-400", "1.2.3", "Close", "Date", "9" * 14, "00000000"),
    *("2024-02-30", "0000-00-00", "10000-01-01", "24:00", "T", "Z", "+25:00"),
    *("\u0663", "\u00b2", "\u2028", "\x1c", "\u2212", "\ufeff", "\u2163"),
]
VALUES: list[Any] = [
    *(None, True, 0, -1, 1e308, 10**30, "", "x", "2024-01-02"),
    *([], [[]], [{}], {}, {"a": {}}),
]


def edited_text(random: random.Random) -> str:
    letters = list(random.choice(TEXTS))
    for _ in range(random.randint(1, 6)):
        at = random.randrange(random.choice([len(letters), min(len(letters), 200)]) or 1)
        letters[at : at + random.choice([0, 1, 2, 5, 20])] = random.choice(PIECES)
    return "".join(letters)


def edited_message(random: random.Random) -> str:
    message = copy.deepcopy(random.choice([*MESSAGES.values()]))
    for _ in range(random.randint(1, 3)):
        node = message
        while isinstance(node, list | dict) and node:
            places = list(node) if isinstance(node, dict) else range(len(node))
            at = random.choice([*places[:3], *places[-2:]])
            if random.random() < 0.4:
                node[at] = random.choice(VALUES)
            node = node[at]
    return json.dumps(message)


@pytest.mark.parametrize("edited", [edited_text, edited_message])
@pytest.mark.parametrize("seed", range(4))
def test_an_edited_file_is_read_or_refused(edited: Any, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - edits that come again the same, and no secret

    for _ in range(250):
        content = edited(chance).encode()
        for read in (reader.read, reader.read_many, reader.read_raw):
            with contextlib.suppress(BadTable):
                read(content)
