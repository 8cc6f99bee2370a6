"""POST /predict: the forecast of one instrument."""

import time
from datetime import date
from threading import Event
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic_core import to_json

from app.api import answer_warnings, csv_upload
from app.api.examples import PREDICT_EXAMPLES
from app.api.schemas import Bars, CalibrationUsed, Interval, PredictRequest, PredictResponse
from app.errors import Unforecastable
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import (
    Forecast,
    IntervalBasis,
    Model,
    adapts_by,
    answering_part,
    forecast_adapted,
)
from app.inference.microbatching import Run
from app.market_data import anomalies, date_checks, price_validation
from app.market_data.anomalies import DataWarning
from app.market_data.csv_reader import Table
from app.market_data.date_checks import DateReport
from app.serving import canary
from app.serving.app_state import AppState, state_of
from app.serving.canary import Choice
from app.serving.pipeline import Answer, note_choice, note_forecast, shadow
from app.transport import request_body
from app.transport.headers import Headers
from app.transport.problem_details import documented, record_of

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
    state = state_of(request)
    # before the body is read and checked: to refuse must cost less than to answer
    state["batches"].admit()
    settings, headers = state["settings"], request.scope["headers"]
    table = None
    if csv_upload.is_table(headers):
        content = await request_body.read(
            request, settings.max_batch_body_bytes, media_type=csv_upload.MEDIA_TYPE
        )
        question, table = await csv_upload.question_of(request, content)
    else:
        content = await request_body.read(request, settings.max_body_bytes)
        question = request_body.parse(PredictRequest, content)
    asked, forecast = await forecast_of(request, question, content)
    answer = asked.answer(forecast, table)
    if csv_upload.wants_table(headers):
        return Response(csv_upload.written(answer), media_type="text/csv")
    return Answer(to_json(answer)).response


async def forecast_of(
    request: Request, question: PredictRequest, content: bytes
) -> "tuple[Question, Forecast]":
    """Forecast as a request asks, whose body is `content`; raise what is wrong with it."""
    state, seen = state_of(request), record_of(request)
    batches = state["batches"]
    if question.version is None:
        headers = request.scope["headers"]
        choice = canary.choose(state["store"], question.model, headers, content)
    else:
        pinned = await run_in_threadpool(state["store"].pinned, question.model, question.version)
        choice = Choice(pinned)
    asked = understand(question, choice)
    note_choice(seen, asked)
    network = asked.part.network
    if not network.ready:
        await run_in_threadpool(network.open)
    with canary.counted(choice):
        if asked.is_long:
            # hundreds of forecasts would keep the event loop
            made, run = await state["background"].run(asked.adapted, request.receive)
        else:
            made, run = await batches.forecast(asked.part, asked.window, asked.levels)
        note_forecast(seen, made, run)
        forecast = asked.finite(made)
    shadow(asked, forecast, batches)
    return asked, forecast


def at_once(state: AppState, headers: Headers, content: bytes) -> "Question | None":
    """Read a request that nothing has to be waited for; None where something has."""
    question = request_body.parse(PredictRequest, content)
    if question.version is not None:
        return None
    choice = canary.choose(state["store"], question.model, headers, content)
    asked = understand(question, choice)
    return None if asked.is_long or not asked.part.network.ready else asked


