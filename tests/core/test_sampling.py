"""The sample that training draws of too many rows."""

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import DataError
from fullcircle.core.training_data.sampling import SampleSettings, choose_sample, keep_sample
from fullcircle.hooks.summary import format_training_rows


def named(count: int) -> ibis.Table:
    return ibis.memtable(pd.DataFrame({"id": [f"row-{number}" for number in range(count)]}))


def sample(rows: ibis.Table, max_rows: int | None) -> tuple[dict[str, object], set[str]]:
    chosen = choose_sample(rows, "id", SampleSettings(max_rows=max_rows))
    return chosen, set(keep_sample(rows, "id", chosen).to_pandas()["id"])


@settings(max_examples=15, deadline=None)
@given(max_rows=st.integers(50, 3500))
def test_a_sample_is_bounded_and_nearly_full(max_rows: int) -> None:
    """No more rows than allowed are kept, hardly fewer, and as many as the report says."""
    chosen, kept = sample(named(3000), max_rows)
    assert chosen["rows_known"] == 3000
    assert len(kept) == chosen["rows_kept"] <= max_rows
    assert len(kept) >= min(3000, max_rows) - 5


def test_few_rows_are_all_kept() -> None:
    """Where the rows fit, or nothing bounds them, none is left out."""
    assert len(sample(named(100), 100)[1]) == 100
    assert len(sample(named(100), None)[1]) == 100


def test_a_sample_depends_on_ids_alone() -> None:
    """The same ids are kept whatever the order of rows, and a smaller sample lies in a larger."""
    rows = named(2000)
    _, kept = sample(rows, 500)
    assert sample(rows.order_by(ibis.desc("id")), 500)[1] == kept
    assert kept < sample(rows, 900)[1]


def test_a_sample_of_nothing_is_refused() -> None:
    """A bound so small that no share of the digests fits is an error, not an empty set."""
    with pytest.raises(DataError, match="max_rows=1 "):
        sample(ibis.memtable(pd.DataFrame({"id": ["same"] * 5})), 1)


def test_the_summary_says_that_rows_were_left_out() -> None:
    """A run that left rows out says how many, and by which parameter."""
    said = str(format_training_rows({"rows_known": 3000, "rows_kept": 1000}))
    assert "1,000 of 3,000" in said
    assert "2,000 left out" in said
    assert "training_sample.max_rows" in said
    assert format_training_rows({"rows_known": 3000, "rows_kept": 3000}) == "3,000 labelled rows"
