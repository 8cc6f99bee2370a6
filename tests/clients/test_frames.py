"""Frames in and out: however they are named, ordered and dated, the forecast is the same."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import nextday
import pandas as pd
import pytest
from nextday import BadFrame, Client, Forecast

from tests.clients.flaky import flaky
from tests.clients.prices import bars_of, days_of, frame

Change = Callable[[pd.DataFrame], pd.DataFrame]


def stooq(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.reset_index().assign(Volume=1_000_000).rename(columns=str.lower)


def alpha_vantage(prices: pd.DataFrame) -> pd.DataFrame:
    names = {"Open": "1. open", "High": "2. high", "Low": "3. low", "Close": "4. close"}
    return prices.rename(columns=names).rename_axis("timestamp")


def yfinance(prices: pd.DataFrame) -> pd.DataFrame:
    columns = pd.MultiIndex.from_product([[*prices], ["FB"]], names=["Price", "Ticker"])
    return prices.set_axis(columns, axis=1)


def by_ticker(prices: pd.DataFrame) -> pd.DataFrame:
    columns = pd.MultiIndex.from_product([["FB"], [*prices]], names=["Ticker", "Price"])
    return prices.set_axis(columns, axis=1)


def dated(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.set_axis(pd.Index(days_of(prices)), axis=0)


def as_text(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.set_axis(prices.index.astype(str), axis=0)


def american(prices: pd.DataFrame) -> pd.DataFrame:
    index = prices.index
    assert isinstance(index, pd.DatetimeIndex)
    return prices.reset_index(drop=True).assign(Date=index.strftime("%m/%d/%Y"))


def new_york(prices: pd.DataFrame) -> pd.DataFrame:
    index = prices.index
    assert isinstance(index, pd.DatetimeIndex)
    return prices.set_axis(index.tz_localize("America/New_York"), axis=0)


def tokyo_column(prices: pd.DataFrame) -> pd.DataFrame:
    index = prices.index
    assert isinstance(index, pd.DatetimeIndex)
    return (
        prices.set_axis(index.tz_localize("Asia/Tokyo"), axis=0).rename_axis("Date").reset_index()
    )


def by_instrument(prices: pd.DataFrame) -> pd.DataFrame:
    return pd.concat({"FB": prices}, names=["Ticker", "Date"])


def numbered(prices: pd.DataFrame) -> pd.DataFrame:
    index = prices.index
    assert isinstance(index, pd.DatetimeIndex)
    days = pd.Index(index.strftime("%Y%m%d").astype(int), name="<DATE>")
    return prices.set_axis(days, axis=0)


def unnamed(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.rename_axis(None)


def reset(prices: pd.DataFrame) -> pd.DataFrame:
    return yfinance(prices).reset_index()


def tuples(prices: pd.DataFrame) -> pd.DataFrame:
    pairs = pd.Index([(name, "FB") for name in prices], tupleize_cols=False)
    return prices.set_axis(pairs, axis=1)


def filtered(prices: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose numbers are no longer 0, 1, 2, and could be Excel's days."""
    rows = prices.reset_index()
    return rows.set_axis(pd.Index(range(45_000, 45_000 + 3 * len(rows), 3)), axis=0)


def periods(prices: pd.DataFrame) -> pd.DataFrame:
    index = prices.index
    assert isinstance(index, pd.DatetimeIndex)
    return prices.set_axis(index.to_period("D"), axis=0)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda prices: prices, id="yahoo"),
        pytest.param(lambda prices: prices.rename(columns=str.upper), id="upper case"),
        pytest.param(lambda prices: prices.reset_index(), id="a column of dates"),
        pytest.param(lambda prices: prices[["Close", "Low", "Open", "High"]], id="other order"),
        pytest.param(lambda prices: prices.iloc[::-1], id="newest first"),
        stooq,
        alpha_vantage,
        yfinance,
        reset,
        tuples,
        by_ticker,
        unnamed,
        filtered,
        dated,
        as_text,
        american,
        new_york,
        tokyo_column,
        periods,
        by_instrument,
        numbered,
    ],
)
def test_a_frame_is_read_however_it_is_written(url: str, change: Change) -> None:
    prices = frame(70, last="2019-12-31")
    with Client(url) as client:
        expected = client.predict(bars=bars_of(prices), dates=days_of(prices), calendar="XNYS")
        found = client.forecast(change(prices), calendar="XNYS")

    assert found.forecast_date == expected.forecast_date == date(2020, 1, 2)
    assert found.prediction == expected.prediction
    assert found.intervals == expected.intervals
    assert [notice.code for notice in found.warnings] == [each.code for each in expected.warnings]


