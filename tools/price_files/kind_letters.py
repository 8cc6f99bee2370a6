"""G: heads in the vendors' languages, and the letters that their systems write."""

from typing import Final

from tools.price_files.dates import STYLES
from tools.price_files.price_file import Expect, PriceFile
from tools.price_files.tables import BY_NAME, WORLD, a_table
from tools.price_files.walks import Chance

KIND: Final = "G letters"

_HEADS: Final = {
    "German": (
        "Datum|Zeit|Tag",
        "Eröffnung|Eröffnungskurs|Eröffn.|Erster|Open",
        "Hoch|Tageshoch|Höchstkurs|Höchst",
        "Tief|Tagestief|Tiefstkurs|Tiefst",
        "Schluss|Schlusskurs|Schlußkurs|Zuletzt|Kurs",
    ),
    "French": (
        "Date|Jour",
        "Ouverture|Ouv.|Premier|Cours d'ouverture",
        "Plus haut|Haut|+ haut|Plus Haut",
        "Plus bas|Bas|+ bas|Plus Bas",
        "Clôture|Dernier|Cours|Fermeture|Cours de clôture",
    ),
    "Spanish": (
        "Fecha",
        "Apertura|Abre|Precio de apertura",
        "Máximo|Máx.|Alto|Mayor",
        "Mínimo|Mín.|Bajo|Menor",
        "Cierre|Último|Precio de cierre|Cerrar",
    ),
    "Portuguese": (
        "Data",
        "Abertura|Preço de Abertura",
        "Máxima|Máximo|Alta|Máx.",
        "Mínima|Mínimo|Baixa|Mín.",
        "Fechamento|Último|Fecho|Preço de Fechamento",
    ),
    "Italian": ("Data", "Apertura", "Massimo|Max", "Minimo|Min", "Chiusura|Ultimo|Prezzo"),
    "Polish": (
        "Data",
        "Otwarcie|Kurs otwarcia",
        "Najwyższy|Najwyzszy|Maks.|Max.|Kurs max",
        "Najniższy|Najnizszy|Min.|Kurs min",
        "Zamknięcie|Zamkniecie|Ostatnio|Kurs zamknięcia",
    ),
    "Swedish": (
        "Datum",
        "Öppning|Öppen|Öppningskurs|Öppet",
        "Högst|Hög|Högstakurs|Högsta",
        "Lägst|Låg|Lägstakurs|Lägsta",
        "Stängning|Senast|Slutkurs|Stängningskurs|Senaste",
    ),
    "Danish": (
        "Dato",
        "Åbning|Åben",
        "Høj|Højeste|Højest",
        "Lav|Laveste|Lavest",
        "Lukkekurs|Luk|Seneste|Slutkurs",
    ),
    "Norwegian": (
        "Dato",
        "Åpning|Åpen|Åpningskurs",
        "Høy|Høyest",
        "Lav|Lavest",
        "Slutt|Siste|Sluttkurs",
    ),
    "Finnish": (
        "Päivämäärä|Päivä|Pvm",
        "Avaus|Avauskurssi",
        "Ylin|Korkein",
        "Alin|Matalin",
        "Päätös|Viimeisin|Päätöskurssi",
    ),
    "Dutch": (
        "Datum",
        "Open|Opening|Openingskoers",
        "Hoog|Hoogste",
        "Laag|Laagste",
        "Slot|Laatst|Slotkoers",
    ),
    "Turkish": ("Tarih", "Açılış", "Yüksek|En Yüksek", "Düşük|En Düşük", "Kapanış|Şimdi|Son"),
    "Russian": (
        "Дата",
        "Открытие|Откр.|Цена открытия",
        "Максимум|Макс.|Максимальная",
        "Минимум|Мин.|Минимальная",
        "Закрытие|Цена|Цена закрытия|Закр.",
    ),
    "Chinese": (
        "日期|时间|交易日期",
        "开盘|开盘价|今开",
        "最高|最高价|高",
        "最低|最低价|低",
        "收盘|收盘价|收盘价(元)",
    ),
    "Taiwan's Chinese": (
        "日期|交易日期|時間",
        "開盤|開盤價|開市",
        "最高|最高價|高",
        "最低|最低價|低",
        "收盤|收盤價|收市|收市價",
    ),
    "Japanese": ("日付|日付け|年月日|日時", "始値|始値(円)", "高値", "安値", "終値|終値(円)"),
    "Korean": ("날짜|일자|일시", "시가|시작가", "고가", "저가", "종가|현재가"),
}
_ENCODINGS: Final = {
    "Polish": ("cp1250", "cp1250"),
    "Turkish": ("cp1254", "cp1254"),
    "Russian": ("cp1251", "cp1251"),
    "Chinese": ("gbk", "gb18030"),
    "Taiwan's Chinese": ("big5", "cp950"),
    "Japanese": ("shift_jis", "cp932"),
    "Korean": ("euc-kr", "cp949"),
}
"""Besides the Unicode ones, and Windows-1252 of the West."""
_UNICODE: Final = ("utf-8", "utf-8-sig", "utf-16", "utf-8")
_POINTS: Final = {"Chinese", "Taiwan's Chinese", "Japanese", "Korean"}
_VOLUMES: Final = {
    "German": "Volumen|Umsatz|Stücke",
    "French": "Volume|Vol.",
    "Polish": "Wolumen",
    "Russian": "Объём|Объем",
    "Chinese": "成交量",
    "Taiwan's Chinese": "成交量",
    "Japanese": "出来高",
    "Korean": "거래량",
    "Turkish": "Hacim",
    "Swedish": "Volym",
}


