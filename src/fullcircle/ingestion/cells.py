"""What one cell looks like: a number, a moment, a known word, or a text."""

import re
from functools import lru_cache
from typing import Literal

CellKind = Literal["blank", "number", "moment", "mark", "word", "text", "odd"]

_SIGN = r"[+\-\u2212\u2013\uff0d]?"
_DIGITS = r"(?:\d{1,3}(?:[.,' \u00a0\u202f\u2009\u2019]\d{2,3})*|\d+)"
_CURRENCY = (
    r"[$\u20ac\u00a3\u00a5\u20b9\u20bd\u20ba\u20a9]|[A-Z]{1,3}\$|EUR|USD|GBP|CHF|JPY|INR|Rs\.?"
)
_NUMBER = re.compile(
    rf"\(?{_SIGN}\s?(?:{_CURRENCY})?\s?{_SIGN}"
    rf"(?:{_DIGITS}(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
    rf"\s?(?:%|\u2030|{_CURRENCY}|[a-zA-Z\u00b0\u00b5]{{1,3}}[23\u00b2\u00b3]?)?-?\)?"
)
_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?\s?(?:[aApP]\.?[mM]\.?)?"
_ZONE = r"\s?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_DATE = (
    r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2})"
    r"|\d{1,2}[ \-./]?[^\W\d_]{3,9}\.?[ \-./,]*\d{2,4}|[^\W\d_]{3,9}\.?[ \-]\d{1,2},? \d{4}"
    r"|[^\W\d_]{3}[ \-]\d{2,4})"
)
_MOMENT = re.compile(rf"(?:{_DATE}(?:[ T,]+{_CLOCK}{_ZONE})?|{_CLOCK}{_ZONE})")
_MARK = re.compile(
    r"(?i)(?:\?|-+|\.|\*+|n/?a|n\.a\.|#n/a|#div/0!|\\n|\(?null\)?|none|nan|[-+]?inf(?:inity)?|<na>)"
)
_BOOLEAN = re.compile(r"(?i)(?:true|false|yes|no|y|n|t|f)")
# Words that a person would write into one field: no separators within.
_TEXT = re.compile(r"[^\W\d_][\w .'\u2019\-/&+()]*|[\w\-.]+|\w[\w.+\-]*@[\w.\-]+|https?://\S+")

_KINDS: tuple[tuple[CellKind, re.Pattern[str]], ...] = (
    ("number", _NUMBER),
    ("moment", _MOMENT),
    ("mark", _MARK),
    ("word", _BOOLEAN),
    ("text", _TEXT),
)
_LONG = 60  # letters: no number, date or word is


@lru_cache(maxsize=1 << 16)
def kind_of(cell: str) -> CellKind:
    """Return what a cell looks like.

    ``odd`` is what no kind explains, as ``98;95``: a sign that the cells were cut wrongly.
    """
    text = cell.strip()
    if not text:
        return "blank"
    if len(text) > _LONG:
        return "text"
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(text)), "odd")
