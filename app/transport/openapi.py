"""The OpenAPI document: what the framework makes of the routes, and what it cannot know."""

from functools import cache
from typing import Any

from fastapi import FastAPI

from app.serving.auth import needs_no_key
from app.transport import problem_details

_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_ANY_OR_NONE: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"header": []}]
"""Without keys in the settings everybody may ask."""
_V2 = "/v2"


def install(app: FastAPI) -> None:
    """Complete the document of an app, when it is first asked for."""
    of_routes = app.openapi

    @cache
    def complete() -> dict[str, Any]:
        document = of_routes()
        document["servers"] = [{"url": "/"}]
        document["security"] = _ANY_OR_NONE
        document["components"]["securitySchemes"] = _SCHEMES
        for path, operations in document["paths"].items():
            for operation in operations.values():
                if needs_no_key(path):
                    operation["security"] = []
                else:
                    _refusals(path, operation["responses"])
        return document

    # as the framework's own documentation has it
    app.openapi = complete  # type: ignore[method-assign]


def _refusals(path: str, responses: dict[str, Any]) -> None:
    """Add the refusals of any caller to those of an operation, as its protocol has them."""
    of_protocol = responses.get("default") if path.startswith(_V2) else None
    for status, described in problem_details.documented(401, 429).items():
        content = described if of_protocol is None else of_protocol
        responses.setdefault(str(status), described | {"content": content["content"]})
