"""The tables of Europe's and Latin America's vendors, in their languages."""

from typing import Final

from tools.price_files.layout import Layout
from tools.price_files.numbers import (
    COMMA,
    EUROPEAN,
    NO_BREAK,
    PLAIN,
    SPACED,
    SWISS,
    TRIMMED,
    TRIMMED_COMMA,
    NumberStyle,
)

_EURO: Final = (COMMA, EUROPEAN, TRIMMED_COMMA)
_WESTERN: Final = ("utf-8", "utf-8-sig", "cp1252", "utf-16")
_POLISH: Final = ("utf-8", "utf-8-sig", "cp1250")
_RUSSIAN: Final = ("utf-8", "utf-8-sig", "cp1251")
_TURKISH: Final = ("utf-8", "utf-8-sig", "cp1254")


def _investing(
    language: str, heads: str, date_style: str, calendar: str, style: NumberStyle = EUROPEAN
) -> Layout:
    """Return Investing.com's download: date, close, open, high, low, volume, change."""
    roles = ("date", "close", "open", "high", "low", "volume-short", "percent")
    pairs = zip(heads.split("|"), roles, strict=True)
    return Layout(
        f"investing in {language}",
        "|".join(f"{head}={role}" for head, role in pairs),
        dates=(date_style,),
        styles=(style,),
        order="newest",
        quoting=("all",),
        encodings=("utf-8-sig", "utf-8"),
        calendars=(calendar,),
    )


INVESTING: Final = (
    _investing("German", "Datum|Zuletzt|Eröffn.|Hoch|Tief|Vol.|+/- %", "german", "XETR"),
    _investing(
        "French", "Date|Dernier|Ouv.|Plus Haut|Plus Bas|Vol.|Variation %", "british", "XPAR"
    ),
    _investing("Spanish", "Fecha|Último|Apertura|Máximo|Mínimo|Vol.|% var.", "german", "XMAD"),
    _investing("Portuguese", "Data|Último|Abertura|Máxima|Mínima|Vol.|Var%", "german", "BVMF"),
    _investing("Italian", "Data|Ultimo|Apertura|Massimo|Minimo|Vol.|Var. %", "german", "XMIL"),
    _investing("Polish", "Data|Ostatnio|Otwarcie|Max.|Min.|Wol.|Zmiana%", "german", "XWAR"),
    _investing("Dutch", "Datum|Laatst|Open|Hoog|Laag|Vol.|Verschil %", "british-dashes", "XAMS"),
    _investing("Swedish", "Datum|Senaste|Öppen|Högst|Lägst|Vol.|+/- %", "iso", "XSTO"),
    _investing("Danish", "Dato|Seneste|Åben|Høj|Lav|Vol.|+/- %", "german", "XCSE"),
    _investing("Finnish", "Päivämäärä|Viimeisin|Avaus|Ylin|Alin|Vol.|Muutos %", "german", "XHEL"),
    _investing("Turkish", "Tarih|Şimdi|Açılış|Yüksek|Düşük|Hac.|Fark %", "german", "XIST"),
    _investing("Russian", "Дата|Цена|Откр.|Макс.|Мин.|Объём|Изм. %", "german", "XMOS"),
)

