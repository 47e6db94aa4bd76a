"""Tests of what is told of the service, by its log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullcircle.core.service import ServiceSettings, measure_service
from fullcircle.core.service.counting import count_requests, latencies

SETTINGS = ServiceSettings(min_requests=10, price_per_hour=0.5)
AS_OF = datetime(2024, 3, 10, tzinfo=UTC)


def requests(rows: int = 200, **changes: Any) -> pd.DataFrame:
    """Draw requests on the four days before the clock, two rows each."""
    rng = np.random.default_rng(0)
    at = AS_OF - pd.to_timedelta(np.sort(rng.random(rows))[::-1] * 4, "D")
    frame = pd.DataFrame({"answered_at": pd.DatetimeIndex(at).floor("us")})
    return frame.assign(
        request_id=[str(n) for n in range(rows)],
        date=frame["answered_at"].dt.date,
        route="/score",
        status=np.int32(200),
        rows=np.int32(2),
        latency_ms=rng.exponential(20, rows),
        cpu_ms=1.5,
        role="champion",
        model_version="3",
        error=None,
        worker=np.int32(0),
    ).assign(**changes)


def judge(frame: pd.DataFrame, as_of: datetime = AS_OF, **changes: Any) -> dict[str, Any]:
    settings = SETTINGS.model_copy(update=changes)
    return measure_service(ibis.memtable(frame), settings, as_of)


def test_the_log_is_summed_up() -> None:
    """Requests, rows, shares, throughput and cost are those of the log's rows."""
    frame = requests()
    frame.loc[:3, "status"] = 503
    frame.loc[4:13, "status"] = 422
    report = judge(frame)
    assert (report["requests"], report["rows"]) == (200, 400)
    assert (report["error_share"], report["refused_share"]) == (0.02, 0.05)
    days = frame["date"].nunique()
    assert report["days"] == days
    assert report["per_second"]["rows"] == pytest.approx(400 / days / 86400)
    busiest = frame.groupby(frame["answered_at"].dt.floor("min"))["rows"].sum().max()
    assert report["per_second"]["rows_at_most"] == busiest / 60
    assert report["cost"]["per_day"] == 12
    assert report["cost"]["per_thousand_predictions"] == pytest.approx(12 * days / 400 * 1000)
    assert sum(each["requests"] for each in report["by_day"]) == 200
    assert report["cpu_ms_per_request"] == pytest.approx(1.5)


@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=60))
def test_quantiles_are_within_a_hundredth(values: list[float]) -> None:
    """Each quantile is the one of the sorted latencies, within 1 %, whatever they are."""
    frame = pd.DataFrame({"bin": np.floor(np.log(values) / np.log(1.02))})
    counted = frame.groupby("bin", as_index=False).size().rename(columns={"size": "requests"})
    found = latencies(counted.assign(outcome="answered"))
    for name, level in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0)):
        exact = np.quantile(values, level, method="inverted_cdf")
        assert found[name] == pytest.approx(exact, rel=0.0101), name


def test_the_engine_counts_what_pandas_counts() -> None:
    """The bins of the engine give the quantiles of the log itself."""
    frame = requests(5000)
    found = latencies(count_requests(ibis.memtable(frame)))
    exact = np.quantile(frame["latency_ms"], [0.5, 0.9, 0.95, 0.99], method="inverted_cdf")
    assert [found[n] for n in ("p50", "p90", "p95", "p99")] == pytest.approx(exact, rel=0.0101)


def test_refused_and_failed_requests_do_not_make_the_service_look_fast() -> None:
    """Only answered requests have a latency worth reporting."""
    frame = requests()
    failed = frame.assign(status=500, latency_ms=0.1)
    both = judge(pd.concat([frame, failed]))
    assert both["latency_ms"] == judge(frame)["latency_ms"]
    assert both["error_share"] == 0.5


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({}, [True, True]),
        ({"latency_ms": 250.0}, [False, True]),
        ({"status": 500}, [False, False]),
        ({"latency_ms": None}, [False, True]),
    ],
    ids=["fine", "slow", "failing", "unknown"],
)
def test_objectives_are_held_against_the_log(changes: dict[str, Any], met: list[bool]) -> None:
    """Each declared objective is met or not; one without a value is not met."""
    frame = requests(**changes).astype({"latency_ms": "float64"})
    assert [each["met"] for each in judge(frame)["objectives"]] == met


