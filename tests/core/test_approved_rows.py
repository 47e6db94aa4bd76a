"""Tests of what becomes of rows: read, judged, scored, divided and explained as once looked at."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.core.approval import hold, hold_value, plain
from tests.core.scoring import cases
from tests.core.training.test_assessment import draw
from tests.ingestion.inference import test_checks as checking

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError
from fullcircle.core.evaluation.attributions import attribute_rows, shap_values
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import diagnose_columns
from fullcircle.core.scoring.records import Bounds, RecordSchema, declare_form, validate_records
from fullcircle.core.scoring.reporting import summarise_scoring
from fullcircle.core.scoring.stream import score_days
from fullcircle.core.scoring.values import MOMENT, as_column, read_values
from fullcircle.core.training.challenger import complete_challenger, make_model
from fullcircle.core.training.context import TrainingContext, name_finalists
from fullcircle.core.training.finalists import choose_finalists, find_winner
from fullcircle.core.training.folds import make_folds
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import SearchSettings, TrainingSettings
from fullcircle.core.training.trial_store import Trial
from fullcircle.core.training_data.splits import split_rows
from fullcircle.core.validation.row_validation import (
    IntakeSettings,
    stop_if_too_many,
    summarise_intake,
)

Make = Callable[..., ProblemSpec]
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
KINDS: dict[str, pa.DataType] = {
    "float64": pa.float64(),
    "float32": pa.float32(),
    "int64": pa.int64(),
    "int8": pa.int8(),
    "uint16": pa.uint16(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "moment": MOMENT,
}
GIVEN: list[Any] = [
    None, "", "  ", " a ", "nan", "NaN", "inf", "-Infinity", "null", "true", "False", "yes",
    "1", " 1 ", "+1", "-1", "1.0", "1.5", ".5", "5.", "1e3", "1E-3", "1e999", "0x10", "1_000",
    "1,5", "\u0661", "127", "128", "-128", "-129", "65535", "65536", "9007199254740993",
    "9223372036854775807", "9223372036854775808", 0, 1, -1, 1.0, 1.5, 1e300, 127, 128, 65536,
    2**53 + 1, 2**63 - 1, 2**63, 2**70, float("nan"), float("inf"), True, False, Decimal("7"),
    Decimal("7.25"), b"x", [1.0], {"a": 1}, date(2024, 5, 1), NOON, NOON.replace(tzinfo=None),
    timedelta(days=1), "2024-05-01", "2024-05-01T12:00", "2024-05-01 12:00:00.123456",
    "2024-05-01T12:00:00Z", "2024-05-01T12:00:00+02:00", "2024-02-30", "01.05.2024", "now",
    "12:00", "20240501", "2024-05", "infinity",
]  # fmt: skip


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_a_value_is_read_as(kind: str) -> None:
    """Alone, or among others, texts or not: what each value is read as, or why it is refused."""
    lines = []
    for value in GIVEN:
        found = []
        sent = isinstance(value, str | int | float | list | dict)  # as JSON
        for company in [[], [1.5], ["a"]] if sent else [[]]:
            column = as_column([value, *company])
            values, faults = read_values(column, KINDS[kind])
            fault = None if faults is None else faults[0].as_py()
            found.append(f"{values[0].as_py()!r} {fault or ''}".strip())
        free, faults = read_values(as_column([value]), KINDS[kind], any_text=True)
        found.append(f"{free[0].as_py()!r} {'' if faults is None else faults[0].as_py() or ''}")
        lines.append(f"{value!r}: {' | '.join(dict.fromkeys(each.strip() for each in found))}")
    hold(f"values_{kind}.txt", "\n".join(lines) + "\n")


def test_which_records_are_good() -> None:
    """Of records that are late, early, repeated, blank or wrong: the good ones, and each reason."""
    form = RecordSchema(
        {"id": pa.string(), "key": pa.int64(), "at": MOMENT, "size": pa.float64(),
         "colour": pa.string()},
        frozenset({"id"}), ["id", "key", "at"], "id", "at",
    )  # fmt: skip
    good = {"id": "a", "key": 7, "at": "2024-05-01T10:00:00", "size": 1.5, "colour": "red"}
    changes: list[dict[str, Any]] = [
        {}, {"id": "b"}, {"id": "b", "size": 9}, {"id": "c", "at": "2024-05-01T12:00:00"},
        {"id": "d", "at": "2024-05-01T12:00:01"}, {"id": "e", "at": "2024-05-01T08:00:00"},
        {"id": "f", "at": "2024-05-01T07:59:59"}, {"id": "g", "key": "x", "size": "y"},
        {"id": None}, {"id": "h", "size": "big", "colour": 5}, {"id": "i", "size": None},
        {"id": "k", "key": None}, {"id": "done"}, {"id": "l", "colour": " x " * 60 + "y"},
    ]  # fmt: skip
    rows = [{**good, **change} for change in changes]
    table = pa.table({name: as_column([row[name] for row in rows]) for name in good})
    bounds = [
        Bounds(),
        Bounds(watermark=NOON - timedelta(hours=4)),
        Bounds(latest=NOON, seen=pa.chunked_array([["done", "h"]])),
    ]
    found = []
    for each in bounds:
        judged = validate_records(table, form, each)
        found.append({"good": judged.good.to_pylist(), "reasons": judged.reasons.to_pylist()})
    without = validate_records(table.drop_columns(["size", "key"]), form, Bounds())
    found.append({"good": without.good.to_pylist(), "reasons": without.reasons.to_pylist()[:2]})
    hold_value("records", found)


def test_rows_that_are_scored() -> None:
    """Predictions, decisions, stamps, versions and what was counted, day by day."""
    shadow = cases.make_model("logistic_regression", version="2")
    models = {"champion": cases.make_model(), "shadow": shadow}
    scoring = cases.prepare(models, 3, threads=1, batch_rows=5)
    requests = cases.request_table(cases.draw_requests(3, 8))
    plan = [
        {"day": f"2025-03-0{n}", "keep": n == 2, "fingerprint": f"f{n}", "rows": 8}
        for n in (1, 2, 3)
    ]
    rows, told, scored = [], [], {}
    for day in score_days(requests, plan, scoring):
        rows += day.read().read_all().to_pylist()
        told.append([day.day, day.fingerprint, str(day.schema)])
        summary = day.counts
        scored[day.day] = {
            "rows": summary.rows, "stale_rows": summary.stale_rows,
            "seconds": {"wall": 0.5, "read": 0.25}, "peak_memory_mb": 100.0 + len(scored),
        }  # fmt: skip
    report = summarise_scoring(plan, scored, {"b": 2, "a": 2, "c": 5})
    nothing = summarise_scoring(plan[1:2], {}, {})
    hold_value("scored", [rows, told, scored, report, nothing])


def test_what_is_declared_of_records() -> None:
    """Types, blanks and order that a model and its tables ask of a stream's records."""
    model = cases.make_model()
    tables = cases.tables(3)
    form = declare_form(cases.SPEC, {"champion": model}, tables)
    hold_value("form", {"text": str(form).replace(", ", "\n")})


