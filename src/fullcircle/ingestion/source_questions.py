"""What a file leaves open: which of its sheets is meant, and which letters its bytes are."""

import re
from collections.abc import Mapping, Sequence

from fullcircle.core.questions import Choice, Question, Strength
from fullcircle.ingestion.code_pages import looks_foreign

_SHOWN = 60
_MOST = 9
_FEW_LETTERS = 4
_PARTED = re.compile(r"[;,|\s\"]+")  # ASCII alone: it parts all readings alike
_PAGES = 3
_WORDS = 6
_WORD = re.compile(rb"[\w\x80-\xff]+")


def ask_about_sheet(path: str, sheets: Mapping[str, Sequence[str]], strength: Strength) -> Question:
    """Return the question which sheet is read.

    Args:
        path: The workbook.
        sheets: ``{sheet: its first row}`` of those that hold the table, the default first.
        strength: How strong the evidence for the default is.
    """
    choices = tuple(
        Choice(_shorten(", ".join(filter(None, row))), ("--table", sheet), {"table": sheet})
        for sheet, row in list(sheets.items())[:_MOST]
    )
    asked = f"{path} has {len(sheets)} sheets that may be meant: {', '.join(map(repr, sheets))}."
    return Question("sheet", asked, choices, strength)


def ask_about_encoding(path: str, sample: bytes, encodings: Sequence[str]) -> Question | None:
    """Return the question which letters the bytes of a file are; None where all agree.

    Args:
        path: The file.
        sample: Lines with letters beyond ASCII.
        encodings: Code pages that fit, the likeliest first.
    """
    read = {each: sample.decode(each, errors="replace") for each in encodings}
    different = {text: each for each, text in reversed(read.items())}
    fitting = [each for each in read if different[read[each]] == each]
    if len(fitting) < 2:
        return None
    previews = _preview([read[each] for each in fitting[:_PAGES]])
    choices = tuple(
        Choice(preview, ("--encoding", each), {"encoding": each})
        for each, preview in zip(fitting[:_PAGES], previews, strict=True)
    )
    is_sure = _count_letters(sample) >= _FEW_LETTERS and not looks_foreign(sample, fitting[0])
    strength: Strength = "strong" if is_sure else "weak"
    return Question("encoding", f"The letters of {path} are not UTF-8.", choices, strength)


def _count_letters(sample: bytes) -> int:
    """Count letters beyond ASCII in all different words: a word that repeats proves no more."""
    return sum(byte > 127 for word in set(_WORD.findall(sample)) for byte in word)


def _preview(readings: Sequence[str]) -> list[str]:
    """Return the first words of each reading that not all readings have alike."""
    words = list(dict.fromkeys(zip(*map(_PARTED.split, readings), strict=False)))
    differing = [each for each in words if len(set(each)) > 1][:_WORDS]
    return [_shorten(" / ".join(each)) for each in zip(*differing, strict=True)]


def _shorten(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 1]}\u2026"
