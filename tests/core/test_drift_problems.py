"""Tests of bad input: each is reported as what it is, and the rest of the report still comes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fullcircle.core.drift import (
    ArrivedRows,
    DriftSettings,
    Period,
    check_versions,
    group_days,
    measure_drift,
)
from fullcircle.core.drift.arrivals import compare_volume
from fullcircle.core.profile import PREDICTION, build_profile

SETTINGS = DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=100)
START = pd.Timestamp("2024-01-01", tz="UTC")


def draw(seed: int, rows: int, first_day: int = 0, days: int = 7) -> pd.DataFrame:
    """Three quiet columns, predictions and moments."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "city": rng.choice(["Rome", "Oslo", "Lima"], rows, p=[0.6, 0.3, 0.1]).astype(object),
            "flag": rng.integers(0, 2, rows).astype(float),
            PREDICTION: rng.random(rows),
            "at": (
                START + pd.to_timedelta(first_day + np.sort(rng.random(rows)) * days, "D")
            ).floor("s"),
        }
    )


@pytest.fixture(scope="module")
def profile() -> dict[str, Any]:
    past = draw(0, 6000, days=70)
    inputs = past[["age", "city", "flag"]]
    return build_profile(inputs, past[PREDICTION].to_numpy(), past["at"], period_days=7)


def judge(window: Any, profile: dict[str, Any], **more: Any) -> dict[str, Any]:
    table = window if not isinstance(window, pd.DataFrame) else ibis.memtable(window)
    report = measure_drift(table, profile, SETTINGS, **more)
    assert {"rows", "judged", "drifted", "alarms", "problems", "columns"} <= set(report)
    return report


def told(report: dict[str, Any]) -> dict[str, str | None]:
    return {each["problem"]: each["column"] for each in report["problems"]}


def test_a_quiet_window_has_no_problem(profile: dict[str, Any]) -> None:
    """Rows like those of training are judged, and nothing is found."""
    report = judge(draw(1, 600), profile, known_columns={"at"})
    assert report["judged"]
    assert (report["problems"], report["alarms"], report["drifted"]) == ([], [], [])
    assert report["history"]["windows"] == 10


@pytest.mark.parametrize(
    ("rows", "problem"), [(0, "empty_window"), (1, "too_few_rows"), (99, "too_few_rows")]
)
def test_few_rows_are_told_and_raise_no_alarm(
    profile: dict[str, Any], rows: int, problem: str
) -> None:
    """An empty window, one row or a few are not judged, however far off, and not called quiet."""
    report = judge(draw(1, 300).head(rows).assign(age=1e6), profile)
    assert told(report) == {problem: None}
    assert report["judged"] is False
    assert report["alarms"] == []
    assert len(report["columns"]) == 4


def test_columns_that_vanished_or_appeared_are_named(profile: dict[str, Any]) -> None:
    """A missing column and an unknown one are named, and the others are compared."""
    window = draw(1, 600).rename(columns={"city": "town"})
    report = judge(window, profile, known_columns={"at"})
    assert told(report) == {"vanished": "city", "appeared": "town"}
    assert report["vanished"] == ["city"]
    assert [each["name"] for each in report["columns"]].count("age") == 1


@pytest.mark.parametrize(
    ("column", "values"),
    [("age", [str(n) for n in range(600)]), ("city", list(range(600))), ("age", [b"x"] * 600)],
    ids=["number to text", "text to number", "number to bytes"],
)
def test_a_changed_type_is_told(profile: dict[str, Any], column: str, values: Any) -> None:
    """A column that holds something else than at training is not compared, and that is said."""
    report = judge(draw(1, 600).assign(**{column: values}), profile)
    assert told(report) == {"type_changed": column}
    assert column not in {each["name"] for each in report["columns"]}
    assert report["judged"]


@pytest.mark.parametrize("column", ["age", "city"])
@pytest.mark.parametrize("typed", [True, False], ids=["of its type", "of no type"])
def test_a_column_without_values_is_told_and_alarms(
    profile: dict[str, Any], column: str, *, typed: bool
) -> None:
    """All nulls are a problem and a drift, whether the table still knows the type or not."""
    window = draw(1, 600)
    type_ = (pa.float64() if column == "age" else pa.string()) if typed else pa.null()
    table = pa.Table.from_pandas(window.drop(columns=column)).append_column(
        column, pa.nulls(600, type_)
    )
    report = judge(ibis.memtable(table), profile)
    assert told(report) == {"all_missing": column}
    assert report["drifted"] == [column]


def test_an_explosion_of_categories_is_told_and_alarms(profile: dict[str, Any]) -> None:
    """A column of three categories that suddenly has hundreds is named as that."""
    window = draw(1, 600).assign(city=[f"customer {n}" for n in range(600)])
    report = judge(window, profile)
    assert told(report) == {"category_explosion": "city"}
    assert report["drifted"] == ["city"]
    assert {"unseen", "distribution"} == {each["what"] for each in report["alarms"]}


