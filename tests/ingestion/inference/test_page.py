"""The page of the first look: every column, whatever it holds, and nothing from elsewhere."""

import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.ingestion.inference import ProblemOptions, propose_problem
from fullcircle.ingestion.inference.column_kinds import recognise
from fullcircle.ingestion.inference.first_look import look_at
from fullcircle.ingestion.inference.first_look_page import render_first_look

HOSTILE = '<script>alert(1)</script> & "so" on\' {{ 7 * 7 }}'


class Reader(HTMLParser):
    """Reads a page as a browser would: its tags, its addresses and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    """Give the page of a table with a hostile name, a hostile value and a column of each kind."""
    rng = np.random.default_rng(0)
    rows = 300
    frame = pd.DataFrame(
        {
            "amount": rng.gamma(2, 30, rows).round(2),
            HOSTILE: rng.choice(["a", HOSTILE], rows),
            "seen": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
            "same": "x",
            "nothing": None,
            "y": rng.choice(["yes", "no"], rows),
        }
    )
    raw = ibis.memtable(
        frame.astype("str").where(frame.notna()).assign(**{SOURCE_ROW: range(1, rows + 1)})
    )
    said = {"name": "shop", "target": "y", "today": date(2026, 1, 1)}
    proposal = propose_problem(raw, ProblemOptions.model_validate(said))
    return render_first_look(proposal, proposal.findings, "a <b>file</b>")


def test_every_column_is_shown_and_nothing_is_run(page: str) -> None:
    """Each column stands on the page as text; names and values are no markup and no script."""
    read = Reader(page)
    text = " ".join(read.text)
    for name in ("amount", HOSTILE, "seen", "same", "nothing", "y"):
        assert name in text
    assert "script" not in read.tags
    assert "49" not in re.findall(r"so\" on' (\S+)", text)
    assert "a <b>file</b>" in text


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    """The page links to nothing and loads nothing: it can be read without a network."""
    assert Reader(page).addresses == []
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page


def test_what_was_found_and_assumed_is_on_the_page(page: str) -> None:
    """Assumptions, dangers and the reason for which a column is left out are all there."""
    text = " ".join(" ".join(Reader(page).text).split())
    assert "the probability of 'yes' is given" in text
    assert "left out: every row has the same value, x" in text
    assert "left out: no row has a value" in text


@given(
    values=st.lists(
        st.one_of(
            st.none(),
            st.text(max_size=60),
            st.floats(allow_nan=False, allow_infinity=False).map(repr),
            st.integers(-(10**20), 10**20).map(str),
            st.dates().map(str),
        ),
        max_size=80,
    )
)
@settings(deadline=None, max_examples=150)
def test_bars_hold_all_known_rows(values: list[Any]) -> None:
    """Whatever a column holds, its bars add up to all that is known, and none is too high."""
    texts = pd.Series([v.strip() or None if isinstance(v, str) else v for v in values], name="c")
    texts = texts.astype(object).where(texts.notna(), None)
    column = recognise("c", texts, ".")
    from fullcircle.ingestion.inference.dataset_warnings import read_sample

    read = read_sample(texts.to_frame(), [column])["c"]
    look = look_at(column, texts, read, role="feature", strength=None, remarks=[])
    if read.notna().any():
        assert sum(bar.share for bar in look.bars) == pytest.approx(1.0)
        assert max(bar.height for bar in look.bars) == 1.0
    assert all(0 <= bar.height <= 1 for bar in look.bars)
