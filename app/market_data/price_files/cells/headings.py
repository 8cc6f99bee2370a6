"""
What the heads of columns mean, in the languages in which the large vendors write them.

A head is compared without regard to case, accents, spaces and punctuation. One that holds the
name of a column and something else is taken apart: `Close_AAPL`, `AAPL.Close`, `('Close', 'AAPL')`
are closes of AAPL, `Close (USD)` and `Close Price` are closes, `Close Time` is none.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal[
    "date", "time", "open", "high", "low", "close", "adjusted", "volume", "instrument", "wanted"
]
"""
What a column is for; `adjusted` is the close adjusted for splits and dividends, `wanted` one that
was asked for by its own name.
"""

_MAX_HEAD: Final = 80
"""Characters of a head that are looked at."""

# the better name first: where a file has several, the first that holds what it should is taken
_NAMES: Final[dict[Role, str]] = {
    "date": """
        date, datetime, tradedate, tradingdate, tradingday, observationdate, pricedate,
        businessdate, datadate, ds, day, timestamp, time, opentime, timeopen, gmttime, localtime,
        windowstart, snappedat, dateutc, datetimeutc, timeutc, timestamputc, utc, utctime,
        dategmt, period, asof, asofdate, sessiondate, session, dt, d, t, unix, unixtimestamp,
        epoch, startdate, begin, datum, zeit, zeitpunkt, handelstag, datumzeit, tag, jour,
        horodatage, datedecotation, fecha, fechahora, dia, hora, data, datapregao, datahora,
        giorno, dataora, dato, paivamaara, paivays, pvm, kaupankayntipaiva, tarih, gun,
        data sesji, dzien, дата, датавремя, день, дататоргов, время, begin, 日期, 交易日期,
        交易日, 日付, 日付け, 年月日, 取引日, 时间, 時間, 時間戳, 日時, 날짜, 일자, 거래일,
        거래일자, 년월일, 일시
    """,
    "time": """
        time, hour, uhrzeit, heure, hora, ora, klokkeslett, tid, kello, saat, godzina, время,
        时间, 時間, 時刻, 시간
    """,
    "open": """
        open, 1open, openprice, openingprice, opening, opn, firstprice, first, o, eroffnung,
        eroffn, eroffnungskurs, erster, anfangskurs, ersterkurs, ouverture, ouv, coursouverture,
        courseouverture, coursdouverture, cours d'ouverture, premier, premier cours, cours ouv,
        ouvert, apertura, aper, abre, precioapertura, preciodeapertura, prezzoapertura,
        prezzodiapertura, abertura, abert, precodeabertura, precoabertura, preabe, oppningskurs,
        oppning, oppnings, oppen, oppet, abning, abningskurs, aben, apning, apningskurs, apen,
        apningspris, avaus, avauskurssi, openen, openingskoers, acilis, acilisfiyati, acilistl,
        otwarcie, kursotwarcia, otw, открытие, откр, ценаоткрытия, первая, ценапервойсделки,
        开盘, 开盘价, 開盤, 開盤價, 開市, 開市價, 今开, 始値, 始め値, 始值, 시가, 오픈, 시작가
    """,
    "high": """
        high, 2high, highprice, highestprice, highest, dayhigh, hi, h, max, maxprice, maximum,
        hoch, hochst, hochstkurs, tageshoch, hochstpreis, haut, plushaut, +haut, cours plus haut,
        plus haut du jour, maximo, alto, mayor, max, precio maximo, maximadia, mas alto, massimo,
        prezzo massimo, maxima, alta, precomaximo, premax, hog, hogst, hogsta, hogstakurs,
        hogstapris, hoj, hojest, hojeste, hojestekurs, hoy, hoyest, hoyeste, ylin, korkein,
        ylinkurssi, hoog, hoogste, yuksek, enyuksek, gunicienyuksek, yuksektl, najwyzszy,
        najwyzsza, kursmax, maks, maksimum, максимум, макс, высшая, максимальная,
        максимальнаяцена, 最高, 最高价, 最高價, 高, 高价, 高値, 高值, 고가, 최고가
    """,
    "low": """
        low, 3low, lowprice, lowestprice, lowest, daylow, lo, l, min, minprice, minimum, tief,
        tiefst, tiefstkurs, tagestief, tiefstpreis, niedrig, bas, plusbas, +bas, cours plus bas,
        plus bas du jour, minimo, bajo, menor, precio minimo, minimadia, mas bajo, prezzo minimo,
        minima, baixa, precominimo, premin, lag, lagst, lagsta, lagstakurs, lagstapris, lav,
        lavest, laveste, lavestekurs, alin, matalin, alinkurssi, laag, laagste, dusuk, endusuk,
        guniciendusuk, dusuktl, najnizszy, najnizsza, kursmin, минимум, мин, низшая, минимальная,
        минимальнаяцена, 最低, 最低价, 最低價, 低, 低价, 安値, 安值, 저가, 최저가
    """,
    "close": """
        close, 4close, closeprice, closingprice, closing, closelast, settle, settlement,
        settlementprice, settleprice, legalcloseprice, endprice, value at close, last, lastprice,
        latest, latestprice, lasttrade, ltp, price, nav, c, schlusskurs, schluss, zuletzt,
        letzter, letzterkurs, kurs, schlusspreis, abrechnungspreis, cloture, clot, dernier,
        dernier cours, coursdecloture, courscloture, fermeture, cours, prix, cierre, cerrar,
        preciodecierre, preciocierre, ultimo, ultimoprecio, precio, ult, cotizacion, chiusura,
        prezzochiusura, prezzodichiusura, prezzo, prezzo ufficiale, ultimoprezzo, chius,
        fechamento, fecho, fechamentodia, precodefechamento, precofechamento, ultimopreco, preco,
        preult, cotacao, fech, senaste, senast, senastekurs, senastpris, slutkurs, stangning,
        stangningskurs, stangningspris, slut, seneste, senestekurs, lukkekurs, lukning, luk,
        siste, sistekurs, sluttkurs, slutt, stenging, paatos, paatoskurssi, viimeisin, viimeinen,
        paatosarvo, laatste, slot, slotkoers, koers, laatst, sluitkoers, kapanis, kapanisfiyati,
        kapanistl, simdi, son, sonfiyat, fiyat, zamkniecie, kurszamkniecia, ostatnio, ostatni,
        cena, kurs, закрытие, ценазакрытия, цена, последняя, ценапоследнейсделки, закр, курс,
        收盘, 收盘价, 收盤, 收盤價, 收市, 收市價, 最新价, 現價, 現価, 終値, 終わり値, 终值, 종가,
        현재가, 마감가
    """,
    "adjusted": """
        adjclose, adjustedclose, 5adjustedclose, adjcloseprice, adjustedcloseprice, closeadj,
        closeadjusted, adjustedclosingprice, adjprice, totalreturnclose, adjlast, adjusted,
        adjustierterschlusskurs, adjschlusskurs, angepassterschlusskurs, bereinigterschlusskurs,
        coursajuste, clotureajustee, clotureajuste, coursdeclotureajuste, cierreajustado,
        cierreaj, preciodecierreajustado, fechamentoajustado, chiusurarettificata, chiusuraagg,
        justeradstangningskurs, justeretlukkekurs, duzeltilmiskapanis, duzkapanis,
        скорректированноезакрытие, скоррзакрытие, 后复权价, 复权收盘价, 調整後收盤價, 調整後終値,
        調整済み終値, 終値調整値, 修正終値, 수정종가, 수정주가
    """,
    "volume": """
        volume, 5volume, 6volume, vol, tickvol, totalvolume, volumebtc, sharevolume,
        volumetraded, totaltradequantity, noofshares, numberofshares, tradedquantity, ttltrdqnty,
        quantity, umsatz, stuecke, stucke, volumen, gehandeltestucke, qte, volumes, volumi,
        quantita, voltotal, volumem, quatot, omsattning, omsetning, omsaetning, volym, volumi,
        vaihto, hacim, hac, islemhacmi, lot, wolumen, wol, wolumenobrotu, obrot, объем, объём,
        количество, 成交量, 交易量, 成交股數, 总手, 出来高, 売買高, 売買高株, 거래량
    """,
    "instrument": """
        ticker, symbol, instrument, instrumentid, isin, tscode, uniqueid, stock, stockname,
        stockcode, security, securityid, secid, secname, shortname, name, companyname, company,
        code, asset, contract, figi, cusip, ric, permno, sedol, pair, currencypair, series id,
        scripcode, scrip, scriptname, tckrsymb, codneg, sourcesymbol, underlying, index name,
        indexname, mnemonic, wkn, kurzel, wertpapier, valor, titre, libelle, valeur, simbolo,
        emisora, ativo, papel, titolo, strumento, aktie, vardepapper, kortnamn, papir, hisse,
        sembol, hissekodu, spolka, walor, nazwa, тикер, инструмент, бумага, 股票代码, 代码,
        证券代码, 名称, 股票名称, 證券代號, 證券名稱, 代號, 股票代號, 銘柄, 銘柄コード, コード,
        証券コード, 銘柄名, 종목, 종목코드, 종목명
    """,
}

# beside the name of a column these say of what kind or unit it is, not of which instrument
_QUALIFIERS: Final = frozenset(
    """
    price prices value level index rate usd eur gbp gbx gbp jpy chf cad aud hkd cny rmb inr rs
    krw try tl sek nok dkk pln brl mxn zar rub usdt busd usdc cents pence in of the at day days
    daily today session adj adjusted unadjusted raw local utc gmt est edt et cet jst kurs preis
    cours prix precio prezzo preco fiyat fiyati cena цена price 价 價 円 元 원
    """.split()  # noqa: SIM905 - words are read better so
)
# and with these it is something else
_OTHERS: Final = frozenset(
    """
    time date datetime timestamp interest prev previous prior pre change chg changes pct percent
    perc ratio ret return returns diff volume vol qty quantity count trades turnover amount avg
    average mean median ma sma ema vwap wap twap std var variance volatility range spread gap 52w
    52 week weeks month year ytd hi lo limit upper lower bid ask mid cap marketcap market log lag
    shift next weighted typical strike fair reference ref base nominal face par issue theoretical
    intrinsic target signal flag score rank forecast predicted prediction iv oi factor split
    dividend vorherig vortag veille anterior precedente poprzedni onceki предыдущая
    """.split()  # noqa: SIM905 - words are read better so
)

_unneeded: Final = re.compile(r"[\W_]+")
_words: Final = re.compile(r"[^\W_]+")
_copy: Final = re.compile(r"(.*\D)\.(\d{1,3})")
_LETTERS: Final = str.maketrans("ıłøđßæ", "ilodsa")
"""What has no accent that could be taken off."""


class Head(NamedTuple):
    """What the head of a column says."""

    role: Role
    rank: int
    """How good a name it is among those of its role; 0 is the best."""
    tag: str = ""
    """What stands beside the name: an instrument, as in `Close_AAPL`."""
    copy: int = 0
    """Which of several of one name it is, as pandas counts them: `Close.1` is the second."""


def plain(text: str) -> str:
    """Return what of a head is compared: letters and digits, without case and accents."""
    return _unneeded.sub("", _folded(text))


def meaning(text: str) -> Head | None:
    """Say what a head means; None where it is none of those that are known here."""
    return _meaning(text[:_MAX_HEAD].strip())


def is_other(text: str) -> bool:
    """Tell whether a head says that its column is no price of a bar: an average, a change .."""
    return "%" in text or any(word in _OTHERS for word in _words.findall(_folded(text)))


@lru_cache(maxsize=4096)
def _meaning(text: str) -> Head | None:
    known = _ROLES.get(plain(text)) or _ROLES.get(plain(_mended(text)))
    if known is not None:
        return known
    copied = _copy.fullmatch(text)
    if copied is not None and (head := _ROLES.get(plain(copied[1]))) is not None:
        return head._replace(copy=int(copied[2]))
    # the longest name first: Adj Close before Close
    spans = [(span.start(), span.end()) for span in _words.finditer(text)]
    for length in range(len(spans) - 1, 0, -1):
        for first in range(len(spans) - length + 1):
            start, end = spans[first][0], spans[first + length - 1][1]
            head = _ROLES.get(plain(text[start:end]))
            if head is None or (text[start:end].isascii() and end - start < _LEAST_LETTERS):
                continue
            if head.role in {"date", "time", "instrument"}:
                continue
            return _with_tag(head, text, [*spans[:first], *spans[first + length :]])
    return None


_LEAST_LETTERS: Final = 3
"""Of a name within a head: `C` in `C_AAPL` may be anything."""


def _mended(text: str) -> str:
    """Undo UTF-8 that was read as Latin letters, as in `SchlÃ¼sse`; return others as they are."""
    if text.isascii():
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


def _with_tag(head: Head, text: str, spans: list[tuple[int, int]]) -> Head | None:
    others = []
    for start, end in spans:
        word = _folded(text[start:end])
        if word in _OTHERS:
            return None
        if word not in _QUALIFIERS:
            others.append((start, end))
    if "%" in text:
        return None
    if head.role == "volume":
        return head._replace(rank=head.rank + 100)
    if {"adj", "adjusted"} & set(_words.findall(_folded(text))):
        if head.role not in {"close", "adjusted"}:
            # of the adjusted open, high and low no use is made
            return None
        head = head._replace(role="adjusted")
    if not others:
        return head
    tag = text[others[0][0] : others[-1][1]]
    # `Close AAPL`, `close_aapl`, and no `Close of something`
    is_name = tag == tag.upper() or any(mark in text for mark in "_.'\"")
    return head._replace(tag=tag) if is_name else None


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    lower = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    return "".join(
        letter
        for letter in unicodedata.normalize("NFD", lower)
        if not unicodedata.combining(letter)
    )


def _roles() -> dict[str, Head]:
    roles: dict[str, Head] = {}
    for role, names in _NAMES.items():
        for rank, name in enumerate(names.split(",")):
            roles.setdefault(plain(name), Head(role, rank))
    return roles


_ROLES: Final = _roles()
