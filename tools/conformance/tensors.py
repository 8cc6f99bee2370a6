"""Tensors as the protocol writes them, and values for a model known by its metadata alone."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tools.conformance.outcomes import Violation

Values = np.ndarray[Any, Any]

BYTES: Final = "BYTES"
DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype("?"),
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    BYTES: np.dtype(object),
}
"""Those that JSON can hold: FP16 and BF16 are binary alone."""

FLOATS: Final = frozenset({"FP32", "FP64"})

_FREE: Final = 4
"""The size of a dimension that may be any, but the first, which counts rows."""
_LEVEL: Final = 100.0
_BAR: Final = (0.0, 1.0, -1.0, 0.5)
"""Open, high, low and close about a level: possible prices for a model of bars, and numbers."""
_RTOL: Final = 1e-5
"""Between two ways of asking the same: a batch may add up in another order, in float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A named tensor; BYTES are objects, each of type bytes."""

    name: str
    datatype: str
    values: Values

    @property
    def shape(self) -> list[int]:
        return list(self.values.shape)

    @property
    def plain(self) -> list[Any]:
        """The values as JSON has them, flat."""
        flat: list[Any] = self.values.ravel().tolist()
        return [each.decode() for each in flat] if self.datatype == BYTES else flat

    @property
    def raw(self) -> bytes:
        """The values as binary data: little-endian, row-major; BYTES with their lengths."""
        if self.datatype == BYTES:
            return b"".join(struct.pack("<I", len(each)) + each for each in self.values.ravel())
        return self.values.astype(DTYPES[self.datatype]).tobytes()

    def described(self, **members: Any) -> dict[str, Any]:
        """Return name, shape and datatype, as an input of a request has them."""
        return {"name": self.name, "shape": self.shape, "datatype": self.datatype} | members

    def in_json(self) -> dict[str, Any]:
        """Return an input of a request, with flat data."""
        return self.described(data=self.plain)

    def in_binary(self) -> dict[str, Any]:
        """Return an input of a request whose data are behind the JSON."""
        return self.described(parameters={"binary_data_size": len(self.raw)})

    def row(self, at: int) -> "Tensor":
        """Return one row, as a tensor of one."""
        return Tensor(self.name, self.datatype, self.values[at : at + 1])

    def assert_same(self, other: "Tensor") -> None:
        """Raise Violation where the other tensor is another one."""
        for what, mine, others in (
            ("datatype", self.datatype, other.datatype),
            ("shape", self.shape, other.shape),
        ):
            if mine != others:
                raise Violation(f"{what} of {self.name} is {others}, not {mine}")
        is_same = (
            np.allclose(self.values, other.values, rtol=_RTOL, equal_nan=True)
            if self.datatype in FLOATS
            else np.array_equal(self.values, other.values)
        )
        if not is_same:
            raise Violation(f"{self.name} differs from the same asked as plain JSON")


def made_up(name: str, datatype: str, shape: Sequence[int], rows: int) -> Tensor:
    """
    Return values for an input: prices of possible bars where it is of floats.

    The first dimension, where it may be any, becomes `rows`; others that may be any, 4.
    """
    sizes = [size if size >= 0 else rows if axis == 0 else _FREE for axis, size in enumerate(shape)]
    count, width = math.prod(sizes), sizes[-1] if sizes else 1
    places = np.arange(count)
    if datatype == BYTES:
        values: Values = np.array([b"%d" % (place % 10) for place in places], dtype=object)
    elif datatype in FLOATS:
        session = places // width
        values = _LEVEL + session % 7 + np.array(_BAR)[places % width % len(_BAR)]
    else:
        values = places % 2 if datatype == "BOOL" else places % 10
    return Tensor(name, datatype, values.astype(DTYPES[datatype]).reshape(sizes))


def given(name: str, datatype: str, shape: Sequence[int], rows: int, data: Any) -> Tensor:
    """Return the values that a file gives for an input, its first row `rows` times over."""
    encoded = np.vectorize(str.encode, otypes=[object])(data) if datatype == BYTES else data
    values: Values = np.asarray(encoded, DTYPES[datatype])
    if shape and shape[0] == -1:
        values = np.repeat(values[:1], rows, axis=0)
    return Tensor(name, datatype, values)


def from_json(name: str, datatype: str, shape: Sequence[int], data: list[Any]) -> Tensor:
    """Return a tensor of nested or flat data; raise Violation where it is not of its shape."""
    flat: list[Any] = _flat(data)
    if len(flat) != math.prod(shape):
        raise Violation(f"data of {name} has {len(flat)} elements, its shape {math.prod(shape)}")
    if datatype == BYTES:
        flat = [str(each).encode() for each in flat]
    try:
        return Tensor(name, datatype, np.array(flat, DTYPES[datatype]).reshape(shape))
    except (TypeError, ValueError, OverflowError):
        raise Violation(f"data of {name} are not {datatype}") from None


def from_raw(name: str, datatype: str, shape: Sequence[int], raw: bytes) -> Tensor:
    """Return a tensor of binary data; raise Violation where it is not of its shape."""
    count = math.prod(shape)
    if datatype == BYTES:
        return Tensor(name, datatype, np.array(_strings(raw, count), object).reshape(shape))
    if len(raw) != count * DTYPES[datatype].itemsize:
        raise Violation(f"{name} has {len(raw)} bytes for {count} of {datatype}")
    return Tensor(name, datatype, np.frombuffer(raw, DTYPES[datatype]).reshape(shape))


def _flat(data: Any) -> list[Any]:
    return [each for part in data for each in _flat(part)] if isinstance(data, list) else [data]


def _strings(raw: bytes, count: int) -> list[bytes]:
    found, at = [], 0
    while at + 4 <= len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        found.append(raw[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(raw) or len(found) != count:
        raise Violation(f"binary data holds {len(found)} strings for {count}")
    return found
