"""
The tables that the service reads, day by day against the library that they are from.

These tests run in the environment of `make calendars`, where that library works.
"""

import json
from datetime import date, timedelta
from pathlib import Path

import exchange_calendars
import pandas as pd
import pytest

from app.market_data import exchange_calendars as calendar
from training.commands import calendars as tables
from training.commands.calendar_corrections import Correction, corrected, corrections

FIRST, LAST = date(2000, 1, 1), date(2027, 12, 31)
EXCHANGES = [
    *("XNYS", "XLON", "XTKS", "XHKG", "XSHG", "XPAR", "XETR", "XAMS", "XSWX"),
    *("XMIL", "XMAD", "XSTO", "XTSE", "XASX", "XNZE", "XBOM", "XKRX", "XTAI"),
    *("XSES", "XIDX", "XJSE", "BVMF", "XMEX", "XTAE", "XSAU", "XMOS"),
]


@pytest.fixture(scope="module", params=EXCHANGES)
def known(request: pytest.FixtureRequest) -> tuple[calendar.Calendar, list[date], set[date]]:
    """Return a table, and the library's own sessions, corrected, and half days."""
    ours = calendar.find(request.param)
    kind = type(exchange_calendars.get_calendar(request.param))
    begins = max(pd.Timestamp(FIRST), kind.bound_min() or pd.Timestamp(FIRST))
    ends = min(pd.Timestamp(LAST), kind.bound_max() or pd.Timestamp(LAST))
    theirs = exchange_calendars.get_calendar(request.param, start=begins, end=ends)
    said = {day.date() for day in theirs.schedule.index}
    sessions = sorted(corrected(request.param, said, begins.date(), ends.date()))
    return ours, sessions, {day.date() for day in theirs.early_closes}


def test_the_next_session_is_the_librarys_on_every_day(
    known: tuple[calendar.Calendar, list[date], set[date]],
) -> None:
    ours, sessions, _ = known
    expected: dict[date, date] = {}
    day = sessions[0]
    for session in sessions[1:]:
        while day < session:
            expected[day] = session
            day += timedelta(days=1)

    assert {day: ours.next_session(day) for day in expected} == expected
    assert ours.holds(sessions)
    # to the end of next year, or as far as the library itself knows
    assert ours.last >= LAST or ours.next_session(ours.last) is None


def test_half_days_are_the_librarys(
    known: tuple[calendar.Calendar, list[date], set[date]],
) -> None:
    ours, sessions, early = known

    told = ours.early_closes(sessions[0] - timedelta(days=1))

    assert {day for day in told if day <= sessions[-1]} == early


def test_they_are_small_and_know_a_year_ahead() -> None:
    files = list(calendar.TABLES.glob("*.json"))
    index = json.loads((calendar.TABLES / calendar.INDEX).read_bytes())

    assert sum(file.stat().st_size for file in files) < 300_000
    assert {file.stem for file in files} == {*index["exchanges"], "index"}
    assert calendar.find("NYSE").name == "XNYS"
    assert calendar.find("XNYS").last >= LAST


def test_tables_made_anew_are_those_that_are_shipped(tmp_path: Path) -> None:
    shipped = json.loads((calendar.TABLES / "XNYS.json").read_bytes())
    (tmp_path / "OLD.json").write_text("{}")

    names = tables.write(tmp_path, date(int(shipped["last"][:4]) - 1, 12, 1))

    made, theirs = (
        {file.name: json.loads(file.read_bytes()) for file in folder.glob("*.json")}
        for folder in (tmp_path, calendar.TABLES)
    )
    assert made == theirs
    assert len(names) == len(made) - 1


@pytest.mark.parametrize("day", corrections().days, ids=lambda day: f"{day.exchange} {day.date}")
def test_a_correction_is_necessary_still(day: Correction) -> None:
    """Where this fails, the library has learnt it: delete the day from the corrections."""
    theirs = exchange_calendars.get_calendar(day.exchange)

    assert theirs.is_session(pd.Timestamp(day.date)) != day.session
    before = day.date - timedelta(days=1)
    assert (calendar.find(day.exchange).next_session(before) == day.date) == day.session


def test_an_alias_of_ours_is_necessary_still() -> None:
    known = exchange_calendars.get_calendar_names(include_aliases=True)

    assert corrections().aliases.keys().isdisjoint(known)
    assert {calendar.find(alias).name for alias in corrections().aliases} == {"XBOM"}


def test_a_correction_that_the_library_has_changes_nothing() -> None:
    first, last = date(2023, 8, 1), date(2023, 9, 30)
    storms = {date(2023, 9, 1), date(2023, 9, 8)}
    days = {first + timedelta(days=number) for number in range(61)}

    assert corrected("XHKG", days, first, last) == days - storms
    assert corrected("XHKG", days - storms, first, last) == days - storms
    assert corrected("XHKG", days, first, date(2023, 9, 5)) == days - {date(2023, 9, 1)}


def test_a_library_that_leaves_out_saturdays_is_found_out() -> None:
    made = {
        name: json.loads((calendar.TABLES / f"{name}.json").read_bytes())
        for name in ("XBOM", "XKRX", "XMOS", "XTAE", "XNYS", "XLON")
    }
    # as beside pandas 3
    made["XBOM"]["opened"] = {}

    with pytest.raises(tables.WrongLibrary, match="2025-02-01 was no session of XBOM"):
        tables.check_known_sessions(made)
