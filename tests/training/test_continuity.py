"""What continues a run's data, what is only told, and what must stop the next run."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.sources.continuity import Continuity, DataSummary, check_continuity, summarise
from training.sources.csv_files import OHLC

PRICES = list(OHLC)
NAMES = [f"S{number}" for number in range(10)]
LATER = date(2030, 1, 1)


def market(
    names: list[str] = NAMES,
    *,
    sessions: int = 320,
    volatility: float = 0.015,
    seed: int = 7,
) -> pd.DataFrame:
    """Return bars whose returns are normal, half of them in common."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, volatility, sessions)
    parts = [_bars(name, shared, volatility, rng) for name in names]
    return pd.concat(parts, ignore_index=True)


def _bars(
    name: str, shared: np.ndarray, volatility: float, rng: np.random.Generator
) -> pd.DataFrame:
    sessions = len(shared)
    own = rng.normal(0, volatility, sessions)
    closes = rng.uniform(20, 200) * np.exp(np.cumsum((shared + own) / np.sqrt(2)))
    opens = np.roll(closes, 1) * np.exp(rng.normal(0, volatility / 3, sessions))
    opens[0] = closes[0]
    wicks = np.exp(np.abs(rng.normal(0, volatility / 3, (2, sessions))))
    return pd.DataFrame(
        {
            "instrument": name,
            "date": pd.bdate_range("2024-01-01", periods=sessions).as_unit("us"),
            "open": opens,
            "high": np.maximum(opens, closes) * wicks[0],
            "low": np.minimum(opens, closes) / wicks[1],
            "close": closes,
            "volume": 1000.0,
        }
    )


