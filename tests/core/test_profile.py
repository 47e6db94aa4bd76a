"""Tests of distributions as counts in fixed bins: of the reference, and of any window."""

import json
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

from fullcircle.core.errors import DataError
from fullcircle.core.profile import (
    PREDICTION,
    bin_labels,
    build_profile,
    count_groups,
    merge_profiles,
    profile_window,
    readable,
)
from fullcircle.core.profile import window as in_engine
from fullcircle.core.profile.moments import combine_moments, describe_numbers
from fullcircle.core.profile.reference import Codes, count_numbers, count_texts

numbers = st.one_of(st.none(), st.floats(-1e6, 1e6, width=64), st.integers(-3, 3).map(float))
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "é", "it's", "", "a,b", '"']))
many = st.lists(st.tuples(numbers, texts), min_size=1, max_size=60)


def frame(number: list[Any], text: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {"x": pd.Series(number, dtype="float64"), "t": pd.Series(text, dtype=object)}
    )


def frame_of(rows: list[tuple[Any, Any]]) -> pd.DataFrame:
    return frame(*map(list, zip(*rows, strict=True))) if rows else frame([], [])


def profile_of(rows: pd.DataFrame, **more: Any) -> dict[str, Any]:
    return build_profile(rows, np.zeros(len(rows)), **more)


def as_table(rows: pd.DataFrame) -> Any:
    schema = pa.schema([("x", pa.float64()), ("t", pa.string())])
    return ibis.memtable(pa.Table.from_pandas(rows, schema=schema, preserve_index=False))


def about(found: dict[str, Any], wanted: dict[str, Any], **close: float) -> bool:
    """Whether moments are the same but for the last digits."""
    if wanted["count"] == 0:
        return found == wanted
    return found == {
        n: pytest.approx(v, **(close or {"rel": 1e-9, "abs": 1e-6})) for n, v in wanted.items()
    }


def count_by_hand(column: list[Any], bins: dict[str, Any]) -> list[int]:
    """Oracle: put each value into its bin, one after the other."""
    edges, categories = bins.get("edges"), bins.get("categories", [])
    size = len(categories if edges is None else edges) + 1
    counts: Counter[int] = Counter()
    for value in column:
        if value is None:
            counts[size] += 1
        elif edges is not None:
            counts[bisect_left(edges, value)] += 1
        else:
            counts[categories.index(value) if value in categories else size - 1] += 1
    return [counts[position] for position in range(size + 1)]


