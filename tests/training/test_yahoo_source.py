"""
Bars of Yahoo, through yfinance itself, from a server of our own.

recorded/ holds answers of Yahoo's chart address in its layout, a few sessions each, made by hand:
AAPL with a dividend and a split, SAP.DE with a day of nothing and a bar without its open, N225
without volume or adjusted closes, GONE as it says that there is no such symbol.
"""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
import requests
import yfinance
from pydantic import ValidationError
from yfinance.data import YfData

from training.errors import BadConfig, BadData, SourceUnreachable
from training.sources.yahoo import YahooSource, raw, read

RECORDED = Path(__file__).parent / "recorded"

# yfinance uses names of pandas that are on their way out
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:yfinance.*")


@dataclass
class Yahoo:
    """What the server answers, and what it was asked for."""

    answers: dict[str, bytes] = field(default_factory=dict)
    """By symbol; its recorded one where not here."""
    status: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)


@pytest.fixture
def yahoo(tmp_path: Path) -> Iterator[Yahoo]:
    """Send what yfinance asks of any host to a server of our own."""
    said = Yahoo()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            symbol = unquote(address.path.rpartition("/")[2])
            chart = "/v8/finance/chart/" in address.path
            if chart:
                said.asked.append((symbol, parse_qs(address.query)))
            recorded = RECORDED / f"{symbol.removeprefix('^')}.json"
            known = recorded if chart and recorded.exists() else RECORDED / "GONE.json"
            content = said.answers.get(symbol) or known.read_bytes()
            self.send_response(said.status.get(symbol, 200 if known == recorded else 404))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class ToServer(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            address = urlsplit(request.url)
            request.url = address._replace(scheme="http", netloc=netloc).geturl()
            return super().send(request, *args, **kwargs)

    yfinance.set_tz_cache_location(str(tmp_path))
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToServer())
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        netloc = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        YfData(session=session)
        # it remembers zones of symbols, which these tests answer differently
        YfData().cache_get.cache_clear()
        try:
            yield said
        finally:
            server.shutdown()
            thread.join()
            session.close()


def source(*symbols: str, since: date | None = None) -> YahooSource:
    return YahooSource(kind="yahoo", symbols=symbols, since=since)


@pytest.mark.usefixtures("yahoo")
def test_bars_are_adjusted_and_dated_where_the_exchange_is() -> None:
    read_bars = read(source("^N225", "AAPL"))

    assert read_bars["instrument"].tolist() == ["AAPL"] * 5 + ["^N225"] * 2
    assert read_bars["date"].astype(str).tolist() == [
        "2020-08-05", "2020-08-06", "2020-08-07", "2020-08-28", "2020-08-31",
        "2020-01-06", "2020-01-07",
    ]  # fmt: skip
    first = read_bars.iloc[0]
    share = 109.16 / 110.06
    assert first["close"] == pytest.approx(109.16)
    assert first["open"] == pytest.approx(109.38 * share)
    assert first["high"] == pytest.approx(110.39 * share)
    assert first["low"] == pytest.approx(108.90 * share)
    assert first["volume"] == 121_776_800
    assert read_bars.iloc[-1]["close"] == 23_576.0
    assert read_bars.dtypes.astype(str).tolist() == ["str", "datetime64[us]", *["float64"] * 5]


@pytest.mark.usefixtures("yahoo")
def test_a_day_of_nothing_is_none_and_a_price_that_is_missing_is_no_number() -> None:
    read_bars = read(source("SAP.DE"))

    assert read_bars["date"].astype(str).tolist() == ["2020-03-26", "2020-03-27", "2020-03-31"]
    assert read_bars["open"].isna().tolist() == [False, False, True]
    assert read_bars["close"].tolist() == pytest.approx([101.0, 100.02, 102.96])


def test_it_asks_for_all_there_is_or_since_a_date(yahoo: Yahoo) -> None:
    read(source("AAPL", "AAPL"))
    read(source("AAPL", since=date(2020, 8, 6)))

    [everything, since] = [asked for _, asked in yahoo.asked if "period1" in asked]
    assert int(everything["period1"][0]) < 0
    assert since["period1"] == [
        str(int(pd.Timestamp("2020-08-06", tz="America/New_York").timestamp()))
    ]


