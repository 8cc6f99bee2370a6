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


def put_together(cut: json_slicing.Cut, member: str) -> Any:
    body = json.loads(cut.rest)
    if body.get(member) == [cut.mark]:
        body[member] = [item for part in cut.slices for item in json.loads(part)]
    return body


@given(bodies, spaces, st.sampled_from(["windows", "bars"]))
@example({"windows": [[1]] * 200}, (",", ":"), "windows")
@example({"bars": [{"open": [1.5], "x": "]}"}] * 3}, (",", ":"), "bars")
@example({"model": '"windows": [[1]]', "windows": [[2]]}, (",", ":"), "windows")
def test_what_is_cut_is_the_same_when_put_together(
    body: dict[str, Any], separators: tuple[str, str], member: str
) -> None:
    text = json.dumps(body, separators=separators).encode()

    cut = json_slicing.cut(text, member)

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

    cut = json_slicing.cut(text, "windows")

    assert cut is not None
    assert put_together(cut, "windows") == {"model": "x", "windows": windows}
    assert [len(json.loads(part)) for part in cut.slices[:-1]] == [json_slicing.ITEMS] * (
        len(cut.slices) - 1
    )


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
    assert json_slicing.cut(body, "windows") is None


def test_a_mark_that_is_posted_is_not_ours() -> None:
    text = b'{"windows": [["a"]], "windows": [["mark"]]}'

    cut = json_slicing.cut(text, "windows")

    assert cut is None or json.loads(cut.rest)["windows"] != [cut.mark]


def test_items_that_were_parsed_are_written_as_they_were() -> None:
    values = [float("nan"), float("inf"), 1, "x", None, [1.5]]

    [text] = json_slicing.of_items(values)

    assert repr(from_json(text)) == repr(values)