def vendors_of_the_world(chance: Chance) -> PriceFile:
    """Make the file of a vendor outside the English language."""
    layout = chance.choice(WORLD)
    encoding = chance.choice((*layout.encodings, layout.encodings[-1]))
    table = a_table(chance, layout, encoding=encoding)
    return table.file(KIND, encoding)


def any_heads(chance: Chance) -> PriceFile:
    """Take any of a language's heads, in any of its letters."""
    language = chance.choice([*_HEADS])
    encoding = chance.choice((*_UNICODE, *_ENCODINGS.get(language, ("cp1252", "cp1252")) * 2))
    layout = BY_NAME["eastmoney" if language in _POINTS else "onvista"]
    date_style = STYLES[
        chance.choice(("slashes", "iso") if language in _POINTS else ("german", "iso"))
    ]
    table = a_table(chance, layout, encoding=encoding, date_style=date_style)
    sheet = table.sheet
    for role, heads in zip(("date", "open", "high", "low", "close"), _HEADS[language], strict=True):
        sheet.column(role).head = chance.choice(heads.split("|"))
    sheet.column("volume").head = chance.choice(_VOLUMES.get(language, "Volume").split("|"))
    sheet.remove("turnover")
    if chance.random() < 0.3:
        sheet.remove("volume")
    return table.file(KIND, f"{language} in {encoding}")


def letters_in_cells(chance: Chance) -> PriceFile:
    """Name the instrument with letters of the language, below English heads."""
    name, encoding = chance.choice(
        (
            ("Société Générale", "cp1252"),
            ("Münchener Rück", "cp1252"),
            ("贵州茅台", "gbk"),
            ("トヨタ自動車", "shift_jis"),
            ("삼성전자", "euc-kr"),
            ("台積電", "big5"),
            ("Газпром", "cp1251"),
            ("Türk Hava Yolları", "cp1254"),
            ("Żabka Group", "cp1250"),
            ("表示能ソ", "shift_jis"),
        )
    )
    table = a_table(chance, BY_NAME["stooq"], encoding=chance.choice((encoding, encoding, "utf-8")))
    table.sheet.insert(
        chance.choice((0, 1, 6)),
        chance.choice(("Name", "Security", "Company")),
        "symbol",
        [name] * len(table.walk),
    )
    return table.file(KIND, f"a name in {table.sheet.encoding}")


def unicode_of_any_kind(chance: Chance) -> PriceFile:
    """Write UTF-16 in either order with its mark, as spreadsheets save text."""
    table = a_table(chance, chance.choice(WORLD), encoding="utf-8")
    order = chance.choice(("utf-16-le", "utf-16-be"))
    if chance.random() < 0.5:
        table.sheet.delimiter = "\t"
        table.sheet.preamble = [each for each in table.sheet.preamble if "sep=" not in each]
    content = ("\ufeff" + table.sheet.text()).encode(order)
    file = table.file(KIND, f"{order} with its mark")
    return PriceFile(KIND, file.shape, content, Expect.SOUND, file.truth)


def other_language(chance: Chance) -> PriceFile:
    """Take heads of a language that no large vendor has: read, or refused by what is there."""
    heads = chance.choice(
        (
            ("Ημερομηνία", "Άνοιγμα", "Υψηλό", "Χαμηλό", "Κλείσιμο"),
            ("วันที่", "เปิด", "สูงสุด", "ต่ำสุด", "ปิด"),
            ("תאריך", "פתיחה", "גבוה", "נמוך", "סגירה"),
            ("Dátum", "Nyitó", "Maximum", "Minimum", "Záró"),
            ("Ngày", "Mở cửa", "Cao nhất", "Thấp nhất", "Đóng cửa"),
            ("Data", "Deschidere", "Maxim", "Minim", "Inchidere"),
        )
    )
    table = a_table(chance, BY_NAME["stooq"])
    for role, head in zip(("date", "open", "high", "low", "close"), heads, strict=True):
        table.sheet.column(role).head = head
    return table.file(KIND, "a language of few", Expect.EITHER)


def unmarked_unicode(chance: Chance) -> PriceFile:
    """Write UTF-16 or UTF-32 without a mark, or with a byte lost at the end."""
    table = a_table(chance, chance.choice(WORLD), encoding="utf-8")
    sort = chance.choice(("utf-16-le", "utf-16-be", "utf-32"))
    content = table.sheet.text().encode(sort)
    if chance.random() < 0.3:
        content = content[:-1]
    file = table.file(KIND, f"{sort} without a mark", Expect.EITHER)
    return PriceFile(KIND, file.shape, content, Expect.EITHER, file.truth)


def letters_twice(chance: Chance) -> PriceFile:
    """Spoil the heads by decoding them wrongly once."""
    table = a_table(chance, chance.choice(WORLD), encoding="utf-8")
    text = table.sheet.text().encode().decode("latin-1")
    file = table.file(KIND, "letters decoded wrongly", Expect.EITHER)
    return PriceFile(KIND, file.shape, text.encode(), Expect.EITHER, file.truth)


SOUND: Final = (
    vendors_of_the_world,
    any_heads,
    any_heads,
    letters_in_cells,
    vendors_of_the_world,
    unicode_of_any_kind,
)
FAULTY: Final = (unmarked_unicode, other_language, letters_twice)
