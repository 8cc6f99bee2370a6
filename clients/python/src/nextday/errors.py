"""
Everything that can go wrong, by whose fault it is.

NextdayError
├── CallerError        what was asked: to ask the same again does not help
│   ├── BadFrame       a frame of which no request can be made; nothing was sent
│   ├── BadInput       the service cannot read it, or cannot forecast from it
│   ├── NotFound       no such model, version or calendar
│   ├── NotAllowed     no key, or none that is known
│   └── RateLimited    the key has asked too often
└── ServiceError       the service, or the way to it
    ├── Unavailable    it is not ready, or too busy
    ├── Unreachable    nothing answered, or not in time
    └── UnexpectedAnswer   what answered is no nextday, or one that this client does not know
"""


class NextdayError(Exception):
    """
    The root: whatever this package raises on purpose.

    `status`, `code`, `detail`, `field`, `index` and `read_as` are those of the service's answer
    (application/problem+json); None where it gave none. `index` counts rows from 0.
    """

    def __init__(  # noqa: PLR0913 - each is a member of the answer
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str | None = None,
        field: str | None = None,
        index: int | None = None,
        read_as: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.field = field
        self.index = index
        self.read_as = read_as
        """Of a file that was refused: which column was taken for what."""
        if read_as is not None:
            # where nobody catches it, below the error
            self.add_note(f"The file was {read_as}.")
        self.retry_after_s = retry_after_s
        """What the service asked to wait for before asking again."""

    def __str__(self) -> str:
        return self.detail if self.code is None else f"{self.detail} ({self.code})"


class CallerError(NextdayError):
    """What was asked is at fault."""


class BadFrame(CallerError):
    """No request can be made of what was given; nothing was sent."""


class BadInput(CallerError):
    """The service cannot read it, or cannot forecast from it."""


class NotFound(CallerError):
    """There is no such model, version or calendar."""


class NotAllowed(CallerError):
    """There was no key, or none that the service knows."""


class RateLimited(CallerError):
    """The key has asked too often."""


class ServiceError(NextdayError):
    """The service is at fault, or the way to it."""


class Unavailable(ServiceError):
    """The service is not ready, or too busy."""


class Unreachable(ServiceError):
    """Nothing answered, or not in time."""


class UnexpectedAnswer(ServiceError):
    """What answered is no nextday service, or one that this client does not know."""
