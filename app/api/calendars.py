"""GET /calendars: the exchanges whose sessions are known."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from app.api.schemas import CalendarDetail, CalendarList
from app.market_data import exchange_calendars
from app.transport.problem_details import documented

router = APIRouter(prefix="/calendars", tags=["calendars"])


@router.get("", summary="The exchanges whose sessions are known")
async def list_calendars() -> CalendarList:
    """List what `calendar` of a forecast may be."""
    index = exchange_calendars.index()
    return CalendarList(exchanges=index.exchanges, aliases=dict(index.aliases), source=index.source)


@router.get("/{name}", summary="What is known of one exchange", responses=documented(404, 422))
async def show_calendar(name: Annotated[str, Path(max_length=32)]) -> CalendarDetail:
    """Show an exchange, by its MIC or alias: which days are known, and what comes next."""
    found = exchange_calendars.find(name)
    today = datetime.now(UTC).date()
    return CalendarDetail(
        name=found.name,
        first=found.first,
        last=found.last,
        next_session=found.next_session(today),
        early_closes=found.early_closes(today),
    )
