"""Tests of labels that arrive late, twice, for nobody, or as something else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.performance import (
    PerformanceSettings,
    join_labels,
    measure_performance,
    measure_sources,
)

Make = Callable[..., ProblemSpec]
SETTINGS = PerformanceSettings(
    min_labels=10, bootstrap_resamples=100, confidence=0.9, seed=1, estimate_draws=100
)
AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


def scored(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "order_id": [f"o{n:03d}" for n in range(rows)],
            "ordered_at": pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC"),
            "as_of": "2024-01-01",
            "model_version": "1",
            "predicted": rng.random(rows),
            "decision": rng.integers(0, 2, rows),
        }
    )


def labels_of(frame: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    known = frame["ordered_at"] + pd.Timedelta(days=10)
    given = {"order_id": frame["order_id"], "returned": [0, 1] * (len(frame) // 2)}
    return pd.DataFrame({**given, "returned_known_at": known} | changes)


def judge(predictions: pd.DataFrame, labels: Any, problem: ProblemSpec) -> dict[str, Any]:
    table = ibis.memtable(labels)
    joined = join_labels(ibis.memtable(predictions), table, problem, AS_OF)
    return measure_sources([joined], problem, SETTINGS)


def told(report: dict[str, Any]) -> set[str]:
    return {each["problem"] for each in report["problems"]}


def test_joined_labels_score_as_the_frame_does(make_problem: Make) -> None:
    """The join by row id gives what the same labels side by side with the rows give."""
    frame = scored()
    labels = labels_of(frame)
    report = judge(frame, labels.sample(frac=1, random_state=3), make_problem())
    whole = measure_performance(frame.merge(labels), make_problem(), SETTINGS)
    found = [{**window, "digest": None} for window in report["windows"]]
    assert found == whole["windows"]
    assert report["labels"]["batch"]["arrived"] == 40
    assert report["problems"] == []


def test_no_label_is_used_before_its_time(make_problem: Make) -> None:
    """Labels known later than the clock change nothing, however wrong they are."""
    frame, problem = scored(), make_problem()
    labels = labels_of(frame)
    late = labels.index >= 20
    labels.loc[late, "returned_known_at"] = pd.Timestamp(AS_OF) + pd.Timedelta("1us")
    poisoned = labels.assign(returned=labels["returned"].where(~late, 1 - labels["returned"]))
    report = judge(frame, labels, problem)
    assert report["windows"][0]["labelled"] == 20
    assert report == judge(frame, poisoned, problem)
    assert report == judge(frame, labels[~late], problem)


@pytest.mark.parametrize(
    ("change", "labelled", "problem"),
    [
        (lambda ls: pd.concat([ls, ls.head(4)]), 40, "labels_repeated"),
        (
            lambda ls: pd.concat([ls, ls.head(4).assign(returned=lambda d: 1 - d["returned"])]),
            36,
            "labels_contradicting",
        ),
        (lambda ls: ls.assign(returned=ls["returned"].where(ls.index > 3, 7)), 36,
         "labels_unreadable"),
        (
            lambda ls: ls.assign(returned=ls["returned"].where(ls.index > 3, np.inf)),
            36,
            "labels_unreadable",
        ),
        (
            lambda ls: ls.assign(returned=ls["returned"].map(str).where(ls.index > 3, "yes")),
            36,
            "labels_unreadable",
        ),
        (
            lambda ls: ls.assign(
                returned_known_at=ls["returned_known_at"] - pd.Timedelta(days=11)
            ),
            40,
            "labels_before_their_row",
        ),
        (lambda ls: ls.assign(order_id="x" + ls["order_id"]), 0, "labels_unknown"),
        (lambda ls: ls.drop(columns="returned"), 0, "vanished"),
        (lambda ls: ls.assign(returned_known_at="soon"), 0, "type_changed"),
    ],
    ids=["twice", "contradicting", "of no class", "infinite", "text", "clocks", "unknown",
         "no column", "no moment"],
)  # fmt: skip
def test_bad_labels_are_told_as_what_they_are(
    make_problem: Make, change: Callable[[Any], Any], labelled: int, problem: str
) -> None:
    """Each fault of labels is named, costs only the rows concerned, and the report still comes."""
    report = judge(scored(), change(labels_of(scored())), make_problem())
    assert told(report) == {problem}
    [window] = report["windows"]
    assert (window["rows"], window["labelled"]) == (40, labelled)
    assert (window["score"] is None) == (labelled == 0)


def test_labels_of_rows_that_were_never_scored_are_counted(make_problem: Make) -> None:
    """Labels beyond the scored rows change no score, and their number is told."""
    frame = scored()
    labels = labels_of(frame)
    more = pd.concat([labels, labels.assign(order_id="x" + labels["order_id"])])
    report = judge(frame, more, make_problem())
    assert report["labels"]["batch"]["unknown"] == 40
    assert report["windows"] == judge(frame, labels, make_problem())["windows"]


def test_without_labels_or_rows_the_report_still_comes(make_problem: Make) -> None:
    """No label at all leaves every row waiting; no row at all leaves no window."""
    labels = labels_of(scored())
    report = judge(scored(), labels.head(0), make_problem())
    assert report["windows"][0]["unlabelled_share"] == 1
    assert report["windows"][0]["reason"] == "0 labels are fewer than 10"
    assert judge(scored().head(0), labels, make_problem())["windows"] == []


def test_a_single_row_is_no_evidence(make_problem: Make) -> None:
    """One scored row is counted, and not judged."""
    [window] = judge(scored().head(1), labels_of(scored()), make_problem())["windows"]
    assert (window["rows"], window["labelled"], window["score"]) == (1, 1, None)


def test_rows_without_a_prediction_are_told(make_problem: Make) -> None:
    """A prediction that is missing or infinite counts for nothing and is reported."""
    frame = scored()
    frame.loc[[0, 1], "predicted"] = [np.nan, np.inf]
    report = judge(frame, labels_of(frame), make_problem())
    assert told(report) == {"no_prediction"}
    assert (report["windows"][0]["rows"], report["windows"][0]["labelled"]) == (40, 38)


def test_a_snapshot_has_no_label_time(make_problem: Make) -> None:
    """Without a history every label counts, and no clock is compared."""
    problem = make_problem(history=False)
    report = judge(scored(), labels_of(scored())[["order_id", "returned"]], problem)
    assert report["windows"][0]["labelled"] == 40
    assert report["problems"] == []


def test_only_the_newest_windows_are_read(make_problem: Make) -> None:
    """Of many periods the newest come, oldest of them first."""
    days = [f"2024-01-{day:02d}" for day in range(1, 8)]
    frame = pd.concat([scored(4).assign(as_of=day) for day in days])
    joined = join_labels(
        ibis.memtable(frame), ibis.memtable(labels_of(scored())), make_problem(), AS_OF
    )
    assert [part.facts["as_of"] for part in joined.windows(3)] == days[-3:]


@pytest.mark.parametrize("nothing", [None, np.nan], ids=["null", "no number"])
def test_a_blank_label_is_one_that_has_not_come(make_problem: Make, nothing: Any) -> None:
    """A null or a NaN in place of a label leaves its row waiting, and is no problem."""
    labels = labels_of(scored()).astype({"returned": "float64"})
    labels.loc[:9, "returned"] = nothing
    report = judge(scored(), labels, make_problem())
    assert report["problems"] == []
    assert report["windows"][0]["labelled"] == 30


@pytest.mark.parametrize(
    ("task", "value", "labelled"),
    [("regression", 2.5, 40), ("regression", np.inf, 39), ("multiclass", 2.0, 40),
     ("multiclass", 2.5, 39), ("multiclass", -1.0, 39)],
)  # fmt: skip
def test_each_task_knows_its_labels(
    make_problem: Make, task: str, value: float, labelled: int
) -> None:
    """A regression takes any finite value, several classes take whole numbers from nought on."""
    metric = "rmse" if task == "regression" else "multiclass_log_loss"
    problem = make_problem(task=task, threshold=None, primary_metric=metric)
    labels = labels_of(scored()).astype({"returned": "float64"})
    labels.loc[0, "returned"] = value
    joined = join_labels(ibis.memtable(scored()), ibis.memtable(labels), problem, AS_OF)
    assert joined.counts["arrived"] - joined.counts["unreadable"] == labelled
