"""The code page of text from before Unicode: told by how likely its words are.

Each code page gives the same bytes other letters. The right one gives words of one script, in which
all letters beyond ASCII belong to one language, with capitals at their beginning only.
"""

# ruff: noqa: RUF001 - letters of many scripts are the matter here

import re
from collections.abc import Callable, Iterable

# Code pages that tables are really written in; of those that fit alike the first is taken. Excel
# for Mac still saves CSV in its old page; DOS is longer gone.
_WESTERN_PAGES = ("cp1252", "cp1250", "cp1254", "cp1257", "iso8859_2", "mac_roman", "cp850")
_OTHER_PAGES = ("cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256")
_WIDE_PAGES = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
PAGES = (*_WESTERN_PAGES, *_OTHER_PAGES, *_WIDE_PAGES)

_LANGUAGES = tuple(
    frozenset(letters + letters.upper())
    for letters in (
        "äöüßéàè", "éèêëàâæçîïôœùûüÿ", "áéíóúüñªº", "àèéìíòóùú", "ãõâêôáéíóúàçª", "åäöæøéü",
        "áéíóúýþæðö", "ëïéèöüóá", "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž",
        "áéíóöőúüű", "čćđšž", "ăâîșşțţ", "çğıöşüâîİ", "āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž",
    )
)  # fmt: skip
_SYMBOLS = set("°²³€£§µ©®«»½ªº±·…’‘“”„–—´×÷¿¡¢¥™‰•¼¾¹¬¦ \u00a0№¤")
_LETTERS = {
    "cp1251": "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґђјљњћџўѓќ",
    "koi8_r": "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
    "cp866": "абвгдежзийклмнопрстуфхцчшщъыьэюяёєїў",
    "cp1253": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
    "cp1255": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "cp1256": "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگ",
}
# The commonest letters of Russian, most of all first: other pages give rare ones for them.
_COMMON = "оеаинтсрвлкмдпу"
# A sign within a word, or a digit beside it, belongs to it: a letter that the page does not have.
_LETTER = r"[^\W\d_¹²³ªº]"
_WORD = re.compile(rf"\d*{_LETTER}+(?:[^\x00-\x7f\s’–—…]{_LETTER}+)*\d*")
_STRAY = re.compile(r"(?<=\d)[^\x00-\x7f\w\s]{2,}(?=\d)")  # no sign of thousands is so long
_ENDS = re.compile(r"[a-zß-öø-ÿа-яё][A-ZÀ-ÖØ-ÞА-ЯЁ]")
# What Western words hardly have, and other pages explain: mìsto is město, poèet is počet.
_FOREIGN = re.compile(r"[ìù][^\W\d_]|[aeiouyáéíóú]è[aeiouyáéíóú]|[ae]ò\b|õ(?!e)|[ûþðý]", re.I)
_FEW_FOREIGN = 0.1  # of the words: a French text has its août
_CUT = 1 << 15  # bytes: shorter samples are whole
_MOST_HIGH = 0.8  # of a word's letters, in a script that has ASCII letters


def find_legacies(sample: bytes) -> list[str]:
    """Return the code pages that lines with letters beyond ASCII may be of, the likeliest first."""
    scored = {page: _score(sample, page) for page in PAGES}
    fitting = [page for page in PAGES if scored[page] > 0 or _decodes(sample, page)]
    return sorted(fitting, key=lambda page: -scored[page]) or [PAGES[0]]


def _decodes(sample: bytes, page: str) -> bool:
    """Tell whether every byte of a sample has a letter in a page, none of them a control."""
    try:
        text = sample.decode(page)
    except UnicodeDecodeError:
        return False
    return not any(0x80 <= ord(letter) < 0xA0 for letter in text)


def looks_foreign(sample: bytes, page: str) -> bool:
    """Tell whether a sample read as Windows-1252 has words that look like another page's."""
    if page != PAGES[0]:
        return False
    found = set(_WORD.findall(sample.decode(page, "replace")))
    words = [word for word in found if not word.isascii()]
    return sum(bool(_FOREIGN.search(word)) for word in words) > _FEW_FOREIGN * len(words)


