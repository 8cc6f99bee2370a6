"""What a document shows, held against what came."""

import csv
import json
import re
from decimal import Decimal
from typing import Any, Final

ELIDED: Final = "…"
"""As a value or at the end of a list: something; as a name: other members."""
_number: Final = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


def assert_shown(language: str, shown: str, came: str, *, shape: bool) -> None:
    """Fail where an answer is not the one that is shown."""
    if language == "json":
        assert_like(json.loads(shown, parse_float=Decimal), json.loads(came), shape=shape)
    elif language == "csv":
        assert_like(_rows(shown), _rows(came), shape=shape)
    else:
        _assert_lines(shown, came)


def assert_like(shown: Any, came: Any, *, shape: bool = False, at: str = "$") -> None:
    """
    Compare JSON: floats to the digits that are shown, everything else to the letter.

    With `shape`, of what stands in objects and lists only the kind is compared.
    """
    if shown == ELIDED:
        return
    if isinstance(shown, dict):
        assert isinstance(came, dict), f"{at}: {came!r}"
        names = shown.keys() - {ELIDED}
        assert names <= came.keys(), f"{at}: no {names - came.keys()}"
        assert ELIDED in shown or names == came.keys(), f"{at}: also {came.keys() - names}"
        for name in names:
            assert_like(shown[name], came[name], shape=shape, at=f"{at}.{name}")
    elif isinstance(shown, list):
        assert isinstance(came, list), f"{at}: {came!r}"
        if shown[-1:] == [ELIDED]:
            shown = shown[:-1]
            assert len(came) >= len(shown), f"{at}: {came!r}"
            came = came[: len(shown)]
        assert len(shown) == len(came), f"{at}: {len(came)} in place of {len(shown)}"
        for index, (ours, theirs) in enumerate(zip(shown, came, strict=True)):
            assert_like(ours, theirs, shape=shape, at=f"{at}[{index}]")
    elif shape:
        assert _kind(shown) == _kind(came), f"{at}: {came!r} in place of {shown!r}"
    elif isinstance(shown, Decimal):
        digits = shown.as_tuple().exponent
        assert isinstance(digits, int)
        # 32 bits on the way: another processor may round otherwise
        unit = 10.0**digits + 1e-6 * abs(float(shown))
        assert isinstance(came, int | float | Decimal), f"{at}: {came!r} in place of {shown}"
        assert abs(float(shown) - float(came)) <= unit, f"{at}: {came!r} in place of {shown}"
    else:
        assert shown == came, f"{at}: {came!r} in place of {shown!r}"


def _kind(value: Any) -> type:
    return float if isinstance(value, Decimal) else type(value)


def _rows(text: str) -> list[list[Any]]:
    return [[_cell(cell) for cell in row] for row in csv.reader(text.splitlines())]


def _cell(cell: str) -> Any:
    is_float = re.fullmatch(r"-?\d+\.\d+", cell) is not None
    return Decimal(cell) if is_float else cell


def _assert_lines(shown: str, came: str) -> None:
    """Find each line that is shown, in their order; figures may be others."""
    left = [_masked(line) for line in came.splitlines()]
    for line in shown.splitlines():
        wanted = _masked(line)
        if wanted == ELIDED:
            continue
        assert wanted in left, f"no line {line!r} in\n{came}"
        left = left[left.index(wanted) + 1 :]


def _masked(line: str) -> str:
    return " ".join(_number.sub("0", line).split())
