"""The challenger's notebook after a real run: a kernel of its own arrives at the gate's score."""

import json
import re
from pathlib import Path
from typing import Any

import pytest


def execute(notebook: Any, folder: Path) -> str:
    """Run a notebook in a kernel of this interpreter, in a folder, and give what it printed."""
    from nbclient import NotebookClient

    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def number_after(label: str, printed: str) -> float:
    [found] = re.findall(rf"^{label}: +(\S+)$", printed, flags=re.MULTILINE)
    return float(found)


def test_kernel_arrives_at_the_score_of_the_gate(
    circle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook of the third run recomputes leaderboard, threshold and gate to the last bit."""
    nbformat = pytest.importorskip("nbformat")
    for package in ("ipykernel", "nbclient"):
        pytest.importorskip(package)
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    data = circle.path / "data"
    [path] = (data / "08_reporting").rglob("challenger.ipynb")
    notebook = nbformat.read(path, 4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    printed = execute(notebook, path.parent)
    [decision] = (data / "06_models").rglob("promotion_decision.json")
    gated = json.loads(decision.read_text("utf-8"))["score"]["value"]
    assert number_after("recomputed here", printed.split("on the gate rows")[1]) == gated
    assert number_after("recorded by the gate", printed) == gated
    recorded = number_after("on the leaderboard", printed)
    assert number_after("recomputed here", printed.split("on the gate rows")[0]) == recorded
    threshold = re.search(r"^threshold (\S+), recorded (\S+)$", printed, flags=re.MULTILINE)
    assert threshold
    assert threshold[1] == threshold[2]
