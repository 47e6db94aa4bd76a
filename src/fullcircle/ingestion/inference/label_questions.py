"""What a target leaves open: missing words, spellings, rare classes, a rating or a class."""

from collections.abc import Collection, Mapping, Sequence

from fullcircle.core.questions import Choice, Question, Strength

_OFTEN = 0.2
# Words that mean either as often; "None" is nearly always an answer where it is frequent.
_EITHER = frozenset({"na", "n/a", "n.a.", "-", "unknown", "not known", "missing", "?"})


def ask_about_word(
    source: str, counts: Mapping[str, int], word: str, unknown: Collection[str]
) -> Question:
    """Return the question whether a frequent word is a class, or means that nothing is known.

    Args:
        source: Name of the target.
        counts: Rows of each text.
        word: The word.
        unknown: Other words that mean that the label is not known.
    """
    rows, total = counts[word], sum(counts.values())
    is_sign = word == "-" and "+" in counts
    is_open = word.lower() in _EITHER and not is_sign and rows >= _OFTEN * total
    strength: Strength = "weak" if is_open else "strong"
    others = tuple(each for each in unknown if each in counts)
    choices = (
        _mean_missing(("", *others), f"a class of {rows:,} rows"),
        _mean_missing((word, *others), f"not known, so that {total - rows:,} rows are learnt from"),
    )
    asked = f"{word!r} stands in {rows:,} of {total:,} rows of the target {source!r}."
    return Question("label", asked, choices, strength)


def _mean_missing(words: Sequence[str], preview: str) -> Choice:
    option = [part for word in words for part in ("--label-missing", word)]
    return Choice(preview, tuple(option), {"label_missing": tuple(words)})


def ask_about_spellings(told: str, joined: int, apart: int) -> Question:
    """Return the question whether spellings are one class."""
    choices = (
        Choice(f"joined: {joined} classes", ("--join-spellings",), {"keep_spellings": False}),
        Choice(f"apart: {apart} classes", ("--keep-spellings",), {"keep_spellings": True}),
    )
    return Question("label", f"{told}.", choices, "strong")


def ask_about_rare(told: str, rows: int, *, may_join: bool) -> Question:
    """Return the question what becomes of classes with too few rows; no evidence decides it."""
    leave = Choice(f"{rows:,} rows rejected", ("--rare", "leave-out"), {"rare": "leave_out"})
    join = Choice(f"one class of {rows:,} rows", ("--rare", "join"), {"rare": "join"})
    return Question("label", f"{told}.", (leave, join) if may_join else (leave,), "weak")


def ask_about_rating(source: str, numbers: Mapping[str, float]) -> list[Question]:
    """Return the question whether a few whole numbers are classes or a value, where it is one.

    Args:
        source: Name of the target.
        numbers: ``{text: number}``, NaN for what is none.
    """
    if len(numbers) <= 2 or not all(each % 1 == 0 for each in numbers.values()):
        return []
    shown = ", ".join(sorted(numbers, key=lambda text: numbers[text]))
    asked = f"The target {source!r} holds the whole numbers {shown}."
    choices = (
        Choice(f"{len(numbers)} classes", ("--task", "multiclass"), {"task": "multiclass"}),
        Choice("a value, as a rating is", ("--task", "regression"), {"task": "regression"}),
    )
    return [Question("label", asked, choices, "strong")]
