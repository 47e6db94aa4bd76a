"""Tests of the promotion gate: one fault, one failed check, and it fails closed."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from tests.core.gate_cases import (
    INTAKE,
    MODEL,
    PROBE,
    PROBLEM,
    ROWS,
    SETTINGS,
    SNAPSHOT,
    clear_case,
    demand,
    draw_rows,
    draw_signal,
    failed,
    passed,
    probed,
    see,
    snapshot_case,
    taught,
)

from fullcircle.core.gate import GateInputs, GateSettings, RolledBack, decide_promotion
from fullcircle.core.gate.context import GateContext
from fullcircle.core.metrics import METRICS
from fullcircle.core.models.edge_cases import CASES
from fullcircle.core.training_data.splits import describe_split

NAN, INF = float("nan"), float("inf")
FIRST_MODEL = [
    "enough_rows",
    "complete_evidence",
    "every_class_present",
    "unseen_rows",
    "above_minimum",
    "better_than_baseline",
    "calibrated",
    "steady_over_time",
    "same_signature",
    "same_after_reload",
    "stands_edge_cases",
    "within_latency",
    "within_size",
    "fresh_data",
    "clean_data",
]
AGAINST_A_CHAMPION = {"better_than_champion", "no_slice_harmed"}
OF_A_SNAPSHOT = {"no_shared_entity", "few_repeated_rows"}
OF_A_HISTORY = {"steady_over_time", "fresh_data"}


def like(predicted: Any = None, **changes: Any) -> RolledBack:
    """Give a version that people rolled back."""
    return RolledBack("full.shop.model v1", "complaints", predicted=predicted, **changes)


@pytest.mark.parametrize(
    ("former", "said"),
    [
        (lambda e: like(e.challenger), "predicts the same as full.shop.model v1, rolled back for"),
        (
            lambda e: like(1 - (1 - e.challenger) ** 2),
            "not distinguishable from full.shop.model v1",
        ),
        (lambda e: like(e.baseline, same_origin=True), "made from the same rows and settings"),
        (lambda e: like(error="gone"), "cannot be compared with .*: gone"),
        (lambda e: like(np.full(ROWS, NAN)), "could not be answered"),
    ],
    ids=["same", "same order", "same origin", "unreadable", "not finite"],
)
def test_what_was_rolled_back_does_not_come_back_under_another_number(
    former: Any, said: str
) -> None:
    """A challenger like a rolled-back version is refused; what cannot be compared is, too."""
    evidence = clear_case()
    again = replace(evidence, rolled_back=[like(evidence.baseline), former(evidence)])
    decision = decide_promotion(again, SETTINGS)
    assert not decision.promote
    [check] = [each for each in decision.checks if not each.passed]
    assert check.name == "unlike_rolled_back"
    assert re.search(said, check.evidence)


def test_a_better_model_may_follow_a_rollback() -> None:
    """A challenger that is significantly better, or another one, is compared and passes."""
    evidence = clear_case()
    again = replace(evidence, rolled_back=[like(evidence.champion), like(evidence.baseline)])
    decision = decide_promotion(again, SETTINGS)
    assert decision.promote
    assert "unlike_rolled_back" in [check.name for check in decision.checks]


@pytest.mark.parametrize(
    "found",
    [
        {},
        None,
        {"as usual": {"alone": 0.3, "together": 0.3}},
        {case: {"alone": NAN, "together": NAN} for case in CASES},
        {case: {"alone": 0.3, "together": 0.30001} for case in CASES},
        {case: {"error": "Input contains NaN."} for case in CASES},
        {case: {"alone": [], "together": []} for case in CASES},
    ],
    ids=["empty", "none", "one alone", "NaN", "two answers", "error", "no answer"],
)
def test_edge_cases_are_all_answered_once_or_the_gate_refuses(found: Any) -> None:
    """A case without one finite answer, alone as among others, is no pass, nor is one untried."""
    decision = decide_promotion(clear_case(probe=probed(edge_cases=found)), SETTINGS)
    assert failed(decision) == {"stands_edge_cases"}


ADA = {"who": "ada", "actor": {"how": "claimed", "host": "a", "uid": 1}, "why": "fine"}
BOB = {"who": "bob", "actor": {"how": "claimed", "host": "b", "uid": 2}, "why": "fine"}
ALIAS = {"who": "boss", "actor": {"how": "claimed", "host": "a", "uid": 1}, "why": "fine"}


@pytest.mark.parametrize(
    ("trainer", "approvals", "passes"),
    [
        (ADA, [ADA], False),
        (ADA, [ALIAS], False),
        (ADA, [ADA, BOB], True),
        (ADA, [BOB], True),
        (None, [BOB], False),
    ],
    ids=["own", "another name", "two", "another", "unknown trainer"],
)
def test_who_trained_cannot_approve_where_four_eyes_are_asked_for(
    trainer: Any, approvals: Any, passes: bool
) -> None:
    """An approval counts only of another person, and none does where nobody knows who trained."""
    evidence = clear_case(probe=probed(trainer=trainer, approvals=approvals))
    assert decide_promotion(evidence, demand(approval=True, four_eyes=True)).promote is passes
    assert decide_promotion(evidence, demand(approval=True)).promote


def test_four_eyes_need_an_approval() -> None:
    """Four eyes without an approval would ask nothing, and are refused."""
    with pytest.raises(ValidationError, match="needs 'approval: true'"):
        GateSettings(**{**SETTINGS.model_dump(), "four_eyes": True})


class Unreadable:
    """Evidence that raises whatever is asked of it."""

    def __len__(self) -> int:
        raise RuntimeError("the disk is gone")

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise RuntimeError("the disk is gone")

    def __getitem__(self, rows: Any) -> Any:
        raise RuntimeError("the disk is gone")


def but(values: np.ndarray, value: float) -> np.ndarray:
    """The values with the first one replaced."""
    return np.concatenate([[value], values[1:]])


def test_a_clearly_better_challenger_is_promoted() -> None:
    """The clear case passes every check; all tests below change one thing in it."""
    decision = decide_promotion(clear_case(), SETTINGS)
    assert decision.promote is True
    assert passed(decision) == dict.fromkeys([*FIRST_MODEL, *AGAINST_A_CHAMPION], True)


def test_only_questions_that_the_contract_voids_are_not_asked() -> None:
    """No champion, no comparison; no slices, none harmed; no history, no age and no windows."""
    first = decide_promotion(clear_case(champion=None), SETTINGS)
    assert first.promote is True
    assert list(passed(first)) == FIRST_MODEL
    snapshot = decide_promotion(snapshot_case(), SETTINGS)
    assert snapshot.promote is True
    assert set(passed(snapshot)) == (
        {*FIRST_MODEL, *AGAINST_A_CHAMPION, *OF_A_SNAPSHOT} - OF_A_HISTORY
    )
    whole = PROBLEM.model_copy(update={"slices": []})
    unsliced = decide_promotion(clear_case(problem=whole), SETTINGS)
    assert "no_slice_harmed" not in passed(unsliced)
    approved = decide_promotion(clear_case(), demand(approval=True))
    assert "approved_by_a_person" in passed(approved)


def split_skill(where: np.ndarray) -> dict[str, Any]:
    """A challenger that sees nothing where given, and a champion that sees nothing elsewhere."""
    rng = np.random.default_rng(2)
    signal, truth = draw_signal(rng, ROWS)
    sharp, blind = see(signal, 0.0, rng), np.full(ROWS, 0.5)
    challenger, champion = np.where(where, blind, sharp), np.where(where, sharp, blind)
    return {"truth": truth, "challenger": challenger, "champion": champion}


RED = (draw_rows(ROWS)["colour"] == "red").to_numpy()
LATE = np.arange(ROWS) >= ROWS - ROWS // 3
GOOD = clear_case()
BOLD = 1 / (1 + np.exp(-6 * np.log(GOOD.challenger / (1 - GOOD.challenger))))
SHOP = draw_rows(ROWS)
RENAMED = {"price": "double", "color": "string", "billed": "double"}
REORDERED = {"colour": "string", "price": "double", "billed": "double"}
TIMES = {"p50": 200.0, "p95": 300.0, "calls": 40}

# What is wrong with the case, how it is made, and the one check that must say so.
TABLE: dict[str, tuple[dict[str, Any], str]] = {
    "worse": ({"challenger": GOOD.champion, "champion": GOOD.challenger}, "better_than_champion"),
    "tie": ({"champion": GOOD.challenger}, "better_than_champion"),
    "worse in one slice": (split_skill(RED), "no_slice_harmed"),
    "slice column is missing": ({"rows": SHOP.drop(columns="colour")}, "no_slice_harmed"),
    "worse of late": (split_skill(LATE), "steady_over_time"),
    "time column is missing": ({"rows": SHOP.drop(columns="ordered_at")}, "steady_over_time"),
    "a row without a moment": (
        {"rows": SHOP.assign(ordered_at=SHOP["ordered_at"].where(SHOP.index != 9))},
        "steady_over_time",
    ),
    "too bold": ({"challenger": BOLD}, "calibrated"),
    "champion cannot predict": ({"champion": None, "champion_error": "!"}, "better_than_champion"),
    "trained on the first gate row": (
        {"model": taught(last=SHOP["ordered_at"][0].isoformat())},
        "unseen_rows",
    ),
    "last train row unknown": ({"model": taught(last=None)}, "unseen_rows"),
    "signature of other names": ({"probe": probed(signature=RENAMED)}, "same_signature"),
    "signature of other order": ({"probe": probed(signature=REORDERED)}, "same_signature"),
    "signature is empty": ({"probe": probed(signature={})}, "same_signature"),
    "signature is absent": ({"probe": probed(signature=None)}, "same_signature"),
    "signature of other types": (
        {"probe": probed(signature={**PROBE["signature"], "billed": "string"})},
        "same_signature",
    ),
    "text among the numbers": (
        {"rows": SHOP.assign(billed=SHOP["billed"].astype(str))},
        "same_signature",
    ),
    "feature is not offered": ({"offered": ["price", "colour"]}, "same_signature"),
    "reload differs in a bit": (
        {"probe": probed(predictions=[0.25, 0.3])},
        "same_after_reload",
    ),
    "reload gives fewer rows": ({"probe": probed(predictions=[0.25])}, "same_after_reload"),
    "reload gives one row for all": (
        {"model": replace(MODEL, expected=[0.25, 0.25]), "probe": probed(predictions=[0.25])},
        "same_after_reload",
    ),
    "reload gives NaN": ({"probe": probed(predictions=[0.25, NAN])}, "same_after_reload"),
    "reload gives nothing": ({"probe": probed(predictions=None)}, "same_after_reload"),
    "training told nothing": ({"model": replace(MODEL, expected=None)}, "same_after_reload"),
    "training told no rows": (
        {"model": replace(MODEL, expected=[]), "probe": probed(predictions=[])},
        "same_after_reload",
    ),
    "another model was probed": ({"probe": probed(model="a.b.c v1")}, "same_after_reload"),
    "slow": ({"probe": probed(latency_ms=TIMES)}, "within_latency"),
    "latency is NaN": ({"probe": probed(latency_ms={**TIMES, "p95": NAN})}, "within_latency"),
    "latency of no call": (
        {"probe": probed(latency_ms={**TIMES, "p95": 0.0, "calls": 0})},
        "within_latency",
    ),
    "latency is absent": ({"probe": probed(latency_ms=None)}, "within_latency"),
    "too large": ({"probe": probed(size_mb=201.0)}, "within_size"),
    "no files": ({"probe": probed(size_mb=0.0)}, "within_size"),
    "size is NaN": ({"probe": probed(size_mb=NAN)}, "within_size"),
    "stale": ({"as_of": pd.Timestamp("2025-05-02", tz="UTC")}, "fresh_data"),
    "from the future": ({"as_of": pd.Timestamp("2024-04-30", tz="UTC")}, "fresh_data"),
    "dirty": ({"intake": {**INTAKE, "rejected_share": 0.06}}, "clean_data"),
    "rejected share is NaN": ({"intake": {**INTAKE, "rejected_share": NAN}}, "clean_data"),
    "nothing came in": ({"intake": {**INTAKE, "rows_read": 0}}, "clean_data"),
    "intake is absent": ({"intake": {}}, "clean_data"),
}
# A fault that hides evidence from two checks fails both.
ALSO_FAILED = {
    "worse": {"no_slice_harmed", "steady_over_time"},
    "slice column is missing": {"same_signature"},
    "time column is missing": {"unseen_rows"},
    "a row without a moment": {"unseen_rows"},
    "last train row unknown": {"fresh_data"},
}


@pytest.mark.parametrize("fault", TABLE)
def test_one_fault_fails_its_own_check_and_no_other(fault: str) -> None:
    """Each fault is found by the check that is there for it, which names it among the reasons."""
    changes, check = TABLE[fault]
    decision = decide_promotion(clear_case(**changes), SETTINGS)
    assert decision.promote is False
    assert failed(decision) == {check} | ALSO_FAILED.get(fault, set())
    assert any(reason.startswith(f"{check}: ") for reason in decision.reasons)


@pytest.mark.parametrize("probe", [probed(error="model.skops is damaged"), {}, None])
def test_a_copy_that_cannot_be_loaded_answers_nothing(probe: Any) -> None:
    """A corrupted artifact, or no probe at all, fails every check that rests on the probe."""
    decision = decide_promotion(clear_case(probe=probe), demand(approval=True))
    assert failed(decision) == {
        "same_signature",
        "same_after_reload",
        "stands_edge_cases",
        "within_latency",
        "within_size",
        "approved_by_a_person",
    }
    if probe:
        assert all("model.skops is damaged" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("training told nothing", "does not say what it predicted"),
        ("training told no rows", "are empty or not finite"),
        ("signature of other names", "'color'"),
    ],
)
def test_what_is_wrong_with_the_copy_is_said_in_words(fault: str, said: str) -> None:
    """A person who reads the decision learns what to look at, not which function raised."""
    assert said in decide_promotion(clear_case(**TABLE[fault][0]), SETTINGS).reasons[0]


def test_a_fault_of_calibration_too_small_to_matter_is_let_pass() -> None:
    """What the tests find certain but the declared excess allows does not close the gate."""
    case = clear_case(challenger=BOLD)
    assert decide_promotion(case, demand(max_calibration_error=0.3)).promote is True
    assert decide_promotion(case, demand(max_calibration_error=0.01)).promote is False


def test_a_snapshot_trained_under_another_split_was_not_kept_from_the_gate_rows() -> None:
    """The split that the model was trained under must be the contract's, and its gate the rows'."""
    salted = {**describe_split(SNAPSHOT), "salt": "another"}
    assert failed(decide_promotion(snapshot_case(model=taught(split=salted)), SETTINGS)) == {
        "unseen_rows"
    }
    unsaid = replace(MODEL, trained_on={"baseline": 0.5, "last": MODEL.trained_on["last"]})
    assert failed(decide_promotion(snapshot_case(model=unsaid), SETTINGS)) == {"unseen_rows"}
    half = SNAPSHOT.split.model_copy(update={"train": 0.5})
    other = SNAPSHOT.model_copy(update={"split": half})
    decision = decide_promotion(
        snapshot_case(problem=other, model=taught(split=describe_split(other))), SETTINGS
    )
    assert failed(decision) == {"unseen_rows"}
    assert f"of {ROWS} gate rows belong to other sets" in decision.reasons[0]


def test_a_challenger_that_cannot_predict_is_refused_with_the_reason() -> None:
    """What the challenger said when it failed is what the decision says."""
    case = clear_case(challenger=np.empty(0), challenger_error="needs the column 'billed'")
    decision = decide_promotion(case, SETTINGS)
    assert "needs the column 'billed'" in decision.reasons[0]
    assert failed(decision) >= {"complete_evidence", "better_than_baseline"}


@pytest.mark.parametrize(
    ("approvals", "opens"), [([], False), ([{"who": "ann", "why": "read"}], True)]
)
def test_where_a_person_must_approve_the_gate_waits_for_one(
    approvals: list[dict[str, str]], *, opens: bool
) -> None:
    """Asked for, an approval decides; not asked for, its absence means nothing."""
    case = clear_case(probe=probed(approvals=approvals))
    assert decide_promotion(case, demand(approval=True)).promote is opens
    assert decide_promotion(case, SETTINGS).promote is True


BUDGETS = {
    "max_latency_ms": ({"probe": probed(latency_ms=TIMES)}, "within_latency"),
    "max_size_mb": ({"probe": probed(size_mb=5000.0)}, "within_size"),
    "max_data_age_days": ({"as_of": pd.Timestamp("2034-01-01", tz="UTC")}, "fresh_data"),
    "max_rejected_share": ({"intake": {**INTAKE, "rejected_share": 0.9}}, "clean_data"),
    "max_calibration_error": ({"challenger": BOLD}, "calibrated"),
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_budget_of_none_demands_nothing_and_says_so(budget: str) -> None:
    """A check that is switched off is still in the decision, with what it measured."""
    changes, check = BUDGETS[budget]
    decision = decide_promotion(clear_case(**changes), demand(**{budget: None}))
    assert decision.promote is True
    [said] = [reason for reason in decision.reasons if reason.startswith(f"{check}: ")]
    assert "no limit set" in said


def test_a_challenger_hardly_better_than_no_skill_is_refused() -> None:
    """A gain that chance explains is none: the whole interval must lie above the baseline."""
    rng = np.random.default_rng(9)
    signal, truth = draw_signal(rng, ROWS)
    weak = see(signal, 12.0, rng)
    decision = decide_promotion(clear_case(truth=truth, challenger=weak, champion=None), SETTINGS)
    assert (decision.score or {})["value"] > 0.5
    assert failed(decision) == {"better_than_baseline"}


@pytest.mark.parametrize("case", ["no gate rows", "only class 0", "NaN baseline"])
def test_every_check_that_lacks_its_evidence_fails_by_itself(case: str) -> None:
    """No check of the predictions leans on another one to notice that there is nothing to see."""
    answers = passed(decide_promotion(clear_case(**SPOILT[case][0]), SETTINGS))
    of_the_baseline = {"complete_evidence", "better_than_baseline", "steady_over_time"}
    if case == "NaN baseline":
        assert not any(answers[check] for check in of_the_baseline)
        return
    of_the_score = {"above_minimum", "better_than_champion", "no_slice_harmed", "calibrated"}
    assert not any(answers[c] for c in of_the_score | of_the_baseline - {"complete_evidence"})
    assert answers["complete_evidence"] is (case == "only class 0")


def test_slices_too_small_to_judge_are_counted_and_none_judged_fails() -> None:
    """A small slice decides nothing; where all are small, nobody knows who is harmed."""
    decision = decide_promotion(clear_case(**split_skill(RED)), demand(slice_min_rows=300))
    assert passed(decision)["no_slice_harmed"] is True
    assert any("0 of 1 slices harmed by more than 0, 1 too small" in r for r in decision.reasons)
    none = decide_promotion(clear_case(), demand(slice_min_rows=500))
    assert failed(none) == {"no_slice_harmed"}
    assert "none of 2 slices has rows enough" in none.reasons[0]


def test_slices_and_windows_share_the_error_rate() -> None:
    """With two slices each interval covers 97.5 %; with 3 windows and 2 rivals it is 99.2 %."""
    decision = decide_promotion(clear_case(), SETTINGS)
    covered = [row["gain"]["confidence"] for row in decision.slices]
    assert covered == pytest.approx([0.975, 0.975])
    windows, case = np.array_split(np.arange(ROWS), 3), GateContext(GOOD, SETTINGS)
    gains = [
        case.compare_within(window, rival, 6)
        for window in windows
        for rival in (case.baseline, case.champion)
    ]
    assert gains[0].confidence == pytest.approx(1 - 0.05 / 6)
    least = min(gains, key=lambda gain: gain.value)
    [said] = [c.evidence for c in decision.checks if c.name == "steady_over_time"]
    assert f"least gain {least}" in said


def test_a_slice_may_lose_as_much_as_is_declared() -> None:
    """The whole interval must lie beyond the margin before a slice counts as harmed."""
    case = clear_case(**split_skill(RED))
    found = decide_promotion(case, SETTINGS).slices
    [red] = [row for row in found if row["slice"] == "red"]
    assert red["harmed"] is True
    for margin, opens in (
        (-red["gain"]["high"] + 1e-9, True),
        (-red["gain"]["high"] - 1e-9, False),
    ):
        assert decide_promotion(case, demand(slice_margin=margin)).promote is opens


def test_rare_labels_leave_windows_unjudged_and_none_judged_fails() -> None:
    """A window with fewer than ten rows of a class is not judged; with none judged it fails."""
    decision = decide_promotion(clear_case(), demand(time_windows=60))
    assert failed(decision) == {"steady_over_time"}
    assert "none of 60 windows" in decision.reasons[0]


SPOILT: dict[str, tuple[dict[str, Any], str]] = {
    "one NaN": ({"challenger": but(GOOD.challenger, NAN)}, "complete_evidence"),
    "NaN champion": ({"champion": np.full(ROWS, NAN)}, "complete_evidence"),
    "one NaN of the champion": ({"champion": but(GOOD.champion, NAN)}, "complete_evidence"),
    "NaN truth": ({"truth": but(GOOD.truth.astype(float), NAN)}, "complete_evidence"),
    "NaN baseline": ({"baseline": np.full(ROWS, NAN)}, "complete_evidence"),
    "column champion": ({"champion": GOOD.champion[:, None]}, "complete_evidence"),
    "two-column champion": (
        {"champion": np.column_stack([GOOD.champion] * 2), "metric": "brier"},
        "complete_evidence",
    ),
    "one infinity": ({"challenger": but(GOOD.challenger, INF)}, "complete_evidence"),
    "all NaN": ({"challenger": np.full(ROWS, NAN)}, "complete_evidence"),
    "one short": ({"challenger": GOOD.challenger[:-1]}, "complete_evidence"),
    "one long": ({"challenger": np.append(GOOD.challenger, 0.5)}, "complete_evidence"),
    "no predictions": ({"challenger": np.empty(0)}, "complete_evidence"),
    "absent challenger": ({"challenger": None}, "complete_evidence"),
    "text predictions": ({"challenger": np.full(ROWS, "high")}, "complete_evidence"),
    "raising challenger": ({"challenger": Unreadable()}, "complete_evidence"),
    "rows of another set": ({"rows": SHOP.head(ROWS - 1)}, "complete_evidence"),
    "only class 0": ({"truth": np.zeros(ROWS)}, "every_class_present"),
    "only class 1": ({"truth": np.ones(ROWS)}, "every_class_present"),
    "no gate rows": (
        {
            **dict.fromkeys(["truth", "baseline", "challenger", "champion"], np.empty(0)),
            "rows": SHOP.head(0),
        },
        "enough_rows",
    ),
    "no truth": ({"truth": np.empty(0)}, "enough_rows"),
    "absent truth": ({"truth": None}, "enough_rows"),
    "raising truth": ({"truth": Unreadable()}, "enough_rows"),
    "text truth": ({"truth": np.where(GOOD.truth == 1, "yes", "no")}, "better_than_baseline"),
    "absent baseline": ({"baseline": None}, "better_than_baseline"),
    "short baseline": ({"baseline": np.full(ROWS - 1, 0.4)}, "better_than_baseline"),
    "raising baseline": ({"baseline": Unreadable()}, "better_than_baseline"),
    "silent champion": ({"champion": None, "champion_error": "gone"}, "better_than_champion"),
    "short champion": ({"champion": GOOD.champion[:-1]}, "better_than_champion"),
    "long champion": ({"champion": np.append(GOOD.champion, 0.5)}, "better_than_champion"),
    "empty champion": ({"champion": np.empty(0)}, "better_than_champion"),
    "raising champion": ({"champion": Unreadable()}, "better_than_champion"),
    "identical champion": ({"champion": GOOD.challenger}, "better_than_champion"),
    "reordered alike": ({"champion": GOOD.challenger / 2}, "better_than_champion"),
    "unknown metric": ({"metric": "auc"}, "above_minimum"),
}

OF_THE_AUC_ALONE = {"unknown metric", "reordered alike"}


@pytest.mark.parametrize(("changes", "check"), SPOILT.values(), ids=SPOILT)
def test_one_fault_in_the_vectors_closes_the_gate(changes: dict[str, Any], check: str) -> None:
    """Whatever is absent, short, undefined or raising, the gate stays shut and says where."""
    decision = decide_promotion(clear_case(**changes), SETTINGS)
    assert decision.promote is False
    assert passed(decision)[check] is False
    assert any(reason.startswith(f"{check}: ") for reason in decision.reasons)


@pytest.mark.parametrize("metric", ["average_precision", "log_loss", "brier"])
@pytest.mark.parametrize("fault", sorted(SPOILT.keys() - OF_THE_AUC_ALONE))
def test_no_metric_opens_the_gate_to_a_fault(metric: str, fault: str) -> None:
    """With every other binary primary metric the same faults keep the gate shut."""
    # Ten resamples: what is tested here does not depend on their number.
    case = clear_case(**{"metric": metric, **SPOILT[fault][0]})
    assert decide_promotion(case, demand(bootstrap_resamples=10)).promote is False


def test_a_raising_check_tells_what_was_raised() -> None:
    """The evidence of a check that raised is the error itself, and no score is made up."""
    decision = decide_promotion(clear_case(truth=Unreadable()), SETTINGS)
    assert {check.evidence for check in decision.checks if not check.passed} == {
        "could not be answered: RuntimeError: the disk is gone"
    }
    assert decision.score is None
    assert decision.gain is None
    assert decision.slices == []


@pytest.mark.parametrize(("rows", "opens"), [(200, True), (199, False)])
def test_too_few_rows_decide_nothing(rows: int, *, opens: bool) -> None:
    """The gate needs the declared number of rows and no more."""
    names = ("rows", "truth", "baseline", "challenger", "champion")
    vectors = {name: getattr(GOOD, name)[:rows] for name in names}
    assert decide_promotion(clear_case(**vectors), demand(min_rows=200)).promote is opens


def test_the_bar_is_for_the_worse_end_of_the_interval() -> None:
    """The bar is cleared only where the lower end of the interval reaches it."""
    score = decide_promotion(clear_case(), SETTINGS).score or {}
    for bar, opens in ((score["low"], True), (score["low"] + 1e-6, False), (NAN, False)):
        barred = demand(minimum={"roc_auc": bar})
        assert decide_promotion(clear_case(), barred).promote is opens


def test_every_declared_bar_must_be_cleared() -> None:
    """A bar for a metric that is not the primary one closes the gate as well."""
    assert decide_promotion(clear_case(), demand(minimum={"brier": 0.25})).promote is True
    strict = decide_promotion(clear_case(), demand(minimum={"roc_auc": 0.5, "brier": 0.1}))
    assert failed(strict) == {"above_minimum"}
    assert "brier" in strict.reasons[0]


def test_a_bar_of_decisions_is_held_at_the_challengers_threshold() -> None:
    """F1 is that at the threshold that the model brings: the gate rows choose no better one."""
    barred = demand(minimum={"f1": 0.6, "f3": 0.5})
    case = GateContext(clear_case(), barred)
    expected = METRICS["f1"](GOOD.truth, GOOD.challenger, MODEL.threshold)
    assert case.scores["f1"]["value"] == expected
    assert decide_promotion(clear_case(), barred).promote is True
    strict = replace(MODEL, threshold=0.95)
    decision = decide_promotion(clear_case(model=strict), barred)
    assert failed(decision) == {"above_minimum"}
    assert decision.scores["f1"]["value"] == METRICS["f1"](GOOD.truth, GOOD.challenger, 0.95)


def test_a_bar_for_an_undefined_metric_closes_the_gate() -> None:
    """Where no row is decided as class 1, precision is NaN, which no bar takes for a yes."""
    never = clear_case(model=replace(MODEL, threshold=0.9999999))
    decision = decide_promotion(never, demand(minimum={"precision": 0.0}))
    assert failed(decision) == {"above_minimum"}
    assert "precision nan" in decision.reasons[0]


def test_each_rival_decides_at_its_own_threshold() -> None:
    """The very same probabilities gain where only the champion's threshold is a poor one."""
    case = clear_case(metric="f1", champion=GOOD.challenger, champion_threshold=0.95)
    decision = decide_promotion(case, SETTINGS)
    own, other = (METRICS["f1"](GOOD.truth, GOOD.challenger, at) for at in (0.5, 0.95))
    assert (decision.gain or {})["value"] == pytest.approx(own - other)
    same = decide_promotion(replace(case, champion_threshold=0.5), SETTINGS)
    assert (same.gain or {})["value"] == 0


