"""Candidates and trials as runs of MLflow, and the ranking of such runs."""

import json
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest
from kedro.io import DatasetError

from fullcircle.core.errors import ConfigurationError, ModelError
from fullcircle.datasets import CandidateRunsDataset
from fullcircle.datasets.candidate_runs_dataset import choose_trials
from fullcircle.tracking.killed_runs import describe_process
from fullcircle.tracking.runs import find_direction, rank_runs

pytestmark = pytest.mark.usefixtures("tracked")

GIVEN = {
    "problem": "p",
    "data_source": "simulated",
    "as_of": "2025-03-01",
    "note": "why not",
    **describe_process(),
}


def trial(number: int, score: float | None = 0.5, state: str = "complete") -> Any:
    folds = [] if score is None else [score - 0.1, score + 0.1]
    params = {"depth": number, "tree": {"leaves": 3}}
    return {
        "number": number,
        "params": params,
        "score": score,
        "fold_scores": folds,
        "seconds": 2.0,
        "state": state,
    }


def save(record: dict[str, Any], **settings: Any) -> Any:
    """Save one candidate below a run; give all runs by name."""
    full = {"parameters": {"seed": 1}, "metrics": {"roc_auc": 0.9}, **record}
    with mlflow.start_run(run_name="whole", tags=GIVEN):
        CandidateRunsDataset(**settings).save({"boost": full})
    return {run.info.run_name: run for run in mlflow.search_runs(output_format="list")}


def test_trial_is_a_run_below_its_candidate() -> None:
    """A trial's settings, score, seconds and state are in a run below that of its candidate."""
    runs = save({"metric": "roc_auc", "trials": [trial(7)], "tags": {"calibrated": "no"}})
    one, candidate = runs["boost trial 7"], runs["boost"]
    assert one.data.tags["mlflow.parentRunId"] == candidate.info.run_id
    assert candidate.data.tags["mlflow.parentRunId"] == runs["whole"].info.run_id
    assert one.data.params == {"depth": "7", "tree.leaves": "3"}
    assert one.data.metrics["cv_roc_auc"] == 0.5
    assert one.data.metrics["seconds"] == 2.0
    assert one.info.end_time - one.info.start_time == 2000
    assert one.data.tags["candidate"] == "boost"
    assert one.data.tags["trial"] == "7"
    assert candidate.data.tags["calibrated"] == "no"
    assert GIVEN.items() <= one.data.tags.items()
    assert GIVEN.items() <= candidate.data.tags.items()


def test_a_trial_holds_its_mean_by_every_metric() -> None:
    """What the search knows of a trial is in its run, so that runs are found by any metric."""
    more = {**trial(7), "scores": {"roc_auc": 0.5, "f1": 0.4}}
    one = save({"metric": "roc_auc", "trials": [more]})["boost trial 7"]
    assert one.data.metrics.items() >= {"cv_roc_auc": 0.5, "cv_f1": 0.4}.items()
    assert names("cv_f1", all_runs=True) == ["boost trial 7"]


@pytest.mark.parametrize(
    "name", ["f1", "f3", "cv_f1", "train.f0.5", "gate.accuracy", "cv_log_loss"]
)
def test_where_a_metric_was_measured_changes_no_direction(name: str) -> None:
    """More F1 is better on any rows, and less of a loss."""
    assert find_direction(name) == ("min" if "loss" in name else "max")


def test_scores_by_fold_are_steps_of_one_metric() -> None:
    """The score on each fold is a step, in the order of the folds."""
    runs = save({"metric": "roc_auc", "trials": [trial(0)]})
    identity = runs["boost trial 0"].info.run_id
    history = mlflow.MlflowClient().get_metric_history(identity, "fold_roc_auc")
    assert [(point.step, point.value) for point in history] == [(0, 0.4), (1, 0.6)]


@pytest.mark.parametrize(
    ("state", "status"), [("complete", "FINISHED"), ("pruned", "KILLED"), ("failed", "FAILED")]
)
def test_trial_that_ended_early_says_so(state: str, status: str) -> None:
    """The state is a tag and the status; a trial without a score is logged without one."""
    one = save({"trials": [trial(0, None, state)]})["boost trial 0"]
    assert (one.info.status, one.data.tags["state"]) == (status, state)
    assert one.data.metrics == {"seconds": 2.0}


def test_trial_that_cannot_be_written_is_not_left_open() -> None:
    """A value that MLflow refuses ends the trial's run as failed."""
    with pytest.raises(DatasetError):
        save({"trials": [{**trial(0), "params": {"no (name)?*": 1}}]})
    states = {r.info.run_name: r.info.status for r in mlflow.search_runs(output_format="list")}
    assert states == {"boost trial 0": "FAILED", "boost": "FAILED", "whole": "FAILED"}


@pytest.mark.parametrize(("metric", "best"), [("roc_auc", [18, 19]), ("rmse", [5, 6])])
def test_of_many_trials_the_first_and_the_best_are_shown(metric: str, best: list[int]) -> None:
    """Past the limit the first five and the best by the metric's direction are chosen."""
    trials = [trial(n, n / 20) for n in range(20)] + [trial(20, None, "failed")]
    chosen = choose_trials(trials[::-1], 7, metric)
    assert [one["number"] for one in chosen] == [0, 1, 2, 3, 4, *best]
    assert [one["number"] for one in choose_trials(trials, 2, metric)] == [0, 1]
    assert len(choose_trials(trials, 21, metric)) == 21


