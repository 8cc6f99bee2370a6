"""What the suite makes up, and how it reads what comes back, of every datatype."""

import numpy as np
import pytest

from app.artifact.manifest import BARS
from app.market_data.price_validation import validate_windows
from tools.conformance import tensors
from tools.conformance.outcomes import Violation
from tools.conformance.tensors import BYTES, DTYPES


@pytest.mark.parametrize("datatype", DTYPES)
def test_a_tensor_is_the_same_as_json_and_as_bytes(datatype: str) -> None:
    made = tensors.made_up("x", datatype, [-1, 3, 2], rows=2)

    from_json = tensors.from_json("x", datatype, made.shape, made.plain)
    from_raw = tensors.from_raw("x", datatype, made.shape, made.raw)

    assert made.shape == [2, 3, 2]
    made.assert_same(from_json)
    made.assert_same(from_raw)
    assert len(set(made.plain)) > 1


def test_what_is_made_up_are_possible_bars() -> None:
    window = tensors.made_up("window", "FP64", [-1, 60, 4], rows=3).values

    validate_windows(window, BARS, field="window")


def test_what_is_given_is_repeated_where_rows_may_be_many() -> None:
    given = tensors.given("x", BYTES, [-1, 2], 3, [["a", "b"]])

    assert given.values.tolist() == [[b"a", b"b"]] * 3


def test_what_is_given_stays_as_it_is_where_rows_may_not() -> None:
    given = tensors.given("x", "INT8", [2], 3, [1, 2])

    assert given.values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        pytest.param("FP32", [1.0, 2.0], id="another datatype"),
        pytest.param("FP64", [[1.0, 2.0]], id="another shape"),
        pytest.param("FP64", [1.0, 2.001], id="another value"),
    ],
)
def test_other_tensors_are_told_apart(datatype: str, values: list[float]) -> None:
    one = tensors.Tensor("x", "FP64", np.array([1.0, 2.0]))

    with pytest.raises(Violation):
        one.assert_same(tensors.Tensor("x", datatype, np.array(values, DTYPES[datatype])))


@pytest.mark.parametrize(
    ("datatype", "raw"),
    [
        pytest.param("FP64", b"\0" * 15, id="a byte too few"),
        pytest.param(BYTES, b"\1\0\0\0a", id="a string too few"),
        pytest.param(BYTES, b"\1\0\0\0a\2\0\0\0b", id="a string that is cut short"),
    ],
)
def test_bytes_that_do_not_fit_the_shape_are_a_violation(datatype: str, raw: bytes) -> None:
    with pytest.raises(Violation):
        tensors.from_raw("x", datatype, [2], raw)


def test_json_that_does_not_fit_the_shape_or_datatype_is_a_violation() -> None:
    with pytest.raises(Violation, match="1 elements, its shape 2"):
        tensors.from_json("x", "FP64", [2], [1.0])
    with pytest.raises(Violation, match="are not INT8"):
        tensors.from_json("x", "INT8", [2], [1, "many"])