def test_no_skill_in_f1_is_to_decide_always_for_class_1() -> None:
    """A challenger that decides every row as 1 gains nothing on the baseline, and is refused."""
    case = GateContext(clear_case(metric="f1"), SETTINGS)
    always = METRICS["f1"](GOOD.truth, np.ones(ROWS), 0.5)
    assert case.over_baseline.value == pytest.approx(case.score.value - always)
    eager = clear_case(metric="f1", model=replace(MODEL, threshold=1e-9))
    assert "better_than_baseline" in failed(decide_promotion(eager, SETTINGS))


def test_the_decision_tells_the_confusion_matrix() -> None:
    """Rows by class and decision add up, and give the accuracy that is told beside them."""
    decision = decide_promotion(clear_case(), SETTINGS)
    table = np.array(decision.confusion)
    assert table.sum() == ROWS
    assert np.trace(table) / ROWS == pytest.approx(decision.scores["accuracy"]["value"])


def test_a_bar_of_an_f_score_may_come_from_the_command_line() -> None:
    """--params gate.minimum.f0.5=0.6 arrives taken apart at each dot."""
    given = {**SETTINGS.model_dump(), "minimum": {"f0": {"5": 0.6}, "recall": 0.2}}
    taken = GateSettings.model_validate(given)
    assert taken.minimum == {"f0.5": 0.6, "recall": 0.2}


