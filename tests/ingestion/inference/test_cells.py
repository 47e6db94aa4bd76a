"""Cells, not rows: what an unreadable cell costs in the problem that is written for a table."""

from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import DataError
from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW, IntakeSettings
from fullcircle.ingestion.inference import ProblemOptions, propose_problem
from fullcircle.ingestion.project_files import write_problem
from fullcircle.pipelines.data_processing.nodes import collect_rejected, report_intake

ROWS = 200
RNG = np.random.default_rng(2)
GOOD = pd.DataFrame(
    {
        "client": [f"c{n % 50:03d}" for n in range(ROWS)],
        "day": pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d"),
        "size": RNG.normal(50, 9, ROWS).round(1).astype("str"),
        "seen": pd.date_range("2020-01-01", periods=ROWS, freq="9D").strftime("%d.%m.%Y"),
        "paid": RNG.normal(9, 2, ROWS).round(2).astype("str"),
    }
)
WANTED = {"name": "shop", "target": "paid", "keys": ("client",), "time": "day"}


@pytest.fixture(scope="module")
def clean() -> Any:
    """Give the cleaning that is written for the good table."""
    raw = ibis.memtable(GOOD.assign(**{SOURCE_ROW: range(1, ROWS + 1)}))
    said = {**WANTED, "today": date(2026, 1, 1)}
    proposal = propose_problem(raw, ProblemOptions.model_validate(said))
    files = {path.name: text for path, text in write_problem(proposal, "t.csv").items()}
    space: dict[str, Any] = {}
    exec(files["cleaning.py"], space)  # noqa: S102 - what the library has written
    return space["clean"]


CELLS = st.dictionaries(
    st.integers(0, ROWS - 1),
    st.sampled_from(["client", "day", "size", "seen", "paid"]),
    max_size=12,
)


@given(bad=CELLS)
@settings(deadline=None, max_examples=4)
def test_only_an_unreadable_key_time_or_label_costs_its_row(
    clean: Any, bad: dict[int, str]
) -> None:
    """A bad feature is missing and counted, a bad key, time or label rejects; counts add up."""
    frame = GOOD.copy()
    for row, column in bad.items():
        frame.loc[row, column] = "" if column == "client" else "see note"
    raw = ibis.memtable(frame.assign(**{SOURCE_ROW: range(1, ROWS + 1)}))
    judged = clean(raw)
    settings_ = IntakeSettings(max_rejected_share=0.5, max_unreadable_share=0.5)
    report = report_intake(judged, collect_rejected(raw, judged), settings_)
    of_row = sum(column in ("client", "day", "paid") for column in bad.values())
    assert report["rows_rejected"] == of_row
    assert report["rows_kept"] + report["rows_rejected"] == report["rows_read"] == ROWS
    counts = {name: sum(each == name for each in bad.values()) for name in ("size", "seen")}
    assert report["unreadable_cells"] == {name: n for name, n in sorted(counts.items()) if n}
    read = judged.filter(judged[REASON].isnull()).execute()
    for name in ("size", "seen"):
        assert int(read[name].isna().sum()) == counts[name]


def test_too_many_unreadable_cells_stop_the_run(clean: Any) -> None:
    """A column of which more than the declared share is unreadable stops, by name and share."""
    frame = GOOD.assign(size=["see note" if n < 30 else x for n, x in enumerate(GOOD["size"])])
    raw = ibis.memtable(frame.assign(**{SOURCE_ROW: range(1, ROWS + 1)}))
    judged = clean(raw)
    with pytest.raises(DataError, match=r"30 of 200 rows hold a size that cannot be read \(15.0%"):
        report_intake(judged, collect_rejected(raw, judged), IntakeSettings(max_rejected_share=0.5))
