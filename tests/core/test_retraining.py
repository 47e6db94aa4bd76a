"""Tests of the rules that ask for a retraining."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fullcircle.core.retraining import RetrainingSettings, decide_retraining

TRAINED = datetime(2024, 1, 1, tzinfo=UTC)
PROMISED = {"value": 0.80, "low": 0.78, "high": 0.82, "confidence": 0.95}
QUIET = {
    "rows": 500,
    "judged": True,
    "drifted": [],
    "prediction_drifted": False,
    "vanished": [],
    "columns": [{}] * 4,
}
RULES = RetrainingSettings(max_drifted_columns=1, max_model_age_days=90)


def scored(
    *ends: tuple[float, float] | None, metric: str = "roc_auc", version: str = "2"
) -> dict[str, Any]:
    """A performance report with an interval per period; None waits for labels."""
    windows = [
        {
            "as_of": f"2024-{number:02d}-01",
            "model_version": version,
            "score": end and {"value": sum(end) / 2, "low": end[0], "high": end[1]},
        }
        for number, end in enumerate(ends, start=1)
    ]
    return {"metric": metric, "windows": windows}


def decide(
    drift: dict[str, Any] | None = None,
    performance: dict[str, Any] | None = None,
    as_of: datetime = TRAINED,
    rules: RetrainingSettings = RULES,
    promised: dict[str, float] = PROMISED,
) -> dict[str, Any]:
    seen = {**QUIET, **(drift or {})}
    reference = {"version": "2", "promised": promised}
    return decide_retraining(seen, performance or scored(), reference, TRAINED, as_of, rules)


def test_only_the_champions_own_periods_are_held_against_it() -> None:
    """A period that an earlier version scored badly is no reason to replace the newer one."""
    assert decide(performance=scored((0.1, 0.2), version="1"))["retrain"] is False
    assert decide(performance=scored((0.1, 0.2), version="2"))["retrain"] is True


def test_a_quiet_world_asks_for_nothing() -> None:
    """Where nothing is wrong, the model stays, and the reason says what was looked at."""
    assert decide(performance=scored((0.75, 0.79), None)) == {
        "retrain": False,
        "reasons": [
            "no drift in 4 columns over 500 rows; 1 labelled periods, none worse than promised"
        ],
    }


def test_too_few_rows_are_not_called_quiet() -> None:
    """A window too small to judge is reported as such, never as free of drift."""
    decision = decide({"judged": False, "rows": 5})
    assert decision == {"retrain": False, "reasons": ["5 scored rows are too few to judge drift"]}


@pytest.mark.parametrize(
    ("drift", "reason"),
    [
        ({"drifted": ["a"]}, None),
        ({"drifted": ["a", "b"]}, "inputs drifted: a, b"),
        ({"prediction_drifted": True}, "the distribution of the predictions drifted"),
        ({"vanished": ["a"]}, "inputs vanished: a"),
        ({"vanished": ["a"], "judged": False}, "inputs vanished: a"),
    ],
    ids=["up to the limit", "past it", "predictions", "vanished", "vanished and small"],
)
def test_drift_asks_past_the_declared_number(drift: dict[str, Any], reason: str | None) -> None:
    """More drifted inputs than allowed, drifted predictions or a vanished input ask."""
    decision = decide(drift)
    assert decision["retrain"] is (reason is not None)
    if reason:
        assert decision["reasons"] == [reason]


@pytest.mark.parametrize(
    ("ends", "asks"),
    [
        ([(0.70, 0.77)], True),
        ([(0.70, 0.78)], False),
        ([(0.90, 0.95)], False),
        ([(0.60, 0.70), (0.77, 0.81)], False),
        ([(0.77, 0.81), (0.60, 0.70)], True),
        ([(0.60, 0.70), None], True),
        ([None], False),
        ([], False),
    ],
    ids=[
        "surely worse",
        "intervals touch",
        "better",
        "bad once, fine now",
        "bad now",
        "newest waits",
        "all wait",
        "no window",
    ],
)
def test_the_newest_labelled_period_counts(ends: list[Any], *, asks: bool) -> None:
    """A model that is surely worse than promised in the newest labelled period asks."""
    decision = decide(performance=scored(*ends))
    assert decision["retrain"] is asks
    assert ("surely worse than promised" in decision["reasons"][0]) is asks


@pytest.mark.parametrize(
    ("ends", "asks"), [((0.9, 1.0), True), ((0.82, 0.9), False), ((0.1, 0.2), False)]
)
def test_an_error_is_worse_when_it_is_greater(ends: tuple[float, float], *, asks: bool) -> None:
    """Where less is better, an interval above the promise's asks, one below does not."""
    assert decide(performance=scored(ends, metric="rmse"))["retrain"] is asks


def test_an_undefined_score_asks() -> None:
    """A period whose score is NaN is no proof that all is well."""
    nan = float("nan")
    assert decide(performance=scored((nan, nan)))["retrain"] is True


@pytest.mark.parametrize(
    ("day", "limit", "asks"), [(31, 90, False), (31, 30, False), (31, 29, True), (31, None, False)]
)
def test_an_old_model_asks(day: int, limit: float | None, *, asks: bool) -> None:
    """A model older than the declared age asks; without a declared age, none ever does."""
    rules = RetrainingSettings(max_drifted_columns=0, max_model_age_days=limit)
    decision = decide(as_of=datetime(2024, 1, day, tzinfo=UTC), rules=rules)
    assert decision["retrain"] is asks
    if asks:
        assert decision["reasons"] == ["the champion was trained 30 days ago"]


def test_every_reason_is_told() -> None:
    """Several causes at once are all named."""
    decision = decide(
        {"drifted": ["a", "b"], "prediction_drifted": True},
        scored((0.1, 0.2)),
        datetime(2025, 1, 1, tzinfo=UTC),
    )
    assert decision["retrain"] is True
    assert len(decision["reasons"]) == 4
