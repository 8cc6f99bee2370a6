"""What the service made of a file, held against the truth."""

import enum
import math
import re
import time
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from tools.price_files.asks import Answer, Asker
from tools.price_files.price_file import Expect, PriceFile, Truth

_OK: Final = 200
_INTERNAL: Final = 500
_LONGEST_DETAIL: Final = 1000
"""Characters of a reason: a vendor's sentence may be of any length."""


class Verdict(enum.StrEnum):
    """What became of a file."""

    READ = "read"
    REFUSED = "refused"
    WARNED = "warned"
    UNHELPFUL = "unhelpful"
    LOST = "lost"
    MISREAD = "misread"
    BROKEN = "broken"


class Outcome(NamedTuple):
    """The verdict of one file, and why."""

    name: str
    kind: str
    shape: str
    is_sound: bool
    verdict: Verdict
    why: str
    seconds: float
    """Of the first of its requests."""

    @property
    def is_read_right(self) -> bool:
        """Whether a sound file was read as it has to be, however little was said of it."""
        return self.is_sound and self.verdict in {Verdict.READ, Verdict.UNHELPFUL}


class Answers(NamedTuple):
    """What was answered to a file; JSON is no request for a forecast, and has the bars alone."""

    plain: Answer | None
    strict: Answer | None
    bars: Answer


async def look(asker: Asker, file: PriceFile) -> Outcome:
    """Ask what the service makes of a file."""
    began = time.perf_counter()
    answers, seconds = await _ask(asker, file, began)
    verdict, why = judge(file, answers)
    return Outcome(file.name, file.kind, file.shape, file.is_sound, verdict, why, seconds)


async def _ask(asker: Asker, file: PriceFile, began: float) -> tuple[Answers, float]:
    query = {"calendar": file.calendar} if file.calendar else {}
    if file.media_type != "text/csv":
        bars = await asker.post("/bars", query, file.content, file.media_type)
        return Answers(None, None, bars), time.perf_counter() - began
    plain = await asker.post("/predict", query, file.content, file.media_type)
    seconds = time.perf_counter() - began
    strict = await asker.post("/predict", query | {"strict": "true"}, file.content, file.media_type)
    bars = await asker.post("/bars", query, file.content, file.media_type)
    return Answers(plain, strict, bars), seconds


def judge(file: PriceFile, answers: Answers) -> tuple[Verdict, str]:
    """Return the verdict, and why."""
    for answer in answers:
        if answer is not None and (answer.status >= _INTERNAL or answer.body is None):
            return Verdict.BROKEN, f"{answer.status} {answer.detail}"
    # NaN and what else no price is differs from every truth
    wrong_bars = _wrong_bars(file, answers.bars)
    if answers.plain is None or answers.strict is None:
        return _of_bars_alone(file, answers.bars, wrong_bars)
    plain, strict, bars = answers.plain, answers.strict, answers.bars
    if file.is_sound:
        return _of_sound(file, plain, strict, bars, wrong_bars)
    if plain.status != _OK:
        refused = _said(file, [plain.detail], Verdict.REFUSED)
        return _unless_silent(file, bars, wrong_bars, refused)
    wrong = _wrong_forecast(file.truth, plain) or (wrong_bars if bars.status == _OK else "")
    undated = file.is_of_calendar and plain.warnings and plain.body["forecast_date"] is None
    if strict.status != _OK or undated:
        messages = [strict.detail, *_messages(plain)]
        warned = _said(file, messages, Verdict.WARNED)
        return _unless_silent(file, bars, wrong_bars, warned)
    return (Verdict.MISREAD, f"no warning; {wrong}") if wrong else (Verdict.READ, "")


def _of_bars_alone(file: PriceFile, bars: Answer, wrong: str) -> tuple[Verdict, str]:
    refused, warned = bars.status != _OK, bool(bars.warnings)
    if wrong and not refused and not warned:
        return Verdict.MISREAD, f"no warning; {wrong}"
    if file.is_sound:
        if refused:
            return Verdict.LOST, f"refused: {bars.detail}"
        short = wrong or _missing(file, bars)
        if short or (warned and file.expect is Expect.SOUND):
            return Verdict.LOST, short or f"warned of: {_messages(bars)[0]}"
        return _said(file, _messages(bars), Verdict.READ)
    if refused:
        return _said(file, [bars.detail], Verdict.REFUSED)
    return _said(file, _messages(bars), Verdict.WARNED) if warned else (Verdict.READ, "")


