"""What is predicted: the task, and what its values mean."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from fullcircle.core.contract import Task
from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.core.survey.findings import Finding
from fullcircle.core.survey.kinds import read_number_texts

MIN_ROWS = 30
MAX_CLASSES = 100
RARE_ROWS = 30
RARE_SHARE = 0.01
_MOST_CLASSES_OF_A_NUMBER = 10
_MOSTLY = 0.95
_POSITIVE = ("1", "1.0", "yes", "y", "true", "t", "positive", "pos", "fraud")
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
        findings: What was assumed, and what looks dangerous.
    """

    source: str
    task: Task
    classes: tuple[str, ...]
    metric: str
    rows: int
    findings: tuple[Finding, ...]


def infer_label(
    source: str,
    counts: Mapping[str, int],
    rows: int,
    blanks: int,
    decimal: str,
    *,
    task: Task | None = None,
    positive: str | None = None,
) -> Label:
    """Infer the task and the classes from all values of the target.

    Args:
        source: Name of the target.
        counts: Rows of each known text; of a number with very many values, of a sample of them.
        rows: Rows with a value.
        blanks: Rows without one.
        decimal: The decimal sign.
        task: What the user says of it.
        positive: The value whose probability is wanted, as the user says.

    Raises:
        DataError: Too few rows have a target, it is constant, or it is neither class nor number.
        ConfigurationError: The user's task or positive value cannot be meant.
    """
    if rows < MIN_ROWS:
        raise DataError(
            f"{rows} of {rows + blanks} rows hold a {source!r}; training needs {MIN_ROWS}. "
            "Give a file with more rows, or another --target."
        )
    if len(counts) < 2:
        raise DataError(
            f"The target {source!r} has the single value {next(iter(counts))!r}; nothing can be "
            "learned from it. Give a file in which it varies, or another --target."
        )
    found = _tell_blanks(source, rows, blanks)
    task = task or _infer_task(counts, decimal)
    if task == "regression":
        _refuse_texts(source, counts, decimal)
        return Label(source, task, (), _METRICS[task], rows, tuple(found))
    if len(counts) > MAX_CLASSES:
        raise DataError(
            f"The target {source!r} has {len(counts)} distinct texts, more than {MAX_CLASSES} "
            "classes. Join rare ones, or give another --target."
        )
    if task == "binary" and len(counts) != 2:
        raise ConfigurationError(
            f"--task binary needs two classes, but {source!r} has {len(counts)}: "
            f"{', '.join(map(repr, list(counts)[:5]))}. Leave --task out, or say multiclass."
        )
    classes = _order_classes(counts, task, positive)
    metric = _METRICS[task]
    smallest = min(classes, key=lambda each: counts[each])
    if counts[smallest] < max(RARE_ROWS, RARE_SHARE * rows):
        found.append(_tell_rare(smallest, counts[smallest], rows))
        metric = "average_precision" if task == "binary" else metric
    return Label(source, task, classes, metric, rows, tuple(found))


def _tell_blanks(source: str, rows: int, blanks: int) -> list[Finding]:
    if not blanks:
        return []
    told = f"{blanks} of {rows + blanks} rows have no {source!r}: not known yet"
    return [Finding("assumed", "label", f"{told}, never learnt from")]


def _tell_rare(name: str, rows: int, total: int) -> Finding:
    return Finding(
        "danger",
        "rare class",
        f"class {name!r} has {rows} of {total} rows",
        "join it with another, leave its rows out, or expect wide intervals",
    )


def _infer_task(counts: Mapping[str, int], decimal: str) -> Task:
    if len(counts) == 2:
        return "binary"
    numbers = _as_numbers(counts, decimal)
    mostly = sum(
        n for n, number in zip(counts.values(), numbers, strict=True) if not math.isnan(number)
    )
    is_number = mostly >= _MOSTLY * sum(counts.values())
    whole = bool((numbers.dropna() % 1 == 0).all())
    few = len(counts) <= _MOST_CLASSES_OF_A_NUMBER and whole
    return "regression" if is_number and not few else "multiclass"


def _as_numbers(counts: Mapping[str, int], decimal: str) -> pd.Series:
    return read_number_texts(pd.Series(list(counts), dtype=object), decimal)


def _refuse_texts(source: str, counts: Mapping[str, int], decimal: str) -> None:
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
    said = [text for text in counts if text.lower() in _POSITIVE]
    return said[0] if len(said) == 1 else min(counts, key=lambda text: (counts[text], text))


def _by_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
