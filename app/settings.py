"""What the deployer decides, from the environment; nothing else reads it. See README.md."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """
    Each field is read from `NEXTDAY_` and its name in capitals.

    What the trainer decided is in the model's manifest; nothing is in both.
    """

    model_config = SettingsConfigDict(env_prefix="NEXTDAY_", frozen=True)

    models: Path = Path("models")
    """The folder of published models."""

    poll_seconds: Annotated[float, Field(gt=0)] = 1.0
    """How often `current` of every model is looked at."""

    threads: Annotated[int, Field(ge=1)] = 1
    """Threads of one onnxruntime call; more than one pays for large batches only."""

    max_body_bytes: Annotated[int, Field(ge=1)] = 2**20
    """The largest body of `/predict`."""

    max_batch_body_bytes: Annotated[int, Field(ge=1)] = 32 * 2**20
    """The largest body of `/predict/batch`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log lines below this are left out."""
