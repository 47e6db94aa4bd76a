"""What is predicted: the task, and what its values mean."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from fullcircle.core.contract import Task
from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.core.parsing.numbers import NumberFormat
from fullcircle.core.questions import Question
from fullcircle.ingestion.inference.classes import (
    Classes,
    Rare,
    join_spellings,
    says_yes,
    separate_unknown,
    split_missing_words,
    treat_rare,
)
from fullcircle.ingestion.inference.column_kinds import read_number_texts
from fullcircle.ingestion.inference.issues import Issue, Level
from fullcircle.ingestion.inference.label_questions import ask_about_rating

MIN_ROWS = 30
MAX_CLASSES = 100
RARE_ROWS = 30
RARE_SHARE = 0.01
_MOST_CLASSES_OF_A_NUMBER = 10
# A number with such a name is a code of a class, not a value.
_MOST_NAMED_CLASSES = 30
_NAMES_A_CLASS = re.compile(r"(?i)(^|[^a-z])(class|label|category|type|kind|species)([^a-z]|$)")
UNKNOWN_SHARE = 0.2
_MOSTLY = 0.95
_POSITIVE = ("1", "1.0", "+", "yes", "y", "true", "t", "positive", "pos", "fraud")
_METRICS: dict[Task, str] = {
    "binary": "roc_auc",
    "multiclass": "multiclass_log_loss",
    "regression": "rmse",
}


@dataclass(frozen=True)
class Label:
    """What is predicted.

    Attributes:
        source: The column in the source.
        task: binary, multiclass or regression.
        classes: Texts of the classes in the order of their numbers; empty for a regression. Of a
            binary label the second one is what the model gives the probability of.
        metric: The primary metric.
        rows: Rows with a known label.
        rows_left_out: Rows of classes that are too rare, which are rejected.
        unknown: Words that mean that the label is not known.
        spellings: ``{text: class}`` of texts that are written otherwise than their class.
        findings: What was assumed, and what looks dangerous.
        questions: What is open.
    """

    source: str
    task: Task
    classes: tuple[str, ...]
    metric: str
    rows: int
    rows_left_out: int = 0
    unknown: tuple[str, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Issue, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class LabelValues:
    """All values of a target.

    Attributes:
        source: Name of the target.
        counts: Rows of each text; of a number with very many values, of a sample of them.
        rows: Rows with a text.
        blanks: Rows without one.
        decimal: How numbers are written, or the decimal sign alone.
        missing: Words that mean "not known" in the rest of the table.
    """

    source: str
    counts: Mapping[str, int]
    rows: int
    blanks: int
    decimal: NumberFormat | str = "."
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelOptions:
    """What the user says of the target.

    Attributes:
        task: What is predicted.
        positive: Of two classes, the one whose probability is wanted.
        missing: Words that mean that the label is not known; None to decide by the values.
        keep_spellings: Whether spellings of one class stay classes of their own; None to ask.
        rare: What becomes of classes with too few rows.
    """

    task: Task | None = None
    positive: str | None = None
    missing: tuple[str, ...] | None = None
    keep_spellings: bool | None = None
    rare: Rare | None = None


def infer_label(values: LabelValues, options: LabelOptions) -> Label:
    """Infer the task and the classes from all values of the target.

    Raises:
        DataError: Too few rows have a target, it is constant, or it is neither class nor number.
        ConfigurationError: The user's task or positive value is not valid.
    """
    known = {t: n for t, n in values.counts.items() if t not in values.missing}
    task = options.task or _infer_task(values.source, known, values.decimal)
    if task == "regression":
        return _as_regression(values, options)
    return _as_classes(values, options)


def _as_regression(values: LabelValues, options: LabelOptions) -> Label:
    classes = split_missing_words(values.counts, {*values.missing, *(options.missing or ())})
    rows = _count_known(values, classes)
    _refuse_too_little(values, classes, rows)
    _refuse_texts(values.source, classes.counts, values.decimal)
    found = _describe_blanks(values, classes, rows)
    unknown = tuple(classes.unknown)
    metric = _METRICS["regression"]
    return Label(values.source, "regression", (), metric, rows, unknown=unknown, findings=found)


def _as_classes(values: LabelValues, options: LabelOptions) -> Label:
    named = options.task is not None or _NAMES_A_CLASS.search(values.source)
    known = [text for text in values.counts if text not in values.missing]
    numbers = dict(zip(known, _as_numbers(dict.fromkeys(known, 1), values.decimal), strict=True))
    rating = [] if named else ask_about_rating(values.source, numbers)
    apart = separate_unknown(values.source, values.counts, values.missing, options.missing)
    classes = join_spellings(apart, keep=options.keep_spellings)
    rows = _count_known(values, classes)
    _refuse_too_little(values, classes, rows)
    if len(classes.counts) > MAX_CLASSES:
        raise DataError(
            f"The target {values.source!r} has {len(classes.counts)} distinct texts, more than "
            f"{MAX_CLASSES} classes. Join rare ones, or give another --target."
        )
    classes = treat_rare(values.source, classes, options.rare)
    rows -= sum(classes.left_out.values())
    task: Task = "binary" if len(classes.counts) == 2 else "multiclass"
    if options.task == "binary" and task != "binary":
        _refuse_as_binary(values.source, classes.counts)
    task = options.task or task
    ordered = _order_classes(classes.counts, task, options.positive)
    rare, metric = _look_at_rarest(classes.counts, rows, task)
    return Label(
        source=values.source,
        task=task,
        classes=ordered,
        metric=metric,
        rows=rows,
        rows_left_out=sum(classes.left_out.values()),
        unknown=tuple(classes.unknown),
        spellings=classes.spellings,
        findings=(*_describe_blanks(values, classes, rows), *classes.findings, *rare),
        questions=(*rating, *classes.questions),
    )


def _count_known(values: LabelValues, classes: Classes) -> int:
    return values.rows - sum(classes.unknown.values())


def _refuse_too_little(values: LabelValues, classes: Classes, rows: int) -> None:
    total = values.rows + values.blanks
    if rows < MIN_ROWS:
        raise DataError(
            f"{rows} of {total} rows hold a {values.source!r}; training needs {MIN_ROWS}. "
            "Give a file with more rows, or another --target."
        )
    if len(classes.counts) < 2:
        raise DataError(
            f"The target {values.source!r} has the single value "
            f"{next(iter(classes.counts))!r}{_blame_unknown(classes)}; nothing can be learned from "
            "it. Give a file in which it varies, or another --target."
        )


def _blame_unknown(classes: Classes) -> str:
    if not classes.unknown:
        return ""
    word, rows = max(classes.unknown.items(), key=lambda item: item[1])
    return f" ({word!r} in {rows} rows is taken for a label that is not known)"


def _refuse_as_binary(source: str, counts: Mapping[str, int]) -> None:
    raise ConfigurationError(
        f"--task binary needs two classes, but {source!r} has {len(counts)}: "
        f"{', '.join(map(repr, list(counts)[:5]))}. Leave --task out, or say multiclass."
    )


def _look_at_rarest(
    counts: Mapping[str, int], rows: int, task: Task
) -> tuple[tuple[Issue, ...], str]:
    """Return what is to be said of the rarest class, and the metric that suits it."""
    name = min(counts, key=lambda each: counts[each])
    if counts[name] >= max(RARE_ROWS, RARE_SHARE * rows):
        return (), _METRICS[task]
    metric = "average_precision" if task == "binary" else _METRICS[task]
    return (_describe_rare(name, counts[name], rows),), metric


def _describe_blanks(values: LabelValues, classes: Classes, rows: int) -> tuple[Issue, ...]:
    found = []
    if values.blanks:
        told = f"{values.blanks} of {values.rows + values.blanks} rows have no {values.source!r}"
        found.append(Issue("assumed", "label", f"{told}: not known yet, never learnt from"))
    for word, count in classes.unknown.items():
        told = f"{word!r} in {count} rows of {values.source}: not known yet, never learnt from"
        do = '--label-missing "" if it is a class'
        level: Level = "danger" if count > UNKNOWN_SHARE * (rows + count) else "assumed"
        found.append(Issue(level, "label", told, do))
    return tuple(found)


def _describe_rare(name: str, rows: int, total: int) -> Issue:
    return Issue(
        "danger",
        "rare class",
        f"class {name!r} has {rows} of {total} rows",
        "join it with another, leave its rows out, or expect wide intervals",
    )


def _infer_task(source: str, counts: Mapping[str, int], decimal: NumberFormat | str) -> Task:
    """Return what the values look like: many different numbers are a value, all else classes."""
    if len(counts) <= 2:
        return "multiclass"
    numbers = _as_numbers(counts, decimal)
    mostly = sum(
        n for n, number in zip(counts.values(), numbers, strict=True) if not math.isnan(number)
    )
    if mostly < _MOSTLY * sum(counts.values()):
        return "multiclass"
    most = _MOST_NAMED_CLASSES if _NAMES_A_CLASS.search(source) else _MOST_CLASSES_OF_A_NUMBER
    whole = bool((numbers.dropna() % 1 == 0).all())
    return "multiclass" if len(counts) <= most and whole else "regression"


def _as_numbers(counts: Mapping[str, int], decimal: NumberFormat | str) -> pd.Series:
    return read_number_texts(pd.Series(list(counts), dtype=object), decimal)


def _refuse_texts(source: str, counts: Mapping[str, int], decimal: NumberFormat | str) -> None:
    numbers = _as_numbers(counts, decimal)
    texts = [text for text, number in zip(counts, numbers, strict=True) if math.isnan(number)]
    wrong = sum(counts[text] for text in texts)
    if wrong > (1 - _MOSTLY) * sum(counts.values()):
        raise ConfigurationError(
            f"--task regression needs numbers, but {wrong} rows hold a {source!r} such as "
            f"{texts[0]!r}. Say --task multiclass, or give another --target."
        )


def _order_classes(counts: Mapping[str, int], task: Task, positive: str | None) -> tuple[str, ...]:
    if task != "binary":
        if positive is not None:
            raise ConfigurationError(
                f"--positive is for two classes; the target has {len(counts)}. Leave it out."
            )
        return tuple(sorted(counts, key=_by_number))
    if positive is not None and (wrong := name_missing([positive], counts)):
        values = " and ".join(map(repr, counts))
        raise ConfigurationError(f"--positive {wrong} is no value of the target: {values} are.")
    chosen = positive or _choose_positive(counts)
    [other] = [each for each in counts if each != chosen]
    return other, chosen


def _choose_positive(counts: Mapping[str, int]) -> str:
    """Take the value that says yes, or else the rarer one: it is usually what is looked for."""
    said = [text for text in counts if text.lower() in _POSITIVE or says_yes(text)]
    return said[0] if len(said) == 1 else min(counts, key=lambda text: (counts[text], text))


def _by_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