def _of_sound(
    file: PriceFile, plain: Answer, strict: Answer, bars: Answer, wrong_bars: str
) -> tuple[Verdict, str]:
    silent = strict.status == _OK
    wrong = "" if plain.status != _OK else _wrong_forecast(file.truth, plain)
    if wrong:
        return (Verdict.MISREAD if silent else Verdict.LOST), wrong
    if bars.status == _OK and wrong_bars:
        return (Verdict.LOST if bars.warnings else Verdict.MISREAD), wrong_bars
    if bars.status == _OK and (missing := _missing(file, bars)):
        return Verdict.LOST, missing
    for answer, by in ((plain, ""), (bars, " by /bars"), (strict, " by strict")):
        may_refuse = answer is strict and (
            file.expect is Expect.NOTED or strict.detail.startswith(file.allowed)
        )
        if answer.status != _OK and not may_refuse:
            return Verdict.LOST, f"refused{by}: {answer.detail}"
    return _said(file, _messages(plain), Verdict.READ)


def _unless_silent(
    file: PriceFile, bars: Answer, wrong_bars: str, otherwise: tuple[Verdict, str]
) -> tuple[Verdict, str]:
    """Return a verdict, unless `/bars` gave wrong columns without a word."""
    if file.by_reader and bars.status == _OK and wrong_bars and not bars.warnings:
        return Verdict.MISREAD, f"by /bars, no warning; {wrong_bars}"
    return otherwise


def _messages(answer: Answer) -> list[str]:
    return [str(each.get("message")) for each in answer.warnings]


def _said(file: PriceFile, messages: Iterable[str], verdict: Verdict) -> tuple[Verdict, str]:
    """Return a verdict, or that what has to be named is not."""
    text = "; ".join(messages)
    if len(text) > _LONGEST_DETAIL and verdict is Verdict.REFUSED:
        return Verdict.UNHELPFUL, f"{len(text)} characters: {text[:100]}"
    for said in file.said:
        if not any(re.search(each, text, re.IGNORECASE) for each in said):
            return Verdict.UNHELPFUL, f"does not name {' or '.join(said)}: {text[:200]}"
    return verdict, text


def _wrong_forecast(truth: Truth | None, answer: Answer) -> str:
    """Say what is wrong with a forecast; nothing where nothing is."""
    if truth is None:
        return "nothing of it can be right"
    last, day = answer.body.get("last_price"), answer.body.get("forecast_date")
    if not _is_price(last) or not truth.same("close", -1, last):
        return f"last_price {last}, and the newest close is {truth.newest}"
    expected = truth.forecast_date
    if expected is not None and day != expected.isoformat():
        return f"forecast_date {day}, and the next session is {expected}"
    return ""


def _wrong_bars(file: PriceFile, answer: Answer) -> str:
    """Say what is wrong with the bars that were read; nothing where nothing is."""
    truth = file.truth
    if answer.status != _OK:
        return "refused"
    if truth is None:
        return "nothing of it can be right"
    read: dict[str, list[Any]] = answer.body.get("bars") or {}
    if not read or not read.keys() <= truth.bars.keys():
        return f"columns {', '.join(read)}, and the file has {', '.join(truth.bars)}"
    wrong = _wrong_dates(truth, answer.body.get("dates") or [])
    return wrong or next(filter(None, (_wrong_column(truth, *each) for each in read.items())), "")


def _missing(file: PriceFile, bars: Answer) -> str:
    """Say which columns were left out: what was read is right, and less than the file has."""
    assert file.truth is not None
    left_out = [name for name in file.truth.bars if name not in bars.body["bars"]]
    return f"without the columns {', '.join(left_out)}" if left_out else ""


def _wrong_column(truth: Truth, name: str, prices: list[Any]) -> str:
    right = truth.bars[name]
    if len(prices) != len(right):
        return f"{len(prices)} rows, and the file has {len(right)}"
    for row, price in enumerate(prices):
        if not _is_price(price) or not truth.same(name, row, price):
            return f"{name} {price} in row {row}, and the file says {right[row]}"
    return ""


def _wrong_dates(truth: Truth, dates: list[str]) -> str:
    right = [day.isoformat() for day in truth.dates or ()]
    for row, (read, said) in enumerate(zip(dates, right, strict=False)):
        if read != said:
            return f"date {read} in row {row}, and the file says {said}"
    return "" if len(dates) == len(right) else f"{len(dates)} dates, and the file has {len(right)}"


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
