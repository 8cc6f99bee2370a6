"""The cells of any column that a vendor's table has."""

from typing import TYPE_CHECKING

from tools.price_files.dates import STYLES, DateStyle
from tools.price_files.numbers import percent, short
from tools.price_files.sheet import Sheet
from tools.price_files.walks import FIELDS, Chance, Walk

if TYPE_CHECKING:
    from collections.abc import Callable


class Cells:
    """The cells of any column that a layout names."""

    def __init__(
        self,
        chance: Chance,
        sheet: Sheet,
        walk: Walk,
        date_style: DateStyle,
        adjusted: list[float] | None,
    ) -> None:
        """Write a walk by the marks of a sheet."""
        self._chance, self._sheet, self._walk = chance, sheet, walk
        self._date_style, self._adjusted = date_style, adjusted

    def of(self, role: str) -> list[str]:
        """Return the cells of a column."""
        closes = self._walk.bars["close"]
        if role in FIELDS:
            cells = [*map(self._price, self._walk.bars[role])]
        elif role == "adj":
            cells = self._adjusted_closes()
        elif role.startswith("adj-"):
            cells = self._adjusted_bars(role.removeprefix("adj-"))
        elif role.startswith("date"):
            cells = self._dates(role)
        elif role == "prev":
            cells = [*map(self._price, (closes[0], *closes[:-1]))]
        elif role in self._constants():
            cells = [self._constants()[role]] * len(closes)
        else:
            cells = [self._one(role, row) for row in range(len(closes))]
        return cells

    def _adjusted_closes(self) -> list[str]:
        assert self._adjusted is not None
        if self._adjusted == self._walk.bars["close"]:
            return [*map(self._price, self._adjusted)]
        # a vendor computes them, and writes more digits of them than of prices
        decimals = self._walk.decimals + 4
        return [self._sheet.style.write(each, decimals) for each in self._adjusted]

    def _price(self, value: float) -> str:
        return self._sheet.style.write(value, self._sheet.decimals)

    def _adjusted_bars(self, field: str) -> list[str]:
        assert self._adjusted is not None
        closes, prices = self._walk.bars["close"], self._walk.bars[field]
        return [
            self._price(price * to / of)
            for price, to, of in zip(prices, self._adjusted, closes, strict=True)
        ]

    def _dates(self, role: str) -> list[str]:
        days = self._walk.days
        write: Callable[..., str] = self._date_style
        if role == "date-offset":
            # daylight saving, as New York has it but for a week or two
            return [f"{day} 00:00:00-0{4 if 4 <= day.month <= 10 else 5}:00" for day in days]
        if role == "date-unix":
            write = STYLES["seconds"]
        texts = [write(day) for day in days]
        if role == "date-end":
            return [_end_of(text) for text in texts]
        if role == "date-within":
            return [
                text.replace("T00:00", f"T{self._chance.randrange(24):02}:17") for text in texts
            ]
        return texts

    def _constants(self) -> dict[str, str]:
        symbol = self._walk.symbol
        return {
            "symbol": symbol,
            "symbol-quoted": f"'{symbol}",
            "name": f"{symbol} Corp",
            "isin": "US0378331005",
            "series": "EQ",
            "per": "D",
            "currency": "USD",
            "time": "00:00:00",
            "time-compact": "000000",
            "zero": "0",
            "one": "1",
            "empty": "",
        }

    def _one(self, role: str, row: int) -> str:
        chance, style, bars = self._chance, self._sheet.style, self._walk.bars
        close, volume = bars["close"][row], self._walk.volumes[row]
        before = bars["close"][max(row - 1, 0)]
        middle = (bars["high"][row] + bars["low"][row]) / 2
        written: dict[str, Callable[[], str]] = {
            "volume": lambda: str(volume),
            "volume-grouped": lambda: style.whole(volume) if style.group else f"{volume}",
            "volume-short": lambda: short(volume, style),
            "trades": lambda: str(volume // 37),
            "turnover": lambda: f"{volume * close:.2f}".replace(".", style.point),
            "rate": lambda: f"{chance.uniform(-3, 90):.2f}".replace(".", style.point),
            "change": lambda: f"{close - before:.{self._sheet.decimals}f}".replace(
                ".", style.point
            ),
            "percent": lambda: percent(100 * (close / before - 1), style),
            "middle": lambda: self._price(middle),
            "bid": lambda: self._price(close * 0.999),
            "ask": lambda: self._price(close * 1.001),
            "close-too": lambda: self._price(close),
            "above": lambda: self._price(max(bars["high"]) * 1.1),
            "below": lambda: self._price(min(bars["low"]) * 0.9),
            "count": lambda: str(row),
            "weekday": lambda: self._walk.days[row].strftime("%A"),
        }
        return written[role]()


def _end_of(text: str) -> str:
    """Return the last moment of the day that a text is the first of."""
    if text.isdecimal():
        unit = 10 ** (len(text) - 10)
        return str(int(text) + 86400 * unit - 1)
    return text.replace("00:00:00.000", "23:59:59.999").replace("00:00:00", "23:59:59")
