"""Labels, entities, change logs and leaks of real files: what is right stands in each test."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from fullcircle import problems
from fullcircle.cli.problem import problem as command
from fullcircle.core.errors import GateRefusedError

Case = Callable[[str], Path]


class Newcomer:
    """Someone who brings files into a project of their own."""

    def __init__(self, project: Any) -> None:
        self.project = project

    def new(self, name: str, file: Path, target: str, *options: str) -> str:
        """Make a problem of a file; give what was printed."""
        return self.call("new", name, "--file", str(file), "--target", target, "--yes", *options)

    def call(self, *words: str) -> str:
        """Call ``kedro problem`` in the project; give what was printed."""
        before = Path.cwd()
        os.chdir(self.project.path)
        try:
            wide = {"COLUMNS": "1000"}  # sentences stay whole
            result = CliRunner().invoke(command, list(words), env=wide)
        finally:
            os.chdir(before)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return " ".join(result.output.split())

    def declared(self, name: str) -> dict[str, Any]:
        """Give what the problem's parameters say."""
        path = self.project.path / "conf" / "base" / "problems" / name / "parameters.yml"
        found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))[name]
        return found


@pytest.fixture
def newcomer(tmp_path: Path, make: Callable[..., Any]) -> Iterator[Newcomer]:
    """Give someone in a project without problems of their own."""
    project = make(tmp_path / "project", simulation=None)
    room = str(project.path / "src" / "fullcircle" / "problems")
    known = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problems, "__path__", [*problems.__path__, room])
        yield Newcomer(project)
    for name in [n for n in sys.modules if n not in known and "fullcircle.problems." in n]:
        del sys.modules[name]


def run(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch, name: str, *pipelines: str) -> Any:
    """Run pipelines of a problem with two quick families; give the catalog."""
    monkeypatch.setenv("PROBLEM", name)
    training = {"candidates": ["baseline", "logistic_regression", "xgboost"]}
    newcomer.project.run(*pipelines, training=training)
    return newcomer.project.catalog()


def test_none_is_a_class(newcomer: Newcomer, case: Case) -> None:
    """503 patients without a condition are a class, and it is said how to say otherwise."""
    file = case("c07") / "conditions.csv"
    said = newcomer.new("conditions", file, "condition")
    assert "'None' stands in 503 rows of condition and is taken for a class" in said
    assert newcomer.declared("conditions")["real"]["task"] == "multiclass"
    told = newcomer.new("known", file, "condition", "--label-missing", "None")
    assert "'None' in 503 rows of condition: not known yet" in told
    assert newcomer.declared("known")["real"]["task"] == "binary"