def test_a_bar_for_a_metric_of_another_task_is_said_and_fails() -> None:
    """No classification has a root mean squared error, and what has none clears no bar."""
    decision = decide_promotion(clear_case(), demand(minimum={"rmse": 1.0}))
    assert failed(decision) == {"above_minimum"}
    assert "rmse, which is no metric of a binary task" in decision.reasons[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"minimum": {"auc": 0.7}}, "'auc'"),
        ({"comparison": "non_inferiority"}, "needs a 'margin'"),
        ({"comparison": "non_inferiority", "margin": 0.0}, "greater than 0"),
        ({"margin": 0.1}, "and no other"),
        ({"slice_margin": -0.1}, "greater than or equal to 0"),
        ({"min_primary_metric": 0.7}, "there is no 'min_primary_metric'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, Any], said: str) -> None:
    """Unknown metrics, margins that nobody asked for or that are missing, are said at the start."""
    with pytest.raises(ValidationError, match=said):
        GateSettings.model_validate({**SETTINGS.model_dump(), **changes})


def regression_case(error: float, champion_error: float, **changes: Any) -> GateInputs:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=ROWS)
    evidence: dict[str, Any] = {
        "task": "regression",
        "metric": "rmse",
        "truth": truth,
        "baseline": np.zeros(ROWS),
        "challenger": truth + error * rng.normal(size=ROWS),
        "champion": truth + champion_error * rng.normal(size=ROWS),
    }
    return clear_case(**{**evidence, **changes})


