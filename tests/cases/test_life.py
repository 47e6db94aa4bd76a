"""Real tables through training, gate and monitoring: what is right stands in each test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from tests.cases import case_files
from tests.cases.agreement import find_disagreements, learn_case
from tests.cases.test_structure import Newcomer, newcomer

from fullcircle.cli.model import model

__all__ = ["newcomer"]
Case = Callable[[str], Path]
QUICK = {"candidates": ["baseline", "logistic_regression"]}
pytestmark = pytest.mark.untraced


def ask(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    """Call ``kedro model`` in the project; give its exit status and what was printed."""
    monkeypatch.chdir(newcomer.project.path)
    result = CliRunner().invoke(model, list(words), env={"COLUMNS": "1000"})
    return result.exit_code, result.output


def decide(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """Train a quick family and let the gate decide; give its decision."""
    monkeypatch.setenv("PROBLEM", name)
    parts = ["data_processing", "feature_store", "training", "registry"]
    newcomer.project.run(*parts, training=QUICK)
    return newcomer.project.catalog().load("promotion_decision")


def test_the_gate_keeps_the_better_and_one_step_goes_back(
    newcomer: Newcomer, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More good rows may promote, shuffled labels never do; a second step back says it has none."""
    folder = case("c43")
    newcomer.new("shipped", folder / "1_base.csv", "late")
    decisions = []
    for file in (None, "3_more_good.csv", "2_labels_shuffled.csv"):
        if file:
            newcomer.call("take", "shipped", "--file", str(folder / file), "--yes")
        decisions.append(decide(newcomer, monkeypatch, "shipped"))
    assert [each["promote"] for each in decisions] == [True, True, False]
    assert any(why.startswith("better_than_champion: ") for why in decisions[2]["reasons"])

    status, said = ask(newcomer, monkeypatch, "rollback", "--why", "complaints")
    assert (status, "champion: 2 → 1" in said) == (0, True)
    status, said = ask(newcomer, monkeypatch, "rollback", "--why", "complaints")
    assert (status, "has no previous champion to return to" in said) == (1, True)

    acts = json.loads(ask(newcomer, monkeypatch, "history", "--json")[1])
    promoted = ["register", "judge", "promote"]
    assert [each["act"] for each in acts] == [*promoted, *promoted, *promoted[:2], "rollback"]
    assert "9 entries" in ask(newcomer, monkeypatch, "history", "--verify")[1]


def drift(catalog: Any) -> tuple[list[str], int]:
    """Give the names of the columns that drifted, and how many rows were looked at."""
    report = catalog.load("drift_report")
    return [each["name"] for each in report["columns"] if each["drifted"]], report["rows"]


def test_quiet_months_are_quiet_and_loud_ones_named(
    newcomer: Newcomer, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each drifted column is named in its month and no other; rows with infinities are scored."""
    newcomer.new("pumps", case("c45") / "pumps_14_months.csv", "fault", "--time", "at")
    monkeypatch.setenv("PROBLEM", "pumps")
    found = {}
    for number, month in enumerate(["2024-06", "2024-09", "2024-12", "2025-01", "2025-02"]):
        parts = ["scoring", "monitoring"] if number else []
        newcomer.project.run(*parts, as_of=f"{month}-01", training=QUICK)
        found[month], rows = drift(newcomer.project.catalog())
    assert found == {
        "2024-06": [],
        "2024-09": [],
        "2024-12": [],
        "2025-01": ["humidity"],
        "2025-02": ["load_ratio", "valve"],
    }
    assert rows == 278  # 27 of them with an infinity
    report = newcomer.project.catalog().load("drift_report")
    json.dumps(report, allow_nan=False)


def test_columns_with_odd_names_are_served(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Odd names, 13 alike in their first 140 letters, are as many inputs; all ways agree."""
    table = pd.read_csv(case("c48") / "wide.csv", dtype=str)
    odd, target = table.columns[:-1], table.columns[-1]
    kept = [*(name for name in odd if len(name) > 140), *odd[1:28], target]
    (tmp_path / "c48-narrow").mkdir()
    table[kept].to_csv(tmp_path / "c48-narrow" / "wide.csv", index=False)
    monkeypatch.setattr(case_files, "CASES", tmp_path)
    learnt = learn_case("c48", "wide.csv", target)
    assert len(set(learnt.model.features)) == len(kept) - 1 == 40
    assert find_disagreements(learnt, 100) == {}