@pytest.fixture(params=[True, False], ids=["histograms of DuckDB", "any engine"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_engine, "_knows_histograms", lambda _: request.param)


@given(known=many, seen=many | st.just([]))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("native", [True, False])
def test_every_row_is_counted_in_its_bin(native: bool, known: list[Any], seen: list[Any]) -> None:
    """Counts equal a count by hand, for values seen before or not, with either kind of query."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_engine, "_knows_histograms", lambda _: native)
        columns = profile_of(frame_of(known))["columns"]
        bins = {name: columns[name] for name in ("x", "t")}
        found = profile_window(as_table(frame_of(seen)), bins)
    number, text = map(list, zip(*seen, strict=True)) if seen else ([], [])
    assert found["rows"] == len(seen)
    assert found["columns"]["x"]["counts"] == count_by_hand(number, bins["x"])
    assert found["columns"]["t"]["counts"] == count_by_hand(text, bins["t"])


@given(many)
@settings(max_examples=40, deadline=None)
def test_a_window_of_the_training_rows_equals_the_reference(rows: list[Any]) -> None:
    """The engine counts and measures the training rows as training did, each value in its bin."""
    known = frame_of(rows)
    columns = profile_of(known)["columns"]
    found = profile_window(as_table(known), {name: columns[name] for name in ("x", "t")})["columns"]
    assert {name: found[name]["counts"] for name in found} == {
        name: columns[name]["counts"] for name in found
    }
    assert about(found["x"]["moments"], columns["x"]["moments"], rel=1e-6, abs=1e-3)


@given(many, st.lists(st.integers(0, 3), min_size=60, max_size=60), st.randoms())
@settings(max_examples=40, deadline=None)
def test_two_halves_merged_equal_the_whole(rows: list[Any], spots: list[int], rng: Any) -> None:
    """Profiles of two parts in the same bins and windows add up to that of all rows."""
    known, windows = frame_of(rows), np.array(spots[: len(rows)])
    bins = profile_of(known)["columns"]
    part = np.array([rng.random() < 0.5 for _ in rows])

    def profile(chosen: np.ndarray) -> dict[str, Any]:
        at = windows[chosen]
        codes, distinct = pd.factorize(known["t"].to_numpy(dtype=object)[chosen])
        columns = {
            "x": count_numbers(known["x"].to_numpy()[chosen], fixed(bins["x"]), at, 4),
            "t": count_texts(Codes(codes, list(distinct)), fixed(bins["t"]), at, 4),
        }
        counts = np.bincount(at, minlength=4).tolist()
        history = {"days": 1.0, "starts": ["a", "b", "c", "d"], "rows": counts}
        return {"rows": int(chosen.sum()), "columns": columns, "history": history}

    whole, merged = profile(part | True), merge_profiles(profile(part), profile(~part))
    found, wanted = (each["columns"]["x"].pop("moments") for each in (merged, whole))
    assert about(found, wanted)
    assert merged == whole


def fixed(column: dict[str, Any]) -> dict[str, Any]:
    counted = ("counts", "history", "moments")
    return {name: value for name, value in column.items() if name not in counted}


@given(st.lists(st.floats(-1e3, 1e3)), st.lists(st.floats(-1e3, 1e3)))
def test_merged_moments_are_those_of_all_numbers(one: list[float], other: list[float]) -> None:
    """Count, mean, variance and range of two parts give those of the whole, empty parts too."""
    merged = combine_moments(describe_numbers(np.array(one)), describe_numbers(np.array(other)))
    assert about(merged, describe_numbers(np.array(one + other)))


def test_profiles_in_other_bins_are_not_merged() -> None:
    """Profiles of other columns, bins or windows are refused: their counts mean other things."""
    one, other = profile_of(frame([1.0], ["a"])), profile_of(frame([2.0], ["a"]))
    with pytest.raises(DataError, match="other bins of 'x'"):
        merge_profiles(one, other)
    with pytest.raises(DataError, match="other columns"):
        merge_profiles(one, {**one, "columns": {}})
    history = {"days": 1.0, "starts": ["a"], "rows": [1]}
    with pytest.raises(DataError, match="other windows"):
        merge_profiles(one, {**one, "history": history})


def test_bins_of_many_numbers_hold_about_as_many_rows_each() -> None:
    """Each tenth of the rows has a bin that is compared, and none lies beyond the range."""
    column = profile_of(frame(np.random.default_rng(0).permutation(1000).tolist(), ["a"] * 1000))
    found = column["columns"]["x"]
    assert count_groups(found, found["counts"]).tolist() == [0, *[100] * 10, 0, 0]
    assert len(found["counts"]) > 13


@pytest.mark.parametrize(
    ("values", "labels", "counts"),
    [
        ([None, None], ["any", "(missing)"], [0, 2]),
        ([3.0, 3.0, None], ["below 3", "3", "above 3", "(missing)"], [0, 2, 0, 1]),
        ([0.0, 1.0, 1.0], ["below 0", "0", "1", "above 1", "(missing)"], [0, 1, 2, 0, 0]),
    ],
    ids=["all missing", "constant", "two values"],
)
def test_few_values_have_a_bin_each(
    values: list[Any], labels: list[str], counts: list[int]
) -> None:
    """A column with few values counts each, and what lies below, above or is missing."""
    column = profile_of(frame(values, ["a"] * len(values)))["columns"]["x"]
    assert bin_labels(column) == labels
    assert column["counts"] == counts


def test_labels_name_the_bins_in_order() -> None:
    """Numbers are named by the edges of their bins, texts by themselves."""
    edges = {
        "kind": "number",
        "edges": [0.0, 0.5, 1.0, 2.5],
        "groups": [0, 1, 3, 4, 5],
        "exact": False,
    }
    assert bin_labels(edges) == ["below 0", "0 to 1", "1 to 2.5", "above 2.5", "(missing)"]
    categories = {"kind": "text", "categories": ["a", "b"]}
    assert bin_labels(categories) == ["a", "b", "(other)", "(missing)"]


def test_only_the_commonest_texts_get_a_bin() -> None:
    """Fifty texts get a bin of their own, the commonest, ties by name; the others share one."""
    common = [f"c{n:02d}" for n in range(49)]
    column = common * 3 + ["tie a", "tie b"] * 2 + ["rare"]
    bins = profile_of(frame([0.0] * len(column), column))["columns"]["t"]
    assert bins["categories"] == [*common, "tie a"]
    assert bins["distinct"] == 52
    assert bins["counts"] == [3] * 49 + [2, 3, 0]


def test_texts_that_are_all_different_are_no_categories() -> None:
    """Of free text or identifiers no value is kept: a profile holds no row's own text."""
    column = profile_of(frame([0.0] * 60, [f"id {n}" for n in range(60)]))["columns"]["t"]
    assert column["categories"] == []
    assert column["counts"] == [60, 0]


def test_the_order_of_rows_does_not_change_a_profile() -> None:
    """Shuffled rows give the same bins, counts and windows; sums to the last digits."""
    rng = np.random.default_rng(1)
    known = frame(rng.normal(size=400).tolist(), rng.choice(["a", "b"], 400).tolist())
    at = pd.Series(pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(400), "h"))
    probability, order = rng.random(400), rng.permutation(400)
    one = build_profile(known, probability, at, period_days=2)
    other = build_profile(known.iloc[order], probability[order], at.iloc[order], period_days=2)
    for profile in (one, other):
        for column in profile["columns"].values():
            moments = column.pop("moments", {})
            column["about"] = {n: v if v is None else round(v, 9) for n, v in moments.items()}
    assert one == other


