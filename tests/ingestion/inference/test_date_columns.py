"""Dates that stand in two columns, of a place, or look like numbers: as look and run read them."""

from datetime import UTC, date, datetime
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.engines.engine import connect
from fullcircle.ingestion.inference import ProblemOptions, Proposal, propose_problem

ROWS = 120


def propose(columns: dict[str, Any], **said: Any) -> tuple[Proposal, list[datetime]]:
    """Look at a table; give the proposal, and what a run reads as the time."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.choice(["a", "b"], ROWS), "x": rng.normal(size=ROWS).round(2)})
    frame = frame.assign(**columns).astype("str").assign(**{SOURCE_ROW: range(1, ROWS + 1)})
    raw = ibis.memtable(frame)
    problem_options = {"name": "shop", "target": "y", "today": date(2026, 1, 1), **said}
    proposal = propose_problem(raw, ProblemOptions.model_validate(problem_options))
    time = proposal.spec.event_time
    if time is None:
        return proposal, []
    moments = proposal.reading.columns(raw)[time]
    read = connect().execute(raw.select(SOURCE_ROW, at=moments).order_by(SOURCE_ROW))["at"]
    return proposal, [each.to_pydatetime() for each in read]


def months(count: int = ROWS) -> list[datetime]:
    return [datetime(2010 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(count)]


@pytest.mark.parametrize(
    ("year", "month", "name"),
    [("year", "month", "%m"), ("Jahr", "Monat", "%m"), ("Yr Sold", "Mo Sold", "%b")],
)
def test_year_and_month_are_one_date(year: str, month: str, name: str) -> None:
    """Two columns become the month's first day, the month stays a feature, and it is a question."""
    columns = {
        year: [each.year for each in months()],
        month: [each.strftime(name) for each in months()],
    }
    proposal, read = propose(columns)
    assert read == months()
    assert any("month" in each or "mo" in each for each in proposal.spec.request_columns)
    [question] = proposal.questions
    assert question.strength == "strong"
    apart, none = propose(columns, **question.choices[1].settings)
    assert none == []
    assert not apart.questions
    again, read = propose(columns, **question.choices[0].settings)
    assert read == months()
    assert not again.questions


@pytest.mark.parametrize(
    "columns",
    [
        {"year": [2020 + n % 5 for n in range(ROWS)], "months": [n % 40 for n in range(ROWS)]},
        {"year": [n % 9 for n in range(ROWS)], "month": [n % 12 + 1 for n in range(ROWS)]},
        {"built year": [2000 + n % 9 for n in range(ROWS)], "sold month": [5] * ROWS},
    ],
)
def test_what_is_no_year_and_month_stays_apart(columns: dict[str, Any]) -> None:
    """Ages in years and months, and parts of two dates, are joined by nobody."""
    proposal, read = propose(columns)
    assert read == []
    assert not proposal.questions


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Quarter", lambda m: f"{(m.month + 2) // 3}/{m.year}"),
        ("Quarter", lambda m: f"{m.year}Q{(m.month + 2) // 3}"),
        ("When", lambda m: f"Q{(m.month + 2) // 3} {m.year}"),
        ("Monat", lambda m: f"{m.month:02d}.{m.year}"),
        ("period", lambda m: f"{m.year}{m.month:02d}"),
        ("period", lambda m: f"{m.year}.{m.month:02d}"),
        ("When", lambda m: f"{m.month}/{m.year}"),
    ],
)
def test_months_and_quarters_are_moments(name: str, written: Any) -> None:
    """Months and quarters are dates, also where they look like numbers."""
    _, read = propose({name: [written(each) for each in months()]})
    is_quarter = name == "Quarter" or "Q" in written(months()[0])
    wanted = [
        each.replace(month=3 * ((each.month + 2) // 3) - 2) if is_quarter else each
        for each in months()
    ]
    assert read == wanted


def test_clocks_of_a_place_are_said_and_odd_hours_counted() -> None:
    """A declared place gives UTC moments; hours that occur twice or never are counted."""
    start = pd.Timestamp("2024-10-26 20:30")
    texts = [str(start + pd.Timedelta(hours=n)) for n in range(ROWS)]
    proposal, read = propose({"at": texts}, read={"at": "local:Europe/Berlin"})
    assert read[0] == datetime(2024, 10, 26, 18, 30, tzinfo=UTC)
    assert read[-1] == (start + pd.Timedelta(hours=ROWS - 1 - 1)).tz_localize("UTC")
    told = [each.found for each in proposal.findings if each.what == "dates"]
    assert told == ["at: 1 local clocks occur twice and 0 never"]


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("local:Europe/Berlim", "There is no zone 'Europe/Berlim' (nearest: 'Europe/Berlin')"),
        ("%Y-%m-%d + clock", "--read speaks of 'clock'"),
        ("soon", "is not valid. Say text, number"),
    ],
)
def test_what_cannot_be_meant_is_one_line(how: str, wanted: str) -> None:
    """A zone, a layout or a column that is not there is named."""
    days = [f"2024-01-{n % 28 + 1:02d}" for n in range(ROWS)]
    with pytest.raises(ConfigurationError) as caught:
        propose({"at": days}, read={"at": how})
    assert wanted in str(caught.value)
