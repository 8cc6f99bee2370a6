"""How vendors write a day."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

DateStyle = Callable[[date], str]

_EXCEL_ZERO: Final = date(1899, 12, 30)

MONTHS: Final = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "en-long": "January February March April May June July August September October November"
    " December",
    "de": "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
    "de-long": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "fr-long": "janvier février mars avril mai juin juillet août septembre octobre novembre"
    " décembre",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "es-long": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
    " diciembre",
    "pt": "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "pl": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "pl-long": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października"
    " listopada grudnia",
    "ru-long": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "sv": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "tr": "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
    "ru": "янв фев мар апр май июн июл авг сен окт ноя дек",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
}
"""The names of months, as calendars of the language abbreviate them."""


def strftime(form: str) -> DateStyle:
    """Return a style by a format of strftime."""
    return lambda day: day.strftime(form)


def by_name(form: str, language: str) -> DateStyle:
    """Return a style with the month's name in a language."""
    names = MONTHS[language].split()
    return lambda day: day.strftime(form.replace("%b", names[day.month - 1]))


def epoch(unit: int, hour: float = 0.0) -> DateStyle:
    """Return a style of so many units a second, at an hour of the day in UTC."""

    def write(day: date) -> str:
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)
        return str(int(moment.timestamp()) * unit)

    return write


def serial(day: date) -> str:
    """Return a day as Excel counts it."""
    return str((day - _EXCEL_ZERO).days)


def without_zeros(form: str) -> DateStyle:
    """Return a style whose days and months have no leading zeros."""
    return lambda day: day.strftime(form.replace("%d", "%-d").replace("%m", "%-m"))


STYLES: Final[dict[str, DateStyle]] = {
    "iso": date.isoformat,
    "iso-midnight": strftime("%Y-%m-%d 00:00:00"),
    "iso-t": strftime("%Y-%m-%dT00:00:00"),
    "iso-ms": strftime("%Y-%m-%d 00:00:00.000"),
    "compact": strftime("%Y%m%d"),
    "slashes": strftime("%Y/%m/%d"),
    "slashes-short": without_zeros("%Y/%m/%d"),
    "dots-year": strftime("%Y.%m.%d"),
    "german": strftime("%d.%m.%Y"),
    "german-short": without_zeros("%d.%m.%Y"),
    "german-two": strftime("%d.%m.%y"),
    "british": strftime("%d/%m/%Y"),
    "british-two": strftime("%d/%m/%y"),
    "british-dashes": strftime("%d-%m-%Y"),
    "american": strftime("%m/%d/%Y"),
    "american-short": without_zeros("%m/%d/%Y"),
    "american-two": strftime("%m/%d/%y"),
    "american-time": without_zeros("%m/%d/%Y 16:00:00"),
    "american-clock": without_zeros("%m/%d/%Y 4:00 PM"),
    "day-name": strftime("%d-%b-%Y"),
    "day-name-two": strftime("%d-%b-%y"),
    "day-name-spaces": strftime("%d %b %Y"),
    "day-name-capitals": lambda day: day.strftime("%d-%b-%Y").upper(),
    "day-name-joined": lambda day: day.strftime("%d%b%Y").upper(),
    "year-name-day": strftime("%Y-%b-%d"),
    "american-dashes": strftime("%m-%d-%Y"),
    "compact-time": strftime("%Y%m%d 00:00:00"),
    "compact-t": strftime("%Y%m%dT000000"),
    "seconds-float": lambda day: epoch(1)(day) + ".0",
    "day-long-name": strftime("%d-%B-%Y"),
    "name-day": strftime("%b %d, %Y"),
    "long-name-day": without_zeros("%B %d, %Y"),
    "weekday": strftime("%a %b %d %Y"),
    "weekday-comma": strftime("%A, %d %B %Y"),
    "chinese": strftime("%Y年%m月%d日"),
    "chinese-short": without_zeros("%Y年%m月%d日"),
    "korean": strftime("%Y년 %m월 %d일"),
    "korean-dots": without_zeros("%Y. %m. %d"),
    "dukascopy": strftime("%d.%m.%Y 00:00:00.000"),
    "utc-name": strftime("%Y-%m-%d 00:00:00 UTC"),
    "z": strftime("%Y-%m-%dT00:00:00Z"),
    "z-ms": strftime("%Y-%m-%dT00:00:00.000Z"),
    "utc": strftime("%Y-%m-%d 00:00:00+00:00"),
    "seconds": epoch(1),
    "milliseconds": epoch(1000),
    "microseconds": epoch(10**6),
    "nanoseconds": epoch(10**9),
    "serial": serial,
    "de": by_name("%d. %b %Y", "de"),
    "de-long": by_name("%d. %b %Y", "de-long"),
    "fr": by_name("%d %b %Y", "fr"),
    "fr-long": by_name("%-d %b %Y", "fr-long"),
    "es": by_name("%d %b %Y", "es"),
    "es-dashes": by_name("%d-%b-%Y", "es"),
    "es-long": by_name("%-d de %b de %Y", "es-long"),
    "pt": by_name("%-d de %b de %Y", "pt"),
    "it": by_name("%d %b %Y", "it"),
    "pl": by_name("%d %b %Y", "pl"),
    "sv": by_name("%d %b %Y", "sv"),
    "pl-long": by_name("%-d %b %Y", "pl-long"),
    "ru-long": by_name("%-d %b %Y", "ru-long"),
    "tr": by_name("%d %b %Y", "tr"),
    "ru": by_name("%d %b %Y", "ru"),
    "nl": by_name("%d %b %Y", "nl"),
}