def test_the_bar_of_an_error_is_for_its_upper_end() -> None:
    """Where less is better, the upper end of the interval must lie below the bar."""
    score = decide_promotion(regression_case(0.2, 0.8), SETTINGS).score or {}
    for bar, opens in ((score["high"], True), (score["high"] - 1e-6, False), (-INF, False)):
        barred = demand(minimum={"rmse": bar})
        assert decide_promotion(regression_case(0.2, 0.8), barred).promote is opens


@pytest.mark.parametrize(
    ("errors", "changes", "opens"),
    [
        ((0.2, 0.8), {}, True),
        ((0.8, 0.2), {}, False),
        ((0.2, 0.8), {"challenger": np.full(ROWS, NAN)}, False),
        ((0.2, 0.8), {"champion": np.full(ROWS, NAN)}, False),
        ((0.2, 0.8), {"baseline": np.full(ROWS, NAN)}, False),
        ((0.2, 0.8), {"truth": np.full(ROWS, NAN)}, False),
        ((0.2, 0.8), {"truth": np.zeros(ROWS)}, False),
    ],
    ids=["better", "worse", "NaN", "NaN champion", "NaN baseline", "NaN truth", "one value"],
)
def test_a_regression_passes_the_same_gate(
    errors: tuple[float, float], changes: dict[str, Any], *, opens: bool
) -> None:
    """A smaller error promotes, a greater or an undefined one does not."""
    assert decide_promotion(regression_case(*errors, **changes), SETTINGS).promote is opens