def _score(sample: bytes, page: str) -> float:
    """Return how likely a page is, about 0 to 1.1; nothing where a byte has no letter in it."""
    try:
        text = sample.decode(page)
    except UnicodeDecodeError as error:
        # A sample is cut by bytes: its last letter may be half of one.
        cut = len(sample) >= _CUT and error.start >= len(sample) - 4
        if page not in _WIDE_PAGES or not cut:
            return 0.0
        text = sample[: error.start].decode(page)
    high = [letter for letter in text if ord(letter) > 127]
    if not high or any(0x80 <= ord(letter) < 0xA0 for letter in high):
        return 0.0
    if page in _WESTERN_PAGES:
        return max(_share(text, language.__contains__, mixed=True) for language in _LANGUAGES)
    if page in _WIDE_PAGES:
        return _score_wide(text, page)
    letters = set(_LETTERS[page] + _LETTERS[page].upper())
    share = _share(text, letters.__contains__, mixed=False)
    common = sum(letter.lower() in _COMMON for letter in high) / len(high)
    small = sum(letter.islower() for letter in high) / len(high)
    return share * (0.95 + 0.1 * common + 0.02 * small if "а" in letters else 1.02)


def _share(text: str, is_own: Callable[[str], bool], *, mixed: bool) -> float:
    """Return the share of letters beyond ASCII that stand in words as a language has them."""
    good, total = 0.0, 0
    for match in _WORD.finditer(text):
        word = match[0]
        high = [letter for letter in word if ord(letter) > 127]
        total += len(high)
        if _ENDS.search(word) or _mixes(word, high, mixed=mixed):
            continue
        good += sum(map(is_own, high)) * (1 if len(word) > 1 else 0.8)
    alone = [letter for letter in _WORD.sub("", _STRAY.sub("\ufffd", text)) if ord(letter) > 127]
    known = sum(letter in _SYMBOLS for letter in alone)
    return (good + known) / (total + len(alone))


def _mixes(word: str, high: list[str], *, mixed: bool) -> bool:
    """Tell whether a word has digits, letters of two scripts, or hardly any ASCII letters."""
    if high and (word[0].isdigit() or word[-1].isdigit()):
        return True
    if mixed:
        return len(word) > 3 and len(high) > _MOST_HIGH * len(word)
    return len(high) not in (0, len(word))


def _score_wide(text: str, page: str) -> float:
    """Judge text of two bytes a letter: by its syllables, and by how common its signs are."""
    high = [letter for letter in text if ord(letter) > 127]
    wide = r"[\u3040-\u9fff\uac00-\ud7a3\uff61-\uff9f]"
    if re.search(rf"[A-Za-z]{wide}|{wide}[A-Za-z]|\d(?![年月日時分秒]){wide}\d", text):
        return 0.0
    if page == "cp949" and any(len(each.encode("euc_kr", "ignore")) != 2 for each in set(high)):
        return 0.0  # syllables that are hardly ever written
    kana = _count(high, "\u3041", "\u30ff")
    hangul = _count(high, "\uac00", "\ud7a3")
    signs = _count(high, "\u4e00", "\u9fff")
    plain = _count(high, "\u3000", "\u303f") + _count(high, "\uff01", "\uff5e")
    plain += sum(letter in _SYMBOLS for letter in high)
    share = (kana + hangul + signs + plain) / len(high)
    common = sum(_is_common(letter, page) for letter in high) / len(high)
    own = {"cp932": kana, "euc_jp": kana, "cp949": hangul}.get(page, 0) / len(high)
    foreign = 0 if page in ("cp932", "euc_jp") else kana / len(high)
    return share * (0.6 + 0.3 * common + 0.2 * min(2 * own, 1.0) - 0.3 * foreign)


def _count(letters: Iterable[str], first: str, last: str) -> int:
    return sum(first <= letter <= last for letter in letters)


# First bytes of the signs that a standard calls common.
_FIRST_LEVEL = {
    "cp932": (0x81, 0x97), "euc_jp": (0xA1, 0xCF), "gb18030": (0xA1, 0xD7), "big5": (0xA1, 0xC6),
    "cp949": (0xA1, 0xC8),
}  # fmt: skip


def _is_common(letter: str, page: str) -> bool:
    low, high = _FIRST_LEVEL[page]
    written = letter.encode(page, "ignore")
    return bool(written) and low <= written[0] <= high
