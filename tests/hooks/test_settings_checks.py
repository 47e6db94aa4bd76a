"""Settings that do not fit each other are refused before any node runs."""

from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from tests.core.gate_cases import PROBLEM, SNAPSHOT

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.gate import GateSettings
from fullcircle.core.performance import PerformanceSettings
from fullcircle.core.retraining import RetrainingSettings
from fullcircle.core.training.settings import SearchSettings, TrainingSettings
from fullcircle.hooks import SettingsHook

DRAWS: dict[str, Any] = {"bootstrap_resamples": 100, "confidence": 0.9, "seed": 1}


def check(problem: ProblemSpec, **settings: Any) -> None:
    """Begin a run of a pipeline that takes the settings."""
    values = {f"params:{name}": value for name, value in {"problem": problem, **settings}.items()}
    pipe = pipeline([node(lambda *given: given, list(values), "out", name="take")])
    catalog = DataCatalog({n: MemoryDataset(v, copy_mode="assign") for n, v in values.items()})
    SettingsHook().before_pipeline_run(pipe, catalog)


def train(*candidates: str) -> TrainingSettings:
    search = SearchSettings(trials=0)
    return TrainingSettings(candidates=list(candidates), search=search, **DRAWS)


def test_candidates_of_another_task_are_refused_before_anything_runs() -> None:
    """A lasso alone has nothing to do in a binary problem: the line says which families have."""
    with pytest.raises(ConfigurationError, match=r"lasso cannot do a binary.*logistic_regression"):
        check(PROBLEM, training=train("lasso"))
    check(PROBLEM, training=train("lasso", "baseline"))


def test_each_misfit_is_said_with_its_reason() -> None:
    """The last value needs an order that a snapshot does not have."""
    regression = {"task": "regression", "threshold": None, "primary_metric": "rmse"}
    problem = SNAPSHOT.model_copy(update=regression)
    with pytest.raises(ConfigurationError, match="last_value needs rows in the order of time"):
        check(problem, training=train("last_value"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gate": GateSettings(min_rows=1, minimum={"rmse": 1}, **DRAWS)}, "gate.minimum"),
        (
            {"performance": PerformanceSettings(min_labels=1, metrics=["mae"], **DRAWS)},
            "performance.metrics",
        ),
        (
            {"retraining": RetrainingSettings(max_drifted_columns=0, score_limit={"r2": 0.1})},
            "retraining.score_limit",
        ),
    ],
)
def test_metrics_of_another_task_are_refused_before_anything_runs(
    settings: dict[str, Any], said: str
) -> None:
    """A bar or a limit that no score of the task can meet is said, with what there is."""
    with pytest.raises(ConfigurationError, match=f"{said} names .*no binary task.*f1"):
        check(PROBLEM, **settings)


def test_settings_that_fit_begin_a_run() -> None:
    """Bars and limits by any metric of the task, an F-beta among them, or a bare number, pass."""
    gate = GateSettings(min_rows=1, minimum={"f1": 0.85, "f3": 0.1}, **DRAWS)
    for limit in ({"accuracy": 0.7}, 0.7, None):
        rules = RetrainingSettings(max_drifted_columns=0, score_limit=limit)
        check(PROBLEM, gate=gate, retraining=rules)
