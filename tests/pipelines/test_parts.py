"""Parts of pipelines: each leaves the tables of the whole, or is refused in one line."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from deltalake import DeltaTable

from fullcircle.core.errors import ConfigurationError
from fullcircle.hooks.runners import OneThreadRunner
from fullcircle.pipelines.training.nodes import record_candidates

APRIL = "2025-04-01"
TABLES = (
    "02_intermediate/judged_rows",
    "03_primary/events",
    "03_primary/labels",
    "05_model_input/training_set",
    "05_model_input/train_set",
    "05_model_input/gate_set",
    "05_model_input/scoring_requests",
    "07_model_output/predictions",
)
# What differs from one run to the next.
STAMPS = ("run_id", "scored_at", "feature_versions")


@pytest.fixture(scope="module")
def project(circle: Any, copy_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a project in which all pipelines ran as of April."""
    return copy_of(circle, tmp_path_factory.mktemp("parts") / "project")


@pytest.fixture(scope="module")
def whole(project: Any) -> dict[str, pd.DataFrame]:
    """Give the tables of the whole run."""
    return read_tables(project)


def read_tables(project: Any) -> dict[str, pd.DataFrame]:
    found = {}
    for name in TABLES:
        layer, _, table = name.partition("/")
        frame = DeltaTable(find_table(project, layer, table)).to_pandas()
        frame = frame.drop(columns=list(STAMPS), errors="ignore")
        found[name] = frame.sort_values(list(frame.columns[:3]), ignore_index=True)
    return found


def find_table(project: Any, layer: str, table: str) -> Path:
    path: Path = project.path / "data" / layer / "telco_churn/simulated" / table
    return path


def run(project: Any, *names: str, runner: Any = None, **options: Any) -> None:
    from kedro.framework.session import KedroSession

    with KedroSession.create(project.path, runtime_params={"as_of": APRIL}) as session:
        session.run(pipeline_names=list(names) or None, runner=runner, **options)


def assert_whole(project: Any, whole: dict[str, pd.DataFrame]) -> None:
    for name, frame in read_tables(project).items():
        pd.testing.assert_frame_equal(frame, whole[name], obj=name)


PARTS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "nodes of one pipeline": (["scoring"], {"node_names": ["scoring.select_requests"]}),
    "a node in the middle": (["scoring"], {"node_names": ["scoring.score_requests"]}),
    "nodes of two pipelines": (
        [],
        {"node_names": ["data_processing.validate_rows", "feature_store.build_training_set"]},
    ),
    "a tag": ([], {"tags": ["data_processing"]}),
    "two tags": ([], {"tags": ["feature_store", "scoring"]}),
    "from a node": (["scoring"], {"from_nodes": ["scoring.plan_scoring"]}),
    "from a node of the whole": ([], {"from_nodes": ["monitoring.report_drift"]}),
    "to a node": (["training"], {"to_nodes": ["training.split_training_set"]}),
    "between nodes": (
        [],
        {
            "from_nodes": ["data_processing.select_events"],
            "to_nodes": ["feature_store.build_training_set"],
        },
    ),
    "from an input": (["scoring"], {"from_inputs": ["scoring_requests"]}),
    "to an output": ([], {"to_outputs": ["train_set", "gate_set"]}),
    "to an output of one": (["scoring"], {"to_outputs": ["scoring_plan"]}),
    "two pipelines": (["data_processing", "feature_store"], {}),
    "pipelines that are apart": (["data_processing", "scoring"], {}),
    "nothing is missing": (["scoring"], {"only_missing_outputs": True}),
}


@pytest.mark.parametrize("case", PARTS)
def test_part_leaves_the_tables_of_the_whole(
    project: Any, whole: dict[str, pd.DataFrame], case: str
) -> None:
    """A part that runs leaves every table as the whole run does."""
    names, options = PARTS[case]
    run(project, *names, **options)
    assert_whole(project, whole)


def test_missing_outputs_alone_are_made(project: Any, whole: dict[str, pd.DataFrame]) -> None:
    """With --only-missing-outputs, what is gone is made again, and no table comes out otherwise."""
    plan = find_table(project, "07_model_output", "scoring_plan.json")
    plan.unlink()
    run(project, "scoring", only_missing_outputs=True)
    assert plan.is_file()
    assert_whole(project, whole)


@pytest.mark.parametrize("name", ["data_processing", "feature_store", "scoring"])
def test_one_thread_leaves_the_tables_of_the_whole(
    project: Any, whole: dict[str, pd.DataFrame], name: str
) -> None:
    """Each pipeline ends under ThreadRunner, again and again, with equal tables."""
    for _ in range(2):
        run(project, name, runner=OneThreadRunner())
    assert_whole(project, whole)


IN_MEMORY = {
    "make_challenger": "--from-nodes fit_finalists,select_all_train_rows",
    "compare_candidates": "--from-nodes fit_finalists",
}


@pytest.mark.parametrize("node", IN_MEMORY)
@pytest.mark.parametrize("names", [[], ["training"]], ids=["of all", "of one"])
def test_part_that_needs_memory_is_refused(project: Any, node: str, names: list[str]) -> None:
    """A node whose inputs lie in no file is refused, and the line says where to begin."""
    with pytest.raises(ConfigurationError, match="memory only") as refused:
        run(project, *names, node_names=[f"training.{node}"])
    assert IN_MEMORY[node] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_leaderboard_of_an_earlier_version_is_read() -> None:
    """A file that does not tell of the train rows gives a finalist's run without their scores."""
    search = {
        "metric": "roc_auc",
        "trials": [],
        "finalists": [
            {"name": "ridge", "candidate": "ridge", "parameters": {"alpha": 1.0}, "dropped": []}
        ],
    }
    old = [{"candidate": "ridge", "chosen": True, "scores": {"roc_auc": 0.8}}]
    recorded = record_candidates(search, old, SimpleNamespace(seed=1))
    assert recorded["ridge"]["metrics"] == {"roc_auc": 0.8}
    new = [{**old[0], "train_scores": {"roc_auc": 0.9}}]
    both = record_candidates(search, new, SimpleNamespace(seed=1))["ridge"]["metrics"]
    assert both == {"roc_auc": 0.8, "train.roc_auc": 0.9}
