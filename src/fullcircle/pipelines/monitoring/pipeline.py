"""Predictions of all sources + profiles + labels + endpoint_log → reports, alerts, dashboard."""

from kedro.pipeline import Pipeline, node, pipeline

from fullcircle.pipelines.monitoring import nodes


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Watch drift and performance, decide about retraining, and alert."""
    return pipeline(
        [
            node(
                nodes.report_drift,
                [
                    "predictions",
                    "reference_profile",
                    "params:problem",
                    "params:drift",
                    "params:as_of",
                    "stream_predictions",
                    "endpoint_predictions",
                    "role_profiles",
                ],
                "drift_report",
                name="report_drift",
            ),
            node(
                nodes.report_performance,
                [
                    "predictions",
                    "labels",
                    "params:problem",
                    "params:performance",
                    "params:as_of",
                    "reference_profile",
                    "stream_predictions",
                    "endpoint_predictions",
                    "previous_performance",
                ],
                "performance_report",
                name="report_performance",
            ),
            node(
                nodes.report_service,
                ["endpoint_log", "params:service", "params:as_of", "endpoint_uptime"],
                "service_report",
                name="report_service",
            ),
            node(
                nodes.evaluate_retraining,
                [
                    "drift_report",
                    "performance_report",
                    "reference_profile",
                    "labels",
                    "previous_watched_window",
                    "retrainings",
                    "params:problem",
                    "params:retraining",
                    "params:as_of",
                ],
                ["retrain_decision", "watched_window"],
                name="evaluate_retraining",
            ),
            node(
                nodes.decide_alerts,
                [
                    "drift_report",
                    "retrain_decision",
                    "scoring_report",
                    "previous_alerts",
                    "params:alerts",
                    "params:as_of",
                    "service_report",
                ],
                "alerts",
                name="decide_alerts",
            ),
            node(nodes.plot_drift_report, "drift_report", "drift_plot", name="plot_drift_report"),
            node(
                nodes.plot_monitoring,
                ["drift_report", "performance_report", "reference_profile", "service_report"],
                "monitoring_figures",
                name="plot_monitoring",
            ),
            node(
                nodes.render_dashboard,
                [
                    "drift_report",
                    "performance_report",
                    "retrain_decision",
                    "reference_profile",
                    "params:problem",
                    "service_report",
                    "alert_log",
                    "watched_window",
                    "alerts",
                ],
                "dashboard",
                name="render_dashboard",
            ),
        ],
        tags="monitoring",
        namespace="monitoring",  # a box that unfolds in Kedro-Viz
        prefix_datasets_with_namespace=False,
    )