def changed(symbol: str, **meta: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((RECORDED / f"{symbol}.json").read_text())
    answer["chart"]["result"][0]["meta"].update(meta)
    return answer


@pytest.mark.parametrize(("left_s", "sessions"), [(3600, 4), (-3600, 5)])
def test_a_session_under_way_is_no_bar_yet(yahoo: Yahoo, left_s: int, sessions: int) -> None:
    answer = changed("AAPL")
    [result] = answer["chart"]["result"]
    began = int(time.time()) - 7200
    zone = {"timezone": "EST", "gmtoffset": -18000}
    regular = {"start": began, "end": int(time.time()) + left_s, **zone}
    result["meta"]["currentTradingPeriod"] = {"regular": regular}
    result["timestamp"][-1] = began
    yahoo.answers["AAPL"] = json.dumps(answer).encode()

    assert len(read(source("AAPL"))) == sessions


def test_symbols_that_yahoo_does_not_know_are_named(yahoo: Yahoo) -> None:
    empty = changed("N225")
    [result] = empty["chart"]["result"]
    result["indicators"]["quote"] = [
        {name: [] for name in ("open", "high", "low", "close", "volume")}
    ]
    result["timestamp"] = []
    yahoo.answers["EMPTY"] = json.dumps(empty).encode()

    with pytest.raises(BadData) as raised:
        read(source("AAPL", "GONE", "EMPTY"))

    assert "Yahoo: no prices of 2 of 3 symbols: GONE (" in str(raised.value)
    assert "EMPTY (" in str(raised.value)


@pytest.mark.usefixtures("yahoo")
def test_one_symbol_that_is_gone_is_bad_data_and_all_of_several_are_a_refusal() -> None:
    with pytest.raises(BadData, match="no prices of 1 of 1 symbols: GONE"):
        read(source("GONE"))
    with pytest.raises(SourceUnreachable, match="no prices of 2 of 2 symbols: GONE"):
        read(source("GONE", "ALSO"))


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (429, b"Too Many Requests", "Yahoo, AAPL: YFRateLimitError"),
        (503, b"<html>Service Unavailable</html>", "Yahoo, AAPL: JSONDecodeError"),
        (200, b"Will be right back", "Yahoo, AAPL: "),
        (200, b'{"chart": {"result": [{}], "error": null}}', "Yahoo, AAPL: "),
    ],
)
def test_what_is_no_answer_may_be_tried_again(
    yahoo: Yahoo, status: int, content: bytes, said: str
) -> None:
    yahoo.status["AAPL"], yahoo.answers["AAPL"] = status, content

    with pytest.raises(SourceUnreachable, match=said):
        read(source("AAPL"))

    yahoo.status.clear()
    yahoo.answers.clear()
    assert len(read(source("AAPL"))) == 5


def test_a_proxy_that_is_not_there_may_be_tried_again() -> None:
    """As the real client has it, whose errors are of its own."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    # a process of its own: TensorFlow, which other tests have loaded into this one, brings a
    # libcurl that yfinance's then takes for its own. A retraining reads before it loads it
    script = (
        "import yfinance\n"
        "from training.errors import SourceUnreachable\n"
        "from training.sources.yahoo import YahooSource, read\n"
        f"yfinance.config.network.proxy = 'http://127.0.0.1:{port}'\n"
        "try:\n"
        "    read(YahooSource(kind='yahoo', symbols=('AAPL',)))\n"
        "except SourceUnreachable as error:\n"
        "    print(error)\n"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert re.match(r"Yahoo, AAPL: .*127\.0\.0\.1", ran.stdout)


@pytest.mark.usefixtures("yahoo")
def test_errors_are_hidden_again_where_they_were() -> None:
    assert yfinance.config.debug.hide_exceptions
    with pytest.raises(BadData):
        read(source("GONE"))
    assert yfinance.config.debug.hide_exceptions


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)

    with pytest.raises(BadConfig, match=r'pip install "nextday\[yahoo\]"'):
        read(source("AAPL"))


def history(**columns: list[float]) -> pd.DataFrame:
    """Return two sessions in the layout of `Ticker.history`."""
    index = pd.DatetimeIndex(["2020-01-02", "2020-01-03"], tz="Asia/Tokyo", name="Date")
    return pd.DataFrame(columns, index=index)


def test_a_frame_that_was_adjusted_already_is_refused() -> None:
    prices = {name: [1.0, 2.0] for name in ("Open", "High", "Low", "Close", "Volume")}

    with pytest.raises(BadData, match="Yahoo, A: no column Adj Close; the columns are Open, High"):
        raw("A", history(**prices), None)

    rows = raw("A", history(**prices, **{"Adj Close": [1.0, np.nan]}), None)
    assert rows["date"].astype(str).tolist() == ["2020-01-02", "2020-01-03"]
    assert rows["instrument"].tolist() == ["A", "A"]


@pytest.mark.parametrize("symbols", [[], [""], ["A B"], [1], "AAPL"])
def test_symbols_are_a_list_of_names(symbols: Any) -> None:
    with pytest.raises(ValidationError):
        YahooSource.model_validate({"kind": "yahoo", "symbols": symbols})
