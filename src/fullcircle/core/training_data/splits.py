"""Three disjoint sets: what tunes does not select, what selects does not gate."""

import hashlib
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec, Split
from fullcircle.core.errors import DataError

SETS = ("train", "selection", "gate")
_DIGITS = 8


def split_rows(frame: pd.DataFrame, problem: ProblemSpec) -> dict[str, pd.DataFrame]:
    """Divide labelled rows into the train, selection and gate sets.

    Args:
        frame: One labelled row each, with the contract's bookkeeping columns.
        problem: The contract.

    Returns:
        The three sets by name; together they hold every row exactly once.

    Raises:
        DataError: A row has no moment to be split by, or a set would be empty.
    """
    split = problem.split
    if split.by == "time" and (undated := int(frame[str(problem.event_time)].isna().sum())):
        raise DataError(f"{undated} labelled rows have no {problem.event_time}.")
    assigned = (
        _assign_by_time(frame[str(problem.event_time)], split)
        if split.by == "time"
        else assign_by_key(frame[problem.entity_keys], split)
    )
    sets = {name: frame[assigned == name].reset_index(drop=True) for name in SETS}
    if empty := [name for name, rows in sets.items() if rows.empty]:
        raise DataError(
            f"{len(frame)} labelled rows leave nothing for: {', '.join(empty)}. "
            "Give more history (a later as_of) or other shares in the problem's 'split'."
        )
    return sets


def _assign_by_time(moments: pd.Series, split: Split) -> np.ndarray:
    """Oldest rows train, newest gate; rows of one moment stay together."""
    older = moments.rank(method="min").sub(1) / len(moments)
    bounds = [split.train, split.train + split.selection]
    # A hair's breadth keeps a moment that starts exactly at a bound on the later side.
    return np.asarray(SETS)[np.searchsorted(bounds, older.to_numpy() + 1e-9)]


def describe_split(problem: ProblemSpec) -> dict[str, Any]:
    """Say as plain values how rows are divided, so that a model can carry how its own were."""
    return {"entity_keys": problem.entity_keys, **problem.split.model_dump(mode="json")}


def assign_by_key(keys: pd.DataFrame, split: Split) -> np.ndarray:
    """Name the set of each row by its entity's keys, in the order of the columns; shape (rows,)."""
    joined = keys.astype(str).agg("|".join, axis=1)
    digests = [key_digest(key, split.salt) for key in joined]
    bounds = [_as_digest(split.train), _as_digest(split.train + split.selection)]
    return np.asarray(SETS)[np.searchsorted(bounds, digests, side="right")]


def key_digest(key: str, salt: str) -> str:
    """First 8 hexadecimal digits of the key's salted MD5, the same on every engine."""
    return hashlib.md5(f"{salt}:{key}".encode(), usedforsecurity=False).hexdigest()[:_DIGITS]


def is_held_out(table: ir.Table, problem: ProblemSpec) -> ir.BooleanValue:
    """Whether an entity belongs to the share that is scored and never trained on."""
    if not problem.split.scoring:
        return ibis.literal(False)
    return _digest_of(table, problem) >= _as_digest(1 - problem.split.scoring)


def is_in_train(table: ir.Table, problem: ProblemSpec) -> ir.BooleanValue:
    """Whether the digest of an entity's keys puts it into the train set of a split by key."""
    return _digest_of(table, problem) < _as_digest(problem.split.train)


def is_before(moments: ir.Value, first: datetime) -> ir.BooleanValue:
    """Whether moments lie before the first one of a later set."""
    return moments < ibis.literal(first)


def _digest_of(table: ir.Table, problem: ProblemSpec) -> ir.StringValue:
    """Give key_digest of each row's entity, in the engine."""
    parts = [table[key].cast("string") for key in problem.entity_keys]
    text = ibis.literal(f"{problem.split.salt}:") + ibis.literal("|").join(parts)
    return text.hexdigest("md5").substr(0, _DIGITS)


def _as_digest(share: float) -> str:
    """Digest below which the given share of all digests lies."""
    return f"{round(share * 16**_DIGITS):0{_DIGITS}x}"
