"""POST /v2/models/{name}/infer: forecasts by the Open Inference Protocol."""

import time
from functools import lru_cache, partial
from threading import Event
from typing import Annotated, Final, NamedTuple

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.api.examples import INFER_EXAMPLES
from app.api.schemas import skill_of
from app.artifact.manifest import BARS
from app.errors import Abandoned, BadInput, BodyTooLarge, Unforecastable
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Forecast, Model, answering_part, forecast
from app.inference.worker_threads import INLINE_BYTES, INLINE_WINDOWS, Receive, WorkerThreads
from app.market_data import price_validation
from app.observability import metrics
from app.observability.request_record import RequestRecord
from app.open_inference import codec
from app.open_inference.codec import PREDICTION, QUANTILES, TensorRequest, WindowShape
from app.open_inference.schemas import ERRORS, InferenceResponse
from app.serving import canary
from app.serving.app_state import AppState, state_of
from app.serving.canary import Choice
from app.serving.pipeline import JSON, Answer, note_choice, note_forecast, shadow
from app.transport import request_body
from app.transport.headers import Headers
from app.transport.problem_details import record_of

ROUTE: Final = "/v2/models/{name}/infer"
"""As metrics and logs call it, with a version or without."""

router = APIRouter(tags=["Open Inference Protocol"], responses=ERRORS)

_SLICE: Final = 256
"""Windows between two looks at whether the client is still there."""

Version = Annotated[int, Path(ge=1, le=999_999_999)]

_binary_headers: Final = (b"content-type", b"application/octet-stream")

_DESCRIBED: Final = request_body.described(codec.InferenceRequest, INFER_EXAMPLES)


@router.post(
    ROUTE,
    summary="Forecast by the Open Inference Protocol",
    response_model=InferenceResponse,
    openapi_extra=_DESCRIBED,
)
async def infer(request: Request, name: str) -> Response:
    """
    Post `window`, raw prices as FP64 or FP32 of shape [n, sessions, fields], oldest first.

    Fields are open, high, low and close, or the model's single one; `prediction` comes back as
    [n], and `quantiles`, where the model has them, as [n, levels]. Binary tensors are welcome.
    """
    return await _infer(request, name, None)


@router.post(
    "/v2/models/{name}/versions/{version}/infer",
    summary="Forecast by a version of a model",
    response_model=InferenceResponse,
    openapi_extra=_DESCRIBED,
)
async def infer_version(request: Request, name: str, version: Version) -> Response:
    """Do as without a version, with this one."""
    return await _infer(request, name, version)


class Inference(NamedTuple):
    """A request that has been checked, and what is to answer it."""

    posted: TensorRequest
    choice: Choice
    part: Model

    @property
    def window(self) -> Floats:
        """The first window of it, (sessions, fields); what waits with others holds no more."""
        first: Floats = self.posted.windows[0]
        return first

    @property
    def levels(self) -> tuple[float, ...]:
        """The intervals whose ends are the model's own quantiles, the widest first."""
        return _levels(self.part.manifest.quantiles)

    def of(self, model: Model) -> "Inference":
        """Ask another model the same; raise BadInput where it cannot forecast from it."""
        if self.posted.windows.shape[1:] not in rows_of(model):
            raise BadInput("the other model takes other windows")
        return checked(self.posted, Choice(model))

    def written(self, forecast: Forecast | None) -> Answer:
        """Write the answer; raise Unforecastable where there is no finite forecast."""
        if forecast is None:
            raise Unforecastable("the moves in this window are too large for a finite forecast")
        quantiles = [
            *(low for low, _ in forecast.intervals),
            forecast.prediction,
            *(high for _, high in reversed(forecast.intervals)),
        ]
        return self._written(np.array([forecast.prediction]), np.array([quantiles]))

    async def together(
        self, seen: RequestRecord, background: WorkerThreads, receive: Receive
    ) -> Answer:
        """Forecast from all windows; raises TooBusy."""
        is_short = len(self.posted.windows) <= INLINE_WINDOWS
        return await background.run(partial(self._all, seen), receive, is_short=is_short)

    def _all(self, seen: RequestRecord, gone: Event) -> Answer:
        """Forecast from all windows, unless the client has gone; then raise Abandoned."""
        began = time.perf_counter()
        windows, levels = self.posted.windows, self.levels
        predictions, ends = [], []
        for start in range(0, len(windows), _SLICE):
            if gone.is_set():
                raise Abandoned
            forecasts = forecast(self.part, windows[start : start + _SLICE], levels)
            if not forecasts.usable.all():
                at = start + int((~forecasts.usable).argmax())
                raise Unforecastable(f"the moves in window {at} are too large")
            seen.outside += int(forecasts.outside.sum())
            predictions.append(forecasts.predictions)
            ends.append(forecasts.intervals)
        manifest = self.part.manifest
        metrics.record_run(manifest.name, manifest.version, len(windows))
        seen.wait_s, seen.run_s = began - seen.arrived, time.perf_counter() - began
        seen.windows = len(windows)
        prediction, intervals = np.concatenate(predictions), np.concatenate(ends)
        return self._written(
            prediction,
            np.column_stack([intervals[:, :, 0], prediction, intervals[:, ::-1, 1]]),
        )

    def _written(self, prediction: Floats, quantiles: Floats) -> Answer:
        manifest = self.part.manifest
        answer = codec.write(
            self.posted,
            {PREDICTION: prediction, QUANTILES: quantiles},
            name=manifest.name,
            version=manifest.version,
            parameters={"mae_skill_vs_naive": skill_of(manifest.scores)["mae_skill_vs_naive"]},
        )
        if answer.json_length is None:
            return Answer(answer.content, JSON)
        length = (codec.HEADER_LENGTH, b"%d" % answer.json_length)
        return Answer(answer.content, (_binary_headers, length))


