"""
Everything that can go wrong, by whose fault it is.

NextdayError
├── BadRequest              the caller's request cannot be read
│   ├── NotJson
│   ├── WrongMediaType
│   └── BodyTooLarge
├── BadInput                it can be read, and cannot be forecast from
│   ├── BadPrice
│   ├── WindowTooShort
│   └── Unforecastable
├── NotFound                it asks for what is not there
│   ├── NoSuchModel
│   └── NoSuchVersion
├── Abandoned               the caller has gone, and nobody reads the answer
└── Unavailable             we cannot serve, whatever the caller sends
    ├── NotReady
    ├── TooBusy             as much waits as may
    └── ArtifactRejected    a published model was found, and refused

Messages are shown to callers: they never repeat the input, name a path or hold a traceback.
"""


class NextdayError(Exception):
    """The root: whatever is raised on purpose."""


class BadRequest(NextdayError):
    """The request cannot be read."""


class NotJson(BadRequest):
    """The body is not JSON."""


class WrongMediaType(BadRequest):
    """The body is of a kind that we do not read."""


class BodyTooLarge(BadRequest):
    """The body is larger than its route allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body may hold at most {limit} bytes")


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
    """A row holds something that is no price."""


class WindowTooShort(BadInput):
    """The history holds fewer prices than the model looks back on."""

    def __init__(self, needed: int, given: int, *, field: str) -> None:
        super().__init__(
            f"{field} must hold at least {needed} prices, was given {given}", field=field
        )


class Unforecastable(BadInput):
    """Every price is fine, and still no finite forecast comes out."""


class NotFound(NextdayError):
    """The request asks for what is not there."""


class NoSuchModel(NotFound):
    """No model of that name is published."""

    def __init__(self) -> None:
        super().__init__("no model of that name is published; GET /models lists those that are")


class NoSuchVersion(NotFound):
    """The model is published, that version of it is not."""

    def __init__(self) -> None:
        super().__init__(
            "the model has no such version; GET /models/{name} lists those that it has"
        )


class Abandoned(NextdayError):
    """Whoever asked has gone; nobody reads the answer."""


class Unavailable(NextdayError):
    """We cannot serve, whatever the caller sends."""


class NotReady(Unavailable):
    """No model is being served yet."""


class TooBusy(Unavailable):
    """As many requests wait as may."""

    def __init__(self) -> None:
        super().__init__("too many requests wait already; try again in a moment")


class ArtifactRejected(Unavailable):
    """A published model was found, and refused."""
