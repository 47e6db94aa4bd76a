"""Every problem's champion can be trained again from what was recorded, and predicts the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fullcircle.reproduction import rebuild
from fullcircle.tracking.registry.lookup import find_version

QUICK = """
training: {candidates: [baseline, xgboost], search: {trials: 0}, select_features: false}
gate: {max_latency_ms: null}
"""


@pytest.mark.parametrize("problem", ["nyc_taxi", "diabetes"])
def test_the_champion_is_rebuilt_to_the_last_bit(
    problem: str, new_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained again by the recorded recipe, each predicts every row alike, and so say its papers.

    Telco's champion is rebuilt in the tests of the command, with its search.
    """
    monkeypatch.setenv("PROBLEM", problem)
    project = new_project(simulation=None)
    (project.path / "conf" / "local" / "parameters.yml").write_text(QUICK, encoding="utf-8")
    project.run("data_processing", "feature_store", "training", "registry")
    champion = find_version(f"models:/fullcircle.{problem}.simulated_model@champion")
    rebuilt = rebuild(champion, project.catalog(), Path(project.path), any_code=True)
    assert rebuilt.identical
    assert rebuilt.first_difference is None
    assert rebuilt.largest_difference == 0
    assert rebuilt.differing_papers == []
    assert rebuilt.rows > 500