def at_once(
    name: str, version: int | None, state: AppState, headers: Headers, content: bytes
) -> Inference | None:
    """Read a request that nothing has to be waited for; None where something has."""
    choice = canary.choose(state["store"], name, headers, content)
    if version is not None:
        if state["store"].current(name).manifest.version != version:
            return None
        choice = Choice(state["store"].current(name))
    asked = understand(headers, content, choice, state["settings"].max_body_bytes)
    is_single = len(asked.posted.windows) == 1
    return asked if is_single and asked.part.network.ready else None


def understand(headers: Headers, content: bytes, choice: Choice, most_json: int) -> Inference:
    """Check what was posted; raise NotJson or BadInput, BodyTooLarge where much of it is JSON."""
    model, json_length = choice.model, codec.header_length(headers)
    if (len(content) if json_length is None else json_length) > most_json:
        # a parser of JSON keeps everybody waiting, bytes do not
        raise BodyTooLarge(most_json, "JSON; send more as binary tensors")
    question = codec.parse(content, json_length, rows=rows_of(model), gives=gives_of(model))
    return checked(question, choice)


def checked(question: TensorRequest, choice: Choice) -> Inference:
    """Check the prices of a request; raise BadInput where a model cannot forecast from them."""
    model = choice.model
    fields = question.windows.shape[2]
    part = answering_part(model, bars=fields == len(BARS))
    price_validation.validate_windows(question.windows, part.manifest.fields, field=codec.INPUT)
    return Inference(question, choice, part)


def rows_of(model: Model) -> list[WindowShape]:
    """Return what a model's windows may be; the first is what its metadata says."""
    manifest = model.manifest
    whole = [(manifest.window, len(manifest.fields))]
    return [*whole, (manifest.window, 1)] if model.close_only else whole


def gives_of(model: Model) -> list[str]:
    """Return the names of the outputs."""
    return [PREDICTION, QUANTILES] if model.manifest.quantiles else [PREDICTION]


async def _infer(request: Request, name: str, version: int | None) -> Response:
    state, seen = state_of(request), record_of(request)
    seen.route = ROUTE
    background, batches = state["background"], state["batches"]
    background.admit()
    headers = request.scope["headers"]
    content = await request_body.read(
        request, state["settings"].max_batch_body_bytes, media_type=None
    )
    if version is None:
        choice = canary.choose(state["store"], name, headers, content)
    else:
        choice = Choice(await run_in_threadpool(state["store"].pinned, name, version))
    most_json = state["settings"].max_body_bytes
    if len(content) <= INLINE_BYTES:
        asked = understand(headers, content, choice, most_json)
    else:
        asked = await run_in_threadpool(understand, headers, content, choice, most_json)
    note_choice(seen, asked)
    network = asked.part.network
    if not network.ready:
        await run_in_threadpool(network.open)
    with canary.counted(choice):
        if len(asked.posted.windows) > 1:
            return (await asked.together(seen, background, request.receive)).response
        forecast, run = await batches.forecast(asked.part, asked.window, asked.levels)
        note_forecast(seen, forecast, run)
        written = asked.written(forecast)
    shadow(asked, forecast, batches)
    return written.response


@lru_cache(64)
def _levels(quantiles: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(100 * (1 - 2 * low) for low in quantiles[: len(quantiles) // 2])
