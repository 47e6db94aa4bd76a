"""The case files, which lie beside the project and are no part of it."""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from fullcircle.ingestion import ReadOptions, copy_table, open_source
from fullcircle.ingestion.inference import Issue

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases"


def find_case(name: str) -> Path:
    """Return the folder of a case, or skip the test where the cases are not there."""
    found = sorted(CASES.glob(f"{name}-*"))
    if not found:
        pytest.skip(f"the case files are not at {CASES}")
    return found[0]


def read_case(
    name: str, file: str, *named: str, **options: Any
) -> tuple[pd.DataFrame, list[Issue]]:
    """Read a file of a case as ``kedro problem new`` does: its rows, and what is told of them."""
    source = open_source(str(find_case(name) / file), ReadOptions(named=named, **options))
    with tempfile.TemporaryDirectory() as folder:
        copied = copy_table(source, Path(folder) / "table.parquet")
        frame = pq.read_table(copied.path).to_pandas()
    return frame, [*source.findings, *copied.findings]


def told(findings: list[Issue], what: str) -> str:
    """Return what is told of one matter."""
    return "; ".join(f.found for f in findings if f.what == what)
