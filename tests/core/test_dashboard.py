"""Tests of the monitoring page and the drift plot."""

import re
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any

import pytest

from fullcircle.core.dashboard import draw_dashboard, plot_drift

DRIFT: dict[str, Any] = {
    "as_of": "2024-06-01",
    "model": "full.shop.model v3",
    "rows": 1234567,
    "judged": True,
    "drifted": ["price"],
    "vanished": [],
    "prediction_drifted": False,
    "alarms": [],
    "problems": [],
    "columns": [
        {
            "name": "price",
            "psi": 0.4567,
            "drifted": True,
            "reasons": ["its distribution moved"],
            "smallest_seen": {"psi": 0.12, "shift": 3.0},
            "bins": ["up to 1", "above 1", "(missing)"],
            "before": [0.8, 0.2, 0.0],
            "now": [0.4, 0.6, 0.0],
        },
        {
            "name": "colour",
            "psi": 0.001,
            "drifted": False,
            "reasons": [],
            "smallest_seen": {"psi": None},
            "bins": ["red", "(other)", "(missing)"],
            "before": [1.0, 0.0, 0.0],
            "now": [1.0, 0.0, 0.0],
        },
    ],
}
SCORE = {"value": 0.75, "low": 0.70, "high": 0.80, "confidence": 0.95}
PERFORMANCE: dict[str, Any] = {
    "metric": "roc_auc",
    "windows": [
        {
            "as_of": "2024-05-01",
            "model_version": "2",
            "rows": 4321,
            "labelled": 4321,
            "unlabelled_share": 0.0,
            "score": SCORE,
        },
        {
            "as_of": "2024-06-01",
            "model_version": "3",
            "rows": 99,
            "labelled": 0,
            "unlabelled_share": 1.0,
            "score": None,
        },
    ],
}
RETRAINING = {"retrain": True, "reasons": ["inputs drifted: price", "a second reason"]}
REFERENCE = {"promised": {"value": 0.82, "low": 0.80, "high": 0.90, "confidence": 0.95}}


def draw(drift: dict[str, Any] = DRIFT, problem: str = "shop", **changes: Any) -> str:
    given = {"performance": PERFORMANCE, "retraining": RETRAINING, "reference": REFERENCE}
    return draw_dashboard(problem, drift, **{**given, **changes})


class Tags(HTMLParser):
    """Collects tags and notices those that are not closed in order."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    """Every tag is closed, and the page loads no script, style, image or font from anywhere."""
    tags = parse(draw())
    assert tags.open == []
    assert not [tag for tag, _ in tags.seen if tag in ("script", "link", "img", "iframe")]
    assert not [attributes for _, attributes in tags.seen if {"src", "href"} & set(attributes)]
    assert "url(" not in draw()
    assert "://" not in draw()


def test_the_page_tells_what_monitoring_found() -> None:
    """Counts, drifted columns, scores, waiting periods and reasons are all on the page."""
    page = draw()
    for told in (
        "full.shop.model v3",
        "1,234,567 rows scored",
        "1 drifted",
        "PSI 0.457",
        "its distribution moved",
        "A shift of PSI 0.12 would have been seen.",
        "The past tells too little to see a shift here.",
        "0.7500",
        "0.8200",
        "waits for labels",
        "inputs drifted: price; a second reason",
        "4,321",
    ):
        assert told in page, told


def test_only_drifted_columns_are_unfolded() -> None:
    """Details of a drifted column are open, those of a steady one closed."""
    unfolded = ["open" in attributes for tag, attributes in parse(draw()).seen if tag == "details"]
    assert unfolded == [True, False]


def test_names_cannot_inject_markup() -> None:
    """Names and values from data are shown, never run."""
    evil = "<script>alert(1)</script>"
    drift = deepcopy(DRIFT)
    drift["drifted"] = [evil]
    drift["columns"][0]["name"] = evil
    drift["columns"][0]["bins"][0] = evil
    page = draw(drift, problem=evil, retraining={"retrain": True, "reasons": [evil]})
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_bars_share_one_scale_and_skip_empty_bins() -> None:
    """The longest bar of a column is 100 %, the others are in proportion, empty bins are left out.

    Price has shares .8 → .4 and .2 → .6; colour has one bin that is full on both sides.
    """
    lengths = re.findall(r'class="bar (before|now)" style="width: ([\d.]+)%', draw())
    assert lengths == [
        ("before", "100.0"),
        ("now", "50.0"),
        ("before", "25.0"),
        ("now", "75.0"),
        ("before", "100.0"),
        ("now", "100.0"),
    ]


def test_intervals_lie_within_the_axis() -> None:
    """Every interval, the promised one too, is drawn inside its cell."""
    spans = re.findall(r'<span style="left: (-?[\d.]+)%; width: (-?[\d.]+)%"', draw())
    assert len(spans) == 2
    assert all(0 <= float(left) <= float(left) + float(width) <= 100 for left, width in spans)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"judged": False}, "too few rows to judge"),
        ({"drifted": []}, "steady"),
        ({"vanished": ["tenure"]}, "vanished: tenure"),
        ({"prediction_drifted": True}, '<strong class="bad">drifted</strong>'),
        ({"problems": [{"told": "no rows came"}]}, "no rows came"),
        ({"alarms": [{"column": None, "told": "few rows"}]}, '<strong class="bad">1 to look at'),
    ],
    ids=["small", "steady", "vanished", "predictions", "problem", "volume"],
)
def test_the_state_at_a_glance_follows_the_report(changes: dict[str, Any], told: str) -> None:
    """The cards say what the report says."""
    assert told in draw({**DRIFT, **changes})


def test_a_page_without_any_score_can_be_drawn() -> None:
    """Before the first labels arrive, the page shows the promise alone."""
    promise = {"promised": {"value": 0.8, "low": 0.8, "high": 0.8, "confidence": 0.95}}
    nothing = {"metric": "roc_auc", "windows": []}
    page = draw(performance=nothing, reference=promise)
    assert parse(page).open == []
    assert "left: 50.0%; width: 0.0%" in page


def test_the_plot_marks_drifted_columns() -> None:
    """The plot has one bar per column, the most moved on top, drifted ones in a colour apart.

    A mark beside each bar stands at the smallest shift that would have been seen, if any.
    """
    bars, seen = plot_drift(DRIFT).data
    assert list(seen.x) == [None, 0.12]
    assert list(bars.y) == ["colour", "price"]
    assert list(bars.x) == [0.001, 0.4567]
    assert list(bars.text) == ["", "drifted"]
    assert bars.marker.color[0] != bars.marker.color[1]
