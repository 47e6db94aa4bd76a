"""Tests of the contract: what is not valid is refused before anything runs."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from fullcircle.core.contract import (
    Clock,
    FeatureLookup,
    FeatureTable,
    ProblemSpec,
    Split,
    Threshold,
    flatten,
    require_columns,
)
from fullcircle.core.errors import DataError

Make = Callable[..., ProblemSpec]
BILLS = {"table": "bills", "keys": {"buyer": "payer"}, "columns": {"sum": "billed", "n": "bills"}}


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        (date(2024, 5, 1), datetime(2024, 5, 1, tzinfo=UTC)),
        (datetime(2024, 5, 1, 7), datetime(2024, 5, 1, 7, tzinfo=UTC)),
        ("2024-05-01T02:00:00+02:00", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01T00:00:00Z", datetime(2024, 5, 1, tzinfo=UTC)),
    ],
    ids=["date text", "date", "naive", "offset", "zulu"],
)
def test_clock_is_utc(given: Any, moment: datetime) -> None:
    """Every way to write a moment means the same instant in UTC."""
    clock = Clock.model_validate(given)
    assert clock.moment == moment
    assert clock.moment.tzinfo is UTC


def test_clock_prints_a_midnight_as_a_date() -> None:
    """A midnight prints as its date, any other moment in full, and both read back alike."""
    midnight = Clock.model_validate("2024-05-01T02:00:00+02:00")
    later = Clock.model_validate("2024-05-01T07:30:00")
    assert str(midnight) == "2024-05-01"
    assert str(later) == "2024-05-01T07:30:00+00:00"
    assert Clock.model_validate(str(later)) == later


@pytest.mark.parametrize("given", ["yesterday", "", None, 20240501.5, "2024-13-01"])
def test_clock_refuses_what_is_no_moment(given: Any) -> None:
    """What is no ISO moment is refused."""
    with pytest.raises(ValidationError):
        Clock.model_validate(given)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labl": 1}, r"there is no 'labl' \(nearest: 'label'\)"),
        ({"task": "ranking"}, "'binary', 'multiclass' or 'regression'"),
        ({"entity_keys": []}, "at least 1 item"),
        ({"event_time": None}, "a split by time needs event_time, label_time and period_days"),
        ({"label_time": None}, "a split by time needs event_time, label_time and period_days"),
        ({"period_days": None}, "a split by time needs event_time, label_time and period_days"),
        ({"period_days": 0}, "greater than 0"),
        ({"threshold": None}, "a binary task, and no other, needs a 'threshold'"),
        ({"task": "regression", "primary_metric": "rmse"}, "a binary task, and no other"),
        ({"request_columns": []}, "name at least one of request_columns and feature_lookups"),
        ({"request_columns": ["price", "price"]}, "used more than once: price"),
        ({"request_columns": ["price", "returned"]}, "used more than once: returned"),
        ({"request_columns": ["ordered_at"]}, "used more than once: ordered_at"),
        ({"request_columns": ["returned_known_at"]}, "used more than once: returned_known_at"),
        ({"request_columns": ["order_id"]}, "used more than once: order_id"),
        ({"label": "ordered_at"}, "used more than once: ordered_at"),
        ({"request_columns": ["billed"], "feature_lookups": [BILLS]}, "more than once: billed"),
        ({"primary_metric": "rmse"}, "'rmse' is not one of: roc_auc, average_precision"),
        ({"primary_metric": "auc"}, "'auc' is not one of"),
        ({"primary_metric": "recall"}, "gate.minimum.*choose by one of: roc_auc.*f1.*mcc"),
        ({"primary_metric": "f1_macro"}, "'f1_macro' is not one of: .*f1, f2"),
    ],
)
def test_a_contract_that_cannot_be_meant_is_refused(
    make_problem: Make, changes: dict[str, Any], said: str
) -> None:
    """A contradiction is refused, and the message says which."""
    with pytest.raises(ValidationError, match=said):
        make_problem(**changes)


def test_a_snapshot_must_keep_entities_for_scoring(make_problem: Make) -> None:
    """A split by key without a share for scoring is refused, for nothing could be scored."""
    split = {"by": "key", "train": 0.6, "selection": 0.2, "gate": 0.2}
    with pytest.raises(ValidationError, match="needs a share of the entities for 'scoring'"):
        make_problem(history=False, split=split)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"train": 0.6, "selection": 0.2, "gate": 0.1}, "add up to 0.9, not to 1"),
        ({"train": 0.8, "selection": 0.2, "gate": 0.0}, "greater than 0"),
        ({"train": 0.5, "selection": 0.2, "gate": 0.2, "scoring": 0.1}, "leave 'scoring' out"),
    ],
)
def test_shares_of_a_split_add_up(shares: dict[str, float], said: str) -> None:
    """Shares that are empty, do not add up or do not fit the way of splitting are refused."""
    with pytest.raises(ValidationError, match=said):
        Split.model_validate({"by": "time", **shares})


@pytest.mark.parametrize(
    "given", [{}, {"value": 0.5, "maximise": "f1"}, {"value": 0.0}, {"value": 1.0}, {"value": 1.5}]
)
def test_a_threshold_is_one_thing(given: dict[str, Any]) -> None:
    """A threshold is either a value strictly between 0 and 1 or a metric, not both, not none."""
    with pytest.raises(ValidationError):
        Threshold.model_validate(given)


@pytest.mark.parametrize(
    "change", [{"keys": []}, {"keys": {}}, {"columns": []}, {"max_age_days": 0}, {"maxage": 1}]
)
def test_a_lookup_that_finds_nothing_is_refused(change: dict[str, Any]) -> None:
    """A lookup without keys or columns, of no age, or with an unknown setting is refused."""
    with pytest.raises(ValidationError):
        FeatureLookup.model_validate({**BILLS, **change})


def test_a_feature_table_needs_keys() -> None:
    """A feature table without keys is refused."""
    with pytest.raises(ValidationError):
        FeatureTable(keys=[])


def test_lookups_map_names_both_ways_of_writing() -> None:
    """A list means the same names on both sides; a mapping keeps its direction."""
    plain = FeatureLookup(table="t", keys=["a", "b"], columns=["x"])
    mapped = FeatureLookup.model_validate(BILLS)
    assert plain.key_mapping == {"a": "a", "b": "b"}
    assert plain.renaming == {"x": "x"}
    assert mapped.key_mapping == {"buyer": "payer"}
    assert mapped.renaming == {"sum": "billed", "n": "bills"}


def test_the_contract_orders_its_columns(make_problem: Make) -> None:
    """Features are request columns, then looked-up ones; bookkeeping columns are never features."""
    problem = make_problem(feature_lookups=[BILLS])
    assert problem.features == ["price", "colour", "billed", "bills"]
    assert problem.identity == ["order_id", "buyer", "ordered_at"]
    assert problem.bookkeeping == [*problem.identity, "returned", "returned_known_at"]
    assert problem.event_columns == [*problem.bookkeeping, "price", "colour"]
    assert not set(problem.features) & set(problem.bookkeeping)


def test_a_row_may_be_its_own_entity(make_problem: Make) -> None:
    """Where row id and entity key are one column, and there is no time, it is named once."""
    problem = make_problem(history=False, row_id="buyer")
    assert problem.identity == ["buyer"]
    assert problem.bookkeeping == ["buyer", "returned"]


def test_settings_cannot_change(make_problem: Make) -> None:
    """A contract is frozen once it was read."""
    with pytest.raises(ValidationError, match="frozen"):
        make_problem().label = "price"


def test_missing_columns_are_named_with_what_is_there() -> None:
    """A missing column is named with its nearest, and the present ones are listed."""
    require_columns(["a", "b"], ["b"], "raw")
    with pytest.raises(DataError, match=r"raw lacks the column 'prise' \(nearest: 'price'\)") as e:
        require_columns(["price", "colour"], ["prise"], "raw")
    assert "It has: price, colour." in str(e.value)


def test_flat_settings_keep_every_value_under_its_path(make_problem: Make) -> None:
    """Flattening gives each leaf its dotted path; lists of settings are numbered."""
    flat = flatten({"problem": make_problem(feature_lookups=[BILLS]), "seed": 1, "days": [1, 2]})
    assert flat["problem.split.train"] == 0.6
    assert flat["problem.feature_lookups.0.keys.buyer"] == "payer"
    assert flat["problem.request_columns"] == ["price", "colour"]
    assert (flat["seed"], flat["days"]) == (1, [1, 2])
    assert not [name for name, value in flat.items() if isinstance(value, dict)]


@pytest.mark.parametrize("metric", ["f1", "f2", "f0.25", "accuracy", "balanced_accuracy", "mcc"])
def test_a_metric_of_decisions_may_choose_models_and_thresholds(
    make_problem: Make, metric: str
) -> None:
    """Each may be the primary metric, and what a threshold is best for."""
    problem = make_problem(primary_metric=metric, threshold={"maximise": metric})
    assert (problem.primary_metric, problem.threshold) == (metric, Threshold(maximise=metric))
