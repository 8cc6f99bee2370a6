"""The headers of requests, and what they ask for."""

from typing import Final

from app.observability.request_record import Headers

_MAX_ACCEPTED: Final = 32
"""Media ranges of an Accept header that are looked at: browsers send eight."""
_MAX_DIGITS: Final = 18


def media_type(value: bytes) -> bytes:
    """Return a media type without its parameters, in lower case."""
    return value.partition(b";")[0].strip().lower()


def announced_length(headers: Headers) -> int | None:
    """Return how long a body is said to be; None where nothing says so, or no sane number."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and len(value) <= _MAX_DIGITS:
            return int(value)
    return None


def prefers(headers: Headers, wanted: bytes, default: bytes) -> bool:
    """
    Tell whether the Accept header prefers one media type to the default.

    By quality (RFC 9110, section 12.5.1): the most specific range that matches a type gives its
    weight. Of equal weights the type that is named wins, and else the default.
    """
    ranges: list[tuple[bytes, float]] = []
    for name, value in headers:
        if name == b"accept":
            ranges += (_range(each) for each in value.split(b",")[:_MAX_ACCEPTED])
    weight, is_named = _weight(ranges, wanted)
    default_weight, _ = _weight(ranges, default)
    return weight > default_weight or (is_named and 0 < weight == default_weight)


def _range(text: bytes) -> tuple[bytes, float]:
    """Return a media range and its weight, 0 to 1; what is no number counts as 1."""
    name, *parameters = text.split(b";")
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition(b"=")
        if key.strip().lower() == b"q":
            try:
                weight = min(1.0, max(0.0, float(value)))
            except ValueError:
                weight = 1.0
    return name.strip().lower(), weight


def _weight(ranges: list[tuple[bytes, float]], wanted: bytes) -> tuple[float, bool]:
    """Return the weight of a media type, and whether it is named itself."""
    weights = dict(ranges)
    for name in (wanted, wanted.partition(b"/")[0] + b"/*", b"*/*"):
        if name in weights:
            return weights[name], name == wanted
    return 0.0, False
