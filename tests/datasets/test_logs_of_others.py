"""Tests of what monitoring reads and others write: the endpoint's log and the alerts told."""

from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pytest
from deltalake import write_deltalake
from kedro.io.core import DatasetError

from fullcircle.datasets import JsonLinesDataset, OptionalTableDataset


def test_a_table_that_is_not_there_yet_is_nothing(tmp_path: Path) -> None:
    """Before the other program has written, nothing is loaded, and no folder is made."""
    dataset = OptionalTableDataset(filepath=str(tmp_path / "log"))
    assert dataset.load() is None
    assert not dataset.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_another_program_is_read(tmp_path: Path) -> None:
    """Once there, its newest rows are read lazily."""
    write_deltalake(tmp_path / "log", pd.DataFrame({"rows": [1, 2]}))
    loaded = OptionalTableDataset(filepath=str(tmp_path / "log")).load()
    assert isinstance(loaded, ir.Table)
    assert loaded.to_pandas()["rows"].tolist() == [1, 2]


def test_alerts_are_read_whole_lines_only(tmp_path: Path) -> None:
    """Objects come oldest first; a torn line, and one that is no object, are passed over."""
    path = tmp_path / "alerts.jsonl"
    dataset = JsonLinesDataset(filepath=str(path))
    assert dataset.load() == []
    path.write_text('{"what": "a"}\n[1]\n{"what": "b"}\n{"what": "c', encoding="utf-8")
    assert dataset.load() == [{"what": "a"}, {"what": "b"}]


@pytest.mark.parametrize("kind", [OptionalTableDataset, JsonLinesDataset])
def test_what_others_write_is_not_written_here(tmp_path: Path, kind: type) -> None:
    """A save is refused in one line, and leaves nothing behind."""
    with pytest.raises(DatasetError, match="only read here"):
        kind(filepath=str(tmp_path / "log")).save([{}])
    assert list(tmp_path.iterdir()) == []
