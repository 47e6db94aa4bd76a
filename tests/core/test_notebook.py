"""Tests of the notebook: run cell by cell in this process, it is the pipeline to the last bit."""

import ast
import json
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.gate_cases import INTAKE, probe_of

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.gate import GateSettings
from fullcircle.core.models.model import Registration
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import SearchSettings, TrainingSettings
from fullcircle.datasets import DeltaTableDataset
from fullcircle.pipelines.registry.nodes import evaluate_gate
from fullcircle.pipelines.training import nodes
from fullcircle.reporting import notebook_code as code
from fullcircle.reporting.notebook import NotebookFacts, write_notebook

SETS = ("train_set", "selection_set", "gate_set")
NAME = "a.b.model v3"
METRIC = {"binary": "roc_auc", "multiclass": "multiclass_log_loss", "regression": "rmse"}
AS_OF = Clock.model_validate("2025-03-01")
GATE = GateSettings(min_rows=50, bootstrap_resamples=100, confidence=0.9, seed=5)
FAMILIES = [name for name, f in CANDIDATES.items() if not f.requires or find_spec(f.requires)]


def draw(task: str, rows: int = 600) -> pd.DataFrame:
    """Rows of every kind of column, dates and gaps among them, and a label for the task."""
    rng = np.random.default_rng(3)
    size, colour = rng.normal(size=rows), rng.choice(["red", "blue", "green"], rows)
    at = pd.to_datetime(
        [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(rows)]
    )
    signal = size + (colour == "red") + rng.normal(size=rows)
    label = {
        "binary": (signal > 0.5).astype("int64"),
        "multiclass": np.digitize(signal, [-0.3, 0.9]).astype("int64"),
        "regression": signal,
    }
    born = [date(1990, 1, 1) + timedelta(days=int(n)) for n in rng.integers(0, 9000, rows)]
    frame = pd.DataFrame(
        {
            "id": [f"r{n:04d}" for n in range(rows)],
            "at": at.as_unit("us"),
            "known_at": (at + timedelta(hours=3)).as_unit("us"),
            "size": size,
            "colour": colour.astype(object),
            "born": born,
            "noise": rng.normal(size=rows),
            "y": label[task],
        }
    )
    frame.loc[::9, "size"] = np.nan
    frame.loc[::7, "colour"] = None
    return frame


def declare(task: str, *, by: str) -> ProblemSpec:
    history = {"event_time": "at", "label_time": "known_at", "period_days": 1}
    shares = {"train": 0.5, "selection": 0.2, "gate": 0.3}
    snapshot = {"train": 0.5, "selection": 0.2, "gate": 0.2, "scoring": 0.1}
    return ProblemSpec.model_validate(
        {
            "name": "shop",
            "task": task,
            "row_id": "id",
            "entity_keys": ["id"],
            "label": "y",
            "request_columns": ["size", "colour", "born", "noise"],
            "primary_metric": METRIC[task],
            "threshold": {"maximise": "f1"} if task == "binary" else None,
            "split": {"by": by, **(shares if by == "time" else snapshot)},
            **(history if by == "time" else {}),
        }
    )


