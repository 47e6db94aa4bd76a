"""What is plainly wrong with a window, told as what it is; no chance is involved."""

from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir

from fullcircle.core.profile import PREDICTION, Profile, readable
from fullcircle.core.profile.bins import Bins

# So many times the categories of training, and so many at least, are an explosion.
_EXPLOSION = 10
_MANY_CATEGORIES = 100

_READ_AS = {"number": "numbers", "text": "text"}


@dataclass(frozen=True)
class DataViolation:
    """One thing that is wrong.

    Attributes:
        what: One word or two for machines.
        told: A sentence for people.
        column: The column that is concerned; None of the window as a whole.
    """

    what: str
    told: str
    column: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"problem": self.what, "column": self.column, "told": self.told}


def check_columns(
    window: ir.Table, profile: Profile, known: set[str]
) -> tuple[list[str], list[DataViolation]]:
    """Find the columns that can be compared, and what is wrong with the others.

    Args:
        window: The rows.
        profile: The reference.
        known: Columns that are no inputs: keys, moments, stamps.
    """
    problems, comparable = [], []
    schema = window.schema()
    for name, bins in profile["columns"].items():
        if name not in schema:
            told = f"{name!r} is missing from the window"
            problems.append(DataViolation("vanished", told, name))
        elif not readable(bins["kind"], schema[name]):
            told = f"{name!r} held {_READ_AS[bins['kind']]} at training and is {schema[name]} now"
            problems.append(DataViolation("type_changed", told, name))
        else:
            comparable.append(name)
    new = sorted(set(schema) - set(profile["columns"]) - known)
    appeared = [
        DataViolation("appeared", f"{name!r} is unknown to the model", name) for name in new
    ]
    return comparable, [*problems, *appeared]


def check_rows(rows: int, min_rows: int) -> list[DataViolation]:
    """Say of a window without rows, or with too few, that it cannot be judged."""
    if not rows:
        return [DataViolation("empty_window", "the window has no row, so nothing was judged")]
    if rows < min_rows:
        told = (
            f"{rows} {'row is' if rows == 1 else 'rows are'} too few to judge; {min_rows} are not"
        )
        return [DataViolation("too_few_rows", told)]
    return []


def check_values(name: str, reference: Bins, window: Bins) -> list[DataViolation]:
    """Find a column that lost all values, or whose categories became too many to be categories."""
    rows, missing = sum(window["counts"]), window["counts"][-1]
    had = sum(reference["counts"]) > reference["counts"][-1]
    if rows and missing == rows and had:
        return [
            DataViolation("all_missing", f"{name!r} has no value in any of {rows:,} rows", name)
        ]
    if reference["kind"] != "text":
        return []
    before, now = reference["distinct"], window["distinct"]
    if now > max(_EXPLOSION * before, _MANY_CATEGORIES):
        told = f"{name!r} has about {now:,} different values; at training it had {before:,}"
        return [DataViolation("category_explosion", told, name)]
    return []


def check_versions(counts: dict[str, int], profiled: str) -> list[DataViolation]:
    """Find rows that another version of the model scored than the one profiled.

    Args:
        counts: Rows by the version that scored them.
        profiled: The version whose profile is compared with.
    """
    others = {version: rows for version, rows in counts.items() if version != profiled}
    if not others:
        return []
    named = ", ".join(f"{rows:,} by version {version}" for version, rows in sorted(others.items()))
    told = (
        f"of {sum(counts.values()):,} rows {named} were scored, but the profile is that of version "
        f"{profiled}; the predictions are not compared"
    )
    return [DataViolation("other_model", told, PREDICTION)]
