"""Tests of what other rooms read: reports have, name by name, the values once looked at."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import numpy as np
import optuna
import pandas as pd
import pytest
from tests.core import test_drift_problems as drifting
from tests.core import test_performance_estimation as estimating
from tests.core import test_performance_joining as joining
from tests.core import test_retraining as retraining
from tests.core import test_service as serving
from tests.core.approval import hold, hold_value
from tests.core.gate_cases import SETTINGS, clear_case, probed, snapshot_case, taught
from tests.core.test_alerts import HELD, QUIET, SCORED, alarm, problem

from fullcircle.core.alerts import AlertSettings, decide, find_conditions, write_message
from fullcircle.core.contract import ProblemSpec
from fullcircle.core.drift import check_versions
from fullcircle.core.evaluation.calibration import choose_calibration
from fullcircle.core.evaluation.reliability import check_calibration
from fullcircle.core.evaluation.slices import SliceSettings, measure_gaps, score_slices
from fullcircle.core.gate import decide_promotion
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.performance import ValueTable, measure_performance
from fullcircle.core.performance.sequential_test import compare_arms, compare_pairs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.profile import build_profile
from fullcircle.core.profile.table_statistics import describe_columns
from fullcircle.core.training.candidates import CANDIDATES

Make = Callable[..., ProblemSpec]
NOW = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_what_the_search_may_draw_from(name: str) -> None:
    """Each family's tuned parameters, with their bounds and scale, and its untuned variants."""
    family = CANDIDATES[name]
    drawn: list[str] = [f"{name}: {', '.join(family.tasks)}, {family.preparation}"]
    for task in family.tasks:
        drawn += [f"{task} untuned {variant}" for variant in family.variants]
        if family.space is not None:
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
            trial = study.ask()
            names = list(family.space(trial))
            drawn += [f"{task} {n} {trial.distributions.get(n)}" for n in names]
    hold(f"space_{name}.txt", "\n".join(drawn) + "\n")


def test_decisions_on_retraining() -> None:
    """Of quiet, drifted, declining, old and held-back models, all that the decision says."""
    late = retraining.TRAINED + timedelta(days=100)
    rules = retraining.RULES.model_copy(
        update={"min_new_labels": 10, "give_up_after": 1, "max_retrainings": 1}
    )
    acts = [
        retraining.Retraining(late - timedelta(days=days), promoted=False).as_dict()
        for days in (3, 20)
    ]
    several = {"drifted": ["a", "b"], "prediction_drifted": True, "vanished": ["c", "d"]}
    worse = retraining.scored((0.75, 0.79), (0.6, 0.7), None)
    decisions = [
        retraining.decide(),
        retraining.decide({"judged": False}),
        retraining.decide({"drifted": ["a"]}),
        retraining.decide(several, worse),
        retraining.decide(several, worse, as_of=late, rules=rules, ledger=acts),
    ]
    hold_value("retraining", decisions)


def test_alerts_and_their_message() -> None:
    """Every condition with what to do, which sources judged, and the message that is sent."""
    drift = {
        **QUIET,
        "alarms": [alarm("missing", "age"), alarm("distribution", "age"), alarm("volume", None)],
        "problems": [problem("vanished", "age"), problem("too_few_rows"), problem("odd_kind")],
    }
    decision = {
        "retrain": True,
        "reasons": ["old", "worse"],
        "rules": [{"rule": "performance", "asks": True, "told": "fell", "judged": True}],
        "held_back": HELD,
    }
    service = {
        "present": True,
        "objectives": [
            {"name": "p95", "met": False, "value": 300.5, "limit": 200, "at_most": True},
            {"name": "rate", "met": False, "value": None, "limit": 5, "at_most": False},
        ],
        "problems": [problem("log_silence", "latency_ms"), problem("gap")],
    }
    settings = AlertSettings()
    scored = {**SCORED, "reasons": {}}
    seen = find_conditions(drift, decision, SCORED, service, settings)
    bare = find_conditions(
        {**QUIET, "judged": False}, {**decision, "rules": []}, None, None, settings
    )
    blank = find_conditions(
        QUIET, {**decision, "retrain": False}, scored, {"present": False}, settings
    )
    decided = decide(seen, None, NOW, settings)
    later = decide(blank, decided["memory"], NOW + timedelta(days=1), settings)
    hold_value("alerts", [asdict(seen), asdict(bare), asdict(blank), decided, later])
    messages = [
        write_message("shop", "2024-03-01", each["notices"], {"page": "d.html"})
        for each in (decided, later)
    ]
    hold("alerts.txt", "\n\n".join(f"{m.severity} {m.title}\n{m.body}" for m in messages) + "\n")