def train(
    root: Path, model_config: ModelConfig, problem: ProblemSpec, **training: Any
) -> NotebookFacts:
    """Train as the pipeline does, its sets in Delta and its decision in a file below the root."""
    settings = TrainingSettings(
        **{
            "seed": 7,
            "candidates": ["baseline"],
            "search": SearchSettings(trials=0, folds=3),
            "bootstrap_resamples": 100,
            "confidence": 0.9,
            **training,
        }
    )
    (root / "pyproject.toml").write_text("[tool.kedro]\n", encoding="utf-8")
    found, places = {}, {}
    for name, rows in zip(SETS, nodes.split_training_set(draw(problem.task), problem), strict=True):
        table = DeltaTableDataset(filepath=str(root / name), load_as="pandas")
        table.save(rows)
        found[name] = table.load()
        table.save(rows.head(1))  # a later version, which must not be read
        places[name] = {"path": name, "version": 0, "rows": len(rows)}
    both = (found["train_set"], found["selection_set"], problem, settings)
    plan = nodes.diagnose_train_set(found["train_set"], problem, settings)
    report = {"finalists": [model_config.as_dict()]}
    fitted = nodes.fit_finalists(found["train_set"], plan, report, problem, settings)
    board = nodes.compare_candidates(fitted, report, *both)
    winner = nodes.choose_winner(fitted, board, report, plan, *both)
    model = nodes.make_challenger(winner, plan, *both, AS_OF)
    model = model.registered_as(Registration("a.b.model", "3", "run"))
    decision = evaluate_gate(
        model, None, found["gate_set"], probe_of(model), [], None, {}, INTAKE, problem, GATE, AS_OF
    )
    (root / "decision.json").write_text(json.dumps(decision), encoding="utf-8")
    places["promotion_decision"] = {"path": "decision.json"}
    return NotebookFacts(model, plan, board, places, problem, settings, GATE)


def cells_of(text: str) -> list[str]:
    return ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]


def run_cells(text: str) -> dict[str, Any]:
    """Run the code in this process and give the names it left."""
    names: dict[str, Any] = {}
    for cell in cells_of(text):
        exec(compile(cell, "cell", "exec"), names)  # noqa: S102 - the code under test
    return names


PLAIN = ModelConfig("logistic_regression", "logistic_regression", fold_scores=[0.7])
TUNED = ModelConfig(
    "xgboost_tuned_fewer_columns",
    "xgboost",
    {"n_estimators": 31, "learning_rate": 0.123456789012345, "reg_lambda": 0.5},
    dropped=["noise"],
    fold_scores=[0.7],
)
FOREST = ModelConfig("random_forest_tuned", "random_forest", {"n_estimators": 20}, dropped=["born"])
BLEND = ModelConfig(
    "blend",
    "blend",
    members=[ModelConfig("ridge", "ridge", {"alpha": 2.5}), FOREST],
)
BOUNDED = SearchSettings(trials=0, folds=3, max_rows=200)
CASES = {
    "binary": (PLAIN, "binary", "key", {"calibration": "none"}),
    "snapshot": (TUNED, "binary", "key", {"calibration": "sigmoid", "search": BOUNDED}),
    "history": (TUNED, "binary", "time", {"calibration": "isotonic", "search": BOUNDED}),
    "no_refit": (PLAIN, "binary", "time", {"calibration": "sigmoid", "refit": False}),
    "multiclass": (FOREST, "multiclass", "key", {"calibration": "temperature"}),
    "regression": (ModelConfig("lasso", "lasso"), "regression", "time", {}),
    "blend": (BLEND, "regression", "key", {}),
    "last_value": (ModelConfig("last_value", "last_value"), "regression", "time", {}),
}


