"""What a run needs of a problem, found before the run."""

from dataclasses import replace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.gate import GateSettings
from fullcircle.core.validation.row_validation import SOURCE_ROW, IntakeSettings, reject, unless
from fullcircle.ingestion.inference.checks import ProblemCheck, examine
from fullcircle.ingestion.inference.issues import Issue

ROWS = 1500
SPEC: dict[str, Any] = {
    "name": "shop",
    "task": "binary",
    "row_id": "id",
    "entity_keys": ["who"],
    "event_time": "at",
    "label": "y",
    "label_time": "y_at",
    "period_days": 10,
    "request_columns": ["size"],
    "primary_metric": "roc_auc",
    "threshold": {"maximise": "f1"},
    "split": {"by": "time", "train": 0.6, "selection": 0.2, "gate": 0.2},
}
BY_KEY = {"by": "key", "train": 0.5, "selection": 0.2, "gate": 0.2, "scoring": 0.1}
SNAPSHOT = {"event_time": None, "label_time": None, "period_days": None, "split": BY_KEY}


def rows(**changed: Any) -> pd.DataFrame:
    at = pd.date_range("2024-01-01", periods=ROWS, freq="2h", tz="UTC").as_unit("us")
    frame = pd.DataFrame(
        {
            "id": [f"r{n}" for n in range(ROWS)],
            "who": [f"w{n}" for n in range(ROWS)],
            "at": at,
            "y_at": at + pd.Timedelta(days=1),
            "size": np.arange(float(ROWS)),
            "y": np.arange(ROWS) % 2,
            SOURCE_ROW: range(1, ROWS + 1),
        }
    )
    return frame.assign(**changed)


def judge(raw: ir.Table) -> ir.Table:
    """Set rows of a negative size aside."""
    return reject(raw, unless(raw.size.isnull() | (raw.size >= 0), "size is negative", raw.size))


def look(frame: pd.DataFrame, spec: dict[str, Any] | None = None, **changed: Any) -> list[Issue]:
    case = ProblemCheck(
        raw=ibis.memtable(frame),
        clean=judge,
        raw_columns=("size", "y"),
        problem=ProblemSpec.model_validate(SPEC | (spec or {})),
        as_of=Clock.model_validate("2024-04-20"),
        gate=GateSettings(min_rows=200, bootstrap_resamples=100, confidence=0.9, seed=1),
        intake=IntakeSettings(max_rejected_share=0.05),
    )
    return examine(replace(case, **changed), lambda _: None)


def found(findings: list[Issue], level: str) -> str:
    return "; ".join(f"{f.what}: {f.found}" for f in findings if f.level == level)


@pytest.mark.parametrize("spec", [{}, SNAPSHOT])
def test_a_good_problem_is_fine(spec: dict[str, Any]) -> None:
    """With a history or as a snapshot, a problem that can run has neither fault nor danger."""
    assert {finding.level for finding in look(rows(), spec)} == {"fine"}


@pytest.mark.parametrize(
    ("changed", "spec", "wanted"),
    [
        ({}, {"label": "z"}, "events' columns: missing: 'z'"),
        ({"size": -1.0}, {}, "rows: 1500 rows, 1500 set aside (100.0%"),
        ({"id": "same"}, {}, "rows: 1500 rows, 1499 set aside"),
        ({"who": pd.Series([None] * ROWS, dtype="str")}, {}, "identity: who: missing in 1500 rows"),
        ({"y": 1}, {}, "label: 1500 rows have one, 1 distinct"),
        ({"y": [0, 1, 2] * 500}, {}, "label: 1500 rows have one, 3 distinct"),
        ({"y": [0.0, 1.0] * 10 + [None] * 1480}, {}, "label: 20 rows have one"),
        ({"at": pd.Timestamp("2023-01-01", tz="UTC")}, {}, "0 rows to score from 2024-04-20"),
        ({"y_at": pd.Timestamp("2025-01-01", tz="UTC")}, {}, "labelled rows: 0 labels known"),
    ],
)
def test_what_stops_a_run_is_a_fault(
    changed: dict[str, Any], spec: dict[str, Any], wanted: str
) -> None:
    """Whatever a run would stop at is found beforehand, and named as a fault with what to do."""
    findings = look(rows(**changed), spec)
    assert wanted in found(findings, "fault")
    assert all(finding.do for finding in findings if finding.level == "fault")


def test_missing_raw_columns_end_the_look() -> None:
    """Without a column that clean reads, clean is not even called."""
    findings = look(rows(), raw_columns=("size", "colour"), clean=None)
    assert [f.level for f in findings] == ["fault"]
    assert "'colour'" in findings[0].found


def test_no_rows_are_a_fault() -> None:
    """An empty table is a fault, with how to take rows in."""
    assert "rows: there are none" in found(look(rows().head(0)), "fault")


def test_a_broken_data_contract_is_a_fault() -> None:
    """What the data contract says of the rows is told as a fault."""
    case = ProblemCheck(
        raw=ibis.memtable(rows()),
        clean=judge,
        raw_columns=(),
        problem=ProblemSpec.model_validate(SPEC),
        as_of=Clock.model_validate("2024-04-20"),
        gate=GateSettings(min_rows=200, bootstrap_resamples=100, confidence=0.9, seed=1),
        intake=IntakeSettings(max_rejected_share=0.05),
    )
    findings = examine(case, lambda _: "size is no text")
    assert "data contract: size is no text" in found(findings, "fault")


def test_a_gate_with_too_few_rows_is_an_edit() -> None:
    """Where the gate would refuse for want of rows, the edit that helps is named."""
    [edit] = [f for f in look(rows().head(900), SNAPSHOT) if f.level == "edit"]
    assert "of 200 asked for" in edit.found
    assert "set gate_min_rows: " in edit.do


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"size": [-1.0] * 9 + [1.0] * 1491}, "set aside: 9 rows: size is negative"),
        ({"size": [1.0] * 700 + [None] * 800}, "sparse columns: mostly missing: size"),
        ({"size": None}, "empty columns: size"),
        ({"y": [1] * 20 + [0] * 1480}, "rare class: the rarest has 20 rows"),
        ({"y_at": pd.Timestamp("2024-01-09", tz="UTC")}, "labels are known before their row"),
    ],
)
def test_what_makes_an_outcome_doubtful_is_a_danger(changed: dict[str, Any], wanted: str) -> None:
    """What a run bears, but a reader should know, is told as a danger."""
    frame = rows(**changed)
    frame["size"] = frame["size"].astype("float64")
    assert wanted in found(look(frame), "danger")