def test_rows_of_another_model_are_told() -> None:
    """Rows scored by another version than the profiled one are counted, by version."""
    assert check_versions({"3": 10}, "3") == []
    [problem] = check_versions({"3": 10, "2": 4, "1": 1}, "3")
    assert problem.column == PREDICTION
    assert "of 15 rows 1 by version 1, 4 by version 2 were scored" in problem.told


def test_predictions_of_another_model_are_not_compared(profile: dict[str, Any]) -> None:
    """A column that a problem names stays out of the comparison, and the problem is reported."""
    window = draw(1, 600).assign(**{PREDICTION: 9.0})
    report = judge(window, profile, problems=check_versions({"2": 600}, "3"))
    assert told(report) == {"other_model": PREDICTION}
    assert report["prediction_drifted"] is False
    assert PREDICTION not in {each["name"] for each in report["columns"]}


def test_new_values_are_told_by_their_kind(profile: dict[str, Any]) -> None:
    """A few rows that are missing, unseen or far out are found though the whole hardly moved."""
    window = draw(1, 2000)
    window.loc[:159, "age"] = 1e4
    window.loc[160:319, "city"] = "Bern"
    window.loc[320:479, "flag"] = np.nan
    report = judge(window, profile)
    found = {(each["column"], each["what"]) for each in report["alarms"]}
    assert {("age", "out_of_range"), ("city", "unseen"), ("flag", "missing")} <= found
    assert report["drifted"] == ["age", "city", "flag"]
    reasons = {each["name"]: each["reasons"] for each in report["columns"]}
    assert "beyond the range of training in 8.0% of the rows" in reasons["age"]
    assert "never seen before in 8.0% of the rows, 0.0% before" in reasons["city"]
    assert "missing in 8.0% of the rows, 0.0% before" in reasons["flag"]


def period(first_day: int) -> Period:
    """A week, after ten weeks of about 600 rows that ended an hour before the week did."""
    rng = np.random.default_rng(5)
    before = [ArrivedRows(int(rng.poisson(600)), rng.exponential() / 24) for _ in range(10)]
    start = (START + pd.Timedelta(days=first_day)).to_pydatetime()
    return Period("at", start, start + timedelta(days=7), before)


def test_earlier_days_are_grouped_into_periods() -> None:
    """Spans are counted back from the start; one cut short and one that nobody scored are left out.

    Of 31 days before the start, days 4 to 30 hold a row at noon each, but for days 8 to 14.
    """
    start = datetime(2024, 3, 1, tzinfo=UTC)
    ages = [age for age in range(4, 31) if not 8 <= age <= 14]
    days = [start - timedelta(days=age) for age in ages]
    counted = [(day.date(), 10, day.replace(hour=12)) for day in days]
    found = group_days(counted, start, 7)
    assert [each.rows for each in found] == [40, 70, 70]
    assert [each.silent_days for each in found] == [3.5, 0.5, 0.5]
    naive = [(day, rows, moment.replace(tzinfo=None)) for day, rows, moment in counted]
    assert group_days(naive, start, 7) == found
    assert group_days([], start, 7) == []


@pytest.mark.parametrize(
    ("rows", "days", "found"),
    [(600, 7, []), (100, 7, ["volume"]), (3000, 7, ["volume"]), (560, 3, ["silence"])],
    ids=["as usual", "few", "many", "no more"],
)
def test_volume_and_freshness_are_judged(
    profile: dict[str, Any], rows: int, days: int, found: list[str]
) -> None:
    """Far fewer or more rows than usual, or none at the period's end, raise their own alarm."""
    report = judge(draw(1, rows, 70, days), profile, period=period(70))
    assert [each["what"] for each in report["alarms"]] == found
    assert report["drifted"] == []


def test_without_a_past_volume_and_freshness_are_not_judged() -> None:
    """Without earlier periods volume and freshness are not judged, and the rest is."""
    past = draw(0, 6000)
    bare = build_profile(past[["age", "city", "flag"]], past[PREDICTION].to_numpy())
    alone = replace(period(0), before=period(0).before[:2])
    report = judge(draw(1, 150), bare, period=alone)
    assert report["history"] is None
    assert report["judged"]
    assert report["tests"] == 4 + 8
    assert all(each["past_variation"] is None for each in report["columns"])


def test_moments_without_a_zone_are_in_utc(profile: dict[str, Any]) -> None:
    """Freshness is judged alike for moments with and without a time zone."""
    window = draw(1, 600, 70)
    naive = window.assign(at=window["at"].dt.tz_localize(None))
    assert period(70).end.tzinfo is not None
    one, other = (judge(each, profile, period=period(70)) for each in (window, naive))
    assert one["alarms"] == other["alarms"] == []
    assert datetime(2024, 3, 18, tzinfo=UTC) == period(70).end


def test_a_period_without_rows_is_the_farthest_from_usual() -> None:
    """No row at all is a change of one, the whole; half and double are changes of a half."""
    usual = replace(period(70), before=[ArrivedRows(600, 0.1)] * 10)
    found = {rows: compare_volume(rows, usual, SETTINGS) for rows in (0, 300, 600, 1200)}
    assert [each.effect for each in found.values() if each] == [1.0, 0.5, 0.0, 0.5]