def test_a_profile_holds_inputs_and_predictions() -> None:
    """The profile has every input and the predictions, counted over their own rows."""
    profile = build_profile(frame([1.0, 2.0, None], ["a", None, "a"]), np.array([0.1, 0.2]))
    assert profile["rows"] == 3
    assert profile["history"] is None
    assert list(profile["columns"]) == ["x", "t", PREDICTION]
    assert profile["columns"]["t"]["counts"] == [2, 0, 1]
    assert [sum(column["counts"]) for column in profile["columns"].values()] == [3, 3, 2]
    assert json.loads(json.dumps(profile)) == profile


def test_of_several_classes_the_likeliest_is_profiled() -> None:
    """Predictions of several classes are counted by their likeliest class."""
    probability = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.1, 0.1, 0.8]])
    column = build_profile(frame([1.0] * 3, ["a"] * 3), probability)["columns"][PREDICTION]
    assert bin_labels(column) == ["below 0", "0", "2", "above 2", "(missing)"]
    assert column["counts"] == [0, 1, 2, 0, 0]


def count_in_engine(values: pa.Array, bins: dict[str, Any]) -> list[int]:
    table = ibis.memtable(pa.table({"size": values}))
    found: list[int] = profile_window(table, {"size": bins})["columns"]["size"]["counts"]
    return found


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.0, float("nan"), None, 3.0]),
        pa.array([1.0, float("inf"), -1e31, 3.0]),
        pa.array([1, None, None, 3], pa.int64()),
    ],
    ids=["not a number", "infinite", "whole"],
)
def test_what_training_takes_for_missing_is_missing(values: pa.Array) -> None:
    """NaN, infinity and numbers beyond 1e30 are missing in a window, as they are in training."""
    bins = {"kind": "number", "edges": [0.0, 2.0, 4.0]}
    assert count_in_engine(values, bins) == [0, 1, 1, 0, 2]


@pytest.mark.usefixtures("engine")
def test_booleans_and_moments_count_as_numbers() -> None:
    """Booleans are 0 and 1 and moments seconds since 1970, as training reads them."""
    flags, moments = (
        pa.array([True, False, None, True]),
        pa.array([0, 2_500_000], pa.timestamp("us")),
    )
    assert count_in_engine(flags, {"kind": "number", "edges": [-1.0, 0.0, 1.0]}) == [0, 1, 2, 0, 1]
    assert count_in_engine(moments, {"kind": "number", "edges": [-1.0, 0.0, 2.0]}) == [
        0,
        1,
        1,
        0,
        0,
    ]
    days = pa.array([0, 1], pa.date32())
    assert count_in_engine(days, {"kind": "number", "edges": [0.0, 86400.0]}) == [1, 1, 0, 0]