def test_what_an_intake_says() -> None:
    """Counts and shares of rows set aside, and the line that stops a run with too many."""
    reports = [
        summarise_intake(200, {"b": 2, "a": 2, "c": 7}),
        summarise_intake(0, {}),
        summarise_intake(5, {"a": 5}),
    ]
    said = []
    for report in reports:
        for limit in (0.0, 0.055, 0.5):
            try:
                stop_if_too_many(report, IntakeSettings(max_rejected_share=limit), ["x: 1", "y: 2"])
                said.append("goes on")
            except DataError as error:
                said.append(str(error))
    hold_value("intake", [reports, said])


def test_what_a_check_of_a_problem_says() -> None:
    """Of good, repeated, blank, late, lopsided and short tables, every finding."""
    good = checking.rows()
    blank = good["size"].mask(good.index < 9)
    tables = {
        "good": checking.look(good),
        "negative": checking.look(good.assign(size=good["size"] - 20)),
        "many negative": checking.look(good.assign(size=good["size"] - 800)),
        "without size": checking.look(good, raw_columns=("size", "y", "gone")),
        "blank": checking.look(good.assign(size=blank, who=good["who"].mask(good.index < 3))),
        "repeated": checking.look(good.assign(id="same")),
        "one class": checking.look(good.assign(y=1)),
        "few positives": checking.look(good.assign(y=(good.index % 300 == 0).astype(int))),
        "late labels": checking.look(good.assign(y_at=good["at"] + pd.Timedelta(days=200))),
        "early labels": checking.look(good.assign(y_at=good["at"] - pd.Timedelta(days=1))),
        "short": checking.look(good.head(120)),
        "snapshot": checking.look(good, spec=checking.SNAPSHOT),
        "short snapshot": checking.look(good.head(60), spec=checking.SNAPSHOT),
    }
    hold_value("problem_checks", {n: [asdict(f) for f in found] for n, found in tables.items()})