def test_a_frame_and_the_file_it_is_read_from_have_the_same_forecast(
    url: str, tmp_path: Path
) -> None:
    prices = frame(130)
    # a split that the closes were adjusted for, and a row without trade
    prices.insert(4, "Adj Close", prices["Close"] / 2)
    prices.iloc[-1, 4] = prices["Close"].iloc[-1]
    prices.iloc[40] = float("nan")
    file = tmp_path / "prices.csv"
    prices.to_csv(file)
    with Client(url) as client:
        from_frame = client.forecast(pd.read_csv(file))
        from_file = client.predict_csv(file)

    assert from_frame == from_file
    assert "empty_rows" in {notice.code for notice in from_frame.warnings}


def stamped(prices: pd.DataFrame, stamps: pd.DatetimeIndex | pd.PeriodIndex) -> pd.DataFrame:
    return prices.set_axis(stamps, axis=0)


HOURS = pd.date_range("2024-06-03 09:30", periods=90, freq="h", tz="America/New_York", name="Date")


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        pytest.param(stamped(frame(90), HOURS), "hourly", id="hours"),
        pytest.param(stamped(frame(90), HOURS).reset_index(), "hourly", id="a column of hours"),
        pytest.param(stamped(frame(90), HOURS)["Close"], "hourly", id="a Series of hours"),
        pytest.param(
            stamped(frame(90), HOURS.tz_localize(None).to_period("h")), "hourly", id="hour periods"
        ),
        pytest.param(
            stamped(frame(70), pd.date_range("2024-01-05", periods=70, freq="W-FRI")),
            "weekly",
            id="weeks",
        ),
        pytest.param(
            stamped(frame(70), pd.period_range("2019-01", periods=70, freq="M")),
            "monthly",
            id="months",
        ),
    ],
)
def test_bars_that_are_not_daily_are_refused_as_such(
    url: str, prices: pd.DataFrame, said: str
) -> None:
    with Client(url) as client, pytest.raises(nextday.BadInput, match=f"{said} bars") as raised:
        client.forecast(prices)

    assert raised.value.code == "bad_table"
    assert raised.value.read_as is not None
    assert "header in line 1" in raised.value.read_as


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda prices: prices, id="an index"),
        pytest.param(lambda prices: prices.reset_index(), id="a column"),
    ],
)
def test_days_of_tokyo_in_utc_are_those_of_its_exchange(url: str, change: Change) -> None:
    days = pd.bdate_range(end="2024-07-12", periods=70, tz="Asia/Tokyo", name="Date")
    prices = stamped(frame(70), days.tz_convert("UTC"))
    with Client(url) as client:
        found = client.forecast(change(prices), calendar="XTKS")
        undecided = client.forecast(change(prices))

    # the 15th is a holiday there
    assert found.forecast_date == date(2024, 7, 16)
    assert "time_zone_unknown" in {notice.code for notice in undecided.warnings}
    assert "time_zone_unknown" not in {notice.code for notice in found.warnings}


def test_days_are_written_as_such_and_moments_as_they_are() -> None:
    days = pd.bdate_range("2024-07-01", periods=3, tz="Asia/Tokyo", name="Session")
    with flaky() as server, Client(server.url) as client:
        client.forecast(stamped(frame(3), days))
        client.forecast(stamped(frame(3), days.tz_convert("UTC")))
        client.forecast(frame(3).rename_axis(None))
    firsts = [
        [line.split(",")[0] for line in content.decode().splitlines()][:2]
        for _, _, content in server.requests
    ]

    assert firsts[:2] == [["Session", "2024-07-01"], ["Session", "2024-06-30 15:00:00+00:00"]]
    assert firsts[2][0] == "Date"


def test_dates_beside_bars_are_days_and_no_moments(url: str) -> None:
    prices = frame(60)
    in_utc = pd.bdate_range(end="2026-11-20", periods=60, tz="Asia/Tokyo").tz_convert("UTC")
    with Client(url) as client, pytest.raises(BadFrame, match="2026-11-19 15:00:00"):
        client.predict(bars=bars_of(prices), dates=in_utc[::-1])


