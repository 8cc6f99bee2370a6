"""A body that is cut is the body that was posted, whatever was posted."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import from_json

from app.transport import json_slicing

numbers = st.floats(allow_nan=False) | st.integers(-(10**20), 10**20)
texts = st.text(max_size=8) | st.sampled_from(['"', "},{", '"windows": [[1]]', "\\", "[", "]"])
scalars = numbers | texts | st.booleans() | st.none()
columns = st.dictionaries(texts, st.lists(numbers, max_size=3) | scalars, max_size=4)
items = st.lists(numbers, max_size=4) | scalars | columns | st.lists(st.lists(numbers, max_size=2))
bodies = st.dictionaries(
    st.sampled_from(["windows", "bars", "model", "levels"]) | texts,
    st.lists(items, max_size=5) | items,
    max_size=5,
)
spaces = st.sampled_from([(", ", ": "), (",", ":"), (" ,\n", "\t: ")])


MOST_BYTES = 2**20


def cut_along(text: bytes, member: str, most_bytes: int = MOST_BYTES) -> json_slicing.Cut | None:
    return json_slicing.cut(text, member, most_items=10_000, most_bytes=most_bytes)


def put_together(cut: json_slicing.Cut, member: str) -> Any:
    body = json.loads(cut.rest)
    if body.get(member) == [cut.mark]:
        body[member] = [item for part in cut.slices for item in json.loads(part.text)]
    return body


@given(bodies, spaces, st.sampled_from(["windows", "bars"]))
@example({"windows": [[1]] * 200}, (",", ":"), "windows")
@example({"bars": [{"open": [1.5], "x": "]}"}] * 3}, (",", ":"), "bars")
@example({"model": '"windows": [[1]]', "windows": [[2]]}, (",", ":"), "windows")
def test_what_is_cut_is_the_same_when_put_together(
    body: dict[str, Any], separators: tuple[str, str], member: str
) -> None:
    text = json.dumps(body, separators=separators).encode()

    cut = cut_along(text, member)

    if cut is None:
        return
    try:
        whole = put_together(cut, member)
    except json.JSONDecodeError:
        # cut within a text: whoever parses the parts finds out
        return
    if whole.get(member) == body.get(member) or json.loads(cut.rest).get(member) != [cut.mark]:
        return
    pytest.fail(f"{body} became {whole}")


@given(st.lists(st.lists(numbers, max_size=4), min_size=1, max_size=200), spaces)
def test_windows_are_always_cut(windows: list[list[float]], separators: tuple[str, str]) -> None:
    text = json.dumps({"model": "x", "windows": windows}, separators=separators).encode()

    cut = cut_along(text, "windows")

    assert cut is not None
    assert put_together(cut, "windows") == {"model": "x", "windows": windows}
    assert [len(json.loads(part.text)) for part in cut.slices] == [
        part.items for part in cut.slices
    ]
    assert {part.items for part in cut.slices[:-1]} <= {json_slicing.ITEMS}
    assert cut.items == len(windows)


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=150), spaces)
def test_long_windows_are_cut_into_more_slices(
    lengths: list[int], separators: tuple[str, str]
) -> None:
    windows = [[100.25] * length for length in lengths]
    text = json.dumps({"windows": windows, "model": "x"}, separators=separators).encode()

    cut = cut_along(text, "windows")

    assert cut is not None
    assert put_together(cut, "windows") == {"model": "x", "windows": windows}
    assert all(part.items == 1 or len(part.text) <= 2**18 + 2 for part in cut.slices)


@pytest.mark.parametrize(
    "body",
    [
        {"windows": [[1], [1.5] * 1000, [2]]},
        {"windows": [[1]], "model": "x" * 1000},
        {"model": "x" * 1000, "windows": [[1]]},
        {"windows": [{"open": [1] * 1000}]},
        {"windows": ["x" * 1000]},
    ],
)
def test_what_one_parser_would_be_given_is_bounded(body: dict[str, Any]) -> None:
    text = json.dumps(body).encode()

    assert cut_along(text, "windows", 900) is None
    assert cut_along(text, "windows", 10_000) is not None


def test_items_beyond_those_that_may_be_are_not_looked_at() -> None:
    text = b'{"windows":[' + b"[]," * 100_000 + b"this is not looked at"

    cut = json_slicing.cut(text, "windows", most_items=1_000, most_bytes=MOST_BYTES)

    assert cut is not None
    assert 1_000 < cut.items <= 1_000 + json_slicing.ITEMS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"windows": []}',
        b'{"windows": [[1],]}',
        b'{"windows": [[1] [2]]}',
        b'{"windows": [[1]',
        b'{"windows": [[[1]]]}',
        b'{"windows": 1}',
        b'{"windows": [{"open": {"deep": 1}}]}',
    ],
)
def test_what_cannot_be_cut_is_left(body: bytes) -> None:
    assert cut_along(body, "windows") is None


def test_a_mark_that_is_posted_is_not_ours() -> None:
    text = b'{"windows": [["a"]], "windows": [["mark"]]}'

    cut = cut_along(text, "windows")

    assert cut is None or json.loads(cut.rest)["windows"] != [cut.mark]


def test_items_that_were_parsed_are_written_as_they_were() -> None:
    values = [float("nan"), float("inf"), 1, "x", None, [1.5]]

    [part] = json_slicing.of_items(values)

    assert repr(from_json(part.text)) == repr(values)
