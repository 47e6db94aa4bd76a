"""Which texts of a target are classes: words for "not known", spellings of one class, rare ones."""

# ruff: noqa: RUF001 - words of other alphabets have letters that look like Latin ones

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.questions import Question
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.inference.label_questions import (
    ask_about_rare,
    ask_about_spellings,
    ask_about_word,
)

Rare = Literal["leave_out", "join"]

MIN_CLASS_ROWS = 8  # each fold and each set must be able to hold the class
FREQUENT_SHARE = 0.05
OTHER = "other"
# Words that software writes for "not known": as a class they would be an accident. The other
# missing words ("None", "NA", "-") are answers that people give, too.
_WRITTEN_BY_SOFTWARE = frozenset({"?", "NaN", "nan", "NULL", "null", "N/A", "n/a", "#N/A", "\\N"})
_SOUNDS_UNKNOWN = frozenset({"unknown", "not known", "missing", "none", "na", "n/a", "n.a.", "-"})
# fmt: off
_YES = frozenset({
    "yes", "y", "true", "t", "1", "ja", "j", "wahr", "oui", "o", "vrai", "sí", "si", "s",
    "verdadero", "sim", "verdadeiro", "vero", "tak", "ano", "áno", "evet", "kyllä", "igen", "da",
    "да", "так", "ναι", "はい", "是",
})
_NO = frozenset({
    "no", "n", "false", "f", "0", "nein", "falsch", "non", "faux", "falso", "não", "nao", "nie",
    "ne", "hayır", "ei", "nem", "nu", "nej", "нет", "ні", "όχι", "いいえ", "否",
})
# fmt: on
_SHOWN = 8
_SIGNS = re.compile(r"(?<=[^\W\d])[ _\-\u2010-\u2015]+(?=[^\W\d])")  # non-smoker, non_smoker


@dataclass(frozen=True)
class Classes:
    """The texts of a target, sorted into classes.

    Attributes:
        counts: Rows of each class.
        unknown: ``{word: rows}`` of the words that mean that the label is not known.
        spellings: ``{text: class}`` of the texts that are written otherwise than their class.
        left_out: ``{class: rows}`` of the rare classes whose rows are rejected.
        findings: What was decided, and how to decide otherwise.
        questions: What is open.
    """

    counts: Mapping[str, int]
    unknown: Mapping[str, int] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Issue, ...] = ()
    questions: tuple[Question, ...] = ()


def separate_unknown(
    source: str, counts: Mapping[str, int], missing: tuple[str, ...], said: tuple[str, ...] | None
) -> Classes:
    """Return the classes apart from the words that mean "not known".

    A word for missing that many rows of a target hold is an answer ("None" of several conditions),
    unless software writes it. What the user says decides.

    Args:
        source: Name of the target.
        counts: Rows of each text.
        missing: Words that mean "not known" in the rest of the table.
        said: The words that mean it in the target, as the user says; None if nothing was said.

    Raises:
        DataError: The user names a word that the target does not hold.
    """
    if said is not None:
        if wrong := name_missing([word for word in said if word], counts):
            raise DataError(f"--label-missing {wrong} is no value of {source!r}.")
        return split_missing_words(counts, said)
    least = FREQUENT_SHARE * sum(counts.values())
    answers = {w for w in missing if w not in _WRITTEN_BY_SOFTWARE and counts.get(w, 0) >= least}
    unknown = [word for word in missing if word not in answers]
    asked = [word for word in counts if word in answers]
    asked += [w for w in counts if w.lower() in _SOUNDS_UNKNOWN and w not in missing]
    questions = tuple(ask_about_word(source, counts, word, unknown) for word in asked)
    found = tuple(_describe_answer(source, word, counts[word]) for word in asked)
    return replace(split_missing_words(counts, unknown), findings=found, questions=questions)


def split_missing_words(counts: Mapping[str, int], words: Collection[str]) -> Classes:
    """Return the texts of a target apart from the words that mean "not known"."""
    return Classes(
        counts={text: rows for text, rows in counts.items() if text not in words},
        unknown={text: rows for text, rows in counts.items() if text in words},
    )


def _describe_answer(source: str, word: str, rows: int) -> Issue:
    return Issue(
        "danger",
        "label",
        f"{word!r} stands in {rows} rows of {source} and is taken for a class, not for a label "
        "that is not known",
        f"--label-missing {word!r} if it means that nothing is known",
    )


