"""events → feature_tables → training_set."""

from kedro.pipeline import Pipeline, node, pipeline

from fullcircle.pipelines.feature_store import nodes


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Compute feature tables and join them point in time."""
    return pipeline(
        [
            node(
                nodes.compute_feature_tables,
                ["events", "params:problem"],
                "feature_tables",
                name="compute_feature_tables",
            ),
            node(
                nodes.build_training_set,
                ["events", "feature_tables", "params:problem", "params:as_of"],
                "training_set",
                name="build_training_set",
            ),
        ],
        tags="feature_store",
    )