@pytest.mark.parametrize(("shift", "fails"), [(0.03, False), (0.2, True), (-0.2, True)])
def test_a_regression_that_is_always_off_is_not_calibrated(shift: float, *, fails: bool) -> None:
    """A mean error that is significantly beyond what is allowed fails, in either direction."""
    biased = regression_case(0.2, 0.8).challenger + shift
    decision = decide_promotion(regression_case(0.2, 0.8, challenger=biased), SETTINGS)
    assert failed(decision) == ({"calibrated"} if fails else set())
    unlimited = demand(max_calibration_error=None)
    assert decide_promotion(regression_case(0.2, 0.8, challenger=biased), unlimited).promote


def test_values_around_a_label_that_does_not_vary_mean_nothing() -> None:
    """Without a spread of the label there is no measure for a mean error, and that is said."""
    decision = decide_promotion(regression_case(0.2, 0.8, truth=np.zeros(ROWS)), SETTINGS)
    assert any("the label does not vary" in reason for reason in decision.reasons)


def test_several_classes_pass_the_same_gate() -> None:
    """Probabilities of several classes are compared row by row; one NaN among them closes."""
    rng = np.random.default_rng(4)
    flat, sharp = np.full((ROWS, 3), 1 / 3), np.full((ROWS, 3), 0.2)
    sharp[np.arange(ROWS), rng.integers(0, 3, ROWS)] = 0.6
    truth = (rng.random(ROWS)[:, None] > sharp.cumsum(axis=1)).sum(axis=1)
    case = {"task": "multiclass", "metric": "multiclass_log_loss", "truth": truth}
    vectors = {"challenger": sharp, "champion": flat, "baseline": flat}
    assert decide_promotion(clear_case(**case, **vectors), SETTINGS).promote is True
    holed = sharp.copy()
    holed[7, 2] = NAN
    vectors["challenger"] = holed
    assert decide_promotion(clear_case(**case, **vectors), SETTINGS).promote is False


