"""
What stops a training run, by who can mend it.

TrainingError           it failed: exit 1
├── Diverged
├── ParityError
└── PublishError
UsageError              the caller can mend it: exit 2
├── BadRecipe
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


class UsageError(Exception):
    """What was asked for cannot be done; nothing was touched."""


class BadRecipe(UsageError):
    """A recipe that is not one."""


class BadData(UsageError):
    """Prices that cannot be fitted on: says the file, the line where there is one, and why."""

    def __init__(self, path: Path, reason: str, *, line: int | None = None) -> None:
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {reason}")