def join_spellings(classes: Classes, *, keep: bool | None) -> Classes:
    """Return the classes with spellings of one class joined, or only reported where kept apart."""
    groups = _group_spellings(classes.counts)
    joined = {
        _name_group(texts, classes.counts): texts for texts in groups.values() if len(texts) > 1
    }
    if not joined:
        return classes
    shown = "; ".join(f"{name!r}: {', '.join(map(repr, texts))}" for name, texts in joined.items())
    told = f"{len(classes.counts)} spellings look like {len(groups)} classes ({shown})"
    if keep:
        finding = Issue("danger", "label", f"{told}; kept apart, as asked", "")
        return replace(classes, findings=(*classes.findings, finding))
    spellings = {text: name for name, texts in joined.items() for text in texts if text != name}
    asked = ask_about_spellings(told, len(groups), len(classes.counts)) if keep is None else None
    finding = Issue(
        "danger", "label", f"{told}; joined", "--keep-spellings, or SPELLINGS in cleaning.py"
    )
    return replace(
        classes,
        counts=_add_up(classes.counts, spellings),
        spellings={**classes.spellings, **spellings},
        findings=(*classes.findings, finding),
        questions=(*classes.questions, *([asked] if asked else [])),
    )


def _group_spellings(counts: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the texts by what they say: capitals, blanks and ways to write a number are alike."""
    groups: dict[str, list[str]] = {}
    for text in counts:
        groups.setdefault(_fold(text), []).append(text)
    yes = [text for said in groups if said in _YES for text in groups[said]]
    no = [text for said in groups if said in _NO for text in groups[said]]
    # Letters such as Y and N may be anything beside a third class.
    only_yes_and_no = len(groups) > 2 and groups.keys() <= _YES | _NO
    return {"yes": yes, "no": no} if only_yes_and_no and yes and no else groups


def says_yes(text: str) -> bool:
    """Tell whether a text is a word for yes, in whatever language; a letter alone may be a no."""
    return len(text) > 1 and _fold(text) in _YES


def _fold(text: str) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if any(letter.isalnum() for letter in plain):
        plain = _SIGNS.sub(" ", plain).strip(" .;,:!")
    try:
        return f"{float(plain):g}" if plain.replace(".", "", 1).isdigit() else plain
    except ValueError:
        return plain


def _name_group(texts: list[str], counts: Mapping[str, int]) -> str:
    """Return the commonest spelling; of equally common ones the longest, then the first."""
    return min(texts, key=lambda text: (-counts[text], -len(text), text))


def _add_up(counts: Mapping[str, int], spellings: Mapping[str, str]) -> dict[str, int]:
    total: dict[str, int] = {}
    for text, rows in counts.items():
        name = spellings.get(text, text)
        total[name] = total.get(name, 0) + rows
    return total


def treat_rare(source: str, classes: Classes, rare: Rare | None) -> Classes:
    """Return the classes without those that are too rare to learn, as the user wants it.

    Where nothing was said, they are left out for the time being, and it is a question.

    Raises:
        DataError: Too few classes would be left.
    """
    few = {name: rows for name, rows in classes.counts.items() if rows < MIN_CLASS_ROWS}
    if not few:
        return classes
    named = ", ".join(f"{name!r} ({rows})" for name, rows in list(few.items())[:_SHOWN])
    named += ", …" if len(few) > _SHOWN else ""
    told = f"{_count(len(few), 'class')} of {source!r} with fewer than {MIN_CLASS_ROWS} rows"
    kept = {name: rows for name, rows in classes.counts.items() if name not in few}
    rows = sum(few.values())
    if rare is None:
        asked = f"There {'is' if len(few) == 1 else 'are'} {told}: {named}"
        question = ask_about_rare(asked, rows, may_join=rows >= MIN_CLASS_ROWS)
        classes = replace(classes, questions=(*classes.questions, question))
    if rare == "join":
        return _join_rare(source, classes, few, kept, f"{told} ({named})")
    _raise_if_single(source, kept)
    finding = Issue(
        "danger",
        "rare class",
        f"{told} ({named}) left out: {_count(rows, 'row')} rejected",
        "--rare join keeps them as one class",
    )
    return replace(classes, counts=kept, left_out=few, findings=(*classes.findings, finding))


def _join_rare(
    source: str, classes: Classes, few: dict[str, int], kept: dict[str, int], told: str
) -> Classes:
    name = next(n for n in (OTHER, f"{OTHER}_classes", f"{OTHER} classes") if n not in kept)
    if (rows := sum(few.values())) < MIN_CLASS_ROWS:
        raise DataError(
            f"Joined, the rare classes of {source!r} have {_count(rows, 'row')}; a class needs "
            f"{MIN_CLASS_ROWS}. Say --rare leave-out, or give more rows."
        )
    finding = Issue("danger", "rare class", f"{told} joined as {name!r}", "--rare leave-out")
    moved = {text: name if to in few else to for text, to in classes.spellings.items()}
    return replace(
        classes,
        counts={**kept, name: rows},
        spellings={**moved, **dict.fromkeys(few, name)},
        findings=(*classes.findings, finding),
    )


def _raise_if_single(source: str, kept: Mapping[str, int]) -> None:
    if len(kept) < 2:
        raise DataError(
            f"Without its rare classes, {source!r} has the single value {next(iter(kept), '')!r}; "
            "nothing can be learned from it. Give more rows, or another --target."
        )


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
