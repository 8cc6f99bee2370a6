"""
A candidate version beside the one that is served: `models/<name>/rollout.json`.

    {"candidate": 7, "mode": "canary", "share": 0.05}

In `canary` the candidate answers its share of the requests; in `shadow` it forecasts from them
as well, nobody sees it, and how far it is from what was answered is measured.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.artifact import model_files
from app.artifact.layout import HIGHEST_VERSION
from app.errors import ArtifactRejected

ROLLOUT: Final = "rollout.json"

_MOST_BYTES: Final = 4096
_POINTS: Final = 2**64


class Rollout(BaseModel):
    """What `rollout.json` says."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    candidate: Annotated[int, Field(ge=1, le=HIGHEST_VERSION)]
    """A published version."""
    mode: Literal["canary", "shadow"]
    share: Annotated[float, Field(gt=0, le=1)]
    """Of the requests, by their keys."""

    def takes(self, key: bytes) -> bool:
        """
        Tell whether a request is of the share: the same key always is, or never.

        A key's place is its BLAKE2b hash, so a larger share takes all that a smaller one took.
        """
        place = int.from_bytes(blake2b(key, digest_size=8).digest(), "big")
        return place < self.share * _POINTS


def read_rollout(home: Path) -> Rollout | None:
    """
    Return the rollout of the model in `home`; None where there is none.

    Raises ArtifactRejected where rollout.json is not of this format.
    """
    content = model_files.read_optional(home / ROLLOUT, _MOST_BYTES)
    return None if content is None else parse(content)


def parse(content: bytes) -> Rollout:
    """Read rollout.json; raise ArtifactRejected where it is none."""
    try:
        return Rollout.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtifactRejected(
            f"{ROLLOUT} is not of this format: {where and where + ': '}{first['msg']}"
        ) from None
