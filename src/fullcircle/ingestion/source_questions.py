"""What a file leaves open: which of its sheets is meant, and which letters its bytes are."""

from collections.abc import Mapping, Sequence

from fullcircle.core.questions import Choice, Question, Strength

_SHOWN = 60
_MOST = 9
_FEW_LETTERS = 4


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
    read = {each: _preview(sample, each) for each in encodings}
    different = {text: each for each, text in reversed(read.items())}
    fitting = [each for each in read if different[read[each]] == each]
    if len(fitting) < 2:
        return None
    choices = tuple(
        Choice(read[each], ("--encoding", each), {"encoding": each}) for each in fitting[:3]
    )
    letters = sum(byte > 127 for byte in sample)
    strength: Strength = "strong" if letters >= _FEW_LETTERS else "weak"
    return Question("encoding", f"The letters of {path} are not UTF-8.", choices, strength)


def _preview(sample: bytes, encoding: str) -> str:
    text = sample.decode(encoding, errors="replace")
    lines = [line for line in text.splitlines() if any(ord(letter) > 127 for letter in line)]
    return _shorten(" / ".join(lines[:3]))


def _shorten(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 1]}\u2026"
