"""How a file was read is told, and a file that is refused says what was read as what."""

import json
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser

from tests.builders import random_bars
from tests.e2e.page.browser import PHONE, Visit, visiting
from tests.e2e.page.prices import csv_of
from tools.testbed.service import Service


def german(sessions: int) -> str:
    """Write closes as a German vendor does, newest first, with a line below them."""
    rows = [line.split(",") for line in csv_of(sessions, first="2025-06-02").splitlines()[1:]]
    lines = [
        ";".join([".".join(reversed(day.split("-"))), close[:-2].replace(".", ","), "0,5 %"])
        for day, *_, close in reversed(rows)
    ]
    return "\n".join(["Datum;Schlusskurs;+/- %", *lines, "Alle Angaben ohne Gewähr;;"])


def tokyo_in_utc(sessions: int) -> str:
    """Write days of Tokyo by the clock of UTC, where they begin at 15:00 of the day before."""
    head, *rows = csv_of(sessions, first="2024-04-01").splitlines()
    cells = [row.split(",", 1) for row in rows]
    begins = [
        datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=9) for day, _ in cells
    ]
    lines = [f"{begin},{rest}" for begin, (_, rest) in zip(begins, cells, strict=True)]
    return "\n".join([head, *lines])


def alpha_vantage(sessions: int) -> str:
    """Write bars as Alpha Vantage's JSON."""
    names = ("1. open", "2. high", "3. low", "4. close")
    rows = [line.split(",") for line in csv_of(sessions, first="2025-06-02").splitlines()[1:]]
    series = {day: dict(zip(names, bar, strict=True)) for day, *bar in reversed(rows)}
    return json.dumps({"Meta Data": {"2. Symbol": "MADE"}, "Time Series (Daily)": series}, indent=4)


def test_what_was_read_as_what_is_told_below_the_name_of_the_file(visit: Visit) -> None:
    visit.drop("kurse.csv", german(200))

    assert visit.text("#reading summary") == (
        "Read as close; dates like 31.01.2026; decimal comma; 1 line left out"
    )
    assert visit.page.is_hidden("#reading-list")
    visit.page.click("#reading summary")
    told = visit.text("#reading-list")
    assert "date from “Datum”, close from “Schlusskurs”" in told
    assert "“+/- %”" in told
    assert "utf-8, semicolons between cells, header in line 1" in told
    assert "line 202: no date and no price" in told
    assert visit.serious() == []
    visit.picture("reading")


def test_jsons_of_vendors_are_read_and_their_rows_are_records(visit: Visit) -> None:
    visit.drop("query.json", alpha_vantage(200))

    assert visit.text("#reading summary").startswith("Read as open, high, low, close; ")
    assert visit.text("#source") == "query.json"
    visit.page.click("#reading summary")
    assert "open from “1. open”" in visit.text("#reading-list")
    assert "JSON" in visit.text("#reading-list")


def test_json_may_be_pasted(visit: Visit) -> None:
    bars = random_bars(100)
    records = [
        {"date": str(20260101 + 100 * (row // 28) + row % 28), "close": close}
        for row, close in enumerate(bars["close"])
    ]
    visit.page.click("#paste summary")
    visit.page.fill("#pasted", json.dumps(records))
    visit.page.click("#paste-form button")
    visit.page.wait_for_selector("#prediction")

    said = visit.page.get_attribute("#forecast-chart", "aria-label") or ""
    assert said.startswith("A line of 100 sessions")


def test_a_vendors_error_in_place_of_prices_is_shown_in_its_words(visit: Visit) -> None:
    visit.drop("query.json", json.dumps({"Note": "Thank you for using our made-up service."}))

    assert "Thank you for using our made-up service." in visit.text("#error")
    assert visit.page.is_hidden("#reading")


def test_a_refusal_says_what_was_read_as_what_and_what_is_still_shown(visit: Visit) -> None:
    visit.drop("first.csv", csv_of(100))
    rows = csv_of(70).splitlines()
    both = [
        "Name," + rows[0],
        *("AAA," + row for row in rows[1:]),
        *("BBB," + row for row in rows[1:]),
    ]
    visit.drop("both.csv", "\n".join(both))

    error = visit.text("#error")
    assert "2 instruments (AAA, BBB)" in error
    assert "What is shown is still of first.csv." in error
    assert "close from 'Close'" in visit.text("#error .read-as")
    assert visit.text("#source") == "first.csv"
    visit.picture("refused")
    visit.example()
    assert visit.page.is_hidden("#error")


def test_a_refusal_is_in_sight_on_a_phone(browser: Browser, service: Service) -> None:
    with visiting(browser, service, size=PHONE) as here:
        here.drop("note.json", json.dumps({"Note": "The daily limit of this key is reached."}))

        box = here.page.locator("#error").bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= PHONE[1]
        here.picture("refused-on-a-phone")


def test_time_stamps_are_days_of_the_calendar_that_is_chosen(visit: Visit) -> None:
    visit.drop("tokyo.csv", tokyo_in_utc(74))
    assert "time_zone_unknown" in visit.text("#warnings")
    visit.picture("time-zone-unknown")

    visit.page.select_option("#calendar", "XTKS")
    visit.page.wait_for_selector("#figures h3:has-text('2024')")
    visit.settle()

    # the day after the last one, a Thursday
    assert visit.text("#figures h3") == "Friday 12 July 2024"
    assert "time_zone_unknown" not in visit.text("#warnings")
    asked = [url.removeprefix(visit.root) for url in visit.asked]
    assert [path for path in asked if path.startswith("bars")] == ["bars", "bars?calendar=XTKS"]


def test_a_backtest_stays_where_another_calendar_reads_the_same(visit: Visit) -> None:
    visit.drop("made-up.csv", csv_of(130, first="2025-06-02"))
    visit.backtest()
    visit.page.select_option("#calendar", "weekdays")
    visit.settle()

    assert visit.page.is_visible("#backtest")
    visit.page.click("#tab-forecast")
    assert visit.text("#figures h3") == "Monday 1 December 2025"