class Question(NamedTuple):
    """
    A request that has been checked, and what is to answer it.

    It holds as little as it can of what was posted: what waits is to stay in the core's cache.
    """

    part: Model
    """The model, or its part for closes alone."""
    history: Floats
    bars: Bars | None
    """What was posted, unless that was prices."""
    dated: DateReport
    newest: date | None
    """The day of the newest session."""
    levels: tuple[float, ...]
    wanted: tuple[float, ...] | None
    """The levels that were asked for, if any were."""
    strict: bool
    choice: Choice

    @property
    def model(self) -> Model:
        """The version that answers."""
        return self.choice.model

    @property
    def window(self) -> Floats:
        """The newest sessions, as many as the model looks back on."""
        sessions = self.part.manifest.window
        return self.history if len(self.history) == sessions else self.history[-sessions:]

    @property
    def is_long(self) -> bool:
        """Tell whether there is history to adapt the intervals by."""
        return adapts_by(self.part, len(self.history)) > 0

    def adapted(self, _: Event) -> tuple[Forecast | None, Run]:
        """Forecast with intervals adapted by the history, which takes milliseconds."""
        began = time.perf_counter()
        forecast = forecast_adapted(self.part, self.history, self.levels)
        return forecast, Run(began, time.perf_counter() - began)

    def of(self, model: Model) -> "Question":
        """Ask another model the same; raise BadInput where it cannot forecast from it."""
        part = answering_part(model, bars=self.bars is not None)
        if self.bars is None:
            posted = price_validation.at_least(part.manifest.window, self.history, "prices")
        else:
            posted = _of_bars(self.bars, part)
        levels = answer_warnings.levels_of(part, self.wanted)
        return self._replace(part=part, history=posted, levels=levels, choice=Choice(model))

    def finite(self, forecast: Forecast | None) -> Forecast:
        """Return the forecast; raise Unforecastable where there is no finite one."""
        if forecast is None:
            raise Unforecastable(
                "the moves in this window are too large for a finite forecast",
                field=self._field,
            )
        return forecast

    def written(self, made: Forecast | None) -> Answer:
        """Write the answer; raise what `answer` does."""
        return Answer(to_json(self.answer(made)))

    def answer(self, made: Forecast | None, table: Table | None = None) -> PredictResponse:
        """
        Return the answer; rows are those of the table that was posted, where there was one.

        Raises Unforecastable where there is no finite forecast, and Suspicious where what was
        posted looks damaged and the caller is strict.
        """
        manifest, forecast = self.part.manifest, self.finite(made)
        suspicions = self._suspicions(forecast)
        if table is not None:
            suspicions = [*table.remarks, *map(table.located, suspicions)]
        if self.strict:
            answer_warnings.refuse(suspicions, self._field)
        said = [*suspicions, *answer_warnings.of_levels(self.wanted, self.levels)]
        skill, of_model = answer_warnings.of_model(self.model, self.part)
        return PredictResponse(
            model=manifest.name,
            version=manifest.version,
            target=manifest.target,
            forecast_date=self.dated.forecast_date,
            sessions_missing=self.dated.sessions_missing,
            last_price=forecast.last_price,
            prediction=forecast.prediction,
            naive=forecast.last_price,
            intervals=_intervals(self.levels, forecast),
            calibration=_calibration(forecast.basis),
            skill=skill,
            novelty=forecast.novelty,
            warnings=[*map(answer_warnings.warning_of, said), *of_model],
        )

    def _suspicions(self, forecast: Forecast) -> list[DataWarning]:
        """Say what looks damaged, of dates and of prices."""
        found = [*self.dated.remarks]
        if forecast.is_suspect:
            # no more than what the forecast rests on
            used = adapts_by(self.part, len(self.history)) + self.part.manifest.window
            first = max(0, len(self.history) - used)
            found += anomalies.explain(self.history[first:], first)
        elif forecast.novelty is not None and forecast.novelty >= 1:
            # what looks damaged is unusual by that
            found.append(answer_warnings.UNLIKE_TRAINING)
        if forecast.outside:
            found.append(answer_warnings.outside(1))
        if self.newest is not None:
            found += answer_warnings.of_fitted(self.part, self.newest)
        return found

    @property
    def _field(self) -> str:
        return "prices" if self.bars is None else "bars"


def understand(question: PredictRequest, choice: Choice) -> Question:
    """Check what was posted; raise BadInput where it cannot be used."""
    bars, levels = question.bars, question.levels
    part = answering_part(choice.model, bars=bars is not None)
    if bars is None:
        posted = price_validation.validate_prices(question.prices or [], least=part.manifest.window)
    else:
        posted = _of_bars(bars, part)
    wanted = None if levels is None else tuple(levels)
    return Question(
        part=part,
        history=posted,
        bars=bars,
        dated=date_checks.check_dates(question.dates, question.calendar, len(posted)),
        newest=question.dates[-1] if question.dates else None,
        levels=answer_warnings.levels_of(part, wanted),
        wanted=wanted,
        strict=question.strict,
        choice=choice,
    )


def _of_bars(bars: Bars, part: Model) -> Floats:
    manifest = part.manifest
    return price_validation.validate_bars(bars.columns, manifest.fields, least=manifest.window)


def _calibration(basis: IntervalBasis | None) -> CalibrationUsed | None:
    if basis is None:
        return None
    return CalibrationUsed(method=basis.method, sessions=basis.sessions)


def _intervals(levels: tuple[float, ...], forecast: Forecast) -> list[Interval]:
    if not levels:
        return []
    basis = forecast.basis
    shares: list[float | None] = (
        [None] * len(levels) if basis is None or basis.coverage is None else basis.coverage.tolist()
    )
    return [
        Interval(level=level, low=low, high=high, coverage=share)
        for level, (low, high), share in zip(levels, forecast.intervals, shares, strict=True)
    ]
