"""Tests of which days are scored, and of what is refused before any work."""

from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from tests.core.scoring.cases import SPEC, draw_requests, make_model, tables

from fullcircle.core.contract import Clock, FeatureTable
from fullcircle.core.errors import ConfigurationError, DataError, ModelError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.scoring.planning import Span, find_span, plan_days
from fullcircle.core.scoring.reporting import summarise_scoring
from fullcircle.core.scoring.requests import RequestDay, refuse_bad_requests

AS_OF = Clock.model_validate("2025-03-01")
DAYS = {"2025-03-01": RequestDay(10, "a"), "2025-03-02": RequestDay(20, "b")}
INPUTS = {"champion": "m v1", "as_of": "2025-03-01"}


def find(since: str | None, until: str | None, last: str | None = None) -> Span | None:
    return find_span(SPEC, AS_OF, since, until, last)


def known(days: dict[str, RequestDay], inputs: dict[str, str]) -> dict[str, Any]:
    """Give what a finished run leaves."""
    return {entry["day"]: entry for entry in plan_days(days, inputs, {})}


def test_the_span_is_the_period_unless_it_is_given() -> None:
    """By default the period after the clock; since and until each move their own end."""
    day = "{:%Y-%m-%d}"
    spans = [find(None, None), find("2025-01-05", None), find(None, "2025-03-02")]
    spans += [find("last", None, "2025-03-10"), find("last", None, None)]
    told = [(day.format(span.first), day.format(span.end)) for span in spans if span]
    assert told == [
        ("2025-03-01", "2025-03-29"),
        ("2025-01-05", "2025-03-29"),
        ("2025-03-01", "2025-03-02"),
        ("2025-03-10", "2025-03-29"),
        ("2025-03-01", "2025-03-29"),
    ]


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("yesterday", None, "since='yesterday' is no day.*or 'last'"),
        (None, "soon", "until='soon' is no day"),
        ("2025-04-01", None, "no day from 2025-04-01 up to 2025-03-29"),
        ("2025-03-05", "2025-03-05", "'since' must lie before 'until'"),
    ],
)
def test_a_span_that_cannot_be_meant_is_refused(
    since: str | None, until: str | None, words: str
) -> None:
    """A day that is none, and an empty span, are one clear line."""
    with pytest.raises(ConfigurationError, match=words):
        find(since, until)


def test_a_snapshot_has_no_span() -> None:
    """Without a moment there are no days to choose, and asking for them is refused."""
    values = SPEC.model_dump() | {"event_time": None, "label_time": None, "period_days": None}
    values["split"] = {"by": "key", "train": 0.6, "selection": 0.2, "gate": 0.1, "scoring": 0.1}
    snapshot = type(SPEC).model_validate(values)
    assert find_span(snapshot, AS_OF, None, None, "2025-03-01") is None
    with pytest.raises(ConfigurationError, match="leave 'since' and 'until' out"):
        find_span(snapshot, AS_OF, "last", None, None)


def test_a_run_that_was_cut_short_goes_on() -> None:
    """Days that are there, of the same requests and inputs, are kept; the others are scored."""
    before = known(DAYS, INPUTS)
    del before["2025-03-02"]
    assert [entry["keep"] for entry in plan_days(DAYS, INPUTS, before)] == [True, False]


@pytest.mark.parametrize(
    ("days", "inputs"),
    [
        (DAYS | {"2025-03-01": RequestDay(10, "z")}, INPUTS),
        (DAYS, INPUTS | {"champion": "m v2"}),
        (DAYS | {"2025-03-01": RequestDay(10, None)}, INPUTS),
    ],
)
def test_what_has_changed_is_scored_again(
    days: dict[str, RequestDay], inputs: dict[str, str]
) -> None:
    """Other requests, another model, or requests that cannot be told apart keep nothing."""
    before = known(DAYS, INPUTS)
    del before["2025-03-02"]
    assert not any(entry["keep"] for entry in plan_days(days, inputs, before))


def test_a_rerun_replaces_all_days() -> None:
    """Where nothing was cut short, the same run again scores every day again."""
    assert not any(e["keep"] for e in plan_days(DAYS, INPUTS, known(DAYS, INPUTS)))


def test_the_report_adds_up() -> None:
    """Rows, seconds and shares are those of the days scored now; kept days are counted apart."""
    plan = [{"day": "1", "rows": 5, "keep": True}, {"day": "2", "rows": 4, "keep": False}]
    plan += [{"day": "3", "rows": 6, "keep": False}]
    scored = {
        "2": {"rows": 4, "stale_rows": 1, "peak_memory_mb": 9.0, "seconds": {"wall": 1.0}},
        "3": {
            "rows": 6,
            "stale_rows": 0,
            "peak_memory_mb": 7.0,
            "seconds": {"wall": 1.0, "read": 0.5},
        },
    }
    report = summarise_scoring(plan, scored, {"x is blank": 2, "y is blank": 3})
    assert (report["rows"], report["rows_kept"], report["rejected"]) == (10, 5, 5)
    assert list(report["reasons"]) == ["y is blank", "x is blank"]
    assert (report["rows_per_second"], report["stale_share"]) == (5, 0.1)
    assert report["peak_memory_mb"] == 9.0
    assert report["seconds"]["read"] == 0.5


def refused(frame: pd.DataFrame, feature_tables: dict[str, KeyedTable]) -> str:
    with pytest.raises((DataError, ModelError)) as caught:
        refuse_bad_requests(ibis.memtable(frame), feature_tables, make_model(), SPEC)
    return str(caught.value)


def test_requests_without_a_key_are_refused() -> None:
    """A table without the lookup's key is refused by the key's name."""
    said = refused(draw_requests(1, 5).drop(columns="who"), tables(1))
    assert "lacks the column 'who'" in said


def test_a_champion_whose_features_are_gone_is_refused() -> None:
    """A feature that no table has any more is named, with the ways out."""
    [(name, table)] = tables(1).items()
    without = KeyedTable(table.rows.drop("visits"), table.declared)
    said = refused(draw_requests(1, 5), {name: without})
    assert "habits.visits, which no longer exists" in said
    assert "kedro model rollback" in said
    assert "habits.colour" in refused(draw_requests(1, 5), {})


def test_a_column_that_changed_its_kind_is_refused() -> None:
    """Text where the model learnt numbers, and numbers where it learnt text, are not guessed at."""
    frame = draw_requests(1, 5)
    as_text = frame.assign(size=frame["size"].astype("str"))
    assert "learnt 'size' as numbers, but it is text in the requests" in refused(as_text, tables(1))
    as_number = frame.assign(shape=1.5)
    assert "learnt 'shape' as text, but it is double" in refused(as_number, tables(1))
    rows = pa.table({"who": [1], "colour": [2], "visits": [3.0], "at": frame["at"][:1]})
    habits = KeyedTable(ibis.memtable(rows), FeatureTable(keys=["who"], event_time="at"))
    assert "'colour' as text, but it is int64 in the feature table habits" in refused(
        frame, {"habits": habits}
    )