@pytest.mark.untraced
@pytest.mark.parametrize("case", CASES)
def test_notebook_arrives_at_the_score_of_the_gate(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its scores, threshold and predictions are the pipeline's, whatever task, split and recipe."""
    model_config, task, by, training = CASES[case]
    facts = train(tmp_path, model_config, declare(task, by=by), **training)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    names = run_cells(write_notebook(facts))
    decision = json.loads((tmp_path / "decision.json").read_text("utf-8"))
    gated = names["gate_set"]
    remade = predict(names["challenger"], task, as_inputs(gated, facts.model.features))
    assert (remade == facts.model.predict(gated)).all()
    assert names["gate_score"].as_dict() == decision["score"]
    assert names["selection_score"].value == facts.leaderboard[0]["value"]
    assert names.get("threshold") == facts.model.threshold
    assert f"recorded by the gate: {decision['score']['value']!r}" in capsys.readouterr().out


@pytest.mark.untraced
def test_notebook_takes_no_other_model_s_score_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A decision about another model, or none at all, leaves nothing to compare with."""
    facts = train(tmp_path, PLAIN, declare("binary", by="key"), calibration="none")
    monkeypatch.chdir(tmp_path)
    other = {"challenger": "a.b.model v4", "score": {"value": 0.123}}
    (tmp_path / "decision.json").write_text(json.dumps(other), encoding="utf-8")
    run_cells(write_notebook(facts))
    (tmp_path / "decision.json").unlink()
    run_cells(write_notebook(facts))
    said = capsys.readouterr().out
    assert said.count("recorded by the gate: nothing") == 2
    assert "0.123" not in said


def test_notebook_is_valid_repeatable_and_without_outputs(tmp_path: Path) -> None:
    """The same facts give the same text, of Jupyter's format, with nothing run yet."""
    nbformat = pytest.importorskip("nbformat")
    facts = train(tmp_path, TUNED, declare("binary", by="key"), calibration="sigmoid")
    text = write_notebook(facts)
    assert text == write_notebook(facts)
    notebook = nbformat.reads(text, 4)
    nbformat.validate(notebook)
    assert all(not c.outputs and not c.execution_count for c in notebook.cells if "outputs" in c)
    assert str(tmp_path) not in text


def test_every_step_is_introduced_by_prose(tmp_path: Path) -> None:
    """Cells are short, no more than four of code follow each other, and prose comes first."""
    text = write_notebook(train(tmp_path, BLEND, declare("regression", by="key")))
    cells = json.loads(text)["cells"]
    kinds = "".join(cell["cell_type"][0] for cell in cells)
    assert kinds[0] == "m"
    assert "ccccc" not in kinds
    assert max(len(cell["source"]) for cell in cells) <= 40


def test_odd_texts_stay_texts(tmp_path: Path) -> None:
    """A name that looks like a cell, a template or the end of a text changes no code."""
    facts = train(tmp_path, PLAIN, declare("binary", by="key"), calibration="none")
    plain = cells_of(write_notebook(facts))
    name = 'a"\n%% code\n{{ seed }}\\"""\u2028\ud800'
    facts.plan.append({**facts.plan[0], "column": name, "action": "drop", "treatment": "none"})
    cells = cells_of(write_notebook(facts))
    assert len(cells) == len(plain)
    [plan] = [cell for cell in cells if cell.startswith("plan = ")]
    assert ast.literal_eval(plan.removeprefix("plan = ").rpartition("\n")[0])[-1]["column"] == name


@pytest.mark.parametrize("name", FAMILIES)
def test_written_model_is_the_one_that_the_family_builds(name: str) -> None:
    """What the code makes has each parameter of the built model, for every task and variant."""
    family = CANDIDATES[name]
    for task in family.tasks:
        for parameters in family.variants:
            model_config = ModelConfig(name, name, parameters)
            names: dict[str, Any] = {"SEED": 9}
            exec(code.write_imports(model_config, task, 9, calibrated=False), names)  # noqa: S102
            [member] = code.write_members(model_config, task, 9)
            made = eval(member["model"], names)  # noqa: S307 - the code under test
            built = family.build(task, 9, parameters)
            assert type(made) is type(built)
            assert repr(made.get_params()) == repr(built.get_params())


def test_what_the_search_may_tune_is_written_out() -> None:
    """A parameter that the search may tune is shown at its value even where it is the default."""
    [member] = code.write_members(ModelConfig("m", "hist_gradient_boosting"), "binary", 1)
    shown = [keyword.arg for keyword in ast.parse(member["model"]).body[0].value.keywords]  # type: ignore[attr-defined]
    assert {"max_iter", "learning_rate", "max_leaf_nodes", "early_stopping"} <= set(shown)


PLAIN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN_VALUES)
def test_literals_read_back_as_what_was_written(value: Any) -> None:
    """Any plain value, written as code on one line or on several, is itself again."""
    assert eval(code.write_literal(value)) == value  # noqa: S307 - the code under test
    assert eval(code.write_flat(value)) == value  # noqa: S307
