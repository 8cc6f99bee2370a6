"""What each check finds, what it leaves alone, and that it only ever flags."""

import random
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market_data.jumps import SPLITS
from training.sources import quality
from training.sources.csv_files import OHLC

PRICES = list(OHLC)
Change = Callable[[pd.DataFrame], None]


def bars(
    rows: int = 400,
    *,
    instrument: str = "A",
    volatility: float = 0.01,
    first: str = "2020-01-01",
    seed: int = 7,
) -> pd.DataFrame:
    """Return bars of successive weekdays, as a random walk with normal returns makes them."""
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, volatility, rows)))
    opens = closes * np.exp(rng.normal(0, volatility / 2, rows))
    wicks = np.exp(np.abs(rng.normal(0, volatility / 2, (2, rows))))
    return pd.DataFrame(
        {
            "instrument": instrument,
            "date": pd.bdate_range(first, periods=rows),
            "open": opens,
            "high": np.maximum(opens, closes) * wicks[0],
            "low": np.minimum(opens, closes) / wicks[1],
            "close": closes,
            "volume": rng.integers(1, 10**6, rows).astype(np.float64),
        }
    )


def jump(row: int, ratio: float) -> Change:
    """Multiply all prices from a row on, so that its close is `ratio` times the one before."""

    def change(frame: pd.DataFrame) -> None:
        closes = frame["close"]
        frame.loc[row:, PRICES] *= ratio * closes[row - 1] / closes[row]

    return change


def price(row: int, column: str, value: float) -> Change:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[row, column] = value

    return change


def outside(row: int, column: str, share: float) -> Change:
    """Move the low above the bar's lower end, or the high below its upper one, by a share."""

    def change(frame: pd.DataFrame) -> None:
        ends = frame.loc[row, ["open", "close"]].astype(float)
        frame.loc[row, column] = (
            ends.min() * (1 + share) if column == "low" else ends.max() / (1 + share)
        )

    return change


def repeat_close(row: int, sessions: int) -> Change:
    """Let so many sessions close as the row does; their ranges stay."""

    def change(frame: pd.DataFrame) -> None:
        factors = frame["close"][row] / frame["close"][row : row + sessions]
        frame.loc[row : row + sessions - 1, PRICES] = (
            frame.loc[row : row + sessions - 1, PRICES].mul(factors, axis=0).to_numpy()
        )

    return change


def pause(row: int, days: int) -> Change:
    """Let so many days lie between a row and the one before."""

    def change(frame: pd.DataFrame) -> None:
        later = pd.Timedelta(days=days) - (frame["date"][row] - frame["date"][row - 1])
        frame.loc[row:, "date"] += later

    return change


def far_below_one(frame: pd.DataFrame) -> None:
    frame[PRICES] *= 1e-7


def busy(row: int, times: float) -> Change:
    """Let a row have so many times the usual volume."""

    def change(frame: pd.DataFrame) -> None:
        frame["volume"] = 1e6
        frame.loc[row, "volume"] = times * 1e6

    return change


def codes(checked: quality.CheckedBars) -> list[tuple[str, str, str]]:
    return [(flag.instrument, str(flag.date), flag.code) for flag in checked.flags]


@pytest.mark.parametrize(
    ("change", "code", "unusable"),
    [
        *((price(200, column, np.nan), "bad_price", [200]) for column in PRICES),
        (price(200, "open", 0.0), "bad_price", [200]),
        (price(200, "low", -1.0), "bad_price", [200]),
        (price(200, "high", np.inf), "bad_price", [200]),
        (outside(200, "low", 2e-4), "impossible_bar", [200]),
        (outside(200, "high", 2e-4), "impossible_bar", [200]),
        *((jump(200, ratio), "possible_split", [200]) for ratio in SPLITS),
        *((jump(200, 1 / ratio), "possible_split", [200]) for ratio in SPLITS),
        (jump(200, 2.05), "possible_split", [200]),
        (jump(200, 1 / 2.05), "possible_split", [200]),
        (jump(1, 0.5), "possible_split", [1]),
        *((jump(200, ratio), "implausible_jump", [200]) for ratio in (1.7, 0.55, 94, 106, 190)),
        (jump(200, 1000), "unit_jump", [200]),
        (jump(200, 1e-4), "unit_jump", [200]),
        (jump(200, 100), "unit_jump", [200]),
        (jump(200, 0.01), "unit_jump", [200]),
        (jump(200, 104), "unit_jump", [200]),
        (repeat_close(200, 5), "stale_run", [201, 202, 203, 204]),
        (repeat_close(200, 7), "stale_run", [201, 202, 203, 204, 205, 206]),
        (pause(200, 14), "gap", [200]),
    ],
)
def test_a_fault_is_flagged_by_date_and_its_rows_are_not_usable(
    change: Change, code: str, unusable: list[int]
) -> None:
    given = bars()
    change(given)

    checked = quality.check(given)

    assert codes(checked) == [("A", str(given["date"][unusable[0]].date()), code)]
    assert np.flatnonzero(~checked.bars["usable"]).tolist() == unusable


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda frame: None, id="nothing"),  # noqa: ARG005 - as the others
        pytest.param(far_below_one, id="prices far below one"),
        pytest.param(outside(200, "low", 5e-5), id="rounding of the low"),
        pytest.param(outside(200, "high", 5e-5), id="rounding of the high"),
        pytest.param(outside(200, "low", 0), id="a bar without a lower wick"),
        *(
            pytest.param(jump(200, ratio), id=f"times {ratio:.3g}")
            for ratio in (1.5, 2 / 3, 1.25, 0.8)
        ),
        pytest.param(repeat_close(200, 4), id="four sessions of one close"),
        pytest.param(pause(200, 13), id="thirteen days"),
    ],
)
def test_what_is_nearly_a_fault_is_none(change: Change) -> None:
    given = bars()
    change(given)

    checked = quality.check(given)

    assert checked.flags == ()
    assert checked.bars["usable"].all()


