"""Rows of one entity: whether a column repeats and fixes the label.

Where it does, rows of one entity on both sides of a split make a model look good that only
remembers its entities. The measure is the share of repeated rows whose group has one label, beside
what would be expected if labels were dealt to the rows by chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import rel_entr
from scipy.stats import f as f_distribution

from fullcircle.core.contract import Task
from fullcircle.core.metrics import Vector

MIN_GROUPS = 10
STRONG = 0.8
# Fewer different values are categories of rows, not entities.
MIN_ENTITIES = 20
# A chance below this is none: every column is asked, and there may be thousands.
_MAX_LOG_CHANCE = np.log(1e-6)


@dataclass(frozen=True)
class Repetition:
    """How far the rows of one group have one label.

    Attributes:
        groups: Groups of two or more rows.
        rows: Rows in such groups.
        share: Share of all rows that are in such groups, 0 to 1.
        fixed: 1 where each group has one label (or value), 0 where labels are as mixed as chance
            makes them.
        log_chance: Natural logarithm of the probability, or of a bound of it, that chance makes
            groups as alike as that.
    """

    groups: int
    rows: int
    share: float
    fixed: float
    log_chance: float

    @property
    def fixes_label(self) -> bool:
        """Whether what groups the rows says nearly all of the label, and not by chance."""
        is_no_chance = bool(self.log_chance < _MAX_LOG_CHANCE)
        return self.groups >= MIN_GROUPS and self.fixed >= STRONG and is_no_chance


def measure_repetition(group: Vector, label: Vector, task: Task) -> Repetition:
    """Measure whether rows that share a group share the label.

    Args:
        group: What the rows are grouped by, shape (rows,); no value may be null.
        label: Classes or values without NaN, shape (rows,).
        task: What is predicted.

    Example:
        >>> import numpy as np
        >>> patient, ill = np.repeat(np.arange(40), 5), np.repeat(np.arange(40) % 2, 5)
        >>> measure_repetition(patient, ill, "binary").fixes_label
        True
        >>> measure_repetition(patient, np.tile(np.arange(5) % 2, 40), "binary").fixes_label
        False
    """
    rows = pd.DataFrame({"group": pd.factorize(group)[0], "label": np.asarray(label)})
    size = rows.groupby("group")["label"].transform("size")
    repeated = rows[size > 1]
    groups = int(repeated["group"].nunique())
    if not groups:
        return Repetition(0, 0, 0.0, 0.0, 0.0)
    measure = _measure_values if task == "regression" else _measure_classes
    fixed, log_chance = measure(repeated, rows["label"])
    return Repetition(groups, len(repeated), len(repeated) / len(rows), fixed, log_chance)


def _measure_classes(repeated: pd.DataFrame, label: pd.Series) -> tuple[float, float]:
    grouped = repeated.groupby("group")["label"].agg(["size", "nunique"])
    size, pure = grouped["size"].to_numpy(), grouped["nunique"].to_numpy() == 1
    shares = label.value_counts(normalize=True).to_numpy()
    by_chance = np.sum(shares[:, None] ** size, axis=0)
    seen, expected = np.average(pure, weights=size), np.average(by_chance, weights=size)
    fixed = float((seen - expected) / (1 - expected)) if expected < 1 else 0.0
    return max(fixed, 0.0), _bound_chance(len(size), float(pure.mean()), float(by_chance.mean()))


def _bound_chance(trials: int, seen: float, expected: float) -> float:
    """Return the logarithm of Chernoff's bound for a share of successes as large as seen.

    It holds for trials of different chances as well (Hoeffding, JASA 58 (1963) 13-30, theorem 1).
    """
    if seen <= expected or expected <= 0:
        return 0.0 if seen <= expected else -np.inf
    divergence = rel_entr(seen, expected) + rel_entr(1 - seen, 1 - expected)
    return -trials * float(divergence)


def _measure_values(repeated: pd.DataFrame, label: pd.Series) -> tuple[float, float]:
    """Return the share of the variance that lies between groups, and the chance of an F-test."""
    groups = repeated.groupby("group")["label"]
    within = float(((repeated["label"] - groups.transform("mean")) ** 2).sum())
    between = float(((groups.transform("mean") - repeated["label"].mean()) ** 2).sum())
    n_groups, rows = repeated["group"].nunique(), len(repeated)
    total = float(np.var(label.to_numpy(dtype="float64"), ddof=1)) if len(label) > 1 else 0.0
    if total <= 0 or rows <= n_groups or n_groups < 2:
        return 0.0, 0.0
    fixed = max(1 - within / (rows - n_groups) / total, 0.0)
    if within <= 0:
        return fixed, -np.inf
    ratio = between / (n_groups - 1) / (within / (rows - n_groups))
    return fixed, float(f_distribution.logsf(ratio, n_groups - 1, rows - n_groups))


def find_entities(
    columns: Mapping[str, pd.Series], label: pd.Series, task: Task
) -> dict[str, Repetition]:
    """Find the columns that repeat and fix the label, the strongest first.

    Args:
        columns: Texts, or whole numbers, by column; null where nothing is known.
        label: Classes or values, one a row; NaN where it is not known.
        task: What is predicted.
    """
    found = {}
    for name, column in columns.items():
        known = column.notna() & label.notna()
        group, target = column[known], label[known].to_numpy()
        if not MIN_ENTITIES <= group.nunique() <= len(group) / 2:
            continue
        measured = measure_repetition(group.to_numpy(), target, task)
        # Values of a measurement repeat, too, and fix nothing; half of the rows must be repeated.
        if measured.fixes_label and measured.share > 0.5:
            found[name] = measured
    return dict(sorted(found.items(), key=lambda item: (-item[1].fixed, -item[1].groups)))
