"""Which numbers a column of texts writes: told by all its texts together, column by column."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fullcircle.core.parsing.numbers import BLANKS, PLAIN, NumberFormat, is_infinite_text

_MOSTLY = 0.95
_MIN_MARKS = 2
_MOST_TEXTS = 5_000
# Marks of missing values that systems write among numbers and dates.
MARKS = frozenset(
    {
        "?", ".", "-", "--", "---", "\u2013", "\u2014", "*", "**", "...", "\u2026",
        "na", "n/a", "#n/a", "n.a.", "n.a", "n.v.", "k.a.", "k.a", "s/o", "nd", "n.d.", "nan",
        "#div/0!", "#ref!", "#value!", "#num!", "#null!", "#name?", "#error", "err", "error",
        "null", "(null)", "[null]", "\\n", "none", "nil", "nul", "missing", "unknown", "unbekannt",
        "<na>", "nat", "void", "empty", "(blank)", "(empty)", "blank", "not available", "tbd",
        "no data", "keine angabe", "inconnu", "sin dato", "\u043d/\u0434", "\u4e0d\u660e",
    }
)  # fmt: skip
_CURRENCIES = (
    "$", "\u20ac", "\u00a3", "\u00a5", "\u20b9", "\u20bd", "\u20ba", "\u20a9", "\u20aa", "\u0e3f",
    "R$", "US$", "A$", "C$", "HK$", "NZ$", "S$", "kr", "kr.", "Kr", "Rs", "Rs.", "z\u0142",
    "K\u010d", "Ft", "Fr.", "EUR", "USD", "GBP", "CHF", "JPY", "INR", "RUB", "CNY", "PLN", "CZK",
    "SEK", "NOK",
    "DKK", "HUF", "TRY", "BRL", "CAD", "AUD",
)  # fmt: skip
_UNITS = frozenset(
    {
        "%", "\u2030", "m", "km", "cm", "mm", "\u00b5m", "nm", "mi", "ft", "in", "yd", "m2",
        "m\u00b2", "m3", "m\u00b3", "qm", "sqm", "sqft", "ha", "km2", "km\u00b2", "kg", "g", "mg",
        "\u00b5g", "t", "lb", "lbs", "oz", "l", "L", "ml", "mL", "cl", "hl", "gal", "s", "sec",
        "ms", "min",
        "mins", "h", "hr", "hrs", "hours", "d", "days", "yrs", "years", "\u00b0C", "\u00b0F",
        "\u00b0", "C", "F", "K", "bar", "mbar", "Pa", "kPa", "MPa", "hPa", "psi", "V",
        "mV", "kV", "A", "mA", "W",
        "kW", "MW", "Wh", "kWh", "MWh", "Hz", "kHz", "MHz", "GHz", "rpm", "B", "KB", "kB", "MB",
        "GB", "TB", "dB", "N", "J", "kJ", "kcal", "cal", "pcs", "Stk", "Stk.", "St.", "x", "km/h",
        "m/s", "mph", "kg/m3", "kg/m\u00b3", "ppm", "mol", "bpm",
    }
)  # fmt: skip
_SAME = frozenset(
    map(frozenset, (("\u20ac", "EUR"), ("$", "USD"), ("\u00a3", "GBP"), ("\u00a5", "JPY")))
)
_BODY = rf"[0-9][0-9.,'\u2019{BLANKS}]*(?<=[0-9.,])|[.,][0-9]+"
_SIGN = r"[+\-\u2212\u2013\ufe63\uff0d]?"
_PREFIX = "|".join(re.escape(each) for each in sorted(_CURRENCIES, key=len, reverse=True))
_WRITTEN = re.compile(
    rf"\(?{_SIGN}[{BLANKS}]*(?P<before>{_PREFIX})?[{BLANKS}]*{_SIGN}[{BLANKS}]*"
    rf"(?P<body>{_BODY})(?:[eE][+-]?[0-9]+)?"
    rf"(?P<gap>[{BLANKS}]*)(?P<behind>[^\d\s()+\-.,'][^\s()\d]{{0,7}}[23\u00b2\u00b3]?)?-?\)?"
)


@dataclass(frozen=True)
class NumberColumn:
    """The numbers that a column of texts writes.

    Attributes:
        form: How they are written.
        marks: Texts that mean that nothing is known.
        unreadable: Share of the known texts that are neither number nor mark.
        infinite: Share of the known texts that are infinite.
        sure: Whether the texts themselves decide what their signs mean.
        other: What they could be as well, where they are not sure.
    """

    form: NumberFormat
    marks: tuple[str, ...] = ()
    unreadable: float = 0.0
    infinite: float = 0.0
    sure: bool = True
    other: NumberFormat | None = None


def find_numbers(counts: Mapping[str, int], hint: str = "") -> NumberColumn | None:
    """Tell which numbers a column writes; None where it is no column of numbers.

    Args:
        counts: Rows of each known text.
        hint: The decimal sign of other columns of the table, where these are sure of it.
    """
    texts = dict(sorted(counts.items(), key=lambda each: -each[1])[:_MOST_TEXTS])
    written = {text: match for text in texts if (match := _WRITTEN.fullmatch(text))}
    affixes, odd = _find_affixes(written, texts)
    for text in odd:
        del written[text]
    if not written:
        return None
    found = _find_signs([match["body"].strip(BLANKS) for match in written.values()], hint)
    if found is None:
        return None
    column = replace(found, form=replace(found.form, affixes=affixes))
    return _account(column, texts)


def _account(column: NumberColumn, texts: Mapping[str, int]) -> NumberColumn | None:
    """Tell marks and unreadable texts from numbers, and whether these are most of the column."""
    others = {text: n for text, n in texts.items() if column.form.read(text) is None}
    loose = replace(column.form, loose=True)
    if column.form.is_plain and any(loose.read(text) is not None for text in others):
        return _account(replace(column, form=loose), texts)
    infinite = {text for text in others if is_infinite_text(text)}
    marks = _find_marks({text: n for text, n in others.items() if text not in infinite}, texts)
    rows = sum(texts.values())
    known = rows - sum(others[text] for text in marks)
    wrong = sum(n for text, n in others.items() if text not in marks and text not in infinite)
    if not known or wrong > (1 - _MOSTLY) * known:
        return None
    if known - wrong - sum(others[text] for text in infinite) <= 0:
        return None
    return replace(
        column,
        marks=tuple(sorted(marks)),
        unreadable=wrong / known,
        infinite=sum(others[text] for text in infinite) / rows,
    )


def _find_marks(others: Mapping[str, int], texts: Mapping[str, int]) -> set[str]:
    """Return the texts that mean that nothing is known: known marks, or the only text of all."""
    marks = {text for text in others if text.lower() in MARKS}
    rest = set(others) - marks
    if len(rest) == 1:
        [only] = rest
        # 350 g among kilograms is a number of another unit, no mark.
        often = _MIN_MARKS <= others[only] < 0.5 * sum(texts.values())
        if often and not _WRITTEN.fullmatch(only):
            marks.add(only)
    return marks


def _find_affixes(
    written: Mapping[str, "re.Match[str]"], texts: Mapping[str, int]
) -> tuple[tuple[str, ...], list[str]]:
    """Tell the one currency or unit of a column; texts with another one are no numbers here."""
    seen: Counter[str] = Counter()
    for text, match in written.items():
        for affix in {match["before"], match["behind"]} - {None}:
            seen[affix] += texts[text]
    bare = sum(n for text, n in texts.items() if text in written and not _affix_of(written[text]))
    kept: list[str] = []
    for affix, rows in seen.most_common():
        if kept:
            kept += [affix] if _is_same_unit(affix, kept[0]) else []
            continue
        known = affix in _UNITS or affix in _CURRENCIES
        alone = rows > 0.9 * (sum(seen.values()) + bare)
        if known or (alone and _stands_apart(affix, written)):
            kept.append(affix)
    odd = [
        text
        for text, match in written.items()
        if {match["before"], match["behind"]} - {None, *kept}
    ]
    return tuple(kept), odd


def _is_same_unit(one: str, other: str) -> bool:
    """Tell whether two texts are one unit in other capitals: km and KM, but not mW and MW."""
    if one.rstrip(".").casefold() != other.rstrip(".").casefold():
        return frozenset((one, other)) in _SAME
    return not {one, other} <= _UNITS or {one, other} <= set(_CURRENCIES)


def _affix_of(match: "re.Match[str]") -> str:
    return match["before"] or match["behind"] or ""


def _stands_apart(affix: str, written: Mapping[str, "re.Match[str]"]) -> bool:
    """Tell whether a blank stands before an unknown unit: 5A may be a name, 5 apples is none."""
    own = [match for match in written.values() if match["behind"] == affix]
    return bool(own) and all(match["gap"] for match in own)


@dataclass
class _Signs:
    """What a column's texts say of one sign."""

    decimal: int = 0
    thousands: int = 0
    open: int = 0