def test_the_decision_is_reproducible_and_plain() -> None:
    """The same evidence gives the same decision, and it is made of plain values."""
    import json

    first, again = (decide_promotion(clear_case(), SETTINGS).as_dict() for _ in range(2))
    assert first == again == json.loads(json.dumps(first))
    assert set(first) == {
        *("promote", "checks", "score", "gain", "scores", "confusion"),
        *("slices", "settings", "reasons"),
    }
    assert {type(check["passed"]) for check in first["checks"]} == {bool}
    assert first["settings"]["min_rows"] == 100
    assert [(row["column"], row["slice"], row["rows"]) for row in first["slices"]] == [
        ("colour", "blue", 400),
        ("colour", "red", 200),
    ]


def test_the_gain_is_the_difference_to_the_champion() -> None:
    """It is the difference of both scores, and turning the models round turns its sign."""
    gain = decide_promotion(clear_case(), SETTINGS).gain or {}
    turned = clear_case(challenger=GOOD.champion, champion=GOOD.challenger)
    loss = decide_promotion(turned, SETTINGS)
    score = decide_promotion(clear_case(), SETTINGS).score or {}
    assert gain["value"] == pytest.approx(score["value"] - (loss.score or {})["value"])
    assert gain["low"] == pytest.approx(-(loss.gain or {})["high"])