def test_few_requests_give_no_verdict() -> None:
    """Below the declared number an objective is neither met nor missed."""
    assert {each["met"] for each in judge(requests(9))["objectives"]} == {None}


def test_other_routes_are_listed_and_not_judged() -> None:
    """A route that predicts nothing, as a health check, makes the service neither fast nor slow."""
    frame = requests()
    health = requests(1000, route="/health", latency_ms=0.5, role=None).assign(rows=0)
    report = judge(pd.concat([frame, health]))
    assert report["requests"] == 200
    assert report["latency_ms"] == judge(frame)["latency_ms"]
    assert {each["route"]: each["requests"] for each in report["by_route"]} == {
        "/health": 1000,
        "/score": 200,
    }


def test_nothing_after_the_clock_is_looked_at() -> None:
    """Requests later than the clock change nothing where any came before it."""
    later = requests(latency_ms=9e4)
    later["answered_at"] += timedelta(days=4, seconds=1)
    later["date"] = later["answered_at"].dt.date
    report = judge(pd.concat([requests(), later]))
    assert report == judge(requests())
    assert report["basis"] == "clock"


def test_a_log_after_the_clock_is_shown_and_says_so() -> None:
    """Where the log begins after the clock its newest days are shown, and named as that."""
    report = judge(requests(), as_of=datetime(2020, 1, 1, tzinfo=UTC))
    assert report["basis"] == "newest day"
    assert "begins after the clock" in report["told"]
    assert report["requests"] == 200


def test_a_silent_service_is_told() -> None:
    """No request for days before the clock is a problem, not a quiet report."""
    report = judge(requests(), as_of=AS_OF + timedelta(days=5))
    [problem] = report["problems"]
    assert problem["problem"] == "silence"
    assert report["requests"] == 200


def test_versions_are_told_apart() -> None:
    """Each role and version has its own numbers."""
    other = requests(100, role="challenger", model_version="4", latency_ms=90.0)
    found = judge(pd.concat([requests(), other]))["by_version"]
    assert [(each["role"], each["model_version"], each["requests"]) for each in found] == [
        ("challenger", "4", 100),
        ("champion", "3", 200),
    ]
    assert found[0]["latency_ms"]["p50"] == pytest.approx(90, rel=0.0101)


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (None, "no log"),
        (requests(2).head(0), "is empty"),
        (requests(2).drop(columns="status"), "no column 'status'"),
    ],
    ids=["absent", "empty", "no column"],
)
def test_without_a_log_the_report_says_so(log: Any, told: str) -> None:
    """No log, an empty one, or one without a column gives a report that says which."""
    table = None if log is None else ibis.memtable(log)
    report = measure_service(table, SETTINGS, AS_OF)
    assert report["present"] is False
    assert told in report["told"]


def test_times_that_cannot_be_are_told() -> None:
    """A negative latency counts as none, and is reported."""
    frame = requests()
    frame.loc[:4, "latency_ms"] = -1.0
    report = judge(frame)
    assert [each["problem"] for each in report["problems"]] == ["no_latency"]
    assert "5 requests have no latency" in report["problems"][0]["told"]


def test_without_a_price_there_is_no_cost() -> None:
    """Costs are reported by a declared price alone; nothing predicted has no price each."""
    assert judge(requests(), price_per_hour=None)["cost"] is None
    assert judge(requests(20), price_per_hour=1.0)["cost"]["per_day"] == 24


def test_the_memory_of_workers_is_told() -> None:
    """By worker the most and the newest resident memory is told; an older log says nothing."""
    frame = requests()
    assert judge(frame)["memory"] == {"most_mb": None, "workers": []}
    frame["worker"] = np.arange(200, dtype="int32") % 2
    frame["memory_mb"] = np.where(frame["worker"] == 0, 300.0, 400.0)
    frame.loc[50, "memory_mb"] = 900.0
    frame.loc[51, "memory_mb"] = None
    memory = judge(frame)["memory"]
    assert memory["most_mb"] == 900
    assert memory["workers"] == [
        {"worker": 0, "most_mb": 900.0, "newest_mb": 300.0},
        {"worker": 1, "most_mb": 400.0, "newest_mb": 400.0},
    ]
