"""Bodies that are small to send, once they are compressed, and long or large to read."""

import gzip
from collections.abc import Callable, Mapping
from typing import Final

from tools.testbed.requests import Request

SIZE: Final = 32 * 2**20 - 1024
"""Of the largest body, less a little."""


def repeated(before: bytes, part: bytes, after: bytes, size: int = SIZE) -> bytes:
    """Return a body of so many bytes that is one part again and again."""
    return before + part * ((size - len(before) - len(after)) // len(part)) + after


def members(before: bytes, after: bytes, size: int = SIZE) -> bytes:
    """Return a body with as many members as it may hold."""
    parts = (b'"%07x":1,' % number for number in range((size - len(before) - len(after)) // 12))
    return before + b"".join(parts) + after


JSON: Final[Mapping[str, Callable[[], bytes]]] = {
    "lists in windows": lambda: repeated(b'{"windows":[', b"[[]],", b"[[]]]}"),
    "empty windows": lambda: repeated(b'{"windows":[', b"[],", b"[]]}"),
    "a long member of bars": lambda: repeated(b'{"bars":[{"a":[', b"1,", b"1]}]}"),
    "a long column of bars": lambda: repeated(b'{"bars":[{"close":[', b"1,", b"1]}]}"),
    "one long window": lambda: repeated(b'{"windows":[[', b"1,", b"1]]}"),
    "two long windows": lambda: (
        repeated(b'{"windows":[[', b"1,", b"1],[", SIZE // 2)
        + repeated(b"", b"1,", b"1]]}", SIZE // 2)
    ),
    "a long window of texts": lambda: repeated(b'{"windows":[[', b'"",', b'""]]}'),
    "a long text": lambda: repeated(b'{"windows":["', b"\\n", b'"]}'),
    "a text without an end": lambda: repeated(b'{"windows":["', b"\\n", b""),
    "a long number": lambda: repeated(b'{"windows":[', b"1", b"]}"),
    "objects in bars": lambda: repeated(b'{"bars":[', b"{},", b"{}]}"),
    "one object of many members": lambda: members(b'{"bars":[{', b'"a":1}]}'),
    "members beside the windows": lambda: members(b'{"windows":[[1,2,3]],', b'"a":1}'),
    "members before the windows": lambda: members(b"{", b'"windows":[[1,2,3]]}'),
    "a list beside the windows": lambda: repeated(b'{"windows":[[1,2]],"levels":[', b"1,", b"1]}"),
    "white space": lambda: repeated(b'{"windows":[[1,2', b" ", b"]]}"),
    "brackets": lambda: repeated(b'{"windows":', b"[", b""),
    "braces": lambda: repeated(b'{"bars":[', b'{"a":', b""),
    "names of windows": lambda: repeated(b"{", b'"windows":', b""),
    "whole windows, then none": lambda: repeated(b'{"windows":[', b"[1,2,3],", b"[1,,2]]}", 70_000),
}
CSV: Final[Mapping[str, Callable[[], bytes]]] = {
    "commas": lambda: repeated(b"Date,Close", b",", b"\n2026-01-02,1\n"),
    "names": lambda: repeated(b"Date,Close", b",ab", b"\n2026-01-02,1\n"),
    "many cells": lambda: repeated(b"Date,Close\n", b"2026-01-02,1" + b",ab" * 1000 + b"\n", b""),
    "quotes": lambda: repeated(b'Date,Close\n"', b'""', b'"\n'),
    "quoted lines": lambda: repeated(b"Date,Close\n2026-01-02,1", b',"\n"', b"\n"),
    "lines": lambda: repeated(b"Date,Close\n", b"\n", b"2026-01-02,1\n"),
    "rows": lambda: repeated(b"Date,Close\n", b"1,1\n", b"", 100_000 * 4),
    "no line": lambda: repeated(b"Date,Close", b"a", b""),
    "one letter that takes four bytes": lambda: repeated(
        "Date,Close,\U0001f4c8\n".encode(), b"2026-01-02,1,\n", b""
    ),
}
_GZIP: Final = (b"Content-Encoding", b"gzip")


def costly_requests() -> list[tuple[str, Request]]:
    """Return requests of all of these, compressed and not, and of what else is large."""
    found: list[tuple[str, Request]] = []
    for kind, shapes, targets, size in (
        (b"application/json", JSON, (b"/predict/batch",), SIZE),
        (b"application/json", JSON, (b"/predict", b"/v2/repository/index"), 2**20 - 1),
        (b"text/csv", CSV, (b"/predict", b"/bars"), SIZE),
    ):
        for name, make in shapes.items():
            body = make()[:size]
            for target in targets:
                headers = [(b"Content-Type", kind)]
                whole = Request(b"POST", target, headers, body)
                packed = gzip.compress(body, 6)
                found += [
                    (name, whole),
                    (f"{name}, compressed", whole._replace(headers=[*headers, _GZIP], body=packed)),
                ]
    return found
