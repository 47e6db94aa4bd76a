"""One nested MLflow run per candidate, and below it one per trial of its tuning."""

import json
import math
import time
from typing import Any, NotRequired, TypedDict

from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.contract import flatten
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.metrics import METRICS
from fullcircle.tracking.killed_runs import PROCESS_TAGS

_FIRST_TRIALS = 5
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
# What is said of the whole run is said of each run below it, so that a search finds them by it.
_INHERITED = ("problem", "data_source", "as_of", "note", *PROCESS_TAGS)
_WHO = ("mlflow.user", "mlflow.source.name", "mlflow.source.type")


class Trial(TypedDict):
    """One try of a search for settings.

    ``score`` is the mean over folds, None where the trial gave none; ``fold_scores`` come in the
    order of the folds; ``scores`` are the means of all metrics; ``seconds`` is wall time; ``state``
    is complete, pruned or failed.
    """

    number: int
    params: dict[str, Any]
    score: float | None
    fold_scores: list[float]
    seconds: float
    state: str
    scores: NotRequired[dict[str, float]]


class CandidateRecord(TypedDict):
    """What is known of one candidate; ``metric`` names what the trials' scores measure."""

    parameters: dict[str, Any]
    metrics: dict[str, float]
    metric: NotRequired[str]
    tags: NotRequired[dict[str, Any]]
    trials: NotRequired[list[Trial]]


class CandidateRunsDataset(AbstractDataset[dict[str, CandidateRecord], Any]):
    """Logs each candidate in a run below the current one, and each of its trials below that.

    A trial's run is named "xgboost trial 7"; it holds the settings, ``cv_<metric>`` of every
    metric, the scores by fold as steps of ``fold_<metric>`` of the one that selects, and the
    seconds. Its status and its tag ``state`` say how it ended: complete is FINISHED, pruned KILLED,
    failed FAILED. Every trial, shown or not, is in the artifact ``trials.json`` of the candidate's
    run.

    Example:
        ```yaml
        candidate_runs:
          type: fullcircle.datasets.CandidateRunsDataset
          max_trials: 100
        ```
    """

    def __init__(self, *, max_trials: int = 100, metadata: dict[str, Any] | None = None) -> None:
        """Declare the entry; it needs no address, since the runs belong to the current one.

        Args:
            max_trials: Trials of one candidate that get a run each; of more, the first few and
                the best do, and the tag ``trials_left_out`` counts the others.
            metadata: Free facts for kedro-viz and other plugins.

        Raises:
            ConfigurationError: ``max_trials`` is negative.
        """
        if max_trials < 0:
            raise ConfigurationError(f"max_trials is {max_trials}; give 0 or more.")
        self._max_trials = max_trials
        self.metadata = metadata

    def save(self, data: dict[str, CandidateRecord]) -> None:
        """Write a nested run for each candidate, and one for each of its trials."""
        import mlflow

        inherited = _inherited_tags(mlflow.active_run())
        for candidate, record in data.items():
            tags = {**inherited, "candidate": candidate, **record.get("tags", {})}
            with mlflow.start_run(run_name=candidate, nested=True, tags=tags) as run:
                mlflow.log_params(flatten(record["parameters"]))
                mlflow.log_metrics(record["metrics"])
                if "trials" in record:
                    self._save_trials(run, candidate, record, inherited)

    def _save_trials(
        self, run: Any, candidate: str, record: CandidateRecord, inherited: dict[str, str]
    ) -> None:
        from mlflow import MlflowClient

        trials, metric = record["trials"], record.get("metric")
        shown = choose_trials(trials, self._max_trials, metric)
        client, run_id = MlflowClient(), run.info.run_id
        client.log_text(run_id, _as_json(trials), "trials.json")
        client.set_tag(run_id, "trials", len(trials))
        if len(shown) < len(trials):
            client.set_tag(run_id, "trials_left_out", len(trials) - len(shown))
        who = {name: run.data.tags[name] for name in _WHO if name in run.data.tags}
        tags = {**who, **inherited, "candidate": candidate, "mlflow.parentRunId": run_id}
        for trial in shown:
            _log_trial(client, run.info.experiment_id, trial, metric or "score", tags)

    def load(self) -> Any:
        """Refuse: nested runs are read in MLflow."""
        raise DatasetError("Candidate runs are read in MLflow, below the run that trained them.")

    def _describe(self) -> dict[str, Any]:
        return {"max_trials": self._max_trials}


def choose_trials(trials: list[Trial], limit: int, metric: str | None) -> list[Trial]:
    """Choose the trials to show: all, or the first few and the best, by their number.

    Where the metric is unknown, nobody can say which trials are the best: the first are shown.

    Args:
        trials: The whole search.
        limit: Most trials to choose.
        metric: Name of what the scores measure; gives their direction.
    """
    ordered = sorted(trials, key=lambda trial: trial["number"])
    known = METRICS.get(metric or "")
    if len(ordered) <= limit or known is None:
        return ordered[:limit]
    first, later = ordered[: min(_FIRST_TRIALS, limit)], ordered[_FIRST_TRIALS:]
    sign = -1 if known.greater_is_better else 1
    best = sorted(later, key=lambda trial: (not _has_score(trial), sign * (trial["score"] or 0)))
    return sorted([*first, *best[: limit - len(first)]], key=lambda trial: trial["number"])


def _has_score(trial: Trial) -> bool:
    return trial["score"] is not None and math.isfinite(trial["score"])


def _log_trial(
    client: Any, experiment_id: str, trial: Trial, metric: str, tags: dict[str, str]
) -> None:
    """Write one run in three calls; its length is the trial's, its end the moment of writing.

    MLflow's fluent calls, with more queries to its database each, take more than twice as long.
    """
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    numbers = {"seconds": trial["seconds"]}
    numbers |= {f"cv_{name}": value for name, value in trial.get("scores", {}).items()}
    if trial["score"] is not None:
        numbers[f"cv_{metric}"] = trial["score"]
    metrics = [Metric(name, value, now, 0) for name, value in numbers.items()]
    folds = enumerate(trial["fold_scores"])
    metrics += [Metric(f"fold_{metric}", value, now, fold) for fold, value in folds]
    params = [Param(name, str(value)) for name, value in flatten(trial["params"]).items()]
    run = client.create_run(
        experiment_id,
        start_time=now - int(trial["seconds"] * 1000),
        tags={**tags, "trial": str(trial["number"]), "state": trial["state"]},
        run_name=f"{tags['candidate']} trial {trial['number']}",
    )
    status = "FAILED"
    try:
        client.log_batch(run.info.run_id, metrics=metrics, params=params)
        status = _STATUS[trial["state"]]
    finally:  # an interrupt must leave no run open
        client.set_terminated(run.info.run_id, status, end_time=now)


def _inherited_tags(parent: Any) -> dict[str, str]:
    """Read the tags that go down from the current run, as they are now."""
    from mlflow import MlflowClient

    if parent is None:
        return {}
    tags = MlflowClient().get_run(parent.info.run_id).data.tags
    return {name: tags[name] for name in _INHERITED if name in tags}


def _as_json(trials: list[Trial]) -> str:
    """Write values as JSON that any reader takes: NaN and infinity become null."""
    plain = json.loads(json.dumps(trials, default=str), parse_constant=lambda _: None)
    return json.dumps(plain, indent=1)