def test_a_series_is_closes(url: str) -> None:
    prices = frame(70, last="2026-11-20")
    closes = prices["Close"]
    with Client(url) as client:
        expected = client.predict(closes.tolist(), dates=days_of(prices), calendar="XLON")
        found = client.forecast(closes, calendar="XLON")
        newest_first = client.forecast(closes.iloc[::-1].rename("FB"), calendar="XLON")
        undated = client.forecast(closes.reset_index(drop=True))

    assert found.prediction == newest_first.prediction == undated.prediction == expected.prediction
    assert found.forecast_date == date(2026, 11, 23)
    assert undated.forecast_date is None


def test_one_line_does_it(url: str) -> None:
    found = nextday.forecast(frame(), url=url, calendar="weekdays", levels=[80])

    assert isinstance(found, Forecast)
    assert found.forecast_date == date(2026, 11, 23)


def test_a_forecast_is_a_row_and_goes_on_from_the_frame(url: str) -> None:
    prices = frame(70, last="2026-11-20")
    with Client(url) as client:
        found = client.forecast(prices, calendar="XNYS", levels=[80, 97.5])
        undated = client.predict(bars=bars_of(prices))
    row = found.to_frame()

    assert row.index.tolist() == [pd.Timestamp("2026-11-23")]
    assert row.index.name == "forecast_date"
    assert row["prediction"].item() == found.prediction
    assert row["high_97.5"].item() == found.interval(97.5).high
    assert row["warnings"].item() == " ".join(notice.code for notice in found.warnings)
    assert undated.to_frame().index.isna().all()
    assert len(pd.concat([prices, row])) == 71


def test_prices_arrive_to_the_last_bit() -> None:
    prices = frame(70) / 3
    with flaky() as server, Client(server.url) as client:
        client.forecast(prices)
    [(_, headers, content)] = server.requests

    assert headers["content-type"] == "text/csv"
    cells = [line.split(",") for line in content.decode().splitlines()]
    assert cells[0] == ["Date", "Open", "High", "Low", "Close"]
    assert [float(row[4]) for row in cells[1:]] == prices["Close"].tolist()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param([1.0, 2.0], "was given list", id="a list"),
        pytest.param(frame(0), "empty", id="nothing"),
        pytest.param(
            pd.concat({"AAPL": frame(5), "MSFT": frame(5)}, axis=1),
            r"2 instruments side by side \(AAPL, MSFT\)",
            id="two",
        ),
        pytest.param(
            pd.concat({"AAPL": frame(5), "MSFT": frame(5)}, axis=1).swaplevel(axis=1).reset_index(),
            r"2 instruments side by side \(AAPL, MSFT\)",
            id="two, with a column of dates",
        ),
        pytest.param(
            pd.concat([frame(5), frame(5)], axis=1), "one instrument", id="two side by side"
        ),
        pytest.param(
            pd.DataFrame([[1.0]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            "no level",
            id="no prices",
        ),
    ],
)
def test_what_is_no_frame_is_refused_before_anything_is_sent(
    given: pd.DataFrame, said: str
) -> None:
    with flaky() as server, Client(server.url) as client, pytest.raises(BadFrame, match=said):
        client.forecast(given)

    assert server.requests == []


def test_two_instruments_one_below_the_other_are_refused_by_the_service(url: str) -> None:
    both = pd.concat({"A": frame(70), "B": frame(70)}, names=["Ticker", "Date"])
    with Client(url) as client, pytest.raises(nextday.BadInput, match="2 instruments"):
        client.forecast(both)


def test_a_frame_without_prices_is_the_callers_problem(url: str) -> None:
    with Client(url) as client, pytest.raises(nextday.BadInput) as raised:
        client.forecast(frame().rename(columns=lambda name: f"x{name}"))

    assert raised.value.code == "bad_table"


def test_an_error_says_what_was_read_as_what(url: str) -> None:
    prices = frame().assign(Symbol="FB")
    prices.iloc[5, 3] = -1.0
    with Client(url) as client, pytest.raises(nextday.BadInput, match="line 7") as raised:
        client.forecast(prices)
    with Client(url) as client, pytest.raises(nextday.BadInput) as of_json:
        client.predict([1.0])

    read_as = raised.value.read_as
    assert read_as is not None
    assert "close from 'Close'" in read_as
    assert "date from 'Date'" in read_as
    assert raised.value.__notes__ == [f"The file was {read_as}."]
    assert of_json.value.read_as is None


def test_without_pandas_all_but_frames_works(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = frame(60)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with Client(url) as client:
        found = client.predict(bars=bars_of(prices))
        with pytest.raises(BadFrame, match=r"nextday-client\[pandas\]"):
            client.forecast(prices)

    with pytest.raises(BadFrame, match=r"nextday-client\[pandas\]"):
        found.to_frame()