def test_reports_of_drift() -> None:
    """Of quiet, moved, broken, small and late windows, every number and word of the report."""
    past = drifting.draw(0, 3000, days=70)
    inputs, predicted = past[["age", "city", "flag"]], past[drifting.PREDICTION].to_numpy()
    profile = build_profile(inputs, predicted, past["at"], period_days=7)
    moved = drifting.draw(1, 600)
    moved["age"] += 8
    moved.loc[:60, "city"] = "Bern"
    moved.loc[60:150, "flag"] = np.nan
    broken = drifting.draw(2, 600).assign(age="x", flag=np.nan).drop(columns="city")
    reports = {
        "quiet": drifting.judge(drifting.draw(3, 600, 70), profile, period=drifting.period(70)),
        "moved": drifting.judge(moved, profile),
        "broken": drifting.judge(broken, profile),
        "small": drifting.judge(drifting.draw(4, 50), profile),
        "late": drifting.judge(
            drifting.draw(5, 100, 70, 2),
            profile,
            period=drifting.period(70),
            problems=check_versions({"2": 100}, "3"),
        ),
    }
    hold_value("profile", profile)
    for name, report in reports.items():
        hold_value(f"drift_{name}", report)


def test_reports_of_performance(make_problem: Make) -> None:
    """Scores, estimates, models beside, worth, slices, and what is wrong with the labels."""
    drawn = estimating.draw(0, 400)
    shadow = np.random.default_rng(3).random(400)
    shadow[:100] = np.nan
    group = np.where(np.arange(400) < 300, "north", "south")
    frame = estimating.window(
        drawn, shadow_predicted=shadow, shadow_model_version="7", shadow_decision=0, region=group
    )
    frame = pd.concat([frame, frame.head(5).assign(as_of="2024-02-01")])
    table = ValueTable(unit="EUR", cells={"1/1": 40, "0/1": -10, "1/0": -25})
    settings = estimating.SETTINGS.model_copy(update={"value": table})
    problem_ = make_problem(slices=["region", "absent"])
    report = measure_performance(frame, problem_, settings, estimating.reference("1"))
    hold_value("performance", report)

    scored = joining.scored()
    scored.loc[[0, 1], "predicted"] = [np.nan, np.inf]
    labels = joining.labels_of(scored)
    labels.loc[4:5, "returned"] = 7
    labels.loc[38, "returned_known_at"] = pd.Timestamp("2025-01-01", tz="UTC")
    labels = pd.concat(
        [
            labels,
            labels[10:12],
            labels[20:22].assign(returned=1 - labels["returned"]),
            labels[:3].assign(order_id="x" + labels["order_id"]),
            labels[:1].assign(order_id=None),
        ]
    )
    joined = joining.judge(scored, labels, make_problem())
    joined["windows"] = [{**window, "digest": "…"} for window in joined["windows"]]
    joined["slices"] = [{**each, "digest": "…"} for each in joined["slices"]]
    hold_value("performance_joined", joined)


def test_reports_of_the_service() -> None:
    """Latency, shares, throughput, cost, objectives, days, versions and gaps of a log."""
    frame = serving.requests()
    frame.loc[:3, "status"] = 503
    frame.loc[4:13, "status"] = 422
    frame.loc[100:, "model_version"] = "4"
    frame.loc[150:, "role"] = "canary"
    reports = [
        serving.judge(frame),
        serving.judge(frame.head(0)),
        serving.judge(frame.head(5)),
        serving.judge(frame, min_requests=10_000),
        serving.judge(frame, as_of=serving.AS_OF + timedelta(days=3)),
        serving.judge(frame, price_per_hour=None),
        serving.judge(frame.drop(columns="rows")),
        serving.judge(frame.assign(role=None)),
    ]
    hold_value("service", reports)


def test_decisions_of_the_gate() -> None:
    """Each check's answer with its evidence, of a promotion and of refusals of every kind."""
    rows = 12
    few = {
        name: getattr(clear_case(), name)[:rows]
        for name in ("rows", "truth", "baseline", "challenger", "champion")
    }
    cases = {
        "promoted": clear_case(),
        "snapshot": snapshot_case(),
        "first": clear_case(champion=None),
        "even": clear_case(champion=clear_case().challenger),
        "few": clear_case(**few),
        "flipped": clear_case(challenger=1 - clear_case().challenger),
        "unprobed": clear_case(probe=None, intake={}),
        "changed": clear_case(probe=probed(predictions=[9.0], signature={})),
        "overlapping": clear_case(model=taught(last="2025-01-01T00:00:00+00:00")),
    }
    decided = {name: asdict(decide_promotion(case, SETTINGS)) for name, case in cases.items()}
    for decision in decided.values():
        for check in decision["checks"]:
            check.pop("seconds", None)
    hold_value("gate", decided)


