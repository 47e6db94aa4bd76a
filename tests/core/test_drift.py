"""Tests of drift: found where it is, and seldom where it is not."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binom

from fullcircle.core.drift import (
    DriftSettings,
    homogeneity_p_value,
    measure_drift,
    population_stability_index,
)
from fullcircle.core.profile import PREDICTION, build_profile

SETTINGS = DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=100)

histograms = st.integers(2, 6).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 500), min_size=size, max_size=size)] * 2)
)


def draw(rng: np.random.Generator, rows: int, *, shift: float = 0.0) -> pd.DataFrame:
    """Four independent columns; the shift moves ``age`` alone, by standard deviations."""
    income = rng.lognormal(size=rows)
    return pd.DataFrame(
        {
            "age": rng.normal(shift, 1, rows),
            "income": np.where(rng.random(rows) < 0.1, np.nan, income),
            "city": rng.choice(["Rome", "Oslo", "Lima"], rows, p=[0.6, 0.3, 0.1]),
            PREDICTION: rng.random(rows),
        }
    )


def profile_of(frame: pd.DataFrame) -> dict[str, Any]:
    return build_profile(frame.drop(columns=PREDICTION), frame[PREDICTION].to_numpy())


def measure(window: pd.DataFrame, profile: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = SETTINGS.model_copy(update=changes)
    return measure_drift(ibis.memtable(window), profile, changed)


@pytest.fixture(scope="module")
def profile() -> dict[str, Any]:
    return profile_of(draw(np.random.default_rng(0), 2000))


@given(histograms)
def test_psi_is_symmetric_and_not_negative(pair: tuple[list[int], list[int]]) -> None:
    """The index is the same in both directions, finite and never below zero."""
    there, back = population_stability_index(*pair), population_stability_index(*pair[::-1])
    assert there == pytest.approx(back, abs=1e-12)
    assert np.isfinite(there)
    assert there >= 0


@given(st.lists(st.integers(0, 500), min_size=2, max_size=6))
def test_psi_of_equal_histograms_is_zero(counts: list[int]) -> None:
    """Equal histograms have index 0 exactly."""
    assert population_stability_index(counts, counts) == 0


def test_psi_of_equal_shares_hardly_depends_on_the_size() -> None:
    """Equal shares of different sizes have an index near 0, the nearer the more rows there are."""
    assert population_stability_index([600, 300, 100], [60, 30, 10]) < 1e-3
    assert population_stability_index([6000, 3000, 1000], [600, 300, 100]) < 1e-5
    assert population_stability_index([500, 500], [5000, 5000]) == 0


def test_psi_is_the_textbook_value() -> None:
    """With half a row added to each bin, the index is the sum of (q - p) ln(q / p)."""
    p, q = np.array([10.5, 30.5]) / 41, np.array([25.5, 15.5]) / 41
    expected = sum((q - p) * np.log(q / p))
    assert population_stability_index([10, 30], [25, 15]) == pytest.approx(expected)


@given(histograms)
def test_the_p_value_is_pearsons(pair: tuple[list[int], list[int]]) -> None:
    """The p-value is that of Pearson's statistic, computed here from its formula."""
    table = np.array(pair)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or 0 in table.sum(axis=1):
        assert homogeneity_p_value(*pair) == 1.0
        return
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    by_hand = stats.chi2.sf(statistic, table.shape[1] - 1)
    assert homogeneity_p_value(*pair) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.untraced
def test_a_world_at_rest_seldom_raises_an_alarm() -> None:
    """Of 200 quiet windows, no larger share raises any alarm than the declared rate.

    The bar on the effect is off, so that the statistics alone must keep the promise; and it is no
    empty promise, for some alarms there are.
    """
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(20):
        profile = profile_of(draw(rng, 1000))
        for _ in range(10):
            report = measure(draw(rng, 300), profile, false_alarm_rate=0.1, min_psi=0.0)
            alarms += bool(report["drifted"]) or report["prediction_drifted"]
    assert 0 < alarms <= binom.ppf(0.999, 200, 0.1)


@pytest.mark.parametrize("seed", range(5))
def test_a_big_shift_is_found_and_named(profile: dict[str, Any], seed: int) -> None:
    """A shift by one standard deviation is found in its column, and in no other."""
    report = measure(draw(np.random.default_rng(seed), 500, shift=1.0), profile)
    assert report["drifted"] == ["age"]
    assert report["prediction_drifted"] is False
    assert report["columns"][0]["name"] == "age"
    assert report["columns"][0]["psi"] > 0.5


def test_vanishing_values_are_a_shift(profile: dict[str, Any]) -> None:
    """A column that loses half of its values drifts, for missing is a bin of its own."""
    window = draw(np.random.default_rng(1), 500)
    window.loc[::2, "city"] = None
    assert measure(window, profile)["drifted"] == ["city"]


