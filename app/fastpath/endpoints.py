"""Which requests may be answered where they arrive: the routes that are asked for one forecast."""

import re
from functools import lru_cache, partial
from typing import Final

from app.api import csv_upload, predict
from app.open_inference import infer
from app.serving.pipeline import Endpoint
from app.settings import Settings
from app.transport import request_body
from app.transport.headers import Headers

_INFER: Final = re.compile(
    rb"/v2/models/([a-z0-9][a-z0-9._-]{0,63})(?:/versions/([1-9][0-9]{0,8}))?/infer"
)
_NOT_PLAIN: Final = {b"content-encoding", b"origin"}
"""Headers of requests that others see to: to decompress, and to answer browsers (CORS)."""


class Endpoints:
    """Those of one app."""

    def __init__(self, settings: Settings) -> None:
        """Read bodies as large as the settings let them be."""
        longest = settings.max_body_bytes
        self._predict = Endpoint(
            predict.PATH, longest, partial(request_body.check, limit=longest), predict.at_once
        )
        self._check_any = partial(request_body.check, limit=longest, media_type=None)
        self._longest = longest
        # a model and a version each; a path that names none is not kept
        self._infer = lru_cache(256)(self._make_infer)

    def find(self, url: bytes, headers: Headers) -> Endpoint | None:
        """Return that of a POST; None where the framework has to see to it."""
        if not _NOT_PLAIN.isdisjoint([name for name, _ in headers]):
            return None
        if csv_upload.is_table(headers) or csv_upload.wants_table(headers):
            return None
        if url == _PREDICT:
            return self._predict
        found = _INFER.fullmatch(url)
        return self._infer(*found.groups()) if found else None

    def _make_infer(self, name: bytes, version: bytes | None) -> Endpoint:
        number = int(version) if version else None
        return Endpoint(
            infer.ROUTE,
            self._longest,
            self._check_any,
            partial(infer.at_once, name.decode(), number),
        )


_PREDICT: Final = predict.PATH.encode()
