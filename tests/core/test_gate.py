"""Tests of the promotion gate: it fails closed, and chance alone does not open it."""

from typing import Any

import numpy as np
import pytest

from fullcircle.core.gate import Decision, Evidence, GateSettings, decide_promotion

SETTINGS = GateSettings(min_rows=100, bootstrap_resamples=100, confidence=0.95, seed=1)
ROWS = 300
NAN, INF = float("nan"), float("inf")


class Unreadable:
    """Evidence that raises whatever is asked of it."""

    def __len__(self) -> int:
        raise RuntimeError("the disk is gone")

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise RuntimeError("the disk is gone")

    def __getitem__(self, rows: Any) -> Any:
        raise RuntimeError("the disk is gone")


def clear_case(**changes: Any) -> Evidence:
    """Evidence by which any gate would promote: a strong challenger, a champion that guesses."""
    rng = np.random.default_rng(0)
    truth = (rng.random(ROWS) < 0.4).astype(int)
    evidence: dict[str, Any] = {
        "task": "binary",
        "metric": "roc_auc",
        "truth": truth,
        "baseline": np.full(ROWS, 0.4),
        "challenger": 0.5 * truth + 0.5 * rng.random(ROWS),
        "champion": rng.random(ROWS),
    }
    return Evidence(**{**evidence, **changes})


def passed(decision: Decision) -> dict[str, bool]:
    return {check.name: check.passed for check in decision.checks}


def but(values: np.ndarray, value: float) -> np.ndarray:
    """The values with the first one replaced."""
    return np.concatenate([[value], values[1:]])


def test_a_clearly_better_challenger_is_promoted() -> None:
    """The clear case passes every check; all tests below change one thing in it."""
    decision = decide_promotion(clear_case(), SETTINGS)
    assert decision.promote is True
    assert passed(decision) == {
        "enough_rows": True,
        "complete_evidence": True,
        "every_class_present": True,
        "above_minimum": True,
        "better_than_baseline": True,
        "better_than_champion": True,
    }


def test_the_first_model_is_compared_with_no_skill_alone() -> None:
    """Without a champion there is no check against one, and the others still hold."""
    first = decide_promotion(clear_case(champion=None), SETTINGS)
    assert first.promote is True
    assert "better_than_champion" not in passed(first)
    guess = np.random.default_rng(5).random(ROWS)
    useless = decide_promotion(clear_case(champion=None, challenger=guess), SETTINGS)
    assert useless.promote is False
    assert passed(useless)["better_than_baseline"] is False


GOOD = clear_case()
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
    "only class 0": ({"truth": np.zeros(ROWS)}, "every_class_present"),
    "only class 1": ({"truth": np.ones(ROWS)}, "every_class_present"),
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


@pytest.mark.parametrize(("changes", "failed"), SPOILT.values(), ids=SPOILT)
def test_one_fault_in_the_evidence_closes_the_gate(changes: dict[str, Any], failed: str) -> None:
    """Whatever is absent, short, undefined or raising, the gate stays shut and says where."""
    decision = decide_promotion(clear_case(**changes), SETTINGS)
    assert decision.promote is False
    assert passed(decision)[failed] is False
    assert any(reason.startswith(f"{failed}: ") for reason in decision.reasons)


@pytest.mark.parametrize("metric", ["average_precision", "log_loss", "brier"])
@pytest.mark.parametrize("fault", sorted(SPOILT.keys() - OF_THE_AUC_ALONE))
def test_no_metric_opens_the_gate_to_a_fault(metric: str, fault: str) -> None:
    """With every other binary primary metric the same faults keep the gate shut."""
    # Ten resamples, past the validation: what is tested here does not depend on their number.
    few = SETTINGS.model_copy(update={"bootstrap_resamples": 10})
    decision = decide_promotion(clear_case(**{"metric": metric, **SPOILT[fault][0]}), few)
    assert decision.promote is False


def test_a_raising_check_tells_what_was_raised() -> None:
    """The evidence of a check that raised is the error itself, and no score is made up."""
    decision = decide_promotion(clear_case(truth=Unreadable()), SETTINGS)
    assert {check.evidence for check in decision.checks if not check.passed} == {
        "could not be answered: RuntimeError: the disk is gone"
    }
    assert decision.score is None