def test_a_half_is_no_split_where_volatility_told_of_such_moves() -> None:
    calm, wild = bars(volatility=0.05), bars(volatility=0.09)
    for frame in (calm, wild):
        jump(200, 0.5)(frame)

    assert [flag.code for flag in quality.check(calm).flags] == ["possible_split"]
    assert quality.check(wild).flags == ()


@pytest.mark.parametrize(
    ("times", "code"),
    [
        (1.0, "possible_split"),
        # as many dollars as ever, in twice the shares
        (2.0, "possible_split"),
        (12.0, "implausible_jump"),
    ],
)
def test_volume_tells_a_split_from_a_crash(times: float, code: str) -> None:
    given = bars()
    jump(200, 0.5)(given)
    busy(200, times)(given)

    assert [flag.code for flag in quality.check(given).flags] == [code]


def test_a_half_lost_in_trading_is_no_split() -> None:
    given = bars()
    jump(201, 0.5)(given)
    given.loc[201, "open"] = given["close"][200]
    given.loc[201, "high"] = 1.01 * given["close"][200]

    assert [flag.code for flag in quality.check(given).flags] == ["implausible_jump"]


def test_a_jump_across_a_row_without_prices_is_flagged_where_prices_are_back() -> None:
    given = bars()
    jump(201, 1 / 8)(given)
    given.loc[200, PRICES] = np.nan

    checked = quality.check(given)

    assert [flag.code for flag in checked.flags] == ["bad_price", "possible_split"]
    assert np.flatnonzero(~checked.bars["usable"]).tolist() == [200, 201]


def test_a_split_taken_back_is_flagged_both_times() -> None:
    given = bars()
    jump(200, 0.5)(given)
    jump(203, 2)(given)

    checked = quality.check(given)

    assert np.flatnonzero(~checked.bars["usable"]).tolist() == [200, 203]


def test_another_instruments_volatility_does_not_excuse_a_move() -> None:
    given = bars(instrument="B")
    jump(3, 0.5)(given)

    checked = quality.check(pd.concat([bars(volatility=0.2), given]))

    assert [(flag.instrument, flag.code) for flag in checked.flags] == [("B", "possible_split")]


def test_what_comes_after_a_move_does_not_excuse_it() -> None:
    given = bars()
    given.loc[201:] = bars(volatility=0.1).loc[201:]
    jump(201, 1.1)(given)
    jump(200, 0.5)(given)

    assert [flag.code for flag in quality.check(given).flags] == ["possible_split"]


def test_a_date_that_comes_again_keeps_its_first_row_unusable() -> None:
    given = bars()
    again = given.loc[[200, 200]].assign(close=1.0)
    given = pd.concat([given, again])

    checked = quality.check(given)

    day = str(given["date"].iloc[200].date())
    assert codes(checked) == [("A", day, "duplicate_date")]
    assert "3 times" in checked.flags[0].message
    pd.testing.assert_frame_equal(checked.bars.drop(columns="usable"), bars())
    assert np.flatnonzero(~checked.bars["usable"]).tolist() == [200]


def test_instruments_are_checked_apart() -> None:
    """One begins where the other ends: at its close, years later, at a hundredth or on its date."""
    ended = bars(first="2010-01-01")
    repeat_close(397, 3)(ended)
    begun = bars(instrument="B")
    begun[PRICES] *= ended["close"].iloc[-1] / begun["close"].iloc[0]
    repeat_close(0, 3)(begun)
    hundredth = bars(instrument="C", seed=8)
    hundredth[PRICES] *= 0.01 * begun["close"].iloc[-1] / hundredth["close"].iloc[0]
    half = bars(instrument="D", seed=9)
    half[PRICES] *= 0.5 * hundredth["close"].iloc[-1] / half["close"].iloc[0]

    assert quality.check(pd.concat([half, ended, hundredth, begun])).flags == ()