def test_spellings_are_joined(
    newcomer: Newcomer, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight spellings of yes and no are two classes, in the look and in the run, row for row."""
    file = case("c09") / "parcels.csv"
    said = newcomer.new("parcels", file, "late")
    assert "8 spellings look like 2 classes" in said
    catalog = run(newcomer, monkeypatch, "parcels", "data_processing")
    labels = catalog.load("labels").to_pandas()["late"]
    texts = [
        line.rsplit(",", 1)[1].strip().lower() for line in file.read_text("utf-8").splitlines()[1:]
    ]
    assert labels.value_counts().to_dict() == {
        1: sum(text in ("yes", "y") for text in texts),
        0: sum(text in ("no", "n") for text in texts),
    }


def test_a_class_of_one_row_is_asked_of(
    newcomer: Newcomer, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Class and count are named in one line; left out, all rows count and the run ends well."""
    file = case("c11") / "grades.csv"
    assert "'11' (3), '9' (1). Say which: --rare leave-out" in newcomer.new("grades", file, "grade")
    assert "4 rows rejected" in newcomer.new("grades", file, "grade", "--rare", "leave-out")
    catalog = run(newcomer, monkeypatch, "grades")
    intake = catalog.load("intake_report")
    assert (intake["rows_read"], intake["rows_rejected"]) == (700, 4)
    assert catalog.load("leaderboard")[0]["metric"] == "multiclass_log_loss"
    assert catalog.load("promotion_decision")["score"] is not None


@pytest.mark.untraced
def test_rows_of_one_patient_stay_together(
    newcomer: Newcomer, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word of the user, visits of one subject share a side, and nothing is promoted."""
    file = case("c36") / "visits.csv"
    said = newcomer.new("visits", file, "diagnosis")
    assert "subject repeats (160 in 1,440 rows) and fixes the label" in said
    assert newcomer.declared("visits")["real"]["entity_keys"] == ["subject"]
    with pytest.raises(GateRefusedError, match="better_than_baseline"):
        run(newcomer, monkeypatch, "visits")
    decision = newcomer.project.catalog().load("promotion_decision")
    assert decision["score"]["value"] < 0.65
    newcomer.new("apart", file, "diagnosis", "--no-key")
    assert newcomer.declared("apart")["real"]["entity_keys"] == ["row_id"]


def test_a_change_log_keeps_the_first_state(
    newcomer: Newcomer, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each order one row is kept, the one known first; later states are counted as such."""
    options = ("--key", "order_id", "--time", "ordered_at")
    said = newcomer.new("orders", case("c38") / "orders_log.csv", "returned", *options)
    assert "500 cases stand in 999 rows with the same order_id and ordered_at" in said
    assert "status change between them, known only later at exported_at" in said
    catalog = run(newcomer, monkeypatch, "orders", "data_processing")
    events = catalog.load("events").to_pandas()
    assert len(events) == events["order_id"].nunique() == 500
    assert (events["exported_at"] == events["ordered_at"]).mean() > 0.3
    rejected = catalog.load("rejected_rows").to_pandas()
    assert len(rejected) == 499
    assert rejected["rejection_reason"].str.startswith("a later state of order_id").all()


def test_thirteen_codes_named_class_are_classes(newcomer: Newcomer, case: Case) -> None:
    """Codes of arrhythmia are classes; the rare ones are named with what to do about them."""
    file = case("r05") / "arrhythmia.data"
    said = newcomer.new("hearts", file, "class")
    assert "4 classes of 'class' with fewer than 8 rows: '15' (5), '14' (4), '7' (3)" in said
    said = newcomer.new("hearts", file, "class", "--rare", "leave-out")
    assert "class: 9 classes" in said
    assert "set gate_min_rows" in said


def test_a_rounded_sum_is_a_leak(newcomer: Newcomer, case: Case) -> None:
    """The four regions whose rounded sales add up to the target are left out, and Year is kept."""
    file = case("r08") / "selling_games.parquet"
    said = newcomer.new("games", file, "Global_Sales")
    assert "NA_Sales, EU_Sales, JP_Sales and Other_Sales add up to the label but for" in said
    kept = newcomer.declared("games")["real"]["request_columns"]
    assert "year" in kept
    assert not [name for name in kept if name.endswith("_sales")]


def test_open_labels_are_told(newcomer: Newcomer, case: Case) -> None:
    """418 passengers without a label are counted, and 0.0 and 1.0 are two classes."""
    said = newcomer.new("titanic", case("r09") / "titanic.parquet", "survival")
    assert "418 of 1309 rows have no 'survival': not known yet" in said
    assert newcomer.declared("titanic")["real"]["task"] == "binary"


def test_a_table_of_repeated_rows_is_called_one(newcomer: Newcomer, case: Case) -> None:
    """Where 94 % of the rows repeat, it is said that scores will be too good."""
    said = newcomer.new("symptoms", case("r13") / "Training.csv", "prognosis")
    assert "4616 of the first 4920 rows repeat an earlier one in every column (94%)" in said


def test_the_same_rows_in_another_sheet_are_refused(newcomer: Newcomer, case: Case) -> None:
    """Five sheets hold the same rows: the second is not taken in without a word of the user."""
    file = case("r10") / "Folds5x2_pp.xlsx"
    newcomer.new("plant", file, "PE")
    words = ["take", "plant", "--file", str(file), "--table", "Sheet2"]
    refused = newcomer.call(*words)
    assert "of 9,568 rows were taken in before" in refused
    assert "--again" in refused
    assert "rows were taken in before" in newcomer.call(*words, "--again")