def open_workshop(make_problem: Make, task: str) -> tuple[TrainingContext, pd.DataFrame]:
    metric = {"binary": "roc_auc", "multiclass": "multiclass_log_loss", "regression": "rmse"}[task]
    threshold = {"maximise": "f1"} if task == "binary" else None
    problem = make_problem(
        history=task != "multiclass", task=task, primary_metric=metric, threshold=threshold
    )
    training = TrainingSettings(
        seed=3,
        candidates=["ridge", "logistic_regression"],
        search=SearchSettings(trials=1, folds=3),
        bootstrap_resamples=100,
        confidence=0.9,
    )
    rows = draw(task, 240, 0)
    inputs = as_inputs(rows, problem.features)
    plan = diagnose_columns(inputs, rows["returned"], problem.task, training.preparation)
    return TrainingContext(rows, problem, training, plan), draw(task, 120, 1)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_a_model_knows_of_itself(make_problem: Make, task: str) -> None:
    """Settings, scores, threshold, interval, profile, example and rows of a fitted model."""
    training_context, more = open_workshop(make_problem, task)
    model_config = ModelConfig("simple", "ridge" if task == "regression" else "logistic_regression")
    winner = complete_challenger(
        training_context, model_config, training_context.fit(model_config), more
    )
    report = {"metric": "m", "rows": 9, "sample": ["private"], "gaps": []}
    model = make_model(training_context, winner, more, "2024-06-01", report, profiled=True)
    bare = make_model(training_context, winner, more, "2024-06-01", None, profiled=False)
    facts = {
        name: value
        for name, value in vars(model).items()
        if name not in {"estimator", "example", "lookups", "registration"}
    }
    facts["example"] = model.example.to_dict("records")
    facts["settings"] = {k: v for k, v in model.settings.items() if k not in {"rows_sha256"}}
    assert len(model.settings["rows_sha256"]) == 64
    assert (bare.profile, bare.report) == ({}, None)
    hold_value(f"model_{task}", facts)


def trial(candidate: str, number: int, scores: list[float], **parameters: Any) -> Trial:
    state, score = ("complete", float(np.mean(scores))) if scores else ("failed", None)
    return Trial(candidate, number, parameters, score, scores, 1.0, state)


def test_who_competes_and_who_wins(make_problem: Make) -> None:
    """Finalists by family, with and without fewer columns and a blend; ties go to the simpler."""
    training_context, rows = open_workshop(make_problem, "binary")
    validation = training_context.cross_validate()
    trials = [
        trial("baseline", 0, [0.5, 0.5, 0.5]),
        trial("logistic_regression", 0, [0.8, 0.7, 0.75]),
        trial("logistic_regression", 1, [0.8, 0.72, 0.76], C=0.5),
        trial("xgboost", 0, [0.7, 0.7, 0.7], n_estimators=5),
        trial("xgboost", 1, []),
    ]
    found: dict[str, Any] = {}
    for blend in (0, 2):
        found[f"blend of {blend}"] = [
            each.as_dict() for each in choose_finalists(trials, validation, blend)
        ]
    for select in (True, False):
        training = training_context.training.model_copy(update={"select_features": select})
        named = name_finalists(trials, validation, training)
        found[f"fewer columns {select}"] = [each.as_dict() for each in named]
    truth = rows["returned"].to_numpy()
    rng = np.random.default_rng(0)
    near = [np.clip(truth * 0.2 + 0.4 + 0.15 * rng.normal(size=len(truth)), 0, 1) for _ in "abc"]
    searched = zip("abc", (0.7, 0.75, 0.7), strict=True)
    model_configs = [
        ModelConfig(name, "xgboost", fold_scores=[s, s + 0.01]) for name, s in searched
    ]
    predicted = dict(zip("abc", near, strict=True))
    for errors in (0.0, 0.5, 3.0):
        found[f"tie of {errors}"] = find_winner(
            model_configs, predicted, truth, "roc_auc", standard_errors=errors,
            resamples=100, confidence=0.9, seed=1,
        )  # fmt: skip
    hold_value("finalists", found)


@pytest.mark.parametrize("history", [True, False])
def test_how_rows_are_divided(make_problem: Make, *, history: bool) -> None:
    """Which row falls into which set and fold, by time and by key."""
    rows = draw("binary", 60, 0)
    problem = make_problem(history=history)
    sets = {name: list(part["order_id"]) for name, part in split_rows(rows, problem).items()}
    folds = [
        {"train": list(train), "valid": list(valid)}
        for train, valid in make_folds(rows, problem, 3, seed=5)
    ]
    hold(f"division_{history}.txt", "\n".join(str(plain(each)) for each in [sets, *folds]) + "\n")


@pytest.mark.skipif(find_spec("shap") is None, reason="needs the extra 'explain'")
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_a_model_leans_on(make_problem: Make, task: str) -> None:
    """Mean attributions, their swarm, and those of single rows, in the model's own units."""
    training_context, more = open_workshop(make_problem, task)
    for family in ("ridge" if task == "regression" else "logistic_regression", "xgboost"):
        parameters = {"n_estimators": 5} if family == "xgboost" else {}
        estimator = training_context.fit(ModelConfig("m", family, parameters))
        inputs = as_inputs(more.head(12), training_context.problem.features)
        told = shap_values(estimator, inputs, seed=1)
        single = attribute_rows(estimator, inputs.head(2), inputs, seed=1)
        hold_value(f"shap_{task}_{family}", [told, single])
