"""Tests of monitoring over several sources: batch, stream, and what the endpoint answered."""

from collections.abc import Callable
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from tests.core.endpoint_cases import log_of, table_of
from tests.core.test_drift import draw, profile_of

from fullcircle.core.alerts import AlertSettings, decide, find_conditions
from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.drift import DriftSettings, Scored, build_windows, measure_windows
from fullcircle.core.drift.column_tests import DriftTest
from fullcircle.core.drift.report import find_joint_alarms
from fullcircle.core.drift.windows import DriftWindow, WindowComparison, compare_window
from fullcircle.core.errors import DataError
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.performance import (
    PerformanceSettings,
    label_sources,
    measure_sources,
)
from fullcircle.core.performance import (
    report as performance_report,
)
from fullcircle.core.performance.windows import evaluate_window
from fullcircle.core.predictions.sources import mark_canaries, name_role, name_source
from fullcircle.core.profile import PREDICTION, build_profile
from fullcircle.core.retraining import RetrainingInputs, RetrainingSettings, decide_retraining

Make = Callable[..., ProblemSpec]
SETTINGS = DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=100)
JUDGING = PerformanceSettings(
    min_labels=20, bootstrap_resamples=100, confidence=0.9, seed=1, estimate_draws=0
)
INPUTS = ["age", "income", "city"]
AS_OF = Clock.model_validate("2024-03-11")
DAY = pd.Timedelta(days=1)


def moments(rows: int, days: int = 7) -> pd.DatetimeIndex:
    """Moments spread over the days before the clock."""
    step = days * DAY / rows
    return pd.date_range(pd.Timestamp(AS_OF.moment) - days * DAY, periods=rows, freq=step)


