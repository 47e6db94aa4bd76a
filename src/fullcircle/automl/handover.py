"""The winner as a notebook, beside the very rows that made it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import StorageError
from fullcircle.core.evaluation import Estimate
from fullcircle.core.models.prediction import as_inputs
from fullcircle.reporting.notebook import NotebookFacts, write_notebook


def hand_over(
    folder: Path,
    target: str,
    sets: dict[str, pd.DataFrame],
    facts: NotebookFacts,
    score: Estimate,
) -> Path:
    """Write the three sets and the notebook that rebuilds the winner from them.

    Args:
        folder: Where searches are kept.
        target: Name of the target.
        sets: Rows by set: train, selection and gate.
        facts: What the notebook tells, but for the places of the sets.
        score: The winner's score on the gate rows.

    Returns:
        The notebook, in a folder of its own below ``folder``.

    Raises:
        StorageError: The folder cannot be written to.
    """
    place = folder.absolute() / f"{target}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    try:
        place.mkdir(parents=True)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written to: {error.strerror}. Name another folder, or none."
        ) from error
    places: dict[str, dict[str, Any]] = {
        f"{name}_set": _save(place / f"{name}_set", rows, facts.problem)
        for name, rows in sets.items()
    }
    decision = {"challenger": str(facts.model.registration), "score": score.as_dict()}
    (place / "decision.json").write_text(json.dumps(decision, indent=1), encoding="utf-8")
    places["promotion_decision"] = {"path": str(place / "decision.json")}
    notebook = place / "winner.ipynb"
    notebook.write_text(write_notebook(replace(facts, places=places)), encoding="utf-8")
    return notebook


def _save(path: Path, rows: pd.DataFrame, problem: ProblemSpec) -> dict[str, Any]:
    """Save rows as the model reads them, since a table cannot hold whatever a frame can."""
    from fullcircle.datasets.delta_table_dataset import DeltaTableDataset

    kept = rows[list(dict.fromkeys(problem.bookkeeping))].copy()
    for key in problem.entity_keys:
        if key != problem.row_id:
            kept[key] = kept[key].astype(str)
    table = pd.concat([kept, as_inputs(rows, problem.features)], axis=1)
    DeltaTableDataset(filepath=str(path)).save(table)
    return {"path": str(path), "version": 0, "rows": len(rows)}
