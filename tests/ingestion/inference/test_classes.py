"""Which texts of a target are classes: spellings, answers that look missing, rare classes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import DataError
from fullcircle.ingestion.inference.classes import (
    MIN_CLASS_ROWS,
    Classes,
    join_spellings,
    separate_unknown,
    treat_rare,
)
from fullcircle.ingestion.inference.column_kinds import MISSING_WORDS
from fullcircle.ingestion.inference.label import LabelOptions, LabelValues, infer_label

WORDS = st.text("abcdefgh", min_size=2, max_size=6)


def respell(word: str, how: int) -> str:
    return [word, word.upper(), word.capitalize(), f"  {word} "][how]


@given(
    names=st.lists(WORDS, min_size=2, max_size=5, unique=True),
    ways=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=5, max_size=5),
    rows=st.integers(10, 500),
)
@settings(deadline=None)
def test_spellings_of_a_class_are_one_class_and_no_row_is_lost(
    names: list[str], ways: list[list[int]], rows: int
) -> None:
    """However capitals and blanks vary, each class is found once and keeps all of its rows."""
    counts: dict[str, int] = {}
    for name, spellings in zip(names, ways, strict=False):
        for how in set(spellings):
            counts[respell(name, how)] = rows + how
    joined = join_spellings(Classes(counts), keep=False)
    assert len(joined.counts) == len(names)
    assert sum(joined.counts.values()) == sum(counts.values())
    assert {joined.spellings.get(text, text) for text in counts} == set(joined.counts)
    assert join_spellings(Classes(counts), keep=True).counts == counts


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (["Yes", "yes", "Y", "No", "N", "no"], 2),
        (["ja", "Nein", "nein", "J"], 2),
        (["1", "1.0", "0", "0.0"], 2),
        (["true", "False", "TRUE", "0"], 2),
        (["Y", "N", "U"], 3),  # a third class: letters may be anything
        (["y", "yes", "maybe"], 3),
        (["10", "1.0", "1"], 2),
    ],
)
def test_ways_to_say_yes_are_one_only_where_nothing_else_is_said(
    texts: list[str], classes: int
) -> None:
    """Yes and Y are one class beside No and N, and different ones beside a third answer."""
    assert len(join_spellings(Classes(dict.fromkeys(texts, 50)), keep=False).counts) == classes


@given(word=st.sampled_from(MISSING_WORDS), share=st.floats(0.001, 0.9))
@settings(deadline=None)
def test_a_frequent_answer_is_no_missing_label(word: str, share: float) -> None:
    """A missing word that people write is a class where it is frequent; software's never is."""
    total = 10_000
    rows = max(round(total * share), 1)
    counts = {word: rows, "Mild": total - rows, "Severe": 10}
    found = separate_unknown("condition", counts, MISSING_WORDS, None)
    is_answer = word in ("NA", "na", "None", "none", "-") and rows >= 0.05 * sum(counts.values())
    assert (word in found.counts) == is_answer
    assert (word in found.unknown) != is_answer
    assert any(word in finding.found for finding in found.findings) == is_answer


def test_the_user_says_what_is_missing() -> None:
    """What the user names is missing and nothing else; a word that is not there is refused."""
    counts = {"None": 500, "NA": 3, "Mild": 200}
    assert separate_unknown("y", counts, MISSING_WORDS, ("None",)).unknown == {"None": 500}
    assert separate_unknown("y", counts, MISSING_WORDS, ("",)).unknown == {}
    with pytest.raises(DataError, match=r"'Non' .nearest: 'None'. is no value of 'y'"):
        separate_unknown("y", counts, MISSING_WORDS, ("Non",))


def test_mostly_unknown_labels_are_a_danger() -> None:
    """Labels that software wrote as missing are counted, and a danger where they are many."""
    values = LabelValues("y", {"?": 400, "a": 300, "b": 300}, 1000, 0, missing=MISSING_WORDS)
    label = infer_label(values, LabelOptions())
    assert (label.rows, label.unknown) == (600, ("?",))
    [finding] = [each for each in label.findings if "'?' in 400 rows" in each.found]
    assert finding.level == "danger"


@given(
    few=st.lists(st.integers(1, MIN_CLASS_ROWS - 1), min_size=1, max_size=6),
    many=st.lists(st.integers(MIN_CLASS_ROWS, 900), min_size=2, max_size=5),
)
@settings(deadline=None)
def test_rare_classes_are_asked_of_and_no_row_is_lost(few: list[int], many: list[int]) -> None:
    """Without a word of the user rare classes are a question; no row is lost."""
    counts = {f"r{n}": rows for n, rows in enumerate(few)}
    counts |= {f"m{n}": rows for n, rows in enumerate(many)}
    [question] = treat_rare("y", Classes(counts), None).questions
    assert question.strength == "weak"
    assert "--rare leave-out" in question.describe()
    assert ("--rare join" in question.describe()) == (sum(few) >= MIN_CLASS_ROWS)
    left = treat_rare("y", Classes(counts), "leave_out")
    assert sum(left.counts.values()) + sum(left.left_out.values()) == sum(counts.values())
    assert min(left.counts.values()) >= MIN_CLASS_ROWS
    if sum(few) < MIN_CLASS_ROWS:
        with pytest.raises(DataError, match=r"--rare leave-out"):
            treat_rare("y", Classes(counts), "join")
        return
    joined = treat_rare("y", Classes(counts), "join")
    assert sum(joined.counts.values()) == sum(counts.values())
    assert {joined.spellings.get(text, text) for text in counts} == set(joined.counts)


def test_rare_spellings_go_where_their_class_goes() -> None:
    """A spelling of a class that is joined with others is joined with them, too."""
    counts = {"a": 50, "b": 40, "C": 3, "c": 2, "d": 6}
    joined = treat_rare("y", join_spellings(Classes(counts), keep=False), "join")
    assert joined.counts == {"a": 50, "b": 40, "other": 11}
    assert {joined.spellings[text] for text in ("C", "c", "d")} == {"other"}


@pytest.mark.parametrize(
    ("source", "distinct", "task"),
    [("class", 13, "multiclass"), ("Load_Type", 13, "multiclass"), ("count", 13, "regression")],
)
def test_the_name_of_a_code_says_that_it_is_a_class(source: str, distinct: int, task: str) -> None:
    """Thirteen whole numbers are codes in a column named class, and values in any other."""
    counts = {str(n): 40 for n in range(distinct)}
    assert infer_label(LabelValues(source, counts, 40 * distinct, 0), LabelOptions()).task == task