@pytest.mark.parametrize(("rows", "opens"), [(100, True), (99, False)])
def test_too_few_rows_decide_nothing(rows: int, *, opens: bool) -> None:
    """The gate needs the declared number of rows and no more."""
    good = clear_case()
    vectors = {
        name: getattr(good, name)[:rows] for name in ("truth", "baseline", "challenger", "champion")
    }
    assert decide_promotion(clear_case(**vectors), SETTINGS).promote is opens


def test_the_bar_is_for_the_worse_end_of_the_interval() -> None:
    """The bar is cleared only where the lower end of the interval reaches it."""
    score = decide_promotion(clear_case(), SETTINGS).score or {}
    for bar, opens in ((score["low"], True), (score["low"] + 1e-6, False), (NAN, False)):
        barred = SETTINGS.model_copy(update={"min_primary_metric": bar})
        assert decide_promotion(clear_case(), barred).promote is opens


def regression_case(error: float, champion_error: float, **changes: Any) -> Evidence:
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
    return Evidence(**{**evidence, **changes})


def test_the_bar_of_an_error_is_for_its_upper_end() -> None:
    """Where less is better, the upper end of the interval must lie below the bar."""
    score = decide_promotion(regression_case(0.2, 0.8), SETTINGS).score or {}
    for bar, opens in ((score["high"], True), (score["high"] - 1e-6, False), (-INF, False)):
        barred = SETTINGS.model_copy(update={"min_primary_metric": bar})
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


def test_several_classes_pass_the_same_gate() -> None:
    """Probabilities of several classes are compared row by row; one NaN among them closes."""
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, ROWS)
    sharp = np.full((ROWS, 3), 0.2) + 0.4 * np.eye(3)[truth]
    flat = np.full((ROWS, 3), 1 / 3)
    case = {"task": "multiclass", "metric": "multiclass_log_loss", "truth": truth}
    vectors = {"challenger": sharp, "champion": flat, "baseline": flat}
    assert decide_promotion(clear_case(**case, **vectors), SETTINGS).promote is True
    holed = sharp.copy()
    holed[7, 2] = NAN
    vectors["challenger"] = holed
    assert decide_promotion(clear_case(**case, **vectors), SETTINGS).promote is False


def contest(seed: int, challenger_noise: float, champion_noise: float, rows: int) -> Evidence:
    """Two models that see the same signal, each through noise of its own."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    truth = (signal + rng.normal(size=rows) > 0).astype(int)
    return clear_case(
        truth=truth,
        baseline=np.full(rows, 0.5),
        challenger=signal + challenger_noise * rng.normal(size=rows),
        champion=signal + champion_noise * rng.normal(size=rows),
    )


def promotions(draws: int, challenger_noise: float, champion_noise: float, rows: int) -> int:
    contests = (contest(seed, challenger_noise, champion_noise, rows) for seed in range(draws))
    return sum(decide_promotion(evidence, SETTINGS).promote for evidence in contests)


def test_an_equal_challenger_is_rarely_promoted() -> None:
    """Of 200 challengers exactly as good as the champion, at most 5 % get past the gate."""
    assert promotions(200, 0.7, 0.7, rows=120) <= 10


def test_a_truly_better_challenger_is_promoted() -> None:
    """A challenger that sees the signal far better is promoted nearly always."""
    assert promotions(30, 0.3, 2.0, rows=300) >= 29


def test_a_worse_challenger_is_never_promoted() -> None:
    """A challenger that sees the signal less well is never promoted in 60 draws."""
    assert promotions(60, 1.2, 0.5, rows=150) == 0


def test_the_decision_is_reproducible_and_plain() -> None:
    """The same evidence gives the same decision, and it is made of plain values."""
    first, again = (decide_promotion(clear_case(), SETTINGS).as_dict() for _ in range(2))
    assert first == again
    assert set(first) == {"promote", "checks", "score", "reasons"}
    assert {type(check["passed"]) for check in first["checks"]} == {bool}


def test_the_reasons_are_those_behind_the_answer() -> None:
    """A refusal gives the failed checks, a promotion all of them."""
    assert len(decide_promotion(clear_case(), SETTINGS).reasons) == 6
    refused = decide_promotion(clear_case(champion=GOOD.challenger), SETTINGS)
    assert len(refused.reasons) == 1
    assert refused.reasons[0].startswith("better_than_champion: roc_auc better by 0.0000")
