"""Tests of distributions as counts in fixed bins."""

from bisect import bisect_left
from collections import Counter
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.profile import PREDICTION, bin_labels, choose_bins, count_bins, take_profile

# Eighths are exact in binary and in the engine's literals alike.
numbers = st.one_of(st.none(), st.integers(-80, 80).map(lambda n: n / 8))
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "é", "it's", ""]))


def frame(number: list[Any], text: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {"x": pd.Series(number, dtype="float64"), "t": pd.Series(text, dtype=object)}
    )


def count_by_hand(column: list[Any], bins: dict[str, Any]) -> list[int]:
    """Oracle: put each value into its bin, one after the other."""
    edges, categories = bins.get("edges"), bins.get("categories")
    size = len(edges) + 1 if edges is not None else len(categories or []) + 1
    counts = Counter(
        size
        if value is None
        else bisect_left(edges, value)
        if edges is not None
        else categories.index(value)
        if value in categories
        else size - 1
        for value in column
    )
    return [counts[position] for position in range(size + 1)]


@given(
    known=st.lists(st.tuples(numbers, texts), min_size=1, max_size=40),
    seen=st.lists(st.tuples(numbers, texts), max_size=40),
)
@settings(max_examples=40, deadline=None)
def test_every_row_is_counted_in_its_bin(known: list[Any], seen: list[Any]) -> None:
    """Counts equal a count by hand and add up to the rows, for values seen before or not."""
    bins = choose_bins(frame(*map(list, zip(*known, strict=True))))
    number, text = map(list, zip(*seen, strict=True)) if seen else ([], [])
    counts = count_bins(ibis.memtable(frame(number, text)), bins)
    assert counts == {"x": count_by_hand(number, bins["x"]), "t": count_by_hand(text, bins["t"])}
    assert [sum(column) for column in counts.values()] == [len(seen)] * 2
    assert [len(bin_labels(bins[name])) for name in counts] == [len(c) for c in counts.values()]


@given(st.lists(st.tuples(numbers, texts), min_size=1, max_size=30), st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_the_same_data_has_the_same_shares(rows: list[Any], times: int) -> None:
    """A window that repeats the training rows fills every bin in the same proportion."""
    known = frame(*map(list, zip(*rows, strict=True)))
    bins = choose_bins(known)
    once = count_bins(ibis.memtable(known), bins)
    often = count_bins(ibis.memtable(pd.concat([known] * times)), bins)
    assert often == {name: [times * count for count in counts] for name, counts in once.items()}


def test_bins_of_many_numbers_hold_about_as_many_rows_each() -> None:
    """Decile edges put a tenth of the rows into each bin."""
    known = frame(np.random.default_rng(0).permutation(1000).tolist(), ["a"] * 1000)
    assert count_bins(ibis.memtable(known), choose_bins(known))["x"] == [100] * 10 + [0]


@pytest.mark.parametrize(
    ("values", "edges", "labels", "counts"),
    [
        ([None, None], [], ["any", "(missing)"], [0, 2]),
        ([3.0, 3.0, None], [3.0], ["up to 3", "above 3", "(missing)"], [2, 0, 1]),
    ],
    ids=["all missing", "constant"],
)
def test_degenerate_columns_have_bins(
    values: list[Any], edges: list[float], labels: list[str], counts: list[int]
) -> None:
    """A column without values or with a single one still has bins that count every row."""
    known = frame(values, ["a"] * len(values))
    bins = choose_bins(known)
    assert bins["x"] == {"kind": "number", "edges": edges}
    assert bin_labels(bins["x"]) == labels
    assert count_bins(ibis.memtable(known), bins)["x"] == counts


def test_labels_name_the_bins_in_order() -> None:
    """Numbers are named by their edges, texts by themselves, then the rest and the missing."""
    edges = {"kind": "number", "edges": [1.0, 2.5]}
    assert bin_labels(edges) == ["up to 1", "1 to 2.5", "above 2.5", "(missing)"]
    categories = {"kind": "text", "categories": ["a", "b"]}
    assert bin_labels(categories) == ["a", "b", "(other)", "(missing)"]


def test_only_the_commonest_texts_get_a_bin() -> None:
    """Fifty texts get a bin of their own, the commonest, ties by name; the others share one."""
    common = [f"c{n:02d}" for n in range(49)]
    column = common * 3 + ["tie a", "tie b"] * 2 + ["rare"]
    known = frame([0.0] * len(column), column)
    bins = choose_bins(known)["t"]
    assert bins["categories"] == [*common, "tie a"]
    assert count_bins(ibis.memtable(known), {"t": bins})["t"] == [3] * 49 + [2, 3, 0]


def test_the_order_of_rows_does_not_change_a_profile() -> None:
    """Shuffled rows give the same bins and counts."""
    rng = np.random.default_rng(1)
    known = frame(rng.normal(size=50).tolist(), rng.choice(["a", "b"], 50).tolist())
    probability = rng.random(50)
    order = rng.permutation(50)
    assert take_profile(known, probability) == take_profile(known.iloc[order], probability[order])


def test_a_profile_holds_inputs_and_predictions() -> None:
    """The profile has every input and the predictions, each with counts that add up to the rows."""
    profile = take_profile(frame([1.0, 2.0, None], ["a", None, "a"]), np.array([0.1, 0.2, 0.9]))
    assert profile["rows"] == 3
    assert list(profile["columns"]) == ["x", "t", PREDICTION]
    assert profile["columns"]["t"] == {"kind": "text", "categories": ["a"], "counts": [2, 0, 1]}
    assert all(sum(column["counts"]) == 3 for column in profile["columns"].values())


def test_of_several_classes_the_likeliest_is_profiled() -> None:
    """Predictions of several classes are counted by their likeliest class."""
    probability = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.1, 0.1, 0.8]])
    profile = take_profile(frame([1.0] * 3, ["a"] * 3), probability)
    assert profile["columns"][PREDICTION]["edges"] == [0.0, 2.0]
    assert profile["columns"][PREDICTION]["counts"] == [1, 2, 0, 0]


def test_not_a_number_counts_as_missing() -> None:
    """A NaN that a file brings is a missing value, as it is in training."""
    table = ibis.memtable(pa.table({"size": pa.array([1.0, float("nan"), None, 3.0])}))
    counts = count_bins(table, {"size": {"kind": "number", "edges": [2.0]}})
    assert counts == {"size": [1, 1, 2]}


def test_booleans_count_as_numbers() -> None:
    """A column that training read as 0 and 1 is counted alike when it comes as booleans."""
    table = ibis.memtable(pa.table({"flag": pa.array([True, False, None, True])}))
    counts = count_bins(table, {"flag": {"kind": "number", "edges": [0.0]}})
    assert counts == {"flag": [1, 2, 1]}
