"""From predictions and late labels to what has changed and what to do about it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import plotly.graph_objects as go

from fullcircle.core.alerts import AlertSettings, decide, find_conditions
from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.dashboard import draw_dashboard
from fullcircle.core.drift import (
    DriftSettings,
    Period,
    check_versions,
    group_days,
    measure_drift,
)
from fullcircle.core.figures import drift_figure, monitoring_figures
from fullcircle.core.performance import PerformanceSettings, join_labels, measure_windows
from fullcircle.core.profile import PREDICTION
from fullcircle.core.retraining import (
    Evidence,
    RetrainingSettings,
    decide_retraining,
    note_window,
)
from fullcircle.core.scoring.requests import DAY
from fullcircle.core.scoring.rows import BACKFILLED
from fullcircle.core.service import ServiceSettings, measure_service


def report_drift(
    predictions: ir.Table,
    reference_profile: dict[str, Any],
    problem: ProblemSpec,
    drift: DriftSettings,
    as_of: Clock,
) -> dict[str, Any]:
    """Compare the rows of the period after ``as_of`` with the champion's profile at training.

    What is wrong with the window, were it empty, stands under ``problems``.
    """
    period = _find_period(predictions, problem, as_of)
    window = _select_window(predictions, as_of, period)
    versions = window.group_by("model_version").agg(rows=window.count()).to_pyarrow().to_pylist()
    counts = {str(each["model_version"]): int(each["rows"]) for each in versions}
    if window[PREDICTION].type().is_array():
        window = window.mutate(**{PREDICTION: window["decision"].cast("float64")})
    report = measure_drift(
        window,
        reference_profile,
        drift,
        period=period,
        known_columns=set(window.columns) - set(problem.features),
        looked_up={new for lookup in problem.feature_lookups for new in lookup.renaming.values()},
        problems=check_versions(counts, reference_profile["version"]),
    )
    return {"as_of": str(as_of), "model": reference_profile["model"], **report}


def _find_period(predictions: ir.Table, problem: ProblemSpec, as_of: Clock) -> Period | None:
    """Give the period after ``as_of`` and what came in those before; None of a snapshot."""
    when, length = problem.event_time, problem.period_days
    if when is None or length is None:
        return None
    earlier = predictions.filter(predictions[DAY] < as_of.moment.date().isoformat())
    days = earlier.group_by(DAY).agg(rows=earlier.count(), newest=earlier[when].max())
    counted = [
        (date.fromisoformat(each[DAY]), int(each["rows"]), each["newest"])
        for each in days.to_pyarrow().to_pylist()
    ]
    before = group_days(counted, as_of.moment, length)
    return Period(when, as_of.moment, as_of.moment + timedelta(days=length), before)


def _select_window(predictions: ir.Table, as_of: Clock, period: Period | None) -> ir.Table:
    """Select the rows of the period, whenever they were scored; of a snapshot, by their clock."""
    if period is None:
        return predictions.filter(predictions["as_of"] == str(as_of))
    day, moment = predictions[DAY], predictions[period.event_time]
    return predictions.filter(
        # The table is partitioned by day.
        day.between(period.start.date().isoformat(), period.end.date().isoformat()),
        moment >= ibis.literal(period.start),
        moment < ibis.literal(period.end),
    )


def report_performance(
    predictions: ir.Table,
    labels: ir.Table,
    problem: ProblemSpec,
    performance: PerformanceSettings,
    as_of: Clock,
    reference_profile: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score past predictions, per period and version, on the labels that had arrived by then."""
    scored = _leave_out_backfills(predictions).filter(predictions["as_of"] <= str(as_of))
    labelled = join_labels(scored, labels, problem, as_of.moment)
    windows = labelled.windows(performance.max_windows)
    return measure_windows(windows, problem, performance, reference_profile, labelled)


def _leave_out_backfills(predictions: ir.Table) -> ir.Table:
    """Drop rows older than the model's training: it may have learnt from them."""
    return predictions.filter(~predictions[BACKFILLED].fill_null(False))


def report_service(
    endpoint_log: ir.Table | None, service: ServiceSettings, as_of: Clock
) -> dict[str, Any]:
    """Hold the endpoint's log against what was declared; without a log say that there is none."""
    return measure_service(endpoint_log, service, as_of.moment)


def judge_retraining(  # noqa: PLR0913, PLR0917 - all that the rules look at
    drift_report: dict[str, Any],
    performance_report: dict[str, Any],
    reference_profile: dict[str, Any],
    labels: ir.Table,
    watched_before: list[dict[str, Any]],
    retrainings: list[dict[str, Any]],
    problem: ProblemSpec,
    retraining: RetrainingSettings,
    as_of: Clock,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Decide by the declared rules whether the model should be trained again.

    Returns:
        The decision, and what later decisions must know of this window.
    """
    trained_at = Clock.model_validate(reference_profile["trained_at"]).moment
    evidence = Evidence(
        drift=drift_report,
        performance=performance_report,
        reference=reference_profile,
        trained_at=trained_at,
        as_of=as_of.moment,
        watched=watched_before,
        new_labels=_count_labels(labels, problem, trained_at, as_of),
    )
    window = note_window(drift_report, str(reference_profile["version"]), as_of.moment, retraining)
    return decide_retraining(evidence, retraining, retrainings), window


def _count_labels(
    labels: ir.Table, problem: ProblemSpec, since: datetime, as_of: Clock
) -> int | None:
    """Count the labels that became known between two moments; None of a snapshot."""
    if problem.label_time is None:
        return None
    known = labels[problem.label_time]
    new = labels.filter(known > ibis.literal(since), known <= ibis.literal(as_of.moment))
    return int(new.count().execute())


def decide_alerts(
    drift_report: dict[str, Any],
    retrain_decision: dict[str, Any],
    scoring_report: dict[str, Any] | None,
    alerts_before: dict[str, Any] | None,
    alerts: AlertSettings,
    as_of: Clock,
    service_report: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Decide what is worth telling of this window, and has not been told yet."""
    seen = find_conditions(drift_report, retrain_decision, scoring_report, service_report, alerts)
    decided = decide(seen, alerts_before, as_of.moment, alerts)
    return {"as_of": str(as_of), "dry_run": alerts.dry_run, **decided}


def plot_drift_report(drift_report: dict[str, Any]) -> go.Figure:
    """Draw how far each column moved, for kedro-viz and MLflow."""
    return drift_figure(drift_report)


def plot_monitoring(
    drift_report: dict[str, Any],
    performance_report: dict[str, Any],
    reference_profile: dict[str, Any],
    service_report: dict[str, Any],
) -> dict[str, go.Figure]:
    """Draw performance, volume, latency and the columns before and now, by name."""
    promised = reference_profile["promised"]
    return monitoring_figures(drift_report, performance_report, promised, service_report)


def render_dashboard(
    drift_report: dict[str, Any],
    performance_report: dict[str, Any],
    retrain_decision: dict[str, Any],
    reference_profile: dict[str, Any],
    problem: ProblemSpec,
    service_report: dict[str, Any] | None = None,
    alert_log: Sequence[dict[str, Any]] = (),
    alerts: dict[str, Any] | None = None,
) -> str:
    """Write one page that says how things stand."""
    del alerts  # they are in the log by now
    return draw_dashboard(
        problem.name,
        drift_report,
        performance_report,
        retrain_decision,
        reference_profile,
        service_report,
        alert_log,
    )
