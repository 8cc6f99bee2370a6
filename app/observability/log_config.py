"""How the log of the service is written."""

from logging.config import dictConfig


def configure_logging(level: str) -> None:
    """Send the service's log lines to standard error, beside uvicorn's."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(levelname)s: %(asctime)s %(name)s: %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "loggers": {
                "app": {"level": level.upper(), "handlers": ["stderr"], "propagate": False}
            },
        }
    )