@pytest.mark.parametrize("rows", [300, 299])
def test_an_instrument_of_too_few_usable_sessions_is_left_out_and_named(rows: int) -> None:
    given = pd.concat([bars(rows, instrument="short"), bars(instrument="long")])

    checked = quality.check(given)

    if rows == 300:
        assert checked.flags == ()
        assert checked.bars["instrument"].value_counts().to_dict() == {"long": 400, "short": 300}
    else:
        day = str(pd.bdate_range("2020-01-01", periods=rows)[-1].date())
        assert codes(checked) == [("short", day, "too_short")]
        assert "299 usable sessions, needs 300" in checked.flags[0].message
        assert set(checked.bars["instrument"]) == {"long"}
        assert list(checked.bars.index) == list(range(400))


def test_rows_that_are_not_usable_do_not_count() -> None:
    given = bars(310)
    given.loc[100:110, "close"] = np.nan

    checked = quality.check(given)

    assert [flag.code for flag in checked.flags] == ["bad_price"] * 11 + ["too_short"]
    assert len(checked.bars) == 0


def test_messages_have_the_figures() -> None:
    given = bars()
    given.loc[49, PRICES] = [100.0, 102.0, 99.0, 100.0]
    given.loc[50, PRICES] = [50.0, 50.5, 49.5, 50.0]
    given.loc[100, PRICES] = [100.0, 101.0, 99.0, 102.0]
    repeat_close(200, 6)(given)
    pause(300, 20)(given)
    given.loc[350, ["open", "low"]] = np.nan

    said = {flag.code: flag for flag in quality.check(given).flags}

    assert "close 100, then 50: times 0.5, like a split 2 for 1" in said["possible_split"].message
    assert (
        said["impossible_bar"].message
        == "open 100 or close 102 lies 0.98% outside low 99 to high 101"
    )
    last = given["date"][205].date()
    assert said["stale_run"].message.endswith(f"for 6 sessions, to {last}")
    before = given["date"][299].date()
    assert said["gap"].message == f"20 days after the session before, {before}"
    assert said["bad_price"].message == "not a finite number above zero: open, low"
    assert isinstance(said["gap"].date, date)


def test_prices_whose_ratio_overflows_are_flagged_like_any_other() -> None:
    frame = bars()
    frame.loc[300, ["open", "close"]] = 1e-300
    frame.loc[300, "low"] = 1e300

    [flag] = [each for each in quality.check(frame).flags if each.code == "impossible_bar"]

    assert flag.date == frame["date"].iloc[300].date()


PRICE = st.sampled_from([np.nan, np.inf, -1.0, 0.0, 1e-300, 0.5, 50.0, 100.0, 10_000.0, 1e300])


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 799), st.sampled_from(PRICES), PRICE), max_size=40),
    repeated=st.lists(st.integers(0, 799), max_size=20),
    dropped=st.sets(st.integers(0, 799), max_size=200),
    order=st.randoms(use_true_random=False),
)
def test_no_value_is_changed_and_no_row_made_up(
    changes: list[tuple[int, str, float]],
    repeated: list[int],
    dropped: set[int],
    order: random.Random,
) -> None:
    frame = pd.concat([bars(), bars(instrument="B", seed=8)], ignore_index=True)
    for row, column, value in changes:
        frame.loc[row, column] = value
    frame = pd.concat([frame.drop(index=list(dropped)), frame.loc[repeated].assign(volume=-1.0)])
    positions = list(range(len(frame)))
    order.shuffle(positions)
    given = frame.iloc[positions]
    before = given.copy()

    checked = quality.check(given)

    pd.testing.assert_frame_equal(given, before)
    left_out = {flag.instrument for flag in checked.flags if flag.code == "too_short"}
    firsts: dict[tuple[str, pd.Timestamp], int] = {}
    for position, key in enumerate(zip(given["instrument"], given["date"], strict=True)):
        if key[0] not in left_out:
            firsts.setdefault(key, position)
    expected = given.iloc[[firsts[key] for key in sorted(firsts)]].reset_index(drop=True)
    pd.testing.assert_frame_equal(checked.bars.drop(columns="usable"), expected)
    usable = checked.bars[checked.bars["usable"]]
    flagged = {(flag.instrument, pd.Timestamp(flag.date)) for flag in checked.flags}
    assert flagged.isdisjoint(zip(usable["instrument"], usable["date"], strict=True))
    assert checked.bars.groupby("instrument")["usable"].sum().ge(quality.USABLE_ROWS).all()
