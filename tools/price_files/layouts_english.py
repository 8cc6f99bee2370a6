"""The tables of vendors in English: their columns, heads, marks and letters."""

from typing import Final

from tools.price_files.layout import Layout
from tools.price_files.numbers import (
    AMERICAN,
    COMMA,
    DOLLAR,
    EUROPEAN,
    INDIAN,
    NARROW,
    NO_BREAK,
    PLAIN,
    SIX,
    SPACED,
    SWISS,
    SWISS_EXCEL,
    TRIMMED,
)
from tools.price_files.sessions import EVERY_DAY, WEEKDAYS

US: Final = ("XNYS",)
CRYPTO: Final = (EVERY_DAY,)
WESTERN: Final = ("utf-8", "utf-8-sig", "cp1252", "utf-16")
_INVESTING: Final = ("all",)
_BOM: Final = ("utf-8-sig", "utf-8")

ENGLISH: Final = (
    Layout(
        "yahoo",
        "Date=date|Open=open|High=high|Low=low|Close=close|Adj Close=adj|Volume=volume",
        styles=(SIX, TRIMMED, PLAIN),
    ),
    Layout(
        "yahoo's page",
        "Date=date|Open=open|High=high|Low=low|Close*=close|Adj Close**=adj|Volume=volume-grouped",
        dates=("name-day", "name-day", "american"),
        styles=(AMERICAN,),
        order="newest",
        quoting=("minimal", "all"),
    ),
    Layout(
        "yfinance history",
        "Date=date-offset|Open=open|High=high|Low=low|Close=close|Volume=volume|Dividends=zero"
        "|Stock Splits=zero",
        styles=(TRIMMED,),
        calendars=US,
    ),
    Layout(
        "stooq",
        "Date=date|Open=open|High=high|Low=low|Close=close|Volume=volume",
        styles=(TRIMMED, PLAIN),
    ),
    Layout(
        "stooq in bulk",
        "<TICKER>=symbol|<PER>=per|<DATE>=date|<TIME>=time-compact|<OPEN>=open|<HIGH>=high"
        "|<LOW>=low|<CLOSE>=close|<VOL>=volume|<OPENINT>=zero",
        dates=("compact",),
    ),
    Layout(
        "nasdaq",
        "Date=date|Close/Last=close|Volume=volume|Open=open|High=high|Low=low",
        dates=("american",),
        styles=(DOLLAR, PLAIN),
        order="newest",
        calendars=US,
    ),
    Layout(
        "alpha vantage",
        "timestamp=date|open=open|high=high|low=low|close=close|volume=volume",
        order="newest",
    ),
    Layout(
        "alpha vantage adjusted",
        "timestamp=date|open=open|high=high|low=low|close=close|adjusted_close=adj|volume=volume"
        "|dividend_amount=zero|split_coefficient=one",
        order="newest",
    ),
    Layout(
        "investing",
        "Date=date|Price=close|Open=open|High=high|Low=low|Vol.=volume-short|Change %=percent",
        dates=("american", "name-day"),
        styles=(AMERICAN,),
        order="newest",
        quoting=_INVESTING,
        encodings=_BOM,
    ),
    Layout(
        "kaggle",
        "date=date|open=open|high=high|low=low|close=close|volume=volume|Name=symbol",
        calendars=US,
    ),
    Layout(
        "nse",
        "Date =date|series =series|OPEN =open|HIGH =high|LOW =low|PREV. CLOSE =prev|ltp =close-too"
        "|close =close|vwap =middle|52W H=above|52W L =below|VOLUME =volume-grouped"
        "|VALUE =volume-grouped|No of trades =trades",
        dates=("day-name",),
        styles=(INDIAN,),
        order="newest",
        quoting=("all",),
        encodings=_BOM,
        calendars=("XBOM",),
    ),
    Layout(
        "nse index",
        "Date =date|Open =open|High =high|Low =low|Close =close|Shares Traded =volume"
        "|Turnover (\u20b9 Cr)=trades",
        dates=("day-name", "day-name-two"),
        styles=(PLAIN,),
        order="newest",
        quoting=("minimal", "all"),
        encodings=_BOM,
        calendars=("XBOM",),
    ),
    Layout(
        "bse",
        "Date=date|Open Price=open|High Price=high|Low Price=low|Close Price=close|WAP=middle"
        "|No.of Shares=volume|No. of Trades=trades|Total Turnover (Rs.)=turnover"
        "|Deliverable Quantity=trades|% Deli. Qty to Traded Qty=rate|Spread High-Low=rate"
        "|Spread Close-Open=change",
        dates=("day-long-name",),
        order="newest",
        is_ragged=True,
        calendars=("XBOM",),
    ),
    Layout(
        "dukascopy",
        "Gmt time=date|Open=open|High=high|Low=low|Close=close|Volume=trades",
        dates=("dukascopy",),
        calendars=(WEEKDAYS,),
    ),
    Layout(
        "metatrader 5",
        "<DATE>=date|<OPEN>=open|<HIGH>=high|<LOW>=low|<CLOSE>=close|<TICKVOL>=volume|<VOL>=zero"
        "|<SPREAD>=one",
        dates=("dots-year",),
        delimiters=("\t",),
        encodings=("utf-8", "utf-16"),
        calendars=(WEEKDAYS, "XNYS"),
    ),
    Layout(
        "metatrader 5 with a time",
        "<DATE>=date|<TIME>=time|<OPEN>=open|<HIGH>=high|<LOW>=low|<CLOSE>=close"
        "|<TICKVOL>=volume|<VOL>=zero|<SPREAD>=one",
        dates=("dots-year",),
        delimiters=("\t", ","),
        calendars=(WEEKDAYS,),
    ),
    Layout(
        "binance",
        "open_time=date|open=open|high=high|low=low|close=close|volume=rate|close_time=date-end"
        "|quote_volume=turnover|count=trades|taker_buy_volume=rate"
        "|taker_buy_quote_volume=rate|ignore=zero",
        dates=("milliseconds", "microseconds"),
        styles=(SIX, TRIMMED),
        calendars=CRYPTO,
    ),
    Layout(
        "binance by hand",
        "Open time=date|Open=open|High=high|Low=low|Close=close|Volume=rate"
        "|Close time=date-end|Quote asset volume=turnover|Number of trades=trades",
        dates=("milliseconds", "iso", "iso-midnight"),
        calendars=CRYPTO,
    ),
    Layout(
        "cryptodatadownload",
        "unix=date-unix|date=date|symbol=symbol|open=open|high=high|low=low|close=close"
        "|Volume BTC=rate|Volume USD=turnover",
        dates=("iso-midnight", "iso"),
        order="newest",
        preamble=("https://www.CryptoDataDownload.com",),
        calendars=CRYPTO,
    ),
    Layout(
        "coingecko",
        "snapped_at=date|price=close|market_cap=turnover|total_volume=turnover",
        dates=("utc-name",),
        styles=(TRIMMED,),
        calendars=CRYPTO,
    ),
    Layout(
        "coinmarketcap",
        "timeOpen=date|timeClose=date-end|timeHigh=date-within|timeLow=date-within|name=name"
        "|open=open|high=high|low=low|close=close|volume=turnover|marketCap=turnover"
        "|timestamp=date-end",
        dates=("z-ms",),
        styles=(TRIMMED, PLAIN),
        delimiters=(";",),
        order="newest",
        quoting=("minimal", "all"),
        calendars=CRYPTO,
    ),
    Layout(
        "tradingview",
        "time=date|open=open|high=high|low=low|close=close|Volume=volume",
        dates=("iso", "seconds"),
        styles=(TRIMMED,),
    ),
    Layout(
        "barchart",
        "Symbol=symbol|Time=date|Open=open|High=high|Low=low|Last=close|Change=change"
        "|%Chg=percent|Volume=volume",
        dates=("american", "american-two", "iso"),
        order="newest",
        footer=('"Downloaded from Barchart.com as of 07-13-2024 08:00am CDT"',),
        calendars=US,
    ),
    Layout("fred", "observation_date=date|SP500=close", calendars=US),
    Layout("fred, older", "DATE=date|DEXUSEU=close", styles=(PLAIN,), calendars=(WEEKDAYS,)),
    Layout(
        "macrotrends",
        "date=date|open=open|high=high|low=low|close=close|volume=volume",
        preamble=(
            "Macrotrends Data Download",
            "",
            "ACME - prices and volume",
            "Disclaimer and Terms of Use: Historical stock data is provided as is,",
            "and solely for informational purposes, not for trading.",
            "",
        ),
        calendars=US,
    ),
    Layout(
        "google sheets",
        "Date=date|Open=open|High=high|Low=low|Close=close|Volume=volume",
        dates=("american-time", "american-clock", "american-short"),
        styles=(TRIMMED, PLAIN),
        delimiters=(",", "\t"),
    ),
    Layout(
        "marketwatch",
        "Date=date|Open=open|High=high|Low=low|Close=close|Volume=volume-grouped",
        dates=("american",),
        styles=(AMERICAN,),
        order="newest",
        quoting=("minimal",),
        calendars=US,
    ),
    Layout(
        "wsj",
        "Date=date|Open=open|High=high|Low=low|Close=close",
        dates=("american-two",),
        styles=(PLAIN,),
        order="newest",
        space=" ",
        calendars=US,
    ),
    Layout(
        "quandl",
        "Date=date|Open=open|High=high|Low=low|Close=close|Volume=volume|Ex-Dividend=zero"
        "|Split Ratio=one|Adj. Open=adj-open|Adj. High=adj-high|Adj. Low=adj-low|Adj. Close=adj"
        "|Adj. Volume=volume",
        order="any",
        calendars=US,
    ),
    Layout(
        "tiingo",
        "date=date|close=close|high=high|low=low|open=open|volume=volume|adjClose=adj"
        "|adjHigh=adj-high|adjLow=adj-low|adjOpen=adj-open|adjVolume=volume|divCash=zero"
        "|splitFactor=one",
        dates=("iso", "utc"),
        calendars=US,
    ),
    Layout(
        "eodhd",
        "Date=date|Open=open|High=high|Low=low|Close=close|Adjusted_close=adj|Volume=volume",
    ),
    Layout(
        "twelve data",
        "datetime=date|open=open|high=high|low=low|close=close|volume=volume",
        delimiters=(";",),
        styles=(SIX, PLAIN),
        order="newest",
    ),
    Layout(
        "tushare",
        "ts_code=symbol|trade_date=date|open=open|high=high|low=low|close=close|pre_close=prev"
        "|change=change|pct_chg=rate|vol=volume|amount=turnover",
        dates=("compact",),
        styles=(TRIMMED, PLAIN),
        order="newest",
        calendars=("XSHG",),
    ),
    Layout(
        "bloomberg",
        "Date=date|PX_OPEN=open|PX_HIGH=high|PX_LOW=low|PX_LAST=close|PX_VOLUME=volume",
        dates=("american-short", "iso", "british"),
    ),
    Layout(
        "refinitiv",
        "Exchange Date=date|Close=close|Net=change|%Chg=percent|Open=open|Low=low|High=high"
        "|Volume=volume-grouped|Turnover - USD=turnover",
        dates=("day-name", "day-name-two"),
        styles=(AMERICAN, PLAIN),
        order="newest",
    ),
    Layout(
        "euronext",
        "Date=date|Open=open|High=high|Low=low|Last=close-too|Close=close|Number of Shares=volume"
        "|Number of Trades=trades|Turnover=turnover|vwap=middle",
        dates=("british",),
        styles=(PLAIN, COMMA),
        delimiters=(";",),
        order="newest",
        preamble=('"Historical Data"', "From 2023-07-12 to 2024-07-12", "FR0000131104"),
        calendars=("XPAR",),
    ),
    Layout(
        "nasdaq nordic",
        "Date=date|Bid=bid|Ask=ask|Opening price=open|High price=high|Low price=low"
        "|Closing price=close|Average price=middle|Total volume=volume|Turnover=turnover"
        "|Trades=trades",
        styles=(COMMA, PLAIN),
        delimiters=(";",),
        order="newest",
        preamble=("sep=;",),
        is_ragged=True,
        calendars=("XSTO",),
    ),
    Layout(
        "r",
        "=date|OPEN=open|HIGH=high|LOW=low|CLOSE=close|VOLUME=volume|ADJUSTED=adj",
        styles=(TRIMMED,),
        quoting=("minimal",),
    ),
    Layout(
        "tidyquant",
        "symbol=symbol|date=date|open=open|high=high|low=low|close=close|volume=volume"
        "|adjusted=adj",
        styles=(TRIMMED,),
    ),
    Layout(
        "sql",
        "id=count|ticker=symbol|trade_date=date|open_price=open|high_price=high|low_price=low"
        "|close_price=close|volume=volume",
        dates=("iso", "iso-midnight", "iso-ms"),
        delimiters=(",", "\t"),
        order="any",
    ),
    Layout(
        "julia",
        "timestamp=date|Open=open|High=high|Low=low|Close=close|AdjClose=adj|Volume=volume",
        dates=("iso", "iso-t"),
        styles=(TRIMMED,),
    ),
    Layout(
        "pandas",
        "=count|date=date|open=open|high=high|low=low|close=close|volume=volume",
        styles=(TRIMMED,),
        order="any",
    ),
    Layout(
        "excel",
        "Date=date|Open=open|High=high|Low=low|Close=close",
        dates=("american-short", "german", "british", "serial", "day-name-two"),
        styles=(COMMA, SPACED, NO_BREAK, NARROW, EUROPEAN),
        delimiters=(";",),
        order="any",
        encodings=WESTERN,
    ),
    Layout(
        "excel in switzerland",
        "Date=date|Open=open|High=high|Low=low|Close=close|Volume=volume-grouped",
        dates=("german",),
        styles=(SWISS, SWISS_EXCEL),
        delimiters=(";", "\t"),
        order="any",
        encodings=WESTERN,
    ),
)
