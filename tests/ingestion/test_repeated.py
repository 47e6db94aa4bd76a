"""Rows that were taken in before are counted, and the same table again is told from coincidence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fullcircle.ingestion.repeated import count_repeated


def write(folder: Path, name: str, frame: pd.DataFrame) -> Path:
    path = folder / f"{name}.parquet"
    frame.to_parquet(path)
    return path


@given(earlier=st.integers(1, 60), new=st.integers(0, 40), shared=st.integers(0, 40))
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_are_counted_whatever_their_order(
    tmp_path: Path, earlier: int, new: int, shared: int
) -> None:
    """Each row that an earlier table holds is counted, by all columns and in any order."""
    shared = min(shared, earlier)
    first = pd.DataFrame({"a": range(earlier), "b": [f"t{n}" for n in range(earlier)]})
    fresh = pd.DataFrame({"a": range(1000, 1000 + new + 1), "b": "t"})
    second = pd.concat([first.head(shared), fresh]).sample(frac=1.0, random_state=1)
    found = count_repeated(
        write(tmp_path, "new", second), [write(tmp_path, "0001", first)], ["a", "b"]
    )
    assert (found.rows, found.repeated) == (len(second), shared)


def test_nulls_and_odd_names_are_values_as_well(tmp_path: Path) -> None:
    """A null is not the empty text, and a quote in a column's name is no end of it."""
    first = pd.DataFrame({'odd "name"': [None, "", "x"]})
    second = pd.DataFrame({'odd "name"': ["", None, "y"]})
    files = write(tmp_path, "new", second), [write(tmp_path, "0001", first)]
    assert count_repeated(*files, ['odd "name"']).repeated == 2
    assert (
        count_repeated(files[0], [write(tmp_path, "one", first.head(1))], ['odd "name"']).repeated
        == 1
    )


@pytest.mark.parametrize(("columns", "again"), [(1, False), (4, True)])
def test_few_columns_repeat_by_nature(tmp_path: Path, columns: int, again: bool) -> None:
    """New rows of a column of few values all occurred before, and are not the same table again."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, (500, 1)) if columns == 1 else rng.normal(size=(500, columns))
    frame = pd.DataFrame(values, columns=[f"c{n}" for n in range(columns)])
    new = frame.sample(frac=1.0, random_state=2)
    found = count_repeated(
        write(tmp_path, "new", new), [write(tmp_path, "0001", frame)], list(frame.columns)
    )
    assert found.repeated == 500
    assert found.is_taken_again is again
