"""What the deployer decides, from the environment; nothing else reads it. See README.md."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """
    Each field is read from `NEXTDAY_` and its name in capitals.

    What the trainer decided is in the model's manifest; nothing is in both.
    """

    model_config = SettingsConfigDict(env_prefix="NEXTDAY_", frozen=True)

    models: Path = Path("models")
    """The folder of published models."""

    host: str = "127.0.0.1"
    """The address to listen on."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The port to listen on."""

    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    """Processes that answer; `auto` is one for each core that the service may use."""

    poll_seconds: Annotated[float, Field(gt=0)] = 1.0
    """How often `current` of every model is looked at."""

    threads: Annotated[int, Field(ge=1)] = 1
    """Threads of one onnxruntime call; more than one pays for large batches only."""

    sessions: Annotated[int, Field(ge=1)] = 256
    """Networks open at once, about a megabyte each; others open again when they are asked."""

    max_body_bytes: Annotated[int, Field(ge=1)] = 2**20
    """The largest body of `/predict`."""

    max_batch_body_bytes: Annotated[int, Field(ge=1)] = 32 * 2**20
    """The largest body of `/predict/batch`."""

    max_waiting: Annotated[int, Field(ge=1)] = 384
    """How many requests of `/predict` may wait at once; those beyond are told to come back."""

    background_threads: Annotated[int, Field(ge=1)] = 2
    """Threads for batches and long histories: more than one, so that small ones overtake."""

    max_batches: Annotated[int, Field(ge=1)] = 32
    """How many requests of `/predict/batch`, and long histories, may be under way at once."""

    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """From SIGTERM, which turns `/readyz` to 503, to the stop: as long as a load balancer needs."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log lines below this are left out."""


def of_environment() -> Settings:
    """Read the settings; end the process, naming each variable at fault, where any is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults = (
            f"NEXTDAY_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()
        )
        sys.exit("; ".join(faults))
