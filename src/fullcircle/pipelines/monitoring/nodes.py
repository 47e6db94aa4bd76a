"""From predictions and late labels to what has changed and what to do about it."""

from typing import Any

import ibis
import ibis.expr.types as ir
import plotly.graph_objects as go

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.dashboard import draw_dashboard, plot_drift
from fullcircle.core.drift import DriftSettings, measure_drift
from fullcircle.core.errors import DataError
from fullcircle.core.performance import PerformanceSettings, measure_performance
from fullcircle.core.profile import PREDICTION
from fullcircle.core.retraining import RetrainingSettings, decide_retraining
from fullcircle.core.scoring.rows import BACKFILLED


def report_drift(
    predictions: ir.Table,
    reference_profile: dict[str, Any],
    drift: DriftSettings,
    as_of: Clock,
) -> dict[str, Any]:
    """Compare the rows scored at ``as_of`` with the profile taken at the champion's training.

    Raises:
        DataError: Nothing was scored at ``as_of``.
    """
    window = predictions.filter(predictions["as_of"] == str(as_of))
    if not window.count().execute():
        raise DataError(f"Nothing was scored at as_of={as_of}. Run the scoring pipeline first.")
    if window[PREDICTION].type().is_array():
        window = window.mutate(**{PREDICTION: window["decision"].cast("float64")})
    report = measure_drift(window, reference_profile, drift)
    return {"as_of": str(as_of), "model": reference_profile["model"], **report}


def report_performance(
    predictions: ir.Table,
    labels: ir.Table,
    problem: ProblemSpec,
    performance: PerformanceSettings,
    as_of: Clock,
) -> dict[str, Any]:
    """Score past predictions, per period and version, on the labels that had arrived by then."""
    scored = _leave_out_backfills(predictions).filter(predictions["as_of"] <= str(as_of))
    if problem.label_time is not None:
        labels = labels.filter(labels[problem.label_time] <= ibis.literal(as_of.moment))
    joined = scored.left_join(labels, problem.row_id)
    columns = [problem.row_id, "as_of", "model_version", PREDICTION, problem.label]
    frame = joined.select(*columns).order_by("as_of", problem.row_id).to_pandas()
    return measure_performance(frame, problem, performance)


def _leave_out_backfills(predictions: ir.Table) -> ir.Table:
    """Drop rows older than the model's training: it may have learnt from them."""
    return predictions.filter(~predictions[BACKFILLED].fill_null(False))


def judge_retraining(
    drift_report: dict[str, Any],
    performance_report: dict[str, Any],
    reference_profile: dict[str, Any],
    retraining: RetrainingSettings,
    as_of: Clock,
) -> dict[str, Any]:
    """Decide by the declared rules whether the model should be trained again."""
    return decide_retraining(
        drift_report,
        performance_report,
        reference=reference_profile,
        trained_at=Clock.model_validate(reference_profile["trained_at"]).moment,
        as_of=as_of.moment,
        settings=retraining,
    )


def plot_drift_report(drift_report: dict[str, Any]) -> go.Figure:
    """Draw how far each column moved, for kedro-viz and MLflow."""
    return plot_drift(drift_report)


def render_dashboard(
    drift_report: dict[str, Any],
    performance_report: dict[str, Any],
    retrain_decision: dict[str, Any],
    reference_profile: dict[str, Any],
    problem: ProblemSpec,
) -> str:
    """Write one page that says how things stand."""
    return draw_dashboard(
        problem.name, drift_report, performance_report, retrain_decision, reference_profile
    )