def test_new_categories_are_a_shift(profile: dict[str, Any]) -> None:
    """A text that training never saw counts as other, and many of them are drift."""
    window = draw(np.random.default_rng(1), 500)
    window.loc[::3, "city"] = "Bern"
    report = measure(window, profile)
    assert report["drifted"] == ["city"]
    now = dict(zip(report["columns"][0]["bins"], report["columns"][0]["now"], strict=True))
    assert now["(other)"] == pytest.approx(1 / 3, abs=0.01)


def test_a_shift_of_the_predictions_is_told_apart(profile: dict[str, Any]) -> None:
    """Drifted predictions are reported as such and are not counted among the inputs."""
    window = draw(np.random.default_rng(1), 500)
    window[PREDICTION] = window[PREDICTION] ** 3
    report = measure(window, profile)
    assert (report["prediction_drifted"], report["drifted"]) == (True, [])


def test_a_certain_but_tiny_shift_is_no_alarm() -> None:
    """However certain a shift is, below the declared effect it raises no alarm."""
    rng = np.random.default_rng(3)
    profile = profile_of(draw(rng, 20_000))
    window = draw(rng, 20_000, shift=0.1)
    assert measure(window, profile)["drifted"] == []
    [age] = [c for c in measure(window, profile)["columns"] if c["name"] == "age"]
    assert age["p_value"] < 1e-6
    assert measure(window, profile, min_psi=age["psi"])["drifted"] == ["age"]


@pytest.mark.parametrize(("rows", "judged"), [(99, False), (100, True), (0, False)])
def test_a_small_window_is_not_judged(profile: dict[str, Any], rows: int, *, judged: bool) -> None:
    """Below the declared number of rows nothing is called drift, and the report says so."""
    report = measure(draw(np.random.default_rng(2), rows, shift=5.0), profile)
    assert (report["rows"], report["judged"]) == (rows, judged)
    assert report["drifted"] == (["age"] if judged else [])


def test_a_vanished_column_is_reported(profile: dict[str, Any]) -> None:
    """Columns that the window lacks are named; those that are left are compared."""
    window = draw(np.random.default_rng(2), 200).drop(columns=["city", "age"])
    report = measure(window, profile)
    assert report["vanished"] == ["age", "city"]
    assert {column["name"] for column in report["columns"]} == {"income", PREDICTION}
    assert report["rows"] == 200


def test_a_window_without_any_known_column_is_not_judged(profile: dict[str, Any]) -> None:
    """Where nothing can be compared, all is reported as vanished and nothing as fine."""
    report = measure(pd.DataFrame({"other": [1.0] * 200}), profile)
    assert report["judged"] is False
    assert report["vanished"] == ["age", "city", "income", PREDICTION]


def test_the_report_gives_shares_per_bin(profile: dict[str, Any]) -> None:
    """Shares before and now add up to one over the same bins, the most moved column first."""
    report = measure(draw(np.random.default_rng(2), 300), profile)
    indices = [column["psi"] for column in report["columns"]]
    assert indices == sorted(indices, reverse=True)
    for column in report["columns"]:
        assert sum(column["before"]) == pytest.approx(1)
        assert sum(column["now"]) == pytest.approx(1)
        assert len(column["bins"]) == len(column["before"]) == len(column["now"])


def test_restless_averages_do_not_blind_the_alarm_on_what_requests_bring() -> None:
    """Among trailing averages a shift of a steady column is found, once they are told apart."""
    rng = np.random.default_rng(1)
    weeks, each = 6, 400
    moments = pd.Timestamp("2025-01-06", tz="UTC") + pd.to_timedelta(
        np.repeat(np.arange(weeks) * 7, each) + rng.integers(0, 7, weeks * each), unit="D"
    )

    def rows(levels: list[float], shift: float = 0.0) -> pd.DataFrame:
        size = each * len(levels)
        averages = {
            f"average_{n}": np.repeat(rng.permutation(levels), each) + rng.normal(size=size)
            for n in range(12)
        }
        asked = {f"asked_{n}": rng.normal(shift * (n == 0), 1, size) for n in range(4)}
        return pd.DataFrame({**averages, **asked, PREDICTION: rng.random(size)})

    taught = rows([0.0, 3.0, -3.0, 2.0, -2.0, 4.0])
    profile = build_profile(
        taught.drop(columns=PREDICTION),
        taught[PREDICTION].to_numpy(),
        pd.Series(moments),
        predicted_at=pd.Series(moments),
        period_days=7,
    )
    window = ibis.memtable(rows([1.0], shift=0.7))
    averages = [name for name in taught if name.startswith("average")]
    blind = measure_drift(window, profile, SETTINGS)
    seeing = measure_drift(window, profile, SETTINGS, looked_up=averages)
    assert "asked_0" not in blind["drifted"]
    assert seeing["drifted"] == ["asked_0"]
