"""Head and statistics of a set of rows."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.profile.table_statistics import describe_columns, describe_head

ROWS = pd.DataFrame(
    {
        "age": [1, 2, 6],
        "height": [1.5, None, 2.5],
        "colour": ["red", "red", None],
        "member": [True, False, True],
        "seen": pd.to_datetime(["2025-01-01", "2025-01-03", None], utc=True),
    }
)


@pytest.mark.parametrize(
    ("column", "facts"),
    [
        ("age", {"dtype": "int64", "nulls": 0, "distinct": 3, "min": 1, "mean": 3.0, "max": 6}),
        ("height", {"nulls": 1, "distinct": 2, "min": 1.5, "mean": 2.0, "max": 2.5}),
        ("colour", {"nulls": 1, "distinct": 1, "top": {"red": 2}}),
        ("member", {"dtype": "bool", "distinct": 2, "top": {"True": 2, "False": 1}}),
        ("seen", {"min": "2025-01-01T00:00:00+00:00", "max": "2025-01-03T00:00:00+00:00"}),
    ],
)
def test_column_is_described_by_its_kind(column: str, facts: dict[str, Any]) -> None:
    """Numbers have a range and a mean, moments a span, all else its commonest values."""
    described = describe_columns(ROWS)
    assert described["rows"] == 3
    assert facts.items() <= described["columns"][column].items()


def test_only_the_commonest_values_are_listed() -> None:
    """A column of many values lists as many as asked for, the commonest first."""
    rows = pd.DataFrame({"c": list("aaabbc")})
    assert describe_columns(rows, top=2)["columns"]["c"]["top"] == {"a": 3, "b": 2}


def test_empty_and_infinite_columns_are_strict_json() -> None:
    """What has no number is None, never NaN, so that any reader of JSON takes it."""
    rows = pd.DataFrame(
        {
            "empty": pd.Series([None, None], dtype="float64"),
            "never": pd.Series([None, None], dtype="datetime64[ns, UTC]"),
            "far": [np.inf, 1.0],
        }
    )
    described = describe_columns(rows)["columns"]
    json.dumps(described, allow_nan=False)
    assert described["empty"] == {
        "dtype": "float64", "nulls": 2, "distinct": 0, "min": None, "mean": None, "max": None
    }  # fmt: skip
    assert (described["never"]["min"], described["never"]["max"]) == (None, None)
    assert (described["far"]["min"], described["far"]["max"]) == (1.0, None)


def test_head_is_the_first_rows_as_plain_values() -> None:
    """The first rows come in their order, moments as ISO 8601 and NaN as None."""
    head = describe_head(ROWS, 2)
    assert [row["age"] for row in head] == [1, 2]
    assert head[1]["height"] is None
    assert head[0]["seen"].startswith("2025-01-01T00:00:00")
    assert describe_head(ROWS.head(0)) == []