def answers(rows: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    """The endpoint's log of rows that it answered in the week before the clock."""
    timed = rows.assign(at=moments(len(rows))) if "at" not in rows else rows
    return log_of(timed, INPUTS, **changes)


def streamed(rows: pd.DataFrame) -> Any:
    """The same rows as a stream leaves them."""
    stamps = {"model_version": "1", "decision": 0, "backfilled": False, "scored_on": "2024-03-10"}
    frame = rows.assign(ordered_at=moments(len(rows)), as_of="2024-03-10T00:00:01", **stamps)
    return ibis.memtable(frame)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return {**profile_of(draw(np.random.default_rng(0), 2000)), "version": "1", "model": "a.b.c v1"}


@pytest.fixture(scope="module")
def problem(make_problem: Make) -> ProblemSpec:
    return make_problem(request_columns=INPUTS)


def watch(
    problem: ProblemSpec,
    reference: dict[str, Any],
    settings: DriftSettings = SETTINGS,
    profiles: dict[str, Any] | None = None,
    **scored: Any,
) -> dict[str, Any]:
    windows = build_windows(Scored(**scored), reference, problem, settings, AS_OF, profiles)
    return measure_windows(windows, settings)


def quiet(rng: np.random.Generator, source: str, tests: int) -> WindowComparison:
    """A window at rest: chances that are spread evenly, as those of exact tests are."""
    chances = rng.random(tests)
    evidence = [
        DriftTest("distribution", f"c{n}", float(p), 1.0, 0.1, source=source)
        for n, p in enumerate(chances)
    ]
    window = DriftWindow(ibis.memtable({"a": [1]}), {}, source=source)
    return WindowComparison(window, 500, [], evidence, {}, [], judged=True)


def test_more_sources_do_not_multiply_false_alarms() -> None:
    """However many windows are at rest, any alarm is as rare as one window's alone would be.

    Judged each by itself, four windows alarm about four times as often.
    """
    rng, rate, draws = np.random.default_rng(0), 0.1, 600
    together = apart = 0
    for _ in range(draws):
        compared = [quiet(rng, source, 25) for source in ("batch", "stream", "endpoint", "more")]
        together += bool(find_joint_alarms(compared, rate)[1])
        apart += any(find_joint_alarms([each], rate)[1] for each in compared)
    low, high = binom.ppf([0.0005, 0.9995], draws, rate)
    assert low <= together <= high
    assert apart > 2 * high


@pytest.mark.untraced
def test_a_world_at_rest_seldom_raises_an_alarm_of_any_source(problem: ProblemSpec) -> None:
    """Of 40 quiet reports over three windows each, no larger share alarms than declared."""
    rng = np.random.default_rng(11)
    settings = SETTINGS.model_copy(update={"false_alarm_rate": 0.1, "min_psi": 0.0})
    alarms = 0
    for _ in range(5):
        reference = {**profile_of(draw(rng, 1000)), "version": "1"}
        other = {"challenger": {"version": "2", "profile": profile_of(draw(rng, 1000))}}
        for _ in range(8):
            log = [
                answers(draw(rng, 300)),
                answers(draw(rng, 300), role="challenger", model_version="2"),
            ]
            scored = Scored(stream=streamed(draw(rng, 300)), endpoint=table_of(pd.concat(log)))
            windows = build_windows(scored, reference, problem, settings, AS_OF, other)
            compared = [compare_window(each, settings) for each in windows]
            alarms += bool(find_joint_alarms(compared, 0.1)[1])
    assert alarms <= binom.ppf(0.999, 40, 0.1)


def test_a_log_is_read_as_the_same_rows_in_a_table(problem: ProblemSpec) -> None:
    """Numbers, texts, booleans, moments and blanks in the log's JSON count as in training."""
    rng = np.random.default_rng(3)
    rows = draw(rng, 500).assign(
        **{
            'a "quoted" one': rng.choice(["x\\y", 'say "hi"', "é"], 500),
            "flag": rng.random(500) < 0.3,
            "since": pd.Timestamp("2024-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 10_000, 500), unit="h"),
        }
    )
    rows.loc[::7, "city"] = None
    names = [name for name in rows if name != PREDICTION]
    profile = {**build_profile(as_inputs(rows, names), rows[PREDICTION].to_numpy())}
    profile["version"] = "1"
    spec = problem.model_copy(update={"request_columns": names})
    log = log_of(rows.assign(at=moments(500)), names)
    report = watch(spec, profile, endpoint=table_of(log))
    assert {column["name"] for column in report["columns"]} == {*names, PREDICTION}
    for column in report["columns"]:
        assert column["now"] == pytest.approx(column["before"]), column["name"]
    assert report["alarms"] == report["problems"] == []


def test_who_only_serves_has_drift_monitoring(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """Without any batch the endpoint's newest requests are compared, and their source is named."""
    moved = draw(np.random.default_rng(1), 500, shift=1.0)
    report = watch(problem, reference, endpoint=table_of(answers(moved)))
    assert report["drifted"] == ["age"]
    assert {alarm["source"] for alarm in report["alarms"]} == {"endpoint"}
    assert report["rows_by_source"] == {"endpoint": 500}
    seen = find_conditions(report, {"retrain": False, "reasons": []}, None, None, AlertSettings())
    assert [each.what for each in seen.conditions] == ["endpoint: age drifted"]


def test_each_source_is_told_apart(problem: ProblemSpec, reference: dict[str, Any]) -> None:
    """A shift of one source is named as that source's, and the others count as steady."""
    rng = np.random.default_rng(2)
    report = watch(
        problem,
        reference,
        stream=streamed(draw(rng, 400)),
        endpoint=table_of(answers(draw(rng, 400, shift=1.0))),
    )
    found = {part["source"]: part["drifted"] for part in report["sources"]}
    assert found == {"stream": [], "endpoint": ["age"]}
    assert report["tests"] == sum(part["tests"] for part in report["sources"])


def test_an_alert_of_one_source_is_not_over_by_another(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """What the endpoint showed stays open while only the stream can be judged."""
    rng, calm = np.random.default_rng(4), {"retrain": False, "reasons": []}
    settings = AlertSettings()
    moved = table_of(answers(draw(rng, 400, shift=1.0)))
    first = watch(problem, reference, stream=streamed(draw(rng, 400)), endpoint=moved)
    few = table_of(answers(draw(rng, 20)))
    second = watch(problem, reference, stream=streamed(draw(rng, 400)), endpoint=few)
    begun = decide(find_conditions(first, calm, None, None, settings), None, AS_OF.moment, settings)
    later = decide(
        find_conditions(second, calm, None, None, settings),
        begun["memory"],
        AS_OF.moment + DAY,
        settings,
    )
    assert [each["key"] for each in later["open"]] == ["drift@endpoint:age"]
    assert later["notices"] == []


def test_private_columns_are_not_watched_and_the_report_says_so(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """A column that the log does not hold is named with the reason, and is no missing value."""
    spec = problem.model_copy(update={"private_columns": ["income"]})
    rows = draw(np.random.default_rng(5), 400).assign(at=moments(400))
    report = watch(spec, reference, endpoint=table_of(log_of(rows, ["age", "city"])))
    [part] = report["sources"]
    assert list(part["unwatched"]) == ["income"]
    assert "private_columns" in part["unwatched"]["income"]
    assert {column["name"] for column in report["columns"]} == {"age", "city", PREDICTION}
    assert report["alarms"] == report["problems"] == []


def test_rows_of_a_version_with_other_inputs_are_left_out_and_told(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """A canary that has never seen a column does not make it look missing."""
    rng = np.random.default_rng(6)
    rows = draw(rng, 200).assign(at=moments(200))
    canary = log_of(rows, ["age"], role="challenger", model_version="2")
    log = table_of(pd.concat([answers(draw(rng, 300)), canary]))
    report = watch(problem, reference, endpoint=log)
    assert report["alarms"] == []
    [told] = report["problems"]
    assert told["problem"] == "other_inputs"
    assert "200 by version 2" in told["told"]


def test_a_role_is_compared_with_its_own_training(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """A challenger that predicts as it did at its training is quiet, however unlike the champion.

    One that does not is named by role and version; it does not ask for a new champion.
    """
    rng = np.random.default_rng(7)
    own = draw(rng, 1000)
    own[PREDICTION] **= 3
    profiles = {"challenger": {"version": "2", "profile": profile_of(own)}}
    alike = draw(rng, 300)
    alike[PREDICTION] **= 3
    for rows, drifted in ((alike, False), (draw(rng, 300), True)):
        canary = answers(rows, role="challenger", model_version="2")
        log = table_of(pd.concat([answers(draw(rng, 300)), canary]))
        report = watch(problem, reference, profiles=profiles, endpoint=log)
        parts = {part["role"]: part for part in report["sources"]}
        assert parts["challenger"]["prediction_drifted"] is drifted
        assert parts["champion"]["prediction_drifted"] is report["prediction_drifted"] is False


def test_without_anything_scored_the_reason_is_one_line(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """No source, or only empty ones, is refused with what to do, by both reports."""
    empty = table_of(answers(draw(np.random.default_rng(0), 1))).limit(0)
    labels = ibis.memtable(truth(answers(draw(np.random.default_rng(0), 1))))
    for scored in ({}, {"endpoint": empty}):
        with pytest.raises(DataError, match=r"Nothing has been scored yet.*kedro serve"):
            watch(problem, reference, **scored)
        with pytest.raises(DataError, match="Nothing has been scored yet"):
            label_sources(Scored(**scored), labels, problem, AS_OF)


def test_a_source_that_is_not_watched_is_left_out(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """Where the endpoint alone is watched, a batch that is no longer scored is no empty window."""
    rng = np.random.default_rng(19)
    old = ibis.memtable(
        draw(rng, 5).assign(
            scored_on="2024-01-01",
            ordered_at=pd.Timestamp("2024-01-01", tz="UTC"),
            model_version="1",
            as_of="2024-01-01",
        )
    )
    scored = {"batch": old, "endpoint": table_of(answers(draw(rng, 300)))}
    both = watch(problem, reference, **scored)
    alone = watch(
        problem, reference, SETTINGS.model_copy(update={"sources": ["endpoint"]}), **scored
    )
    assert [each["problem"] for each in both["problems"]] == ["empty_window"]
    assert alone["problems"] == []


def test_requests_after_the_clock_wait_for_it(
    problem: ProblemSpec, reference: dict[str, Any]
) -> None:
    """Rows later than the clock are left out as soon as any is older; else the newest are shown."""
    rows = draw(np.random.default_rng(8), 600).assign(at=moments(600))
    late = rows.assign(at=rows["at"] + 30 * DAY)
    both = watch(problem, reference, endpoint=table_of(answers(pd.concat([rows, late]))))
    alone = watch(problem, reference, endpoint=table_of(answers(late)))
    assert [(p["rows"], p["basis"]) for p in both["sources"]] == [(600, "clock")]
    assert [(p["rows"], p["basis"]) for p in alone["sources"]] == [(600, "newest rows")]
    assert "later than the clock" in alone["sources"][0]["told"]


# Performance


def truth(log: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    """Labels of answered rows: more often 1 the higher the prediction, known a minute later."""
    rng = np.random.default_rng(9)
    label = (rng.random(len(log)) < log["predicted"].to_numpy()).astype("int64")
    known = pd.to_datetime(log["answered_at"], utc=True) + pd.Timedelta(minutes=1)
    given = {"order_id": log["row_id"].to_numpy(), "returned": label, "returned_known_at": known}
    return pd.DataFrame(given | changes)


def judge(
    problem: ProblemSpec,
    log: pd.DataFrame,
    labels: pd.DataFrame,
    previous: dict[str, Any] | None = None,
    as_of: Clock = AS_OF,
    **more: Any,
) -> dict[str, Any]:
    scored = Scored(endpoint=table_of(log))
    sources = label_sources(scored, ibis.memtable(labels), problem, as_of)
    return measure_sources(sources, problem, JUDGING, more.get("reference"), previous)


def test_performance_of_the_endpoint_is_by_window_version_and_role(problem: ProblemSpec) -> None:
    """Champion and challenger have a score each in each week, and rows are those they answered."""
    rng = np.random.default_rng(10)
    rows = draw(rng, 400).assign(at=moments(400, days=28), id=[f"o{n}" for n in range(400)])
    canary = draw(rng, 200).assign(at=moments(200, days=28), id=[f"c{n}" for n in range(200)])
    log = pd.concat([answers(rows), answers(canary, role="challenger", model_version="2")])
    log["request_id"] = [f"q{n}" for n in range(len(log))]
    report = judge(problem, log, truth(log))
    found = {(w["role"], w["model_version"], w["as_of"]): w for w in report["windows"]}
    weeks = ["2024-02-12", "2024-02-19", "2024-02-26", "2024-03-04"]
    assert sorted(found) == sorted(
        (role, version, week)
        for role, version in (("champion", "1"), ("challenger", "2"))
        for week in weeks
    )
    assert {w["source"] for w in report["windows"]} == {"endpoint"}
    assert all(w["score"] for w in report["windows"] if w["as_of"] < "2024-03-04")
    assert report["newest"]["endpoint"]["rows"] == 600
    assert report["newest"]["endpoint"]["roc_auc"] > 0.5


def test_labels_join_by_row_id_or_by_request(problem: ProblemSpec) -> None:
    """A row without an id is known by its request, and by its place where there are several."""
    rows = draw(np.random.default_rng(12), 90).assign(at=moments(90))
    log = answers(rows, row_id=None)
    log.loc[60:, "request_id"] = [f"m{n // 3}" for n in range(30)]
    log.loc[60:, "row"] = [n % 3 for n in range(30)]
    names = [*log["request_id"][:60], *(f"m{n // 3}/{n % 3}" for n in range(30))]
    known = judge(problem, log, truth(log, order_id=names))
    assert sum(w["labelled"] for w in known["windows"]) == 90
    vague = judge(problem, log, truth(log, order_id=[*names[:60], *log["request_id"][60:]]))
    assert sum(w["labelled"] for w in vague["windows"]) == 60
    given = log.assign(row_id=[f"o{n}" for n in range(90)])
    plain = judge(problem, given, truth(given))
    scores = [[w["score"]["value"] for w in found["windows"]] for found in (plain, known)]
    assert scores[0] == scores[1]


def test_a_row_that_was_asked_for_again_counts_once(problem: ProblemSpec) -> None:
    """Of several answers to one row in a week, the newest counts."""
    rows = draw(np.random.default_rng(13), 60).assign(at=moments(60, days=3))
    log = answers(rows)
    again = log.assign(
        answered_at=log["answered_at"] + pd.Timedelta(minutes=1),
        request_id="x" + log["request_id"],
        predicted=1 - log["predicted"],
    )
    both = judge(problem, pd.concat([log, again]), truth(log))
    alone = judge(problem, again, truth(log))
    assert both["windows"] == alone["windows"]


def test_a_shadow_is_compared_on_the_rows_that_were_answered(problem: ProblemSpec) -> None:
    """The shadow stands beside each window, with its gain on the same rows."""
    rows = draw(np.random.default_rng(14), 120).assign(at=moments(120, days=5))
    log = answers(rows)
    shadow = log.assign(role="shadow", answered=False, model_version="3")
    report = judge(problem, pd.concat([log, shadow]), truth(log))
    [window] = report["windows"]
    [beside] = window["beside"]
    assert (beside["role"], beside["model_version"], beside["rows"]) == ("shadow", "3", 120)
    assert beside["gain"]["value"] == 0


def test_a_window_has_one_name_whenever_it_is_looked_at(problem: ProblemSpec) -> None:
    """Windows lie on one grid, so that a later run continues what an earlier one told."""
    rows = draw(np.random.default_rng(15), 280).assign(at=moments(280, days=28))
    log, clocks = answers(rows), [Clock.model_validate(f"2024-03-{day}") for day in (11, 12, 17)]
    named = [
        {w["as_of"] for w in judge(problem, log, truth(log), as_of=c)["windows"]} for c in clocks
    ]
    assert named[0] == named[1] == named[2]
    assert all(pd.Timestamp(name).day_name() == "Monday" for name in named[0])


def test_no_label_is_used_before_its_time(problem: ProblemSpec) -> None:
    """Labels that become known after the clock change nothing, however wrong they are."""
    rows = draw(np.random.default_rng(16), 200).assign(at=moments(200, days=14))
    log = answers(rows)
    labels = truth(log, returned_known_at=pd.to_datetime(log["answered_at"], utc=True) + DAY)
    late = labels["returned_known_at"] > pd.Timestamp(AS_OF.moment)
    assert late.any()
    wrong = labels.assign(returned=labels["returned"].where(~late, 1 - labels["returned"]))
    assert judge(problem, log, labels)["windows"] == judge(problem, log, wrong)["windows"]


def test_windows_that_have_not_changed_are_not_judged_again(
    problem: ProblemSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rerun judges nothing; a late label, and it alone, has its window judged again."""
    judged: list[str] = []

    def note(rows: pd.DataFrame, *given: Any) -> dict[str, Any]:
        judged.append(rows["as_of"].iloc[0])
        return whole(rows, *given)

    whole = performance_report.evaluate_window
    monkeypatch.setattr(performance_report, "evaluate_window", note)
    rows = draw(np.random.default_rng(17), 280).assign(at=moments(280, days=28))
    log = answers(rows)
    labels = truth(log)
    first = judge(problem, log, labels)
    assert len(judged) == 4
    second = judge(problem, log, labels.sample(frac=1, random_state=1), first)
    assert len(judged) == 4
    assert second == {**first, "kept": 4}
    labels.loc[75, "returned"] = 1 - labels.loc[75, "returned"]
    third = judge(problem, log, labels, second)
    assert judged[4:] == ["2024-02-19"]
    assert third["windows"] == judge(problem, log, labels)["windows"]
    judged.clear()
    judge(problem.model_copy(update={"primary_metric": "brier"}), log, labels, third)
    assert len(judged) == 4


def test_several_sources_share_the_chance_of_a_false_verdict(problem: ProblemSpec) -> None:
    """With two sources the bound to judge by is wider than the interval that is shown."""
    rows = draw(np.random.default_rng(18), 120).assign(at=moments(120, days=5))
    log = answers(rows)
    labels = ibis.memtable(truth(log))
    stream = streamed(rows.drop(columns="at")).mutate(order_id=ibis.literal("s"))
    both = Scored(stream=stream, endpoint=table_of(log))
    report = measure_sources(label_sources(both, labels, problem, AS_OF), problem, JUDGING)
    [window] = [w for w in report["windows"] if w["source"] == "endpoint"]
    assert window["bound"]["low"] < window["score"]["low"]
    assert window["bound"]["confidence"] == pytest.approx(0.95)
    assert set(window["bounds"]) == set(window["scores"])
    [alone] = judge(problem, log, truth(log))["windows"]
    assert "bound" not in alone


def test_limits_of_all_sources_are_seldom_broken_by_chance(problem: ProblemSpec) -> None:
    """With each metric at its limit, the wider bounds keep the chance of any false verdict.

    A limit lies on one side: of the confidence of 0.8, 0.1 may fail there over all sources.
    """
    rng, sources, trials = np.random.default_rng(7), 4, 100
    limits = RetrainingSettings(max_drifted_columns=1, score_limit={"accuracy": 0.7})
    judging = JUDGING.model_copy(update={"bootstrap_resamples": 200, "confidence": 0.8})
    false = {"bounds": 0, "scores": 0}
    for _ in range(trials):
        windows = [
            {"source": f"s{n}", "as_of": "2025-01-01", "model_version": "1"}
            | evaluate_window(draw_right(rng, 0.7), problem, judging, None, sources)
            for n in range(sources)
        ]
        for name in false:
            seen = [{**each, "bounds": each[name]} for each in windows]
            false[name] += any(break_limit(each, limits) for each in seen)
    assert false["bounds"] / trials <= 0.13
    assert false["scores"] / trials > 0.2


def draw_right(rng: np.random.Generator, share: float) -> pd.DataFrame:
    """Draw labelled rows of which so many are decided rightly, in the long run."""
    label = rng.integers(0, 2, 300).astype(float)
    decided = np.where(rng.random(300) < share, label, 1 - label)
    predicted = np.where(decided == 1, 0.8, 0.2)
    return pd.DataFrame({"returned": label, "predicted": predicted, "decision": decided})


def break_limit(window: dict[str, Any], limits: RetrainingSettings) -> bool:
    """Return whether a window asks for a retraining by its limits alone."""
    still = {"rows": 1, "judged": False, "drifted": [], "prediction_drifted": False}
    evidence = RetrainingInputs(
        {**still, "vanished": [], "columns": []},
        {"metric": "roc_auc", "windows": [window]},
        {"version": "1", "promised": {"value": 0.0, "low": 0.0, "high": 1.0}},
        AS_OF.moment,
        AS_OF.moment,
    )
    return bool(decide_retraining(evidence, limits)["asked"])


def test_a_challenger_beside_the_champion_is_shown_as_a_canary() -> None:
    """It is one where the champion answered as well; one that answers everybody is none."""
    parts = [
        {"source": "endpoint", "as_of": day, "role": role, "model_version": "2"}
        for day, role in (("2025-01-01", "champion"), ("2025-01-01", "challenger"),
                          ("2025-01-08", "challenger"))
    ]  # fmt: skip
    marked = mark_canaries(parts)
    assert [name_role(part) for part in marked] == ["champion", "canary", "challenger"]
    assert name_source(marked[1], several=True) == "endpoint, canary v2: "
    assert mark_canaries(marked[1:2]) == parts[1:2]
