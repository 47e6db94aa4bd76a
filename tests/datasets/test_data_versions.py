"""Tests of the dataset that looks up where data lies and at which version."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from fullcircle.datasets.data_versions_dataset import DataVersionsDataset
from fullcircle.datasets.delta_table_dataset import DeltaTableDataset
from fullcircle.storage.delta_tables import read_delta


def look_up(folder: Path) -> DataVersionsDataset:
    return DataVersionsDataset(
        tables={"rows": {"filepath": str(folder / "data" / "rows")}},
        files={"report": {"filepath": str(folder / "data" / "report.json")}},
    )


def save(folder: Path, rows: int) -> None:
    table = DeltaTableDataset(filepath=str(folder / "data" / "rows"))
    table.save(pd.DataFrame({"number": range(rows)}))


def test_versions_are_those_at_the_moment_of_loading(tmp_path: Path) -> None:
    """Each save of a table moves the version and rows that are told, and none moves older ones."""
    save(tmp_path, 3)
    first = look_up(tmp_path).load()["rows"]
    save(tmp_path, 5)
    second = look_up(tmp_path).load()["rows"]
    assert (first["version"], first["rows"]) == (0, 3)
    assert (second["version"], second["rows"]) == (1, 5)
    assert read_delta(Path(second["path"]), first["version"]).count().execute() == 3


def test_paths_are_those_below_the_project(tmp_path: Path) -> None:
    """Inside a project the paths hold on any machine; outside they are whole."""
    save(tmp_path, 1)
    assert look_up(tmp_path).load()["rows"]["path"] == str(tmp_path / "data" / "rows")
    (tmp_path / "pyproject.toml").write_text("[tool.kedro]\n", encoding="utf-8")
    found = look_up(tmp_path).load()
    assert found["rows"]["path"] == "data/rows"
    assert found["report"] == {"path": "data/report.json"}


def test_absent_table_and_saving_are_refused(tmp_path: Path) -> None:
    """A table that is not there is named with what to do, and nothing is ever written."""
    with pytest.raises(DatasetError, match=r"no table at .*rows yet. Run the pipeline"):
        look_up(tmp_path).load()
    with pytest.raises(DatasetError, match="never written"):
        look_up(tmp_path).save({})
