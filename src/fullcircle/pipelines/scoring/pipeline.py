"""events → scoring_requests; + feature_tables + champion → predictions → scoring_report."""

from kedro.pipeline import Pipeline, node, pipeline

from fullcircle.pipelines.scoring import nodes


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Score the rows after ``as_of``, or of a span of days, with the champion."""
    return pipeline(
        [
            node(
                nodes.select_requests,
                [
                    "events",
                    "previous_scored_days",
                    "params:problem",
                    "params:as_of",
                    "params:since",
                    "params:until",
                ],
                ["scoring_requests", "rejected_requests"],
                name="select_requests",
            ),
            node(
                nodes.plan_scoring,
                [
                    "scoring_requests",
                    "previous_scored_days",
                    "feature_tables",
                    "champion",
                    "shadow_models",
                    "params:problem",
                    "params:as_of",
                    "params:since",
                    "params:until",
                ],
                "scoring_plan",
                name="plan_scoring",
            ),
            node(
                nodes.score_requests,
                [
                    "scoring_requests",
                    "feature_tables",
                    "champion",
                    "shadow_models",
                    "scoring_plan",
                    "params:problem",
                    "params:as_of",
                    "params:scoring",
                ],
                ["predictions", "scored_days"],
                name="score_requests",
            ),
            node(
                nodes.report_scoring,
                [
                    "predictions",
                    "scoring_plan",
                    "scored_days",
                    "rejected_requests",
                    "params:as_of",
                ],
                "scoring_report",
                name="report_scoring",
            ),
        ],
        tags="scoring",
        namespace="scoring",  # a box that unfolds in Kedro-Viz
        prefix_datasets_with_namespace=False,
    )
