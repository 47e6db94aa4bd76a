"""Tests of the monitoring page and the figures of monitoring."""

import re
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any

import pytest

from fullcircle.reporting.dashboard import draw_dashboard
from fullcircle.reporting.dashboard.charts import (
    chart_drift,
    chart_latency,
    chart_performance,
    chart_volume,
)
from fullcircle.reporting.figures import drift_figure, monitoring_figures

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

    VOID = frozenset({"meta", "br", "link", "img", "input"})

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
    """Every tag is closed, and the page loads no script, style, image or font from anywhere.

    Its only script is its own, and links lead only to its own sections, which are there.
    """
    tags = parse(draw())
    assert tags.open == []
    assert not [tag for tag, _ in tags.seen if tag in ("link", "img", "iframe")]
    assert [attributes for tag, attributes in tags.seen if tag == "script"] == [{}]
    assert not [attributes for _, attributes in tags.seen if "src" in attributes]
    places = {attributes["id"] for _, attributes in tags.seen if "id" in attributes}
    links = {attributes["href"] for _, attributes in tags.seen if "href" in attributes}
    assert {"#columns", "#changed"} <= links <= {f"#{place}" for place in places}
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
        "A shift of PSI 0.12, a move of about 3 in its own units, would have been seen.",
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
    columns = [a for tag, a in parse(draw()).seen if tag == "details" and "data-state" in a]
    unfolded = ["open" in attributes for attributes in columns]
    assert unfolded == [True, False]


def test_names_cannot_inject_markup() -> None:
    """Names and values from data are shown, never run."""
    evil = "<script>alert(1)</script>"
    drift = deepcopy(DRIFT)
    drift["drifted"] = [evil]
    drift["columns"][0]["name"] = evil
    drift["columns"][0]["bins"][0] = evil
    alert = {"as_of": "2024-05-01", "severity": evil, "what": evil, "state": evil}
    retraining = {"retrain": True, "reasons": [evil]}
    page = draw(drift, problem=evil, retraining=retraining, alerts=[alert])
    assert page.count("<script>") == page.count("</script>") == 1
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
    """Every interval, the promised one and an estimate too, is drawn inside the chart."""
    performance = deepcopy(PERFORMANCE)
    estimate = {"value": 0.5, "low": 0.4, "high": 0.95, "holds": None}
    performance["windows"][1]["estimate"] = estimate
    chart = chart_performance(performance, REFERENCE["promised"])
    places = [*chart["points"], chart["promise"]]
    assert len(places) == 3
    assert all(0 <= p["low"] <= p["value"] <= p["high"] <= 100 for p in places)
    assert all(0 <= point["x"] <= 100 for point in chart["points"])
    score = chart["points"][0]
    assert (score["value"] - chart["promise"]["low"]) < 0


def test_promotions_are_marked_where_the_version_changes() -> None:
    """A line stands before the first period of another version, and nowhere else."""
    chart = chart_performance(PERFORMANCE, REFERENCE["promised"])
    assert chart["promotions"] == [{"x": 50.0, "told": "v3", "as_of": "2024-06-01"}]
    assert "<span>v3</span>" in draw()


def test_volume_is_in_proportion() -> None:
    """Bars are in percent of the fullest period, their labelled part too."""
    bars = chart_volume(PERFORMANCE["windows"])["bars"]
    assert [round(bar["rows"]) for bar in bars] == [100, 2]
    assert [round(bar["labelled"]) for bar in bars] == [100, 0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"judged": False}, "too few rows to judge"),
        ({"drifted": []}, "steady"),
        ({"vanished": ["tenure"]}, "vanished: tenure"),
        ({"prediction_drifted": True}, "<strong>drifted</strong>"),
        ({"problems": [{"told": "no rows came"}]}, "no rows came"),
        ({"alarms": [{"column": None, "told": "few rows"}]}, "<strong>1 to look at"),
    ],
    ids=["small", "steady", "vanished", "predictions", "problem", "volume"],
)
def test_the_state_at_a_glance_follows_the_report(changes: dict[str, Any], told: str) -> None:
    """The cards say what the report says."""
    assert told in draw({**DRIFT, **changes})