EUROPEAN_LAYOUTS: Final = (
    Layout(
        "ariva",
        "Datum=date|Erster=open|Hoch=high|Tief=low|Schlusskurs=close|Stuecke=volume|Volumen=volume",
        styles=_EURO,
        delimiters=(";",),
        order="newest",
        encodings=_WESTERN,
        calendars=("XETR",),
    ),
    Layout(
        "onvista",
        "Datum=date|Eröffnung=open|Hoch=high|Tief=low|Schluss=close|Volumen=volume",
        dates=("german",),
        styles=_EURO,
        delimiters=(";", "\t"),
        order="any",
        encodings=_WESTERN,
        calendars=("XETR",),
    ),
    Layout(
        "börse frankfurt",
        "Datum=date|Eröffnung=open|Schluss=close|Tageshoch=high|Tagestief=low"
        "|Umsatz Stück=volume|Umsatz €=turnover",
        dates=("german", "german-two"),
        styles=_EURO,
        delimiters=(";",),
        order="newest",
        encodings=_WESTERN,
        calendars=("XFRA",),
    ),
    Layout(
        "comdirect",
        "Datum=date|Eröffnung=open|Hoch=high|Tief=low|Schluss=close|Volumen=volume-grouped",
        dates=("german",),
        styles=(EUROPEAN,),
        delimiters=(";",),
        order="newest",
        quoting=("all", "minimal"),
        encodings=("cp1252", "utf-8"),
        preamble=("Kursdaten der Aktie (Xetra)", ""),
        calendars=("XETR",),
    ),
    Layout(
        "boursorama",
        "date=date|ouv=open|haut=high|bas=low|clot=close|vol=volume|devise=currency",
        dates=("british", "british-two"),
        styles=(PLAIN, COMMA),
        delimiters=("\t", ";"),
        encodings=_WESTERN,
        calendars=("XPAR",),
    ),
    Layout(
        "a French broker",
        "Date=date|Ouverture=open|Plus haut=high|Plus bas=low|Clôture=close|Volume=volume-grouped",
        dates=("british", "fr", "fr-long"),
        styles=(COMMA, SPACED, NO_BREAK),
        delimiters=(";",),
        order="any",
        encodings=_WESTERN,
        calendars=("XPAR",),
    ),
    Layout(
        "bolsa de madrid",
        "Fecha=date|Cierre=close|Apertura=open|Máximo=high|Mínimo=low|Volumen=volume-grouped"
        "|Efectivo=turnover",
        dates=("british", "es", "es-dashes"),
        styles=_EURO,
        delimiters=(";", "\t"),
        order="newest",
        encodings=_WESTERN,
        calendars=("XMAD",),
    ),
    Layout(
        "bmv",
        "Fecha=date|Precio de Apertura=open|Precio Máximo=high|Precio Mínimo=low"
        "|Precio de Cierre=close|Volumen=volume",
        dates=("british", "iso"),
        styles=(PLAIN, TRIMMED),
        order="any",
        encodings=_WESTERN,
        calendars=("XMEX",),
    ),
    Layout(
        "b3",
        "Data=date|Abertura=open|Máxima=high|Mínima=low|Fechamento=close|Volume=volume-grouped",
        dates=("british", "pt"),
        styles=_EURO,
        delimiters=(";",),
        order="any",
        encodings=_WESTERN,
        calendars=("BVMF",),
    ),
    Layout(
        "borsa italiana",
        "Data=date|Prezzo di Apertura=open|Massimo=high|Minimo=low|Chiusura=close"
        "|Quantità=volume-grouped",
        dates=("british", "it"),
        styles=_EURO,
        delimiters=(";", "\t"),
        order="any",
        encodings=_WESTERN,
        calendars=("XMIL",),
    ),
    Layout(
        "stooq in Polish",
        "Data=date|Otwarcie=open|Najwyzszy=high|Najnizszy=low|Zamkniecie=close|Wolumen=volume",
        styles=(PLAIN, TRIMMED, COMMA),
        delimiters=(",", ";"),
        calendars=("XWAR",),
    ),
    Layout(
        "gpw",
        "Data=date|Nazwa=symbol|ISIN=isin|Waluta=currency|Kurs otwarcia=open|Kurs max=high"
        "|Kurs min=low|Kurs zamknięcia=close|Zmiana=rate|Wolumen=volume"
        "|Liczba Transakcji=trades|Obrót=turnover",
        styles=(COMMA, PLAIN),
        delimiters=(";",),
        order="any",
        encodings=_POLISH,
        calendars=("XWAR",),
    ),
    Layout(
        "bossa",
        "<TICKER>=symbol|<DTYYYYMMDD>=date|<OPEN>=open|<HIGH>=high|<LOW>=low|<CLOSE>=close"
        "|<VOL>=volume",
        dates=("compact",),
        calendars=("XWAR",),
    ),
    Layout(
        "stockholm",
        "Datum=date|Öppningskurs=open|Högstakurs=high|Lägstakurs=low|Stängningskurs=close"
        "|Total volym=volume",
        styles=(COMMA,),
        delimiters=(";",),
        order="any",
        encodings=_WESTERN,
        preamble=("sep=;",),
        calendars=("XSTO",),
    ),
    Layout(
        "oslo",
        "quote_date=date|paper=symbol|exch=currency|open=open|high=high|low=low|close=close"
        "|volume=volume|value=turnover",
        dates=("compact",),
        delimiters=("\t", ","),
        order="newest",
        calendars=("XOSL",),
    ),
    Layout(
        "a Norwegian bank",
        "Dato=date|Åpning=open|Høy=high|Lav=low|Slutt=close|Volum=volume",
        dates=("german",),
        styles=(COMMA, SPACED),
        delimiters=(";",),
        order="any",
        encodings=_WESTERN,
        calendars=("XOSL",),
    ),
    Layout(
        "a Swiss bank",
        "Datum=date|Eröffnung=open|Höchst=high|Tiefst=low|Schlusskurs=close|Volumen=volume-grouped",
        dates=("german", "de", "de-long"),
        styles=(SWISS, PLAIN),
        delimiters=(";",),
        order="any",
        encodings=_WESTERN,
        calendars=("XSWX",),
    ),
    Layout(
        "finam",
        "<TICKER>=symbol|<PER>=per|<DATE>=date|<TIME>=time-compact|<OPEN>=open|<HIGH>=high"
        "|<LOW>=low|<CLOSE>=close|<VOL>=volume",
        dates=("compact", "british-two", "british"),
        delimiters=(";", ","),
        calendars=("XMOS",),
    ),
    Layout(
        "moscow exchange",
        "BOARDID=currency|TRADEDATE=date|SHORTNAME=name|SECID=symbol|NUMTRADES=trades"
        "|VALUE=turnover|OPEN=open|LOW=low|HIGH=high|LEGALCLOSEPRICE=close-too|WAPRICE=middle"
        "|CLOSE=close|VOLUME=volume",
        styles=(TRIMMED, TRIMMED_COMMA),
        delimiters=(";",),
        encodings=_RUSSIAN,
        preamble=("history", ""),
        calendars=("XMOS",),
    ),
    Layout(
        "a Russian broker",
        "Дата=date|Открытие=open|Максимум=high|Минимум=low|Закрытие=close|Объем=volume",
        dates=("german", "ru"),
        styles=(COMMA, SPACED),
        delimiters=(";", "\t"),
        order="any",
        encodings=_RUSSIAN,
        calendars=("XMOS",),
    ),
    Layout(
        "a Turkish bank",
        "Tarih=date|Açılış=open|Yüksek=high|Düşük=low|Kapanış=close|Hacim=volume",
        dates=("german", "tr"),
        styles=_EURO,
        delimiters=(";",),
        order="any",
        encodings=_TURKISH,
        calendars=("XIST",),
    ),
)
