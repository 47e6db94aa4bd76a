"""Outputs that a person looked at and approved, kept as text files to compare with.

After a change that is meant, write them anew and read the difference before the commit:
``FULLCIRCLE_APPROVE=1 pytest tests/core -k approved``.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

FOLDER = Path(__file__).parent / "approved"


def hold(name: str, found: str) -> None:
    """Compare a text with the one that was looked at, or keep it where that is asked for."""
    file = FOLDER / name
    if os.environ.get("FULLCIRCLE_APPROVE"):
        file.write_text(found, encoding="utf-8")
    assert found.splitlines() == file.read_text("utf-8").splitlines()


def plain(value: Any) -> Any:
    """Round numbers to four digits, so that no machine's last bit is approved."""
    if isinstance(value, float | np.floating):
        if not math.isfinite(value) or abs(value) < 1e-9:
            return str(value) if not math.isfinite(value) else 0.0
        return float(f"{value:.4g}")
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def hold_value(name: str, value: Any) -> None:
    """Hold plain values, as JSON of one line for each."""
    text = json.dumps(plain(value), indent=1, ensure_ascii=False, default=str)
    hold(f"{name}.json", text + "\n")


def hold_figure(name: str, figure: go.Figure | None) -> None:
    """Hold a figure: one line for each trace, and its layout."""
    assert figure is not None
    parts = plain(json.loads(figure.to_json()))
    lines = [json.dumps(trace, ensure_ascii=False) for trace in parts["data"]]
    layout = json.dumps(parts["layout"], indent=1, ensure_ascii=False)
    hold(f"figure_{name}.json", "\n".join([*lines, layout]) + "\n")
