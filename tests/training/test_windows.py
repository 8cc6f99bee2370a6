"""Windows against a plain loop, and splits that know nothing of what comes after."""

import numpy as np
import pandas as pd

from tests.builders import random_walk
from training.datasets import windows


def tidy(*series: tuple[str, int], first: str = "2020-01-01") -> pd.DataFrame:
    """Return so many rows for each instrument; prices tell them apart."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "instrument": name,
                    "date": pd.date_range(first, periods=rows),
                    "price": random_walk(rows, seed=len(name) + rows),
                    "close": np.arange(rows, dtype=np.float64),
                }
            )
            for name, rows in series
        ],
        ignore_index=True,
    )


def test_windows_are_those_of_a_plain_loop() -> None:
    prices = tidy(("A", 12), ("B", 9))

    cut = windows.cut_windows(prices, 5)

    expected = []
    for name in ("A", "B"):
        rows = prices[prices["instrument"] == name]["price"].tolist()
        expected += [(name, rows[i - 5 : i], rows[i]) for i in range(5, len(rows))]
    assert cut.windows.shape == (7 + 4, 5, 1)
    assert [
        (str(name), window[:, 0].tolist(), following)
        for name, window, following in zip(
            cut.instruments, cut.windows, cut.next_prices.tolist(), strict=True
        )
    ] == expected
    assert str(cut.dates[0]) == "2020-01-06"
    # the close of the session before the one forecast
    assert cut.prior_closes.tolist() == [*range(4, 11), *range(4, 8)]


def test_1258_rows_give_1218_windows_of_40() -> None:
    assert len(windows.cut_windows(tidy(("FB", 1258)), 40)) == 1218


def test_a_split_is_by_date_for_all_instruments_at_once() -> None:
    cut = windows.cut_windows(tidy(("A", 40), ("B", 30)), 5)
    day = np.datetime64("2020-01-20")

    before, since = cut.before(day), cut.since(day)

    assert len(before) + len(since) == len(cut)
    assert before.dates.max() < day <= since.dates.min()
    assert (str(before.last), str(since.first)) == ("2020-01-19", "2020-01-20")


def test_what_comes_after_the_cutoff_changes_nothing_before_it() -> None:
    prices = tidy(("A", 60))
    day = np.datetime64("2020-02-10")
    later = prices["date"] >= day
    changed = prices.assign(price=np.where(later, prices["price"] * 3, prices["price"]))

    ours, theirs = (windows.cut_windows(each, 10).before(day) for each in (prices, changed))

    assert np.array_equal(ours.windows, theirs.windows)
    assert np.array_equal(ours.next_prices, theirs.next_prices)


def test_instruments_too_short_for_a_window_give_none() -> None:
    cut = windows.cut_windows(tidy(("A", 20), ("B", 10)), 10)

    assert set(cut.instruments) == {"A"}


def test_the_newest_sessions_are_counted_over_all_instruments() -> None:
    cut = windows.cut_windows(tidy(("A", 40), ("B", 30)), 5)

    start = windows.newest_sessions(cut.dates, 10)

    assert start is not None
    assert len(np.unique(cut.since(start).dates)) == 10
    assert windows.newest_sessions(cut.dates, 35) is None