def _find_signs(bodies: Sequence[str], hint: str) -> NumberColumn | None:
    """Tell what commas, points, blanks and apostrophes within digits mean."""
    thousands = ""
    plain: list[str] = []
    for body in bodies:
        group = re.search(rf"[{BLANKS}'\u2019]", body)
        if group is None:
            plain.append(body)
            continue
        sign = " " if group[0] in BLANKS else "'"
        if thousands not in ("", sign):
            return None
        if not re.fullmatch(rf"\d{{1,3}}(?:[{BLANKS}'\u2019]\d{{3}})+(?:[.,]\d*)?", body):
            return None
        thousands = sign
        plain.append(re.sub(rf"[{BLANKS}'\u2019]", "", body))
    signs = {sign: _weigh(plain, sign) for sign in ",."}
    if any(each.decimal and each.thousands for each in signs.values()):
        return None
    found = _settle(signs, plain, hint)
    if thousands and found is not None:
        if found.form.thousands and found.form.decimal == ".":
            return None
        found = replace(found, form=replace(found.form, thousands=thousands))
    return found


def _weigh(bodies: Sequence[str], sign: str) -> _Signs:
    """Count the texts that say that a sign is decimal, that it parts thousands, or neither."""
    seen = _Signs()
    other = "," if sign == "." else "."
    for body in bodies:
        count = body.count(sign)
        if not count:
            continue
        before, _, after = body.rpartition(sign)
        if other in body:
            is_last = body.rfind(sign) > body.rfind(other)
            if is_last and count == 1:
                seen.decimal += 1
            else:
                seen.thousands += 1
        elif count > 1:
            seen.thousands += 1
        elif len(after) != 3 or len(before) > 3 or before in ("", "0") or before.startswith("0"):
            seen.decimal += 1
        else:
            seen.open += 1
    return seen