def test_what_becomes_of_columns() -> None:
    """Kind, treatment, score and reason of columns of every kind, for every task."""
    rng = np.random.default_rng(0)
    rows = 300
    amount, label = rng.normal(size=rows).round(3), rng.integers(0, 2, rows)
    frame = pd.DataFrame(
        {
            "amount": np.where(rng.random(rows) < 0.1, np.nan, amount),
            "copy": amount,
            "again": amount,
            "twice": 2 * amount,
            "flag": rng.random(rows) < 0.5,
            "city": rng.choice(["Rome", "Oslo", "Lima"], rows),
            "rare": ["common"] * (rows - 3) + ["odd"] * 3,
            "street": [f"street {n % 90}" for n in range(rows)],
            "note": [f"came late by {n} days and broken {n * 7 % 50}" for n in range(rows)],
            "name": [f"n{n}" for n in range(rows)],
            "born": pd.date_range("2000-01-01", periods=rows, tz="UTC"),
            "same": 1.0,
            "empty": None,
            "tells": label * 10,
        }
    )
    plans = {}
    for task, target in (
        ("binary", label),
        ("multiclass", label + rng.integers(0, 2, rows)),
        ("regression", label + amount),
    ):
        inputs = as_inputs(frame, list(frame))
        plans[task] = diagnose_columns(inputs, pd.Series(target), task, PreparationSettings())
    hold_value("columns", plans)
    hold_value("described", describe_columns(frame))


def test_slices_and_probabilities_in_numbers() -> None:
    """Slices, their gaps, the check of probabilities, and how their correction was chosen."""
    true, bold, labels = estimating.draw(0, 600)
    frame = pd.DataFrame(
        {"city": np.where(np.arange(600) < 400, "Rome", "Oslo"), "age": np.arange(600.0) % 90}
    )
    frame.loc[:20, "city"] = "Bern"
    frame.loc[21:100, "city"] = None
    settings = SliceSettings(min_rows=50, bootstrap_resamples=100, confidence=0.9, seed=1)
    decided = (bold > 0.5).astype(int)
    slices = score_slices(
        frame, ["city", "age"], "roc_auc", "binary", labels, bold, decided, settings
    )
    hold_value("slices", {"slices": slices, "gaps": measure_gaps(slices, 50)})
    three = np.column_stack([true / 2, true / 2, 1 - true])
    checks = [
        check_calibration(labels, true, confidence=0.95),
        check_calibration(labels, bold, confidence=0.95),
        check_calibration(labels[:40], true[:40], confidence=0.95),
        check_calibration(np.where(labels == 1, 0, 2), three, confidence=0.95),
    ]
    hold_value("calibration_checks", checks)
    half = slice(0, 300), slice(300, 600)
    chosen = [
        choose_calibration(labels[half[0]], told[half[0]], labels[half[1]], told[half[1]],
                           resamples=100, confidence=0.9, seed=1)
        for told in (true, bold)
    ]  # fmt: skip
    hold_value("calibration_chosen", chosen)


def test_comparisons_of_two_models() -> None:
    """Verdict, interval and what more is needed, of losses apart and side by side."""
    rng = np.random.default_rng(0)
    losses = rng.random(300)
    found = {
        "better": compare_pairs(losses, losses - 0.2 + 0.01 * rng.random(300), 0.05),
        "worse": compare_pairs(losses, losses + 0.2 + 0.01 * rng.random(300), 0.05, 0.9),
        "equal": compare_pairs(losses, losses + 0.001 * rng.random(300), 0.05),
        "undecided": compare_pairs(losses, rng.random(300), 0.01),
        "few": compare_pairs(losses[:49], losses[:49], 0.01),
        "enough": compare_pairs(losses[:50], losses[:50], 0.01),
        "arms": compare_arms(losses, rng.random(100), 0.25, 0.01),
        "better arm": compare_arms(losses + 1, rng.random(100), 0.25, 0.01, 0.8),
        "few in an arm": compare_arms(losses, losses[:49], 0.25, 0.01),
        "empty arm": compare_arms(losses, losses[:0], 0.25, 0.01),
        "never": compare_pairs(losses, 1e9 * rng.random(300), 1e-9),
    }
    hold_value("comparisons", {name: each.as_dict() for name, each in found.items()})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_families_are_built_with(task: str) -> None:
    """Every parameter of each family's own estimator, untuned."""
    built = [
        f"{name} {family.build(task, 9, variant).get_params()}"
        for name, family in CANDIDATES.items()
        if task in family.tasks
        for variant in family.variants
    ]
    hold(f"families_{task}.txt", "\n".join(built) + "\n")
