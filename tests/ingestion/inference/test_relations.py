"""How rows belong together: entities, states of a case, and labels of neighbouring rows."""

from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW, reject_later
from fullcircle.engines.engine import connect
from fullcircle.ingestion.inference import ProblemOptions, Proposal, propose_problem

ROWS = 600


def propose(frame: pd.DataFrame, **problem_options: Any) -> Proposal:
    """Look at a table as ``kedro problem new`` does."""
    texts = frame.astype("str").where(frame.notna())
    raw = ibis.memtable(texts.assign(**{SOURCE_ROW: range(1, len(frame) + 1)}))
    said = {"name": "shop", "target": "y", "today": date(2026, 1, 1), **problem_options}
    return propose_problem(raw, ProblemOptions.model_validate(said))


def told(proposal: Proposal, what: str) -> str:
    return "; ".join(f.found for f in proposal.findings if f.what == what)


def measurements(seed: int = 0, rows: int = ROWS) -> pd.DataFrame:
    """Make rows of 60 people whose label hangs on the person alone."""
    rng = np.random.default_rng(seed)
    person = rng.integers(0, 60, rows)
    return pd.DataFrame(
        {"Person": [f"p{n:02d}" for n in person], "x": rng.normal(size=rows), "y": person % 3 == 0}
    )


def test_an_entity_becomes_the_key_and_the_user_may_say_no() -> None:
    """A column that repeats and fixes the label is the key of a snapshot, unless it is refused."""
    proposal = propose(measurements())
    assert proposal.spec.entity_keys == ["person"]
    assert "person" not in proposal.spec.request_columns
    assert "Person repeats (60 in 600 rows) and fixes the label" in told(proposal, "entity")
    assert propose(measurements(), no_key=True).spec.entity_keys == ["row_id"]
    assert propose(measurements(), keys=("Person",)).spec.entity_keys == ["person"]


def test_of_a_person_and_a_family_the_person_is_the_entity() -> None:
    """Where a coarser column fixes the label as well, the finer one is the key."""
    frame = measurements()
    family = frame["Person"].str[1:].astype(int) % 30  # label and family hang together, too
    frame["y"] = family % 3 == 0
    frame["Family"] = "f" + family.astype(str)
    assert propose(frame).spec.entity_keys == ["person"]


def test_in_a_table_with_a_time_an_entity_is_told_only() -> None:
    """By time the same person may be predicted again: the key stays, and it is said."""
    frame = measurements()
    frame["day"] = pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")
    proposal = propose(frame)
    assert proposal.spec.split.by == "time"
    assert proposal.spec.entity_keys == ["row_id"]
    assert "how well each is remembered" in told(proposal, "entity")


def test_a_measured_number_is_no_entity() -> None:
    """Whole numbers that repeat and tell the label are a feature: only a name makes them a key."""
    frame = measurements()
    frame["Person"] = frame["Person"].str[1:].astype(int)
    assert propose(frame).spec.entity_keys == ["person"]
    assert propose(frame.rename(columns={"Person": "Degrees"})).spec.entity_keys == ["row_id"]


def change_log() -> pd.DataFrame:
    """Make orders with one to three states each, in no order."""
    rng = np.random.default_rng(1)
    states = rng.integers(1, 4, 300)
    order = np.repeat(np.arange(300), states)
    state = np.concatenate([np.arange(n) for n in states])
    placed = pd.Timestamp("2024-01-01") + pd.to_timedelta(order * 12, unit="h")
    frame = pd.DataFrame(
        {
            "order": [f"o{n:03d}" for n in order],
            "placed": placed,
            "seen": placed + pd.to_timedelta(state * 20, unit="h"),
            "state": np.array(["new", "packed", "sent"])[state],
            "y": order % 2,
        }
    )
    return frame.sample(frac=1.0, random_state=2).reset_index(drop=True)


def test_states_of_a_case_are_seen_and_the_moment_that_tells_them_apart() -> None:
    """A change log is known by its repeated key and time; what changes is known only later."""
    frame = change_log()
    proposal = propose(frame, keys=("order",), time="placed")
    assert proposal.states is not None
    assert (proposal.states.cases, proposal.states.rows) == (300, len(frame))
    assert proposal.states.known is not None
    assert proposal.states.known[0] == "seen"
    assert "state change between them, known only later at seen" in told(proposal, "states")
    assert proposal.rejected_share == pytest.approx(1 - 300 / len(frame))
    every = propose(frame, keys=("order",), time="placed", states="all")
    assert every.states is None
    assert "--states first" in next(f.do for f in every.findings if f.what == "states")
    once = propose(frame.drop_duplicates("order"), keys=("order",), time="placed")
    assert once.states is None
    assert told(once, "states") == ""


@pytest.mark.parametrize("known", ["seen", None])
def test_the_first_state_is_kept_whatever_the_order_of_the_rows(known: str | None) -> None:
    """Of each case the state that was known first is kept; the others say which row it is in."""
    frame = change_log().assign(**{SOURCE_ROW: range(1, len(change_log()) + 1), REASON: None})
    table = ibis.memtable(frame.astype({REASON: "str"}).where(frame.notna()))
    table = table.mutate(**{REASON: ibis.null("string")})
    judged = reject_later(table, [table["order"]], known and table[known], "order")
    rows = connect().execute(judged)
    kept = rows[rows[REASON].isna()]
    assert sorted(kept["order"]) == sorted(set(frame["order"]))
    by = known or SOURCE_ROW
    first = frame.sort_values(by).drop_duplicates("order").set_index("order")[SOURCE_ROW]
    assert kept.set_index("order")[SOURCE_ROW].sort_index().equals(first.sort_index())
    later = rows[rows[REASON].notna()].iloc[0]
    assert later[REASON] == f"a later state of order, first in row {first[later['order']]}"


@pytest.mark.parametrize(
    ("shift", "what", "said"),
    [(1, "lag", "the label of the row before"), (-1, "leak", "the label of the next row")],
)
@pytest.mark.parametrize("digits", [4, 2])
def test_the_label_of_a_neighbouring_row_is_named(
    shift: int, what: str, said: str, digits: int
) -> None:
    """A column that repeats the label one step off, rounded or not, is named; chance is not."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=ROWS).round(4)
    day = pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"day": day, "other": rng.normal(size=ROWS).round(4), "y": y})
    frame["moved"] = frame["y"].shift(shift).round(digits)
    proposal = propose(frame.sample(frac=1.0, random_state=4), time="day")
    assert f"moved is {said}" in told(proposal, what)
    assert "other" not in told(proposal, what)