@pytest.mark.usefixtures("engine")
def test_numbers_that_equal_an_edge_stay_in_their_bin() -> None:
    """An edge with seventeen digits is the very number that training saw, for the engine too."""
    value = 0.1 + 0.2
    bins = {"kind": "number", "edges": [float(np.nextafter(value, -1)), value]}
    assert count_in_engine(pa.array([value] * 3), bins) == [0, 3, 0, 0]


@pytest.mark.parametrize(
    ("kind", "type_", "fits"),
    [
        ("number", "int32", True),
        ("number", "boolean", True),
        ("number", "timestamp", True),
        ("number", "string", False),
        ("text", "string", True),
        ("text", "decimal(9, 2)", True),
        ("text", "float64", False),
        ("text", "null", True),
        ("number", "null", True),
    ],
)
def test_a_type_fits_if_training_would_have_read_it_alike(
    kind: str, type_: str, *, fits: bool
) -> None:
    """What is text at training must not be a number now, nor the other way round."""
    assert readable(kind, ibis.dtype(type_)) is fits


def history_of(days: int, per_day: int, period: float | None) -> Any:
    at = pd.Series(
        [pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=d) for d in range(days)] * per_day
    )
    rows = frame(list(range(len(at))), ["a"] * len(at))
    return build_profile(rows, np.zeros(len(at)), at, period_days=period)["history"]


@pytest.mark.parametrize(
    ("days", "period", "length", "windows"),
    [
        (70, 7, 7, 10),
        (70, 28, 14, 5),
        (40, 28, 7, 6),
        (8, 28, 1, 8),
        (2, 28, 1, 2),
        (800, 7, 7, 36),
    ],
)
def test_the_past_is_cut_into_windows_like_the_period(
    days: int, period: int, length: float, windows: int
) -> None:
    """Windows are as long as a period, or whole weeks or days where that gives fewer than five."""
    history = history_of(days, 40, period)
    assert (history["days"], len(history["rows"])) == (length, windows)


def test_windows_of_few_rows_are_not_cut() -> None:
    """Windows hold at least 30 rows on average; a snapshot or a single moment has no windows."""
    assert history_of(70, 1, 7) is None
    assert history_of(100, 1, 50)["days"] == 50
    assert history_of(1, 500, 7) is None


def test_the_windows_of_a_column_add_up_to_its_rows() -> None:
    """Each row is in one window of the past; predictions of later rows are in later windows."""
    rng = np.random.default_rng(2)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    at, later = (
        pd.Series(start + pd.to_timedelta(rng.random(700) * 35 + 35 * n, "D")) for n in (0, 1)
    )
    known = frame(rng.normal(size=700).tolist(), ["a"] * 700)
    profile = build_profile(known, rng.random(700), at, predicted_at=later, period_days=7)
    history = np.array(profile["columns"]["x"]["history"])
    assert history.sum(axis=1).tolist() == profile["history"]["rows"]
    assert history.sum() == 700
    predicted = np.array(profile["columns"][PREDICTION]["history"])
    assert predicted.sum() == 700
    assert predicted[:5].sum() == 0
    assert history[5:].sum() == 0


def test_the_range_is_widened_by_what_the_past_varied() -> None:
    """What lies beyond all values by less than their own range moved in the past is not far."""
    at = pd.Series(pd.date_range("2024-01-01", periods=400, freq="h", tz="UTC"))
    values = np.linspace(0, 1, 400) + 10 * (np.arange(400) // 40 % 2)
    steady = build_profile(frame(values.tolist(), ["a"] * 400), np.zeros(400))["columns"]["x"]
    varied = build_profile(
        frame(values.tolist(), ["a"] * 400), np.zeros(400), at, period_days=40 / 24
    )["columns"]["x"]
    assert steady["edges"][-1] == values.max()
    assert varied["edges"][-1] > values.max() + 9