def until(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    """Return the bars before a session, counted from the first, or from the last where below 0."""
    days = np.sort(bars["date"].unique())
    kept: pd.DataFrame = bars[bars["date"] < days[row]].reset_index(drop=True)
    return kept


def compare(before: pd.DataFrame, bars: pd.DataFrame) -> Continuity:
    return check_continuity(summarise(before), bars, LATER)


def scale(
    bars: pd.DataFrame,
    factor: float,
    *,
    names: list[str] = NAMES,
    since: int = -1,
    columns: list[str] = PRICES,
) -> pd.DataFrame:
    """Multiply prices of these instruments from a session on."""
    changed = bars.copy()
    day = np.sort(bars["date"].unique())[since]
    where = changed["instrument"].isin(names) & (changed["date"] >= day)
    changed.loc[where, columns] *= factor
    return changed


@settings(max_examples=25, deadline=None)
@given(
    new=st.integers(0, 30),
    names=st.lists(st.sampled_from([*NAMES, "^GSPC", "Ä", "10107"]), min_size=1, unique=True),
    seed=st.integers(0, 1000),
)
def test_appended_sessions_are_new_and_no_more(new: int, names: list[str], seed: int) -> None:
    bars = market(names, sessions=120, seed=seed)
    before = until(bars, -new) if new else bars

    assert compare(before, bars) == Continuity(new, (), ())


def test_a_summary_is_small_and_survives_being_written() -> None:
    bars = market()
    bars.loc[bars["instrument"] == "S3", "close"] = np.nan

    summary = summarise(bars)
    written = summary.model_dump_json()

    assert DataSummary.model_validate_json(written) == summary
    assert len(written) < 200 * len(NAMES)
    assert summary.rows == len(bars)
    assert summary.newest == bars["date"].max().date()
    assert check_continuity(DataSummary.model_validate_json(written), bars, LATER).corrected == ()


def test_a_first_run_has_nothing_to_continue() -> None:
    bars = market(sessions=100)

    assert check_continuity(None, bars, LATER) == Continuity(100, (), ())
    assert summarise(bars[:0]).newest == date.min
    assert check_continuity(summarise(bars[:0]), bars, LATER) == Continuity(100, (), ())


@settings(max_examples=60, deadline=None)
@given(
    row=st.integers(0, 299),
    column=st.sampled_from(PRICES),
    factor=st.floats(0.5, 0.999) | st.floats(1.001, 2.0),
)
def test_a_corrected_price_is_told_and_no_fault(row: int, column: str, factor: float) -> None:
    bars = market()
    corrected = bars.copy()
    corrected.loc[(bars["instrument"] == "S3") & (bars.groupby("instrument").cumcount() == row),
                  column] *= factor  # fmt: skip

    found = compare(until(bars, 300), corrected)

    assert found == Continuity(20, ("corrected since: S3 (prices to 2025-02-21)",), ())


def test_a_day_that_came_later_or_is_gone_is_told_with_the_count() -> None:
    bars = market()
    whole, lacking = until(bars, 300), until(bars, 300).drop(index=[7, 310])

    assert compare(whole, bars.drop(index=[7])).corrected == (
        "corrected since: S0 (299 rows, were 300 to 2025-02-21)",
    )
    assert compare(lacking, bars).corrected == (
        ", ".join(
            f"{name} (300 rows, were 299 to 2025-02-21)" for name in ("corrected since: S0", "S1")
        ),
    )
    ended = bars[(bars["instrument"] != "S4") | (bars["date"] > "2025-02-21")]
    assert compare(whole, ended).corrected == ("no longer there: S4 (300 rows to 2025-02-21)",)


@settings(max_examples=40, deadline=None)
@given(factor=st.floats(0.001, 0.99) | st.floats(1.01, 1000), decimals=st.sampled_from([None, 7]))
def test_a_history_adjusted_by_one_factor_is_told_from_a_corrected_day(
    factor: float, decimals: int | None
) -> None:
    """As a dividend or a split of the newest session adjusts it."""
    bars = market()
    adjusted = scale(bars, factor, names=["S2"], since=0)
    if decimals:
        adjusted[PRICES] = adjusted[PRICES].round(decimals)
        bars = bars.round(dict.fromkeys(PRICES, decimals))

    [said] = compare(until(bars, 300), adjusted).corrected

    assert said == f"adjusted by one factor each: S2 (times {factor:.6g})"
    adjusted.loc[adjusted.index[adjusted["instrument"] == "S2"][50], "close"] *= 1.01
    [said] = compare(until(bars, 300), adjusted).corrected
    assert said == "corrected since: S2 (prices to 2025-02-21)"


def test_noise_of_the_last_digits_is_told_as_such() -> None:
    bars = market()
    rng = np.random.default_rng(1)
    noisy = bars.copy()
    noisy[PRICES] *= 1 + rng.normal(0, 1e-8, (len(bars), 4))

    assert compare(until(bars, 300), noisy).corrected == (
        "changed by no more than rounding: S0, S1, S2 and 7 more",
    )


def test_prices_that_are_none_are_no_correction_until_they_come() -> None:
    bars = market()
    lacking = bars.copy()
    lacking.loc[lacking["instrument"] == "S1", "close"] = np.nan
    lacking.loc[[5, 6], "open"] = np.nan

    assert compare(until(lacking, 300), lacking).corrected == ()
    assert compare(until(lacking, 300), bars).corrected == (
        "corrected since: S0 (prices to 2025-02-21), S1 (prices to 2025-02-21)",
    )


def faults(before: pd.DataFrame, bars: pd.DataFrame) -> tuple[str, ...]:
    return compare(before, bars).faults


def test_a_source_without_rows_is_a_fault() -> None:
    bars = market()

    assert faults(bars, bars[:0]) == ("the source has no rows",)
    assert check_continuity(None, bars[:0], LATER).faults == ("the source has no rows",)


@pytest.mark.parametrize(("left", "fault"), [(9, False), (8, True)])
def test_few_instruments_may_go_and_many_may_not(left: int, fault: bool) -> None:  # noqa: FBT001
    bars = market()
    found = compare(bars, bars[bars["instrument"].isin(NAMES[:left])])

    assert ("2 of 10 instruments are gone: S8, S9" in found.faults) is fault
    assert found.corrected[0].startswith("no longer there: S")


def test_a_history_cut_short_is_a_fault() -> None:
    bars = market()

    assert faults(bars, bars[bars["date"] >= "2024-06-03"]) == ("2100 rows are left of 3200",)
    assert faults(bars, bars[bars["date"] >= "2024-02-01"]) == ()


def test_a_source_that_went_back_is_a_fault() -> None:
    bars = market()
    newest, older = bars["date"].max().date(), until(bars, -5)

    [fault] = faults(bars, older)
    assert fault.startswith("the source went back: its newest session is ")
    assert f"{older['date'].max().date()}, and was {newest}" in fault


@pytest.mark.parametrize(("behind", "fault"), [(1, False), (2, True)])
def test_one_instrument_may_end_earlier_and_many_may_not(behind: int, fault: bool) -> None:  # noqa: FBT001
    bars = market()
    late = bars[~bars["instrument"].isin(NAMES[:behind]) | (bars["date"] < "2025-03-18")]
    said = (
        "2 of 10 instruments end earlier than before: S0 (2025-03-17, was 2025-03-21),"
        " S1 (2025-03-17, was 2025-03-21)"
    )

    assert faults(bars, late) == ((said,) if fault else ())


@pytest.mark.parametrize(("days", "fault"), [(0, False), (1, False), (2, True), (-1, False)])
def test_a_session_may_be_tomorrows_and_no_later(days: int, fault: bool) -> None:  # noqa: FBT001
    bars = market(sessions=100)
    newest = bars["date"].max().date()
    today = newest - timedelta(days=days)
    said = (
        f"sessions that are still to come, for today is {today}: S0 ({newest}), S1 ({newest}),"
        f" S2 ({newest}) and 7 more"
    )

    for before in (None, summarise(until(bars, -1))):
        assert check_continuity(before, bars, today).faults == ((said,) if fault else ())


@pytest.mark.parametrize("factor", [0.5, 1 / 3, 0.1, 2, 100, 0.01, 1.27, 0.78, 152.3, 1 / 3.67])
@pytest.mark.parametrize("since", [-1, -4])
def test_another_unit_or_an_unadjusted_split_of_all_is_a_fault(factor: float, since: int) -> None:
    bars = market()
    day = np.sort(bars["date"].unique())[since]

    found = faults(until(bars, -5), scale(bars, factor, since=since))

    assert any(str(day)[:10] in said and "S0 (close" in said for said in found)


@pytest.mark.parametrize(
    ("names", "factor", "fault"),
    [
        pytest.param(["A"], 0.5, True, id="a split of the only one"),
        pytest.param(["A"], 0.01, True, id="another unit of the only one"),
        pytest.param(["A"], 0.37, True, id="another currency of the only one"),
        pytest.param(["A"], 1.55, False, id="a bid for the only one"),
        pytest.param(["A"], 0.7, False, id="bad news of the only one"),
        pytest.param(NAMES[:4], 0.5, True, id="a split of one in four"),
        pytest.param(NAMES[:6], 0.5, False, id="a split of one in six"),
        pytest.param(NAMES[:6], 0.2731, False, id="a wild move of one in six"),
    ],
)
def test_one_instrument_alone_stops_the_run_where_there_are_few(
    names: list[str],
    factor: float,
    fault: bool,  # noqa: FBT001
) -> None:
    bars = market(names)

    found = faults(until(bars, -1), scale(bars, factor, names=names[:1]))

    assert bool(found) is fault
    if fault:
        assert f"1 of {len(names)} instruments jump like a split or another unit: " in found[0]
        assert f"{names[0]} (close " in found[0]


def crash(move: float, gap: float, recovers: float = 0.0) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Let the newest session open so much lower, and close by so much; each instrument its own."""

    def change(bars: pd.DataFrame) -> pd.DataFrame:
        changed = bars.copy()
        lasts = np.flatnonzero(~changed["instrument"].duplicated(keep="last"))
        spread = np.linspace(0.8, 1.2, len(lasts)) if len(lasts) > 3 else np.ones(len(lasts))
        before = changed["close"].to_numpy()[lasts - 1]
        opens, closes = before * (1 + gap * spread), before * (1 + move * spread)
        lows = np.minimum(opens, closes) * (1 - recovers)
        made = np.column_stack([opens, np.maximum(opens, closes), lows, closes])
        changed.loc[lasts, PRICES] = made
        return changed

    return change


@pytest.mark.parametrize(
    ("names", "volatility"),
    [
        pytest.param(["^GSPC"], 0.005, id="an index in a calm year"),
        pytest.param(["^GSPC", "^IXIC", "^DJI", "^FTSE", "^N225"], 0.005, id="indices"),
        pytest.param(NAMES, 0.02, id="stocks"),
        pytest.param(NAMES, 0.002, id="funds of bonds"),
    ],
)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(crash(-0.12, -0.08), id="2020-03-16"),
        pytest.param(crash(-0.12, -0.12), id="all of it overnight"),
        pytest.param(crash(-0.205, -0.02), id="1987-10-19"),
        pytest.param(crash(-0.09, -0.01), id="2008-10-15"),
        pytest.param(crash(0.115, 0.06), id="2008-10-13"),
        pytest.param(crash(-0.04, -0.15, recovers=0.02), id="a flash crash"),
        pytest.param(crash(-0.10, -0.10), id="the limit of a whole market"),
    ],
)
def test_a_crash_is_no_fault(
    names: list[str], volatility: float, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    bars = market(names, volatility=volatility)

    assert faults(until(bars, -1), change(bars)) == ()


def test_a_jump_is_found_where_bars_are_missing_double_or_of_closes_alone() -> None:
    bars = scale(market(), 1.6, since=-2)
    before = until(bars, -2)
    days = np.sort(bars["date"].unique())[-2:]

    nothing_first = bars.copy()
    nothing_first.loc[nothing_first["date"] == days[0], PRICES] = np.nan
    double = pd.concat([bars, bars[bars["date"] == days[0]]]).sort_values(["instrument", "date"])
    closes = bars.assign(open=np.nan, high=np.nan, low=np.nan)

    assert str(days[1])[:10] in faults(before, nothing_first)[0]
    assert str(days[0])[:10] in faults(before, double.reset_index(drop=True))[0]
    assert str(days[0])[:10] in faults(before.assign(open=np.nan), closes)[0]


def test_a_jump_that_was_known_and_an_instrument_that_is_new_are_none() -> None:
    bars = scale(market(), 0.5, since=-6)
    listed = scale(market(["NEW"]), 0.5, names=["NEW"])

    assert faults(until(bars, -3), pd.concat([listed, bars], ignore_index=True)) == ()
    one_known = bars.groupby("instrument").tail(2).reset_index(drop=True)
    assert faults(until(one_known, -1), scale(one_known, 1.4)) == ()
