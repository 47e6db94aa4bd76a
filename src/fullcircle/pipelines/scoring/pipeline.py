"""events → scoring_requests; + feature_tables + champion → predictions."""

from kedro.pipeline import Pipeline, node, pipeline

from fullcircle.pipelines.scoring import nodes


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Score the rows after ``as_of`` with the champion."""
    return pipeline(
        [
            node(
                nodes.select_requests,
                ["events", "params:problem", "params:as_of"],
                "scoring_requests",
                name="select_requests",
            ),
            node(
                nodes.score_requests,
                [
                    "scoring_requests",
                    "feature_tables",
                    "champion",
                    "params:problem",
                    "params:as_of",
                ],
                "predictions",
                name="score_requests",
            ),
        ],
        tags="scoring",
    )
