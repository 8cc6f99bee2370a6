"""POST /predict: the forecast of one instrument."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app.api import csv_upload, predict_codec
from app.api.schemas import PredictRequest, PredictResponse
from app.transport import headers as http
from app.transport import request_body
from app.transport.dependencies import record_of, state_of
from app.transport.encoded_answer import EncodedAnswer
from app.transport.openapi_examples import PREDICT_EXAMPLES
from app.transport.problem_details import documented

PATH: Final = "/predict"

router = APIRouter(tags=["forecasts"])


@router.post(
    PATH,
    summary="Forecast the next session of one instrument",
    response_model=PredictResponse,
    responses=documented(400, 404, 413, 415, 422, 503),
    openapi_extra=csv_upload.described(request_body.described(PredictRequest, PREDICT_EXAMPLES)),
)
async def predict(request: Request) -> Response:
    """
    Post the newest prices or bars, oldest first: at least as many as the model's window.

    A model of bars answers prices by a network for closes alone, whose intervals are wider; a
    model of a single field takes that column of the bars. More history than the window adapts
    the intervals to the instrument, where the model has them and there are at least sixty
    sessions more: `calibration` then says `history`, and each interval which share of those
    sessions it would have held.

    The answer holds the naive forecast beside the model's own, and the model's measured skill.
    With `dates` and a `calendar` it names the session that is forecast. `warnings` say what looks
    damaged, by row.

    A CSV file does as well, as vendors give it; `Accept: text/csv` answers in CSV.
    """
    state, record = state_of(request), record_of(request)
    pipeline, settings = state["pipeline"], state["settings"]
    headers, table = request.scope["headers"], None
    # before the body is read and checked: to refuse must cost less than to answer
    pipeline.admit()
    if csv_upload.is_table(headers):
        content = await request_body.read(
            request, settings.max_batch_body_bytes, media_type=csv_upload.MEDIA_TYPE
        )
        posted, table = await csv_upload.request_of(request, content)
    else:
        content = await request_body.read(request, settings.max_body_bytes)
        read = partial(predict_codec.parse, content)
        posted = await pipeline.parse(read, request.receive, len(content))
    choice = await pipeline.choose(posted.model, posted.version, headers, content)
    query = pipeline.begin(posted, choice, record)
    forecast = await pipeline.forecast(query, record, request.receive)
    answer = predict_codec.answer(query, forecast, table)
    if http.prefers(headers, csv_upload.MEDIA_TYPE, request_body.JSON):
        return Response(csv_upload.written(answer), media_type="text/csv")
    return EncodedAnswer(to_json(answer)).response