def test_scores_of_unknown_meaning_are_not_ranked() -> None:
    """Without a known metric nobody can say which trials are best: the first are shown."""
    trials = [trial(n, n / 20) for n in range(20)]
    assert [one["number"] for one in choose_trials(trials, 7, None)] == list(range(7))


def test_trials_that_are_left_out_are_counted_and_kept(tmp_path: Path) -> None:
    """What has no run of its own is counted in a tag and is in the artifact, as strict JSON."""
    trials = [trial(n) for n in range(4)] + [trial(4, float("nan"), "failed")]
    candidate = save({"metric": "roc_auc", "trials": trials}, max_trials=2)["boost"]
    assert len(mlflow.search_runs(output_format="list")) == 4
    assert candidate.data.tags["trials_left_out"] == "3"
    text = mlflow.artifacts.load_text(f"runs:/{candidate.info.run_id}/trials.json")
    assert "NaN" not in text
    assert [one["number"] for one in json.loads(text)] == [0, 1, 2, 3, 4]


def test_all_trials_shown_leave_nothing_out() -> None:
    """A candidate whose trials all have a run has no tag that counts others."""
    runs = save({"metric": "roc_auc", "trials": [trial(0)]})
    assert "trials_left_out" not in runs["boost"].data.tags
    assert runs["boost"].data.tags["trials"] == "1"


def test_negative_limit_is_refused() -> None:
    """A negative number of trials is not valid."""
    with pytest.raises(ConfigurationError, match="max_trials is -1"):
        CandidateRunsDataset(max_trials=-1)


def log(name: str, value: float, status: str = "FINISHED", **tags: str) -> str:
    """Write a run with one score; give its id."""
    with mlflow.start_run(run_name=name, tags={**GIVEN, **tags}) as run:
        mlflow.log_metrics({"rmse": value, "r2": value, "odd": value})
    mlflow.MlflowClient().set_terminated(run.info.run_id, status)
    return str(run.info.run_id)


def names(metric: str, **how: Any) -> list[str]:
    rows = rank_runs("test", metric, data_source="simulated", **how)
    return [row["run_name"] for row in rows]


def test_best_run_has_the_best_finite_value() -> None:
    """Runs are ranked by the metric's own direction; NaN and infinity never win, nor are listed."""
    for name, value in [("a", 2.0), ("b", 1.0), ("c", 3.0), ("nan", float("nan"))]:
        log(name, value)
    log("inf", float("inf"))
    log("-inf", -float("inf"))
    assert names("rmse") == ["b", "a", "c"]
    assert names("r2") == ["c", "a", "b"]
    assert names("r2", limit=1) == ["c"]
    assert names("odd", direction="min") == ["b", "a", "c"]


def test_of_equal_runs_the_newest_leads() -> None:
    """A tie goes to the run that began last."""
    for name in ("old", "new"):
        log(name, 1.0)
        time.sleep(0.01)
    assert names("rmse") == ["new", "old"]


def test_trials_and_failed_runs_are_ranked_only_when_asked() -> None:
    """Trials were not judged on the selection set, and a failed run made no model."""
    log("good", 3.0)
    log("failed", 2.0, "FAILED")
    log("trial", 1.0, trial="1")
    assert names("rmse") == ["good"]
    assert names("rmse", all_runs=True) == ["trial", "failed", "good"]


def test_runs_on_other_data_are_not_compared() -> None:
    """A score on simulated data is not ranked among those on real data."""
    log("simulated", 1.0)
    log("real", 2.0, data_source="real")
    assert names("rmse") == ["simulated"]


def test_cross_validated_metric_has_its_metrics_direction() -> None:
    """The mean over folds is best where the metric itself is."""
    trials = [trial(0, 1.0), trial(1, 2.0)]
    save({"metric": "rmse", "trials": trials, "metrics": {"rmse": 1.5}})
    assert names("cv_rmse", all_runs=True) == ["boost trial 0", "boost trial 1"]


def test_ranked_trial_names_its_candidate_and_whole_run() -> None:
    """A row tells what a run is a part of, and its note."""
    save({"metric": "rmse", "trials": [trial(0)]})
    row = rank_runs("test", "cv_rmse", data_source="simulated", all_runs=True)[0]
    assert row["whole_run_name"] == "whole"
    assert (row["candidate"], row["note"], row["as_of"]) == ("boost", "why not", "2025-03-01")
    assert (row["model"], row["aliases"]) == (None, [])


@pytest.mark.parametrize(
    ("metric", "error", "said"),
    [
        ("rmsee", ConfigurationError, r"'rmsee' \(nearest: 'rmse'\).*scores: r2, rmse"),
        ("no `name`", ConfigurationError, "has a metric 'no `name`'"),
        ("odd", ConfigurationError, "--direction max or min"),
        ("r2", ModelError, "has a finite r2"),
    ],
)
def test_metric_that_ranks_nothing_is_explained(
    metric: str, error: type[Exception], said: str
) -> None:
    """A metric that is unknown, without direction or never finite is refused, each in its words."""
    log("a", float("nan"))
    with pytest.raises(error, match=said):
        names(metric)


@pytest.mark.parametrize("experiment", ["test", "never made"])
def test_without_runs_there_is_no_best(experiment: str) -> None:
    """Where nothing has run yet, the command that makes a run is named."""
    with pytest.raises(ModelError, match="kedro run"):
        rank_runs(experiment, "rmse", data_source="simulated")
