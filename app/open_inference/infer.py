"""POST /v2/models/{name}/infer: forecasts by the Open Inference Protocol."""

from functools import partial
from threading import Event
from typing import Annotated, Final

import numpy as np
from fastapi import APIRouter, Path, Request, Response

from app.api.schemas import MAX_WINDOWS
from app.artifact.manifest import BARS
from app.errors import Abandoned, BadInput, BodyTooLarge, Unforecastable
from app.forecasting.forecaster import Forecast, Model, answering_part, forecast
from app.inference.worker_threads import Receive
from app.market_data.price_validation import validate_windows
from app.observability.request_record import Headers, RequestRecord
from app.open_inference import codec
from app.open_inference.codec import PREDICTION, QUANTILES, Outputs, TensorRequest
from app.open_inference.schemas import ERRORS, InferenceResponse
from app.serving.canary import Choice
from app.serving.pipeline import ForecastRequest, Pipeline, own_levels, record_choice, recorded_run
from app.transport import request_body
from app.transport.dependencies import record_of, room_of, state_of
from app.transport.headers import announced_length
from app.transport.openapi_examples import INFER_EXAMPLES

ROUTE: Final = "/v2/models/{name}/infer"
"""As metrics and logs call it, with a version or without."""

router = APIRouter(tags=["Open Inference Protocol"], responses=ERRORS)

_SLICE: Final = 256
"""Windows between two looks at whether the client is still there."""

_MOST_NUMBERS: Final = 4_000_000
"""In the outputs of a request: as many as the largest body holds."""
_BINARY_BYTES: Final = 32
"""That one of them takes while it is made: in slices, put together, in order, and as bytes."""
_JSON_BYTES: Final = 96
"""The same as a list and as text."""

Version = Annotated[int, Path(ge=1, le=999_999_999)]

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


async def _infer(request: Request, name: str, version: int | None) -> Response:
    state, record = state_of(request), record_of(request)
    record.route = ROUTE
    pipeline, settings, headers = state["pipeline"], state["settings"], request.scope["headers"]
    pipeline.admit(announced_length(headers) or 0)
    content = await request_body.read(request, settings.max_batch_body_bytes, media_type=None)
    choice = await pipeline.choose(name, version, headers, content)
    json_length, most = codec.header_length(headers), settings.max_body_bytes
    if min(len(content), len(content) if json_length is None else json_length) > most:
        # a parser of JSON keeps everybody waiting, bytes do not
        raise BodyTooLarge(most, "JSON; send more as binary tensors")
    read = partial(parse, headers, content, choice.model)
    posted = await pipeline.parse(read, request.receive, len(content))
    room_of(request).grow_by(answer_bytes(posted, choice.model))
    outputs = await forecast_tensors(pipeline, posted, choice, record, request.receive)
    return codec.write(posted, outputs, choice.model.manifest).response


def parse(headers: Headers, content: bytes, model: Model) -> TensorRequest:
    """Read a body; raise NotJson or BadInput."""
    json_length = codec.header_length(headers)
    rows, gives = codec.window_shapes(model), codec.output_names(model)
    posted = codec.parse(content, json_length, rows=rows, gives=gives)
    if len(posted.windows) > MAX_WINDOWS and not all(wanted.binary for wanted in posted.wanted):
        # a writer of JSON keeps everybody waiting, bytes do not
        raise BadInput(
            f"outputs of more than {MAX_WINDOWS} windows are given as binary tensors alone",
            field="outputs",
        )
    return check(posted, model)


def check(posted: TensorRequest, model: Model) -> TensorRequest:
    """Check the prices of a request; raise BadInput where a model cannot forecast from them."""
    part = answering_part(model, bars=posted.windows.shape[2] == len(BARS))
    validate_windows(posted.windows, part.manifest.fields, field=codec.INPUT)
    if _numbers_of(posted, model) > _MOST_NUMBERS:
        raise BadInput(
            f"the outputs of so many windows would hold more than {_MOST_NUMBERS} numbers",
            field="inputs",
        )
    return posted


def answer_bytes(posted: TensorRequest, model: Model) -> int:
    """Return how much memory the answer takes while it is made."""
    is_binary = all(wanted.binary for wanted in posted.wanted)
    return _numbers_of(posted, model) * (_BINARY_BYTES if is_binary else _JSON_BYTES)


def _numbers_of(posted: TensorRequest, model: Model) -> int:
    return len(posted.windows) * (1 + len(model.manifest.quantiles))


async def forecast_tensors(
    pipeline: Pipeline,
    posted: TensorRequest,
    choice: Choice,
    record: RequestRecord,
    receive: Receive,
) -> Outputs:
    """Forecast from all windows of a request; raises TooBusy, Unforecastable and Abandoned."""
    if len(posted.windows) == 1:
        query = pipeline.begin(single(posted, choice), choice, record)
        return outputs_of(await pipeline.forecast(query, record, receive))
    part = answering_part(choice.model, bars=posted.windows.shape[2] == len(BARS))
    record_choice(part, record)

    def work(gone: Event) -> Outputs:
        run = partial(_forecast_many, part, posted, record, gone)
        return recorded_run(run, len(posted.windows), choice, record)

    return await pipeline.run(work, receive, windows=len(posted.windows))


def single(posted: TensorRequest, choice: Choice) -> ForecastRequest:
    """Return the first window as a request like any other; what waits holds no more."""
    manifest = choice.model.manifest
    return ForecastRequest(manifest.name, manifest.version, posted.windows[0], own_quantiles=True)


def outputs_of(made: Forecast) -> Outputs:
    """Return the output tensors of one forecast: quantiles are the ends of its intervals."""
    quantiles = [
        *(low for low, _ in made.intervals),
        made.prediction,
        *(high for _, high in reversed(made.intervals)),
    ]
    return {PREDICTION: np.array([made.prediction]), QUANTILES: np.array([quantiles])}


def _forecast_many(
    part: Model, posted: TensorRequest, record: RequestRecord, gone: Event
) -> Outputs:
    """Forecast from many windows, a slice at a time; raise Abandoned once the caller has left."""
    windows, levels = posted.windows, own_levels(part.manifest.quantiles)
    predictions, ends = [], []
    for start in range(0, len(windows), _SLICE):
        if gone.is_set():
            raise Abandoned
        forecasts = forecast(part, windows[start : start + _SLICE], levels)
        if not forecasts.usable.all():
            at = start + int((~forecasts.usable).argmax())
            raise Unforecastable(f"the moves in window {at} are too large")
        record.outside += int(forecasts.outside.sum())
        predictions.append(forecasts.predictions)
        ends.append(forecasts.intervals)
    prediction, intervals = np.concatenate(predictions), np.concatenate(ends)
    quantiles = [intervals[:, :, 0], prediction, intervals[:, ::-1, 1]]
    return {PREDICTION: prediction, QUANTILES: np.column_stack(quantiles)}