def _settle(signs: Mapping[str, _Signs], bodies: Sequence[str], hint: str) -> NumberColumn | None:
    comma, point = signs[","], signs["."]
    contradict = (comma.decimal and point.decimal) or (comma.thousands and point.thousands)
    if contradict or (comma.open and point.open and not (comma.decimal or point.decimal)):
        return None
    if comma.decimal or point.thousands:
        return NumberColumn(NumberFormat(",", "."))
    if comma.thousands or (comma.open and point.decimal):
        return NumberColumn(NumberFormat(".", ","))
    if comma.open or (point.open and not point.decimal):
        return _settle_open("," if comma.open else ".", bodies, hint)
    return NumberColumn(PLAIN)


def _settle_open(sign: str, bodies: Sequence[str], hint: str) -> NumberColumn:
    """Decide on a sign that always stands before three digits: 1,240 or 1.240."""
    decimal, other = NumberFormat(sign, ""), "," if sign == "." else "."
    thousands = NumberFormat(other, sign)
    bare = [body for body in bodies if sign not in body]
    if len(bare) >= 3 and all(len(body) <= 3 for body in bare):
        # Only what is a thousand or more has the sign: groups, since decimals would vary.
        return NumberColumn(thousands)
    if hint == sign or any(len(body) > 3 for body in bare):
        return NumberColumn(decimal)
    if sign == ".":
        # Programs write no zero at the end; where one stands, people wrote it, in either sense.
        is_program = hint == "" and not any(body.endswith("0") for body in bodies)
        return NumberColumn(decimal, sure=is_program, other=thousands)
    return NumberColumn(thousands, sure=hint == ".", other=decimal)
