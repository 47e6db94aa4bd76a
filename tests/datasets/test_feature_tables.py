"""Feature tables as one catalog entry."""

from pathlib import Path

import ibis
import pandas as pd
import pytest
from kedro.io import DatasetError

from fullcircle.datasets import FeatureTablesDataset

TABLES = {"habits": {"keys": ["who"], "event_time": "at"}}


@pytest.fixture
def dataset(tmp_path: Path) -> FeatureTablesDataset:
    return FeatureTablesDataset(schema="c.s", filepath=str(tmp_path), tables=TABLES)


def habits(who: list[str | None], at: list[str]) -> ibis.expr.types.Table:
    moments = pd.to_datetime(at, utc=True)
    return ibis.memtable(pd.DataFrame({"who": who, "at": moments, "colour": "red"}))


def test_tables_come_back_with_their_declaration(dataset: FeatureTablesDataset) -> None:
    """A saved table is read with its rows, its keys and its version."""
    assert not dataset._exists()
    dataset.save({"habits": habits(["a", "b"], ["2024-01-01", "2024-01-01"])})
    loaded = dataset.load()["habits"]
    assert loaded.rows.count().execute() == 2
    assert loaded.declared.event_time == "at"
    assert dataset.data_version() == "habits v0"
    assert dataset._exists()


def test_repeated_and_null_keys_are_refused_with_their_count(
    dataset: FeatureTablesDataset,
) -> None:
    """A table with null or repeated keys is refused before a byte is written."""
    bad = habits(["a", "a", None], ["2024-01-01", "2024-01-01", "2024-01-02"])
    with pytest.raises(DatasetError, match=r"1 rows have no who; 1 keys .who, at. come more"):
        dataset.save({"habits": bad})
    assert not dataset._exists()


def test_same_key_at_two_moments_is_a_history(dataset: FeatureTablesDataset) -> None:
    """A key may return at another moment."""
    dataset.save({"habits": habits(["a", "a"], ["2024-01-01", "2024-01-02"])})
    assert dataset.load()["habits"].rows.count().execute() == 2


@pytest.mark.parametrize("computed", [{}, {"habits": None, "hobbies": None}])
def test_declared_and_computed_tables_must_agree(
    dataset: FeatureTablesDataset, computed: dict[str, None]
) -> None:
    """A table that is declared and not computed, or the reverse, is named."""
    with pytest.raises(DatasetError, match=r"differ: '(habits|hobbies)"):
        dataset.save(computed)  # type: ignore[arg-type]


def test_missing_key_column_is_named(dataset: FeatureTablesDataset) -> None:
    """A table without its declared key says which column it lacks."""
    rows = ibis.memtable(pd.DataFrame({"whom": ["a"], "at": pd.to_datetime(["2024"], utc=True)}))
    with pytest.raises(DatasetError, match=r"'who' .nearest: 'whom'"):
        dataset.save({"habits": rows})


def test_preview_lists_the_tables(dataset: FeatureTablesDataset) -> None:
    """kedro-viz shows each table with keys, time, version and columns, computed or not."""
    assert dataset.preview()["data"][0][3:] == ["not computed yet", ""]
    dataset.save({"habits": habits(["a"], ["2024-01-01"])})
    shown = dataset.preview()
    assert shown["columns"] == ["table", "keys", "event time", "version", "columns"]
    assert shown["data"] == [["c.s.habits", "who", "at", "v0", "who, at, colour"]]
    assert dataset.tables["habits"].preview()["data"][0][2] == "red"