QUIET = {
    **DRIFT,
    "drifted": [],
    "columns": [{**column, "drifted": False, "reasons": []} for column in DRIFT["columns"]],
}


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        (DRIFT, "1 thing to look at"),
        (QUIET, "All quiet"),
        ({**QUIET, "judged": False}, "Too few rows to judge"),
        ({**QUIET, "problems": [{"told": "no rows came"}]}, "1 thing to look at"),
    ],
    ids=["drift", "quiet", "small", "problem"],
)
def test_the_headline_never_calls_quiet_what_was_not_judged(
    drift: dict[str, Any], told: str
) -> None:
    """One line says how many things there are to look at, that all is quiet, or that none knows."""
    assert f"</i>{told}</p>" in draw(drift)


def test_a_decline_is_something_to_look_at() -> None:
    """A newest period that is significantly worse than its own version promised is named."""
    performance = deepcopy(PERFORMANCE)
    performance["windows"][0]["score"] = {"value": 0.7, "low": 0.65, "high": 0.75}
    reference = {**REFERENCE, "version": "2"}
    told = "roc_auc of the period from 2024-05-01 is significantly worse than promised"
    assert told in draw(QUIET, performance=performance, reference=reference)
    assert told not in draw(QUIET, performance=performance, reference={**REFERENCE, "version": "1"})


def test_a_warning_of_the_training_is_something_to_look_at() -> None:
    """What went wrong when the champion was chosen is told on the page, and counted."""
    warning = "The champion was chosen without forest: forest failed in all 3 trials: no bins"
    page = draw(reference={**REFERENCE, "warnings": [warning]})
    assert warning in page
    assert warning not in draw()


def test_a_page_without_any_score_can_be_drawn() -> None:
    """Before the first labels arrive, the page shows the promise alone."""
    promise = {"promised": {"value": 0.8, "low": 0.8, "high": 0.8, "confidence": 0.95}}
    nothing = {"metric": "roc_auc", "windows": []}
    page = draw(performance=nothing, reference=promise)
    assert parse(page).open == []
    assert page.count("No period has been scored yet.") == 2
    assert "the endpoint has no log" in page


SERVICE: dict[str, Any] = {
    "present": True,
    "told": "requests up to the clock",
    "days": 2,
    "requests": 1000,
    "rows": 2000,
    "latency_ms": {"p50": 10.0, "p90": 20.0, "p95": 300.0, "p99": 400.0, "most": 500.0},
    "error_share": 0.001,
    "refused_share": 0.0,
    "per_second": {"rows_at_most": 3.0},
    "objectives": [
        {"name": "p95 latency, ms", "limit": 200.0, "value": 300.0, "met": False, "at_most": True}
    ],
    "cost": {"currency": "EUR", "per_day": 12.0, "per_thousand_predictions": 0.5},
    "by_day": [
        {"date": f"2024-05-3{n}", "requests": 500, "error_share": 0.0,
         "latency_ms": {"p50": 10.0, "p95": 300.0, "p99": 400.0}}
        for n in (0, 1)
    ],
    "by_version": [],
    "problems": [],
}  # fmt: skip


def test_the_service_is_shown_against_what_was_declared() -> None:
    """Latency, cost and a missed objective are on the page, and the latter counts as a finding."""
    page = draw(QUIET, service=SERVICE)
    for told in ("300 ms", "12.00 EUR", "p95 latency, ms: 300, declared 200", ">missed<"):
        assert told in page, told
    chart = chart_latency(SERVICE)
    assert chart is not None
    assert chart["points"][0]["p95"] / chart["limit"] == pytest.approx(1.5)


def test_alerts_are_shown_up_to_the_clock_newest_first() -> None:
    """Alerts come with what to do; those told later than the page's clock are left out."""
    alerts = [
        {"as_of": f"2024-0{month}-01T00:00:00+00:00", "severity": "warning", "state": "new",
         "what": f"thing {month}", "since": "2024-01-01", "what_to_do": "look"}
        for month in (4, 5, 6, 7)
    ]  # fmt: skip
    page = draw(alerts=alerts)
    assert page.index("thing 6") < page.index("thing 5") < page.index("thing 4")
    assert "thing 7" not in page
    assert "No alert was told" not in page


