"""Calendars, and what they say of the dates of a history."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.errors import BadDate, NoSuchCalendar
from app.market_data import date_checks, exchange_calendars
from tests.builders import publish, serving

NEW_YEAR = [date(2026, 12, 28) + timedelta(days=day) for day in range(4)]


@pytest.mark.parametrize(
    ("name", "day", "after"),
    [
        ("XNYS", date(2019, 12, 31), date(2020, 1, 2)),
        ("xnys", date(2025, 1, 8), date(2025, 1, 10)),  # a day of mourning
        ("NYSE", date(2026, 11, 26), date(2026, 11, 27)),  # half a day after Thanksgiving
        ("NASDAQ", date(2026, 7, 2), date(2026, 7, 6)),
        ("LSE", date(2026, 12, 24), date(2026, 12, 29)),
        ("XTKS", date(2019, 4, 26), date(2019, 5, 7)),  # ten days for an emperor
        ("XBOM", date(2025, 1, 31), date(2025, 2, 1)),  # a Saturday, for the budget
        ("XBOM", date(2026, 1, 30), date(2026, 2, 1)),  # a Sunday, for the budget
        ("NSE", date(2024, 10, 31), date(2024, 11, 1)),  # an hour on Diwali
        ("xnse", date(2025, 10, 20), date(2025, 10, 21)),
        ("XHKG", date(2023, 8, 31), date(2023, 9, 4)),  # a typhoon
        ("XHKG", date(2023, 9, 7), date(2023, 9, 11)),  # a rainstorm
        ("XTAE", date(2024, 10, 30), date(2024, 10, 31)),
        ("XTAE", date(2025, 12, 25), date(2025, 12, 28)),  # a Sunday
        ("24/7", date(2026, 12, 31), date(2027, 1, 1)),
        ("weekdays", date(2026, 11, 20), date(2026, 11, 23)),
        ("Weekdays", date(2026, 11, 21), date(2026, 11, 23)),
    ],
)
def test_the_next_session(name: str, day: date, after: date) -> None:
    assert exchange_calendars.find(name).next_session(day) == after


def test_nothing_is_said_of_days_that_are_not_known() -> None:
    known = exchange_calendars.find("XNYS")

    assert known.next_session(known.last) is None
    assert known.next_session(known.first - timedelta(days=1)) is None


@pytest.mark.parametrize(
    "name", ["", "XXXX", "../settings", "index", "NYSE ", "XNYS.json", "a" * 32]
)
def test_what_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(NoSuchCalendar):
        exchange_calendars.find(name)


def sessions_of(name: str, first: date, count: int) -> list[date]:
    known, day = exchange_calendars.find(name), first - timedelta(days=1)
    found: list[date] = []
    while len(found) < count:
        following = known.next_session(day)
        assert following
        day = following
        found.append(day)
    return found


def test_whole_sessions_are_told_what_follows_and_nothing_else() -> None:
    days = sessions_of("XNYS", date(2026, 1, 2), 60)

    said = date_checks.check_dates(days, "XNYS", 60)

    assert said == date_checks.DateReport(sessions_of("XNYS", days[-1], 2)[1], 0, (), days[-1])


def test_what_is_missing_is_told_by_row_and_counted() -> None:
    days = sessions_of("XNYS", date(2026, 1, 2), 63)
    del days[40], days[20:22]

    said = date_checks.check_dates(days, "XNYS", 60)

    assert said.sessions_missing == 3
    assert [(remark.code, remark.row) for remark in said.warnings] == [
        ("sessions_missing", 20),
        ("sessions_missing", 38),
    ]
    assert said.warnings[0].message.startswith("2 session(s) of XNYS are missing")
    assert said.forecast_date == exchange_calendars.find("XNYS").next_session(days[-1])


def test_days_without_a_session_are_told_by_row() -> None:
    days = sessions_of("XNYS", date(2026, 1, 2), 60)
    saturday = next(
        day for day in (days[0] + timedelta(days=n) for n in range(9)) if day.weekday() == 5
    )
    days = sorted([*days, saturday])

    said = date_checks.check_dates(days, "XNYS", 61)

    assert [(each.code, each.row) for each in said.warnings] == [
        ("not_a_session", days.index(saturday))
    ]
    assert "a Saturday" in said.warnings[0].message
    assert said.sessions_missing == 0


@pytest.mark.parametrize(
    ("posted", "calendar", "fits"),
    [
        ("24/7", "XNYS", "`24/7`"),
        ("XNYS", "24/7", None),
        ("XTAE", "XLON", None),
        ("weekdays", "XTAE", "`weekdays`"),
        ("XSAU", "XNYS", None),
    ],
)
@pytest.mark.parametrize("rows", [20, 60, 500])
def test_a_wrong_calendar_is_told_of_once_and_knows_nothing(
    posted: str, calendar: str, fits: str | None, rows: int
) -> None:
    days = sessions_of(posted, date(2022, 3, 1), rows)

    said = date_checks.check_dates(days, calendar, rows)

    assert (said.forecast_date, said.sessions_missing) == (None, None)
    [warning] = said.warnings
    assert (warning.code, warning.row) == ("calendar_disagrees", None)
    strange = set(days) - set(sessions_of(calendar, days[0], 1000))
    if strange:
        assert f"of {rows} days {len(strange)} are none of its sessions" in warning.message
        assert f"first {min(strange)}, a {min(strange):%A}" in warning.message
    else:
        assert f"first after {days[0]}" not in warning.message or days[0].weekday() == 4
    if fits:
        assert warning.message.endswith(f"these days are those of {fits}")


def test_a_few_faults_of_the_dates_are_no_fault_of_the_calendar() -> None:
    days = sessions_of("XNYS", date(2026, 1, 2), 65)
    for row in (50, 40, 30, 20, 10):
        del days[row]

    said = date_checks.check_dates(days, "XNYS", 60)

    assert [each.code for each in said.warnings] == ["sessions_missing"] * 5
    assert said.sessions_missing == 5


def test_a_short_run_proves_no_calendar_wrong() -> None:
    days = [date(2026, 1, 2) + timedelta(days=number) for number in range(12)]

    said = date_checks.check_dates(days, "XNYS", 12)

    assert {each.code for each in said.warnings} == {"not_a_session"}


def test_strict_does_not_refuse_prices_for_a_wrong_calendar(tmp_path: Path) -> None:
    publish(tmp_path, window=5)
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(30)]
    prices = [100 + number % 3 for number in range(30)]
    body = {"prices": prices, "dates": [*map(str, days)], "calendar": "XNYS", "strict": True}

    with serving(tmp_path) as client:
        answer = client.post("/predict", json=body)
        # what is wrong with the data is refused all the same
        late = client.post("/predict", json=body | {"prices": [*prices[:-1], 5000.0]})

    assert answer.status_code == 200
    assert answer.json()["forecast_date"] is None
    assert "calendar_disagrees" in {each["code"] for each in answer.json()["warnings"]}
    assert (late.status_code, late.json()["code"]) == (422, "suspicious")


def test_without_a_calendar_only_what_no_holiday_explains_is_told() -> None:
    days = [date(2026, 1, 1) + timedelta(days=row) for row in range(5)]
    days += [days[-1] + timedelta(days=20), days[-1] + timedelta(days=21)]

    said = date_checks.check_dates(days, None, 7)

    assert (said.forecast_date, said.sessions_missing) == (None, None)
    assert [(each.code, each.row) for each in said.warnings] == [("gap", 5)]


@pytest.mark.parametrize("calendar", [None, "XNYS", "24/7"])
@pytest.mark.parametrize(
    ("days", "row", "said"),
    [
        ([NEW_YEAR[0], NEW_YEAR[1], NEW_YEAR[1]], 2, "is the same day as"),
        ([NEW_YEAR[1], NEW_YEAR[0], NEW_YEAR[2]], 1, "is before"),
        (NEW_YEAR[::-1], 1, "is before"),
    ],
)
def test_dates_that_do_not_rise_are_refused(
    calendar: str | None, days: list[date], row: int, said: str
) -> None:
    with pytest.raises(BadDate, match=said) as caught:
        date_checks.check_dates(days, calendar, len(days))

    assert caught.value.index == row


def test_there_is_a_date_for_each_session() -> None:
    with pytest.raises(BadDate, match="each of the 5 sessions, was given 4"):
        date_checks.check_dates(NEW_YEAR, "24/7", 5)


@pytest.mark.parametrize("calendar", [None, "XNYS"])
def test_dates_of_no_sessions_say_nothing(tmp_path: Path, calendar: str | None) -> None:
    publish(tmp_path, window=5)
    with serving(tmp_path) as client:
        body: dict[str, object] = {"prices": [], "dates": [], "calendar": calendar}
        answer = client.post("/predict", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "window_too_short")


def test_the_future_is_told_from_its_first_row() -> None:
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=row - 2) for row in range(6)]

    said = date_checks.check_dates(days, "24/7", 6)

    # tomorrow may have begun elsewhere
    assert [(each.code, each.row) for each in said.warnings] == [("future_date", 4)]
    assert said.forecast_date == days[-1] + timedelta(days=1)


def test_past_the_last_known_day_there_is_no_date_but_a_reason() -> None:
    last = exchange_calendars.find("XNYS").last
    days = [day for day in (last - timedelta(days=40 - n) for n in range(41)) if day.weekday() < 5]

    said = date_checks.check_dates(days, "XNYS", len(days))

    assert said.forecast_date is None
    assert said.warnings[-1].code == "calendar_ends"


def test_a_calendar_without_dates_is_told_of() -> None:
    said = date_checks.check_dates(None, "XNYS", 60)

    assert (said.forecast_date, [each.code for each in said.warnings]) == (None, ["no_dates"])


def test_a_forecast_names_its_session(tmp_path: Path) -> None:
    publish(tmp_path, window=5)
    days = sessions_of("XNYS", date(2019, 12, 20), 7)
    body = {"prices": [100.0, 101, 102, 101, 103, 104, 103], "dates": [*map(str, days)]}

    with serving(tmp_path) as client:
        answers = [
            client.post("/predict", json=body | {"calendar": calendar}).json()
            for calendar in ("NYSE", None, "XTKS")
        ]
        unknown = client.post("/predict", json=body | {"calendar": "XXXX"})

    assert [answer["forecast_date"] for answer in answers] == ["2020-01-02", None, "2020-01-06"]
    assert answers[0]["sessions_missing"] == 0
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "no_such_calendar"


def test_exchanges_are_listed_and_shown(tmp_path: Path) -> None:
    publish(tmp_path)

    with serving(tmp_path) as client:
        listed = client.get("/calendars").json()
        shown = client.get("/calendars/nyse").json()
        unknown = client.get("/calendars/XXXX")

    assert {"XNYS", "XLON", "XTKS"} <= set(listed["exchanges"])
    assert listed["aliases"]["NASDAQ"] == "XNYS"
    assert listed["others"] == ["24/7", "weekdays"]
    assert (shown["name"], shown["first"]) == ("XNYS", "1990-01-01")
    assert shown["next_session"] > datetime.now(UTC).date().isoformat()
    assert unknown.status_code == 404
