"""Tests of the three disjoint sets."""

import hashlib
from collections.abc import Callable
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError
from fullcircle.core.training_data.splits import SETS, is_held_out, key_digest, split_rows

Make = Callable[..., ProblemSpec]
START = pd.Timestamp("2024-01-01", tz="UTC")

names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)


def by_time(days: list[int]) -> pd.DataFrame:
    moments = pd.DatetimeIndex([START + pd.Timedelta(days=d) for d in days])
    return pd.DataFrame({"order_id": range(len(days)), "ordered_at": moments})


def split_or_none(frame: pd.DataFrame, problem: ProblemSpec) -> dict[str, pd.DataFrame] | None:
    try:
        return split_rows(frame, problem)
    except DataError:
        return None


def set_of_row(sets: dict[str, pd.DataFrame]) -> dict[int, str]:
    return {row: name for name, rows in sets.items() for row in rows["order_id"]}


def rows_in(sets: dict[str, pd.DataFrame]) -> list[int]:
    return sorted(row for rows in sets.values() for row in rows["order_id"])


@given(days=st.lists(st.integers(0, 12), min_size=3, max_size=40))
@settings(max_examples=100, deadline=None)
def test_a_split_by_time_is_a_partition_in_order(make_problem: Make, days: list[int]) -> None:
    """Every row lands in one set, and each set is strictly later than the one before.

    Strictly: rows of one moment are never torn apart.
    """
    sets = split_or_none(by_time(days), make_problem())
    if sets is None:
        return
    assert list(sets) == list(SETS)
    assert rows_in(sets) == list(range(len(days)))
    assert sets["train"]["ordered_at"].max() < sets["selection"]["ordered_at"].min()
    assert sets["selection"]["ordered_at"].max() < sets["gate"]["ordered_at"].min()


@given(order=st.permutations(range(20)))
@settings(max_examples=20, deadline=None)
def test_a_split_by_time_keeps_the_shares(make_problem: Make, order: list[int]) -> None:
    """With distinct moments the oldest 60 % train and the newest 20 % gate, in any row order."""
    sets = split_rows(by_time(list(order)), make_problem())
    days = {n: sorted((rows["ordered_at"] - START).dt.days) for n, rows in sets.items()}
    assert days == {
        "train": list(range(12)),
        "selection": list(range(12, 16)),
        "gate": list(range(16, 20)),
    }


@pytest.mark.parametrize(
    ("days", "empty"),
    [([1] * 9, "selection, gate"), ([1, 2], "selection"), ([], "train, selection, gate")],
    ids=["one moment", "two rows", "no rows"],
)
def test_a_set_without_rows_stops_the_run(make_problem: Make, days: list[int], empty: str) -> None:
    """A set is never empty in silence; the error names it."""
    with pytest.raises(DataError, match=f"leave nothing for: {empty}"):
        split_rows(by_time(days), make_problem())


@given(keys=st.lists(names, min_size=20, max_size=60), more=st.lists(names, max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_split_by_key_is_stable(make_problem: Make, keys: list[str], more: list[str]) -> None:
    """Each entity has one set, all rows have one, and rows added later move nobody."""
    problem = make_problem(history=False)
    grown = pd.DataFrame({"order_id": range(len(keys + more)), "buyer": keys + more})
    before = split_or_none(grown.head(len(keys)), problem)
    after = split_or_none(grown, problem)
    if before is None or after is None:
        return
    assert rows_in(after) == list(grown["order_id"])
    assert set_of_row(before).items() <= set_of_row(after).items()
    per_entity = grown.assign(set=grown["order_id"].map(set_of_row(after))).groupby("buyer")["set"]
    assert per_entity.nunique().max() == 1


def test_a_split_by_key_keeps_the_shares(make_problem: Make) -> None:
    """Of many entities, the declared shares train, select and gate, and the rest is held out."""
    problem = make_problem(history=False)
    frame = pd.DataFrame({"order_id": range(20_000), "buyer": [f"b{n}" for n in range(20_000)]})
    held = frame.assign(held=is_held_out(ibis.memtable(frame), problem).name("held").execute())
    sets = split_rows(held[~held["held"]], problem)
    shares = [len(sets[name]) / 20_000 for name in SETS] + [held["held"].mean()]
    np.testing.assert_allclose(shares, [0.5, 0.2, 0.2, 0.1], atol=0.012)


def test_another_salt_divides_otherwise(make_problem: Make) -> None:
    """The salt decides who lands where, so that a new division can be asked for."""
    frame = pd.DataFrame({"order_id": range(500), "buyer": range(500)})
    split = make_problem(history=False).split
    salted = [
        set_of_row(split_rows(frame, make_problem(history=False, split=split.model_copy(update=u))))
        for u in ({}, {"salt": "pepper"})
    ]
    assert 0.3 < np.mean([salted[0][row] == salted[1][row] for row in range(500)]) < 0.5


def test_the_digest_is_the_head_of_a_salted_md5() -> None:
    """The digest is the first 8 hexadecimal digits of the MD5 of salt and key."""
    md5 = hashlib.md5("salt:Zoë|7".encode(), usedforsecurity=False).hexdigest()
    assert key_digest("Zoë|7", "salt") == md5[:8]


@given(
    keys=st.lists(st.tuples(names, st.integers(-(10**12), 10**12)), min_size=1, max_size=30),
    scoring=st.sampled_from([0.1, 0.25, 0.5]),
    salt=names,
)
@settings(max_examples=50, deadline=None)
def test_the_engine_and_python_hold_out_the_same(
    make_problem: Make, keys: list[tuple[str, int]], scoring: float, salt: str
) -> None:
    """DuckDB holds out an entity exactly where the Python digest lies in the top share.

    And whom it holds out is never among the rows that train or select.
    """
    rest = (1 - scoring) / 2
    split: dict[str, Any] = {
        "by": "key",
        "train": rest,
        "selection": rest / 2,
        "gate": rest / 2,
        "scoring": scoring,
        "salt": salt,
    }
    problem = make_problem(history=False, entity_keys=["buyer", "shop"], split=split)
    frame = pd.DataFrame(keys, columns=["buyer", "shop"]).assign(order_id=range(len(keys)))
    held = is_held_out(ibis.memtable(frame), problem).name("held").execute().tolist()
    shares = [int(key_digest(f"{buyer}|{shop}", salt), 16) / 16**8 for buyer, shop in keys]
    assert held == [share >= 1 - scoring for share in shares]
    if sets := split_or_none(frame, problem):
        assert not {s for row, s in set_of_row(sets).items() if held[row]} - {"gate"}


def test_row_without_a_moment_is_refused(make_problem: Any) -> None:
    """A row that no moment places is refused instead of put among the newest."""
    problem = make_problem()
    frame = pd.DataFrame({problem.event_time: pd.to_datetime(["2024-01-01", None], utc=True)})
    with pytest.raises(DataError, match="1 labelled rows have no"):
        split_rows(frame, problem)