def test_models_beside_and_slices_are_compared_in_words() -> None:
    """A shadow's gain and a slice served worse are told as what they significantly are."""
    performance = deepcopy(PERFORMANCE)
    gain = {"value": 0.02, "low": 0.01, "high": 0.03}
    performance["windows"][0]["beside"] = [
        {"role": "shadow", "model_version": "9", "rows": 10, "score": SCORE, "gain": gain}
    ]
    row = {"column": "city", "slice": "Rome", "rows": 10, "score": SCORE, "judged": True}
    performance["slices"] = [{"rows": [{**row, "worse": True}]}]
    page = draw(performance=performance)
    assert "significantly better" in page
    assert "significantly worse" in page
    assert "Rome" in page


def test_the_drift_figure_marks_drifted_columns() -> None:
    """The figure has one bar per column, the most moved on top, drifted ones in a colour apart.

    A mark beside each bar stands at the smallest shift that would have been seen, if any.
    """
    bars, seen = drift_figure(DRIFT).data
    assert list(seen.x) == [None, 0.12]
    assert list(bars.y) == ["colour", "price"]
    assert list(bars.x) == [0.001, 0.4567]
    assert list(bars.text) == ["", "drifted"]
    assert bars.marker.color[0] != bars.marker.color[1]


def test_figures_are_drawn_of_what_there_is() -> None:
    """Each figure that has something to show is there, drifted columns first, and no other."""
    figures = monitoring_figures(DRIFT, PERFORMANCE, REFERENCE["promised"], SERVICE)
    assert set(figures) == {"performance", "drift", "volume", "latency", "column_01", "column_02"}
    assert figures["column_01"].layout.title.text == "price: drifted"
    assert len(figures["performance"].layout.shapes) == 1
    nothing = {"metric": "roc_auc", "windows": []}
    bare = monitoring_figures({**DRIFT, "columns": []}, nothing, REFERENCE["promised"])
    assert set(bare) == {"drift"}


def test_every_metric_of_the_newest_judged_period_is_shown() -> None:
    """Scores with intervals and the confusion matrix stand on the page, of that period alone."""
    score = {"value": 0.6123, "low": 0.5, "high": 0.7, "confidence": 0.95}
    older, newest = PERFORMANCE["windows"][0], PERFORMANCE["windows"][-1]
    windows = [
        {**older, "as_of": "2024-01-01", "scores": {"old_metric": score}, "confusion": None},
        {
            **newest,
            "as_of": "2024-06-01",
            "scores": {"f1": score},
            "confusion": [[1234, 5], [6, 7]],
        },
        {**newest, "as_of": "2024-07-01", "scores": {}, "confusion": None},
    ]
    page = draw(performance={**PERFORMANCE, "windows": windows})
    assert "the period from 2024-06-01" in page
    assert "<td>f1</td>" in page
    assert "0.6123 (0.5000 to 0.7000)" in page
    assert "<td>1,234</td>" in page
    assert "old_metric" not in page


def watch(as_of: str, **sources: list[str] | None) -> dict[str, Any]:
    """A watched window: the columns that drifted by source, None where too few rows came."""
    found = {
        name: {"rows": 400, "judged": drifted is not None, "drifted": drifted or []}
        for name, drifted in sources.items()
    }
    return {"as_of": f"{as_of}T00:00:00+00:00", "sources": found}


def test_drift_over_time_is_drawn_by_source() -> None:
    """Each source has its bars, oldest first; what was not watched or judged is told apart."""
    watched = [
        watch("2024-02-01", batch=["age", "city"], endpoint=None),
        watch("2024-01-01", batch=["age"]),
        watch("2099-01-01", batch=["later"]),
    ]
    batch, endpoint = chart_drift(watched, "2024-03-01")
    assert [batch["source"], endpoint["source"]] == ["batch", "endpoint"]
    assert [bar["height"] for bar in batch["bars"]] == [50, 100]
    assert batch["bars"][1]["told"] == "2024-02-01: age, city drifted, 400 rows"
    assert [bar["told"] for bar in endpoint["bars"]] == [
        "2024-01-01: not watched",
        "2024-02-01: 400 rows are too few to judge",
    ]
    assert chart_drift(watched[:1], "2024-03-01") == []
    page = draw({**DRIFT, "as_of": "2024-03-01"}, watched=watched)
    assert 'aria-label="Drifted columns by window, endpoint"' in page
    assert "later" not in page
