"""What the deployer decides, from the environment; nothing else does. See docs/operations.md."""

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import limits
from limits import RateLimitItem
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app import regular_files

_DIGEST: Final = "sha256:"


_SHORTEST_KEY: Final = 16
"""Characters of a key: fewer can be guessed."""


_digest_form = re.compile(r"sha256:[0-9a-f]{64}")


def digests(keys: Iterable[str]) -> frozenset[bytes]:
    """
    Return the SHA-256 of keys, each given as itself or as `sha256:` and its digest.

    Raises ValueError where one is neither, without repeating it.
    """
    found = set()
    for number, key in enumerate(keys, 1):
        if _digest_form.fullmatch(key):
            found.add(bytes.fromhex(key.removeprefix(_DIGEST)))
        elif key.startswith(_DIGEST) or len(key) < _SHORTEST_KEY or not key.isascii():
            raise ValueError(
                f"key {number} is neither {_SHORTEST_KEY} or more ASCII characters,"
                f" nor {_DIGEST} and the 64 hexadecimal digits of one's digest"
            )
        else:
            found.add(hashlib.sha256(key.encode()).digest())
    return frozenset(found)


def _separated(value: object) -> object:
    """Take apart what commas separate."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


_Separated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)]


def _rate(value: object) -> object:
    return limits.parse(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """
    Each field is read from `NEXTDAY_` and its name in capitals.

    What the trainer decided is in the model's manifest; nothing is in both.
    """

    model_config = SettingsConfigDict(
        env_prefix="NEXTDAY_",
        frozen=True,
        # a key must not be repeated in an error
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )

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

    open_models: Annotated[int, Field(ge=1)] = 256
    """Networks open at once, about a megabyte each; others open again when they are asked."""

    max_body_bytes: Annotated[int, Field(ge=1)] = 2**20
    """The largest body of `/predict`."""

    max_batch_body_bytes: Annotated[int, Field(ge=1)] = 32 * 2**20
    """The largest body of `/predict/batch`."""

    max_held_bytes: Annotated[int, Field(ge=1)] = 256 * 2**20
    """The bodies that a worker holds at once, while they are read and until they are answered."""

    max_waiting: Annotated[int, Field(ge=1)] = 384
    """How many requests of `/predict` may wait at once; those beyond are told to come back."""

    background_threads: Annotated[int, Field(ge=1)] = 2
    """Threads for batches and long histories: more than one, so that small ones overtake."""

    max_batches: Annotated[int, Field(ge=1)] = 32
    """How many requests of `/predict/batch`, and long histories, may be under way at once."""

    deadline_seconds: Annotated[float, Field(gt=0)] = 30.0
    """The longest that a request may take; it is refused then."""

    receive_seconds: Annotated[float, Field(gt=0)] = 20.0
    """The longest that a request may take to arrive, its body included."""

    keep_alive_seconds: Annotated[int, Field(ge=1)] = 75
    """
    How long a connection stays on which nothing is asked: longer than whoever stands before us
    keeps it, usually a minute, or it may send on one that we have just closed.
    """

    api_keys: _Separated = Field((), repr=False)
    """Keys that may ask, separated by commas, each as itself or as `sha256:` and its digest."""

    api_keys_file: Path | None = None
    """A file of such keys, one on a line; lines that begin with # are remarks."""

    rate_limit: Annotated[RateLimitItem, NoDecode, BeforeValidator(_rate)] | None = None
    """How often each key may ask of each worker, as in `100/second`."""

    cors_origins: _Separated = ()
    """Origins whose pages may ask from a browser, separated by commas; `*` is all."""

    trusted_proxies: _Separated = ()
    """
    Who may say by X-Forwarded-Proto and X-Forwarded-For how and for whom a request came:
    addresses or networks of proxies, separated by commas; `*` is all.
    """

    root_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""
    """The prefix of the path that a proxy takes off, as in `/forecasts`."""

    tls_certificate: Path | None = None
    """A PEM file; with it and its key the service speaks HTTPS."""

    tls_key: Path | None = None

    grpc_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Where set, the Open Inference Protocol is spoken there by gRPC too; needs `nextday[grpc]`."""

    otlp_endpoint: str | None = None
    """Where set, traces are sent there by OTLP over HTTP; needs `nextday[traces]`."""

    request_log: bool = True
    """Whether a line of JSON is written for each request."""

    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """From SIGTERM, which turns `/readyz` to 503, to the stop: as long as a load balancer needs."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log lines below this are left out."""

    @property
    def key_digests(self) -> frozenset[bytes]:
        """The SHA-256 of every key that may ask."""
        return digests([*self.api_keys, *_keys_in(self.api_keys_file)])

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("NEXTDAY_TLS_CERTIFICATE and NEXTDAY_TLS_KEY are given together")
        if self.max_held_bytes < 2 * self.max_batch_body_bytes:
            raise ValueError(
                "NEXTDAY_MAX_HELD_BYTES is at least twice NEXTDAY_MAX_BATCH_BODY_BYTES"
            )
        for name in ("tls_certificate", "tls_key"):
            _require_file(f"NEXTDAY_{name.upper()}", getattr(self, name))
        keys = self.key_digests
        if self.api_keys_file is not None and not keys:
            raise ValueError("NEXTDAY_API_KEYS_FILE holds no key")
        return self


def _require_file(variable: str, file: Path | None) -> None:
    if file is None:
        return
    try:
        regular_files.require(file)
    except OSError as error:
        raise ValueError(f"{variable} cannot be read: {error.strerror}") from None


def _keys_in(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        lines = regular_files.require(file).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"NEXTDAY_API_KEYS_FILE cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("NEXTDAY_API_KEYS_FILE cannot be read: it is not UTF-8") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def from_environment() -> Settings:
    """Read the settings; end the process, naming each variable at fault, where any is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults = (
            f"{_named(fault['loc'])}{fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False)
        )
        sys.exit("; ".join(faults))


def _named(location: tuple[int | str, ...]) -> str:
    """Return the variable at fault; what is wrong with several says so itself."""
    return f"NEXTDAY_{str(location[0]).upper()}: " if location else ""
