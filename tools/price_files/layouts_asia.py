"""The tables of East Asia's vendors, in their languages and letters."""

from typing import Final

from tools.price_files.layout import Layout
from tools.price_files.numbers import AMERICAN, PLAIN, SIX, TRIMMED

_CHINESE: Final = ("utf-8", "utf-8-sig", "gbk", "gb18030")
_TAIWANESE: Final = ("utf-8", "utf-8-sig", "big5")
_JAPANESE: Final = ("utf-8", "utf-8-sig", "shift_jis", "cp932")
_KOREAN: Final = ("utf-8", "utf-8-sig", "euc-kr", "cp949")

ASIAN_LAYOUTS: Final = (
    Layout(
        "akshare",
        "日期=date|股票代码=symbol|开盘=open|收盘=close|最高=high|最低=low|成交量=volume"
        "|成交额=turnover|振幅=rate|涨跌幅=rate|涨跌额=change|换手率=rate",
        styles=(TRIMMED, PLAIN),
        encodings=_CHINESE,
        calendars=("XSHG",),
    ),
    Layout(
        "netease",
        "日期=date|股票代码=symbol-quoted|名称=name|收盘价=close|最高价=high|最低价=low"
        "|开盘价=open|前收盘=prev|涨跌额=change|涨跌幅=rate|换手率=rate|成交量=volume"
        "|成交金额=turnover|总市值=turnover|流通市值=turnover",
        order="newest",
        encodings=("gbk", "gbk", "utf-8"),
        calendars=("XSHG",),
    ),
    Layout(
        "eastmoney",
        "时间=date|开盘=open|最高=high|最低=low|收盘=close|成交量=volume|成交额=turnover",
        dates=("iso", "slashes", "compact", "chinese"),
        delimiters=(",", "\t"),
        order="any",
        encodings=_CHINESE,
        calendars=("XSHG",),
    ),
    Layout(
        "investing in Chinese",
        "日期=date|收盘=close|开盘=open|高=high|低=low|交易量=volume-short|涨跌幅=percent",
        dates=("iso", "chinese-short", "slashes-short"),
        styles=(AMERICAN,),
        order="newest",
        quoting=("all",),
        encodings=_CHINESE,
        calendars=("XSHG",),
    ),
    Layout(
        "investing in Hong Kong",
        "日期=date|收市=close|開市=open|高=high|低=low|成交量=volume-short|升跌\uff08%\uff09=percent",
        dates=("chinese-short", "slashes"),
        styles=(AMERICAN,),
        order="newest",
        quoting=("all",),
        encodings=_TAIWANESE,
        calendars=("XHKG",),
    ),
    Layout(
        "taiwan",
        "日期=date|成交股數=volume-grouped|成交金額=volume-grouped|開盤價=open|最高價=high"
        "|最低價=low|收盤價=close|漲跌價差=change|成交筆數=trades",
        dates=("slashes", "iso", "compact"),
        styles=(AMERICAN,),
        quoting=("all",),
        encodings=_TAIWANESE,
        calendars=("XTAI",),
    ),
    Layout(
        "a Taiwanese broker",
        "日期=date|開盤=open|最高=high|最低=low|收盤=close|成交量=volume",
        dates=("slashes", "slashes-short"),
        order="any",
        encodings=_TAIWANESE,
        calendars=("XTAI",),
    ),
    Layout(
        "a Japanese broker",
        "日付=date|始値=open|高値=high|安値=low|終値=close|出来高=volume",
        dates=("slashes", "slashes-short", "iso", "chinese-short"),
        order="any",
        encodings=_JAPANESE,
        calendars=("XTKS",),
    ),
    Layout(
        "yahoo in Japan",
        "日付=date|始値=open|高値=high|安値=low|終値=close|出来高=volume|調整後終値=adj",
        dates=("chinese-short", "slashes"),
        order="newest",
        encodings=_JAPANESE,
        calendars=("XTKS",),
    ),
    Layout(
        "nikkei",
        "データ日付=date|終値=close|始値=open|高値=high|安値=low",
        dates=("slashes",),
        quoting=("all",),
        encodings=("shift_jis", "cp932"),
        footer=(
            '"本資料は日経の著作物であり、本資料の全部又は一部を問わず、無断で複写できません。"',
        ),
        calendars=("XTKS",),
    ),
    Layout(
        "investing in Japanese",
        "日付け=date|終値=close|始値=open|高値=high|安値=low|出来高=volume-short|変化率 %=percent",
        dates=("chinese", "slashes", "iso"),
        styles=(AMERICAN,),
        order="newest",
        quoting=("all",),
        encodings=("utf-8-sig", "utf-8"),
        calendars=("XTKS",),
    ),
    Layout(
        "krx",
        "일자=date|종가=close|대비=change|등락률=rate|시가=open|고가=high|저가=low"
        "|거래량=volume|거래대금=turnover|시가총액=turnover|상장주식수=volume",
        dates=("slashes", "iso"),
        order="newest",
        quoting=("all", "minimal"),
        encodings=_KOREAN,
        calendars=("XKRX",),
    ),
    Layout(
        "naver",
        "날짜=date|종가=close|전일비=change|시가=open|고가=high|저가=low|거래량=volume-grouped",
        dates=("dots-year", "korean-dots"),
        styles=(PLAIN,),
        order="newest",
        encodings=_KOREAN,
        calendars=("XKRX",),
    ),
    Layout(
        "investing in Korean",
        "날짜=date|종가=close|시가=open|고가=high|저가=low|거래량=volume-short|변동 %=percent",
        dates=("korean-dots", "iso", "korean"),
        styles=(AMERICAN,),
        order="newest",
        quoting=("all",),
        encodings=("utf-8-sig", "utf-8"),
        calendars=("XKRX",),
    ),
    Layout(
        "pykrx",
        "날짜=date|시가=open|고가=high|저가=low|종가=close|거래량=volume|등락률=rate",
        styles=(SIX, PLAIN),
        encodings=_KOREAN,
        calendars=("XKRX",),
    ),
)
