"""
What stops a training run, by who can mend it.

TrainingError           it failed: exit 1
├── Diverged
├── ParityError
├── PublishError
└── SourceUnreachable
UsageError              the caller can mend it: exit 2
├── BadRecipe
├── BadConfig
└── BadData
"""

from pathlib import Path


class TrainingError(Exception):
    """The run failed; nothing was published."""


class Diverged(TrainingError):
    """The loss is no longer a number."""


class ParityError(TrainingError):
    """What would be served is not what was fitted."""


class PublishError(TrainingError):
    """The models folder could not take the model."""


class SourceUnreachable(TrainingError):
    """Prices that could not be had now, and may be later: try again."""


class UsageError(Exception):
    """A request that cannot be carried out; nothing was changed."""


class BadRecipe(UsageError):
    """An invalid recipe."""


class BadConfig(UsageError):
    """A job that cannot be done as configured, whatever the prices are."""


class BadData(UsageError):
    """Prices that cannot be fitted on: says where, the line of a file, and why."""

    def __init__(self, source: Path | str, reason: str, *, line: int | None = None) -> None:
        where = f"{source}" if line is None else f"{source}, line {line}"
        super().__init__(f"{where}: {reason}")
