"""From predictions and late labels to what has changed and what to do about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import plotly.graph_objects as go

from fullcircle.core.alerts import AlertSettings, decide, find_conditions
from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.drift import DriftSettings, Scored, build_windows, measure_windows
from fullcircle.core.performance import PerformanceSettings, label_sources, measure_sources
from fullcircle.core.retraining import (
    RetrainingInputs,
    RetrainingSettings,
    decide_retraining,
    summarize_window,
)
from fullcircle.core.service import ServiceSettings, measure_service
from fullcircle.reporting.dashboard import draw_dashboard
from fullcircle.reporting.figures import drift_figure, monitoring_figures


def report_drift(
    predictions: ir.Table | None,
    reference_profile: dict[str, Any],
    problem: ProblemSpec,
    drift: DriftSettings,
    as_of: Clock,
    stream_predictions: ir.Table | None = None,
    endpoint_predictions: ir.Table | None = None,
    role_profiles: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare what each source scored with the champion's profile, and other roles' with their own.

    Of a batch the rows of the period after ``as_of`` are looked at, of stream and endpoint the
    newest before it. What is wrong with a window, were it empty, stands under ``problems``.
    """
    scored = Scored(predictions, stream_predictions, endpoint_predictions)
    windows = build_windows(scored, reference_profile, problem, drift, as_of, role_profiles)
    report = measure_windows(windows, drift)
    return {"as_of": str(as_of), "model": reference_profile["model"], **report}


def report_performance(  # noqa: PLR0913, PLR0917 - every source, and what was found before
    predictions: ir.Table | None,
    labels: ir.Table,
    problem: ProblemSpec,
    performance: PerformanceSettings,
    as_of: Clock,
    reference_profile: dict[str, Any] | None = None,
    stream_predictions: ir.Table | None = None,
    endpoint_predictions: ir.Table | None = None,
    previous_performance: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score past predictions of each source on the labels that had arrived by then.

    What has not changed since the report before is taken from it.
    """
    scored = Scored(predictions, stream_predictions, endpoint_predictions)
    sources = label_sources(scored, labels, problem, as_of, performance.window_days)
    return measure_sources(sources, problem, performance, reference_profile, previous_performance)


def report_service(
    endpoint_log: ir.Table | None,
    service: ServiceSettings,
    as_of: Clock,
    endpoint_uptime: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Hold the endpoint's log against what was declared; without a log say that there is none."""
    return measure_service(endpoint_log, service, as_of.moment, endpoint_uptime)


def evaluate_retraining(  # noqa: PLR0913, PLR0917 - all that the rules look at
    drift_report: dict[str, Any],
    performance_report: dict[str, Any],
    reference_profile: dict[str, Any],
    labels: ir.Table,
    previous_watched_window: list[dict[str, Any]],
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
    evidence = RetrainingInputs(
        drift=drift_report,
        performance=performance_report,
        reference=reference_profile,
        trained_at=trained_at,
        as_of=as_of.moment,
        watched=previous_watched_window,
        new_labels=_count_labels(labels, problem, trained_at, as_of),
    )
    window = summarize_window(
        drift_report, str(reference_profile["version"]), as_of.moment, retraining
    )
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
    previous_alerts: dict[str, Any] | None,
    alerts: AlertSettings,
    as_of: Clock,
    service_report: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Decide what is worth telling of this window, and has not been told yet."""
    # A batch that another clock scored was told of then.
    scored = (
        scoring_report if scoring_report and scoring_report.get("as_of") == str(as_of) else None
    )
    seen = find_conditions(drift_report, retrain_decision, scored, service_report, alerts)
    decided = decide(seen, previous_alerts, as_of.moment, alerts)
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
    watched_window: dict[str, Any] | Sequence[dict[str, Any]] = (),
    *alerts: Any,
) -> str:
    """Write one page that says how things stand.

    Of the watched windows, the file gives back all, and memory the one that was put there.
    """
    del alerts  # they are in the log by now
    watched = [watched_window] if isinstance(watched_window, dict) else watched_window
    return draw_dashboard(
        problem.name,
        drift_report,
        performance_report,
        retrain_decision,
        reference_profile,
        service_report,
        alert_log,
        watched,
    )
