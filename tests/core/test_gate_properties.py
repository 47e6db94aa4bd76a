"""Properties of the gate for any evidence: order, gaps and harder bars."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.gate_cases import ROWS, clear_case, demand, draw_rows, draw_signal, passed, see

from fullcircle.core.gate import GateInputs, decide_promotion
from fullcircle.core.metrics import METRICS, list_metrics

FEW = {"bootstrap_resamples": 20}  # past the validation: no property depends on their number
VECTORS = ("truth", "baseline", "challenger", "champion")
# Checks that rest on no resamples, and so on no order of rows.
ORDERLESS = {
    *("enough_rows", "complete_evidence", "every_class_present", "unseen_rows", "calibrated"),
    *("same_signature", "same_after_reload", "within_latency", "within_size"),
    *("fresh_data", "clean_data"),
}


def drawn(seed: int, rows: int = 200, **changes: Any) -> GateInputs:
    """Draw models of any skill and any slant."""
    rng = np.random.default_rng(seed)
    signal, truth = draw_signal(rng, rows)
    challenger, champion = (see(signal, rng.uniform(0, 2), rng) for _ in range(2))
    evidence: dict[str, Any] = {
        "rows": draw_rows(rows),
        "truth": truth,
        "baseline": np.full(rows, truth.mean()),
        "challenger": challenger ** rng.uniform(0.5, 2),
        "champion": champion,
    }
    return clear_case(**{**evidence, **changes})


@pytest.mark.untraced
@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_means_nothing(seed: int) -> None:
    """Rows turned over together, moments too, give the same estimates and the same answers."""
    given_rows = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(given_rows.truth))
    turned = clear_case(
        **{name: getattr(given_rows, name)[order] for name in VECTORS},
        rows=given_rows.rows.iloc[order].reset_index(drop=True),
    )
    first, again = (decide_promotion(case, demand(**FEW)) for case in (given_rows, turned))
    assert {name: passed(first)[name] for name in ORDERLESS} == {
        name: passed(again)[name] for name in ORDERLESS
    }
    for estimate in ("score", "gain"):
        one, other = getattr(first, estimate), getattr(again, estimate)
        assert one["value"] == pytest.approx(other["value"])
    found = [{row["slice"]: row["gain"]["value"] for row in d.slices} for d in (first, again)]
    assert found[0] == pytest.approx(found[1])


# That may be a primary metric; at a threshold of 0.5 the F2 of deciding 1 always is higher.
OPENING = [n for n in list_metrics("binary") if not METRICS[n].one_sided and n != "f2"]


@pytest.mark.untraced
@given(
    vector=st.sampled_from(VECTORS),
    row=st.integers(0, ROWS - 1),
    value=st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    metric=st.sampled_from(OPENING),
)
@settings(max_examples=60, deadline=None)
def test_a_single_gap_anywhere_never_promotes(
    vector: str, row: int, value: float, metric: str
) -> None:
    """One value that is no number, in any vector and any row, closes a gate that was open."""
    good = clear_case()
    holed = np.asarray(getattr(good, vector), dtype=float).copy()
    holed[row] = value
    case = clear_case(**{vector: holed, "metric": metric})
    assert decide_promotion(clear_case(metric=metric), demand(**FEW)).promote is True
    assert decide_promotion(case, demand(**FEW)).promote is False


HARDER: dict[str, tuple[float | None, ...]] = {
    "min_rows": (1, 200, 201),
    "confidence": (0.5, 0.9, 0.99),
    "slice_margin": (0.2, 0.05, 0.0),
    "max_latency_ms": (None, 100.0, 5.0),
    "max_size_mb": (None, 100.0, 1.0),
    "max_data_age_days": (None, 100.0, 1.0),
    "max_rejected_share": (None, 0.05, 0.0),
    "max_calibration_error": (None, 0.1, 0.0),
    "approval": (False, True),
}
# Their own checks: a harder demand on one may make another easier, as surer intervals are wider.
OWN = {
    "min_rows": ["enough_rows"],
    "confidence": ["better_than_baseline", "better_than_champion", "above_minimum"],
    "slice_margin": ["no_slice_harmed"],
    "max_latency_ms": ["within_latency"],
    "max_size_mb": ["within_size"],
    "max_data_age_days": ["fresh_data"],
    "max_rejected_share": ["clean_data"],
    "max_calibration_error": ["calibrated"],
    "approval": ["approved_by_a_person"],
}


@pytest.mark.untraced
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(HARDER)))
@settings(max_examples=60, deadline=None)
def test_a_harder_demand_never_opens_what_an_easier_one_closed(seed: int, name: str) -> None:
    """As one demand grows, its check goes from yes to no and never back, and no other answers."""
    before: dict[str, bool] = {}
    for value in HARDER[name]:
        answers = passed(decide_promotion(drawn(seed), demand(**{**FEW, name: value})))
        for check in OWN[name]:
            assert before.get(check, True) >= answers.get(check, True)
        if name != "confidence":
            others = {check: fine for check, fine in answers.items() if check not in OWN[name]}
            assert all(before.get(check, fine) == fine for check, fine in others.items())
        before = answers


@pytest.mark.untraced
@given(
    seed=st.integers(0, 10_000),
    metric=st.sampled_from(["roc_auc", "brier"]),
    bars=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=40, deadline=None)
def test_a_higher_bar_never_promotes_what_a_lower_one_refused(
    seed: int, metric: str, bars: tuple[float, float]
) -> None:
    """Bars are monotone in either direction of a metric, the decision with them."""
    easy, hard = sorted(bars, reverse=not METRICS[metric].greater_is_better)
    lenient, strict = (
        decide_promotion(drawn(seed), demand(**FEW, minimum={metric: bar})) for bar in (easy, hard)
    )
    assert lenient.promote >= strict.promote