def test_the_reasons_are_those_behind_the_answer() -> None:
    """A refusal gives the failed checks, a promotion all of them."""
    assert len(decide_promotion(clear_case(), SETTINGS).reasons) == len(FIRST_MODEL) + 2
    refused = decide_promotion(clear_case(champion=GOOD.challenger), SETTINGS)
    assert len(refused.reasons) == 1
    assert refused.reasons[0].startswith("better_than_champion: roc_auc better by 0.0000")


def test_a_feature_that_names_entities_fails_where_rows_are_divided_by_another_key() -> None:
    """A text that repeats and fixes the label is no feature of a snapshot; by time it may be."""
    case = snapshot_case()
    who = np.arange(ROWS) // 4
    named = case.rows.assign(colour=[f"p{n}" for n in who])
    truth = (who % 3 == 0).astype(int)
    same = {"rows": named, "truth": truth, "challenger": truth * 0.8 + 0.1}
    decision = decide_promotion(replace(case, **same), SETTINGS)
    assert "no_shared_entity" in failed(decision)
    assert any("colour repeats in 100% of the gate rows" in reason for reason in decision.reasons)
    ordered = replace(
        clear_case(), **{**same, "rows": clear_case().rows.assign(colour=named.colour)}
    )
    assert "no_shared_entity" not in {c.name for c in decide_promotion(ordered, SETTINGS).checks}


def test_copies_of_rows_fail_the_gate_unless_they_are_allowed() -> None:
    """Rows that stand several times with one label fail; equal features of mixed labels do not."""
    case = snapshot_case()
    first = np.arange(ROWS) // 3 * 3  # each row three times
    copied = case.rows.iloc[first].assign(
        order_id=case.rows["order_id"].to_numpy(), buyer=case.rows["buyer"].to_numpy()
    )
    same = {"rows": copied.reset_index(drop=True), "truth": case.truth[first]}
    assert "few_repeated_rows" in failed(decide_promotion(replace(case, **same), SETTINGS))
    allowed = decide_promotion(replace(case, **same), demand(max_repeated_share=1.0))
    assert "few_repeated_rows" not in failed(allowed)
    mixed = {**same, "truth": case.truth}
    assert "few_repeated_rows" not in failed(decide_promotion(replace(case, **mixed), SETTINGS))
