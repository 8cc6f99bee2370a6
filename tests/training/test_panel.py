"""Windows of many instruments: those of a plain loop, and none where a row is not usable."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.forecasting import scalers
from tests.training.test_quality import PRICES, bars
from training.datasets.panel import Panel


def checked(*series: tuple[str, int], unusable: tuple[int, ...] = ()) -> pd.DataFrame:
    """Return so many bars for each instrument; these rows of the whole are not usable."""
    frames = [bars(rows, instrument=name, seed=rows) for name, rows in series]
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(usable=~np.isin(np.arange(len(frame)), unusable))


def ends_of_a_plain_loop(frame: pd.DataFrame, steps: int) -> list[int]:
    """Return the last rows of windows: `steps` moves and the next lie between usable rows."""
    found = []
    for end in range(steps, len(frame) - 1):
        rows = frame.iloc[end - steps : end + 2]
        if len(set(rows["instrument"])) == 1 and rows["usable"].all():
            found.append(end)
    return found


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.integers(1, 25), min_size=1, max_size=4),
    unusable=st.sets(st.integers(0, 60), max_size=6),
    steps=st.integers(1, 8),
)
def test_no_window_spans_an_unusable_row_or_two_instruments(
    rows: list[int], unusable: set[int], steps: int
) -> None:
    series = [(f"I{number}", count) for number, count in enumerate(rows)]
    frame = checked(*series, unusable=tuple(unusable))

    ends = Panel.of(frame).ends(steps)

    assert ends.tolist() == ends_of_a_plain_loop(frame, steps)


def test_windows_are_the_moves_of_raw_prices() -> None:
    frame = checked(("A", 40), ("B", 30), unusable=(12,))
    panel = Panel.of(frame)
    ends = panel.ends(5)
    prices = frame[PRICES].to_numpy()

    raw = np.stack([prices[end - 5 : end + 1] for end in ends])

    assert len(ends) > 40
    np.testing.assert_array_equal(panel.windows(ends, 5), scalers.moves(raw))


def test_moves_are_logs_in_percent_and_returns_those_of_closes() -> None:
    frame = checked(("A", 3), ("B", 2))
    panel = Panel.of(frame)
    before, after = frame.iloc[1], frame.iloc[2]

    assert panel.moves[2].tolist() == pytest.approx(
        [
            100 * np.log(after["open"] / before["close"]),
            100 * np.log(after["high"] / after["open"]),
            100 * np.log(after["low"] / after["open"]),
            100 * np.log(after["close"] / after["open"]),
        ]
    )
    assert panel.returns[2] == pytest.approx(100 * np.log(after["close"] / before["close"]))
    assert panel.usable.tolist() == [False, True, True, False, True]
    assert panel.moves[[0, 3]].tolist() == [[0.0] * 4] * 2
    assert panel.names == ("A", "B")
    assert panel.instruments.tolist() == [0, 0, 0, 1, 1]
    assert panel.dates.tolist() == [day.date() for day in frame["date"]]


def test_a_price_that_is_none_leaves_no_trace_in_the_moves() -> None:
    frame = checked(("A", 20), unusable=(7,))
    frame.loc[7, PRICES] = [np.nan, 0.0, np.nan, -1.0]

    panel = Panel.of(frame)

    assert np.isfinite(panel.moves).all()
    assert np.flatnonzero(~panel.usable).tolist() == [0, 7, 8]


def test_an_instrument_without_a_next_session_gives_no_window() -> None:
    panel = Panel.of(checked(("A", 6), ("B", 7)))

    assert panel.ends(5).tolist() == [11]
    assert panel.ends(6).tolist() == []


def test_chunks_are_all_ends_in_order() -> None:
    ends = np.arange(40_000)
    chunks = list(Panel.of(checked(("A", 3))).chunks(ends))

    assert np.concatenate(chunks).tolist() == ends.tolist()
    assert max(map(len, chunks)) < 20_000
