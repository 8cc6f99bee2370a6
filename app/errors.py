"""
Everything that can go wrong, by whose fault it is.

NextdayError
├── BadRequest              the caller's request cannot be read
│   ├── NotHttp
│   ├── NotCompressed
│   ├── NotJson
│   ├── WrongMediaType
│   ├── BodyTooLarge
│   ├── BodyTooSlow
│   └── HeadersTooLarge
├── Refused                 the caller may not ask this, or not now
│   ├── Unauthorized
│   └── RateLimited
├── BadInput                it can be read, and cannot be forecast from
│   ├── BadPrice
│   ├── BadDate
│   ├── BadTable
│   ├── Suspicious
│   ├── WindowTooShort
│   ├── NotSupported
│   └── Unforecastable
├── NotFound                it asks for what is not there
│   ├── NoSuchModel
│   ├── NoSuchVersion
│   └── NoSuchCalendar
├── Abandoned               the caller has gone, and nobody reads the answer
└── Unavailable             we cannot serve, whatever the caller sends
    ├── NotReady
    ├── TooBusy             as much waits as may
    ├── TooLate             the answer would have taken longer than it may
    └── ArtifactRejected    a published model was found, and refused

Messages are shown to callers: they never name a path or hold a traceback, nor repeat the input, but
for the heads and names of a price file, printable and cut short (`price_files.quoting`).
"""

from typing import ClassVar


class NextdayError(Exception):
    """The root: whatever is raised on purpose."""

    default: ClassVar[str] = ""
    """What is said where nothing else is."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(self.default if message is None else message)


class BadRequest(NextdayError):
    """The request cannot be read."""


class NotHttp(BadRequest):
    """What came is not HTTP."""

    default = "this is not HTTP as we speak it"


class NotCompressed(BadRequest):
    """The body is not compressed as it says."""


class NotJson(BadRequest):
    """The body is not JSON."""


class WrongMediaType(BadRequest):
    """The body is of a kind that we do not read."""


class BodyTooLarge(BadRequest):
    """The body is larger than its route allows."""

    def __init__(self, limit: int, of: str = "") -> None:
        super().__init__(f"the body may hold at most {limit} bytes{of and f' of {of}'}")


class TooCompressed(BodyTooLarge):
    """The body becomes many times larger than any of prices, once it is decompressed."""

    def __init__(self, ratio: int) -> None:
        NextdayError.__init__(
            self, f"the body may become at most {ratio} times larger once it is decompressed"
        )


class BodyTooSlow(BadRequest):
    """The body takes longer to arrive than it may."""

    default = "the request took too long to arrive"


class HeadersTooLarge(BadRequest):
    """The headers are larger than any that we have use for."""

    default = "the headers are too large"


class Refused(NextdayError):
    """The caller may not ask this, or not now."""


class Unauthorized(Refused):
    """There is no key, or none that we know."""

    default = "send a key as Authorization: Bearer KEY, or as X-API-Key: KEY"


class RateLimited(Refused):
    """The key has asked too often; it may again after `retry_s` seconds."""

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"this key has asked too often; try again in {retry_s} s")
        self.retry_s = retry_s


class BadInput(NextdayError):
    """
    The request can be read, and cannot be forecast from.

    `field` is the member at fault, `index` the row within it, counted from 0.
    """

    def __init__(self, message: str, *, field: str | None = None, index: int | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.index = index


class BadPrice(BadInput):
    """A row holds something that is no price; `fault` says what of it, without the row."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        index: int | None = None,
        fault: str = "is no price",
    ) -> None:
        super().__init__(message, field=field, index=index)
        self.fault = fault


class BadDate(BadInput):
    """The dates are not those of the rows, or do not rise."""


class BadTable(BadInput):
    """A file is none of daily prices, or a line of it cannot be read."""

    reading: str | None = None
    """What of it was read as what, where that is known."""


class Suspicious(BadInput):
    """The caller asked to be strict, and something of what was posted looks damaged."""


class WindowTooShort(BadInput):
    """The history holds fewer prices than the model looks back on."""

    def __init__(self, needed: int, given: int, *, field: str) -> None:
        super().__init__(
            f"{field} must hold at least {needed} prices, was given {given}", field=field
        )


class NotSupported(BadInput):
    """It asks for something that we do not do."""


class Unforecastable(BadInput):
    """Every price is fine, and still no finite forecast comes out."""


class NotFound(NextdayError):
    """The request asks for what is not there."""


class NoSuchModel(NotFound):
    """No model of that name is published."""

    default = "no model of that name is published; GET /models lists those that are"


class NoSuchVersion(NotFound):
    """The model is published, that version of it is not."""

    default = "the model has no such version; GET /models/{name} lists those that it has"


class NoSuchCalendar(NotFound):
    """No exchange of that name is known."""

    default = (
        "no calendar of that name is known; GET /calendars lists those that are, by MIC and"
        " alias; 24/7 and weekdays are for what has no exchange"
    )


class Abandoned(NextdayError):
    """Whoever asked has gone; nobody reads the answer."""


class Unavailable(NextdayError):
    """We cannot serve, whatever the caller sends."""


class NotReady(Unavailable):
    """No model is being served yet."""


class TooBusy(Unavailable):
    """As many requests wait as may."""

    default = "too many requests wait already; try again in a moment"


class TooLate(Unavailable):
    """The answer would have taken longer than it may."""

    default = "the request was not answered in time; try again"


class ArtifactRejected(Unavailable):
    """A published model was found, and refused."""
