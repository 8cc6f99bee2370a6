"""Bad input, one table for every way to ask: what is sent, and what is said of it."""

from typing import Final, NamedTuple

GOOD: Final = "[101, 102, 103, 104, 105]"


class Case(NamedTuple):
    """Prices, as JSON has them, and why no forecast is made of them."""

    prices: str
    code: str
    row: int | None = None
    """Of the price at fault."""


def third(price: str) -> str:
    return GOOD.replace("103", price)


PRICES: Final = {
    "NaN": Case(third("NaN"), "bad_price", 2),
    "infinity": Case(third("Infinity"), "bad_price", 2),
    "infinity below": Case(third("-Infinity"), "bad_price", 2),
    "beyond every float": Case(third("1e999"), "bad_price", 2),
    "zero": Case(third("0"), "bad_price", 2),
    "negative": Case(third("-103"), "bad_price", 2),
    "text": Case(third('"103"'), "bad_input", 2),
    "nested": Case(third("[103]"), "bad_input", 2),
    "null": Case(third("null"), "bad_input", 2),
    "a boolean": Case(third("true"), "bad_input", 2),
    "an object": Case(third('{"price": 103}'), "bad_input", 2),
    "no list": Case('"101,102,103,104,105"', "bad_input"),
    "a list of nothing": Case("[]", "window_too_short"),
    "too few": Case("[101, 102, 103]", "window_too_short"),
    "moves that overflow": Case("[1e-300, 1e300, 1e-300, 1, 1e300]", "unforecastable"),
}

NOT_JSON: Final = {
    "empty": b"",
    "a form": b"prices=1",
    "cut off": b'{"prices": [1, 2',
    "deep": b"[" * 100_000,
    "a number of 5,000 digits": b'{"prices": [' + b"9" * 5_000 + b"]}",
    "not text": b"\xff\xfe",
}

NOT_SERVED: Final = {
    "no such model": ("nobody", None, "no_such_model"),
    "a path for a name": ("../default", None, "no_such_model"),
    "no such version": ("default", 9, "no_such_version"),
}
"""Model, version, code."""

PLAIN: Final = "Content-Type: text/plain"
CODED: Final = (
    "Content-Type: application/json\r\nContent-Encoding: br",
    "Content-Type: application/json\r\nContent-Encoding: gzip, gzip",
)
