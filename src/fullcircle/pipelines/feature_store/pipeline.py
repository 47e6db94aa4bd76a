"""events → feature_tables, training_rows → training_set."""

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
                nodes.choose_training_rows,
                ["events", "params:problem", "params:as_of", "params:training_sample"],
                "training_rows",
                name="choose_training_rows",
            ),
            node(
                nodes.build_training_set,
                ["events", "feature_tables", "params:problem", "params:as_of", "training_rows"],
                "training_set",
                name="build_training_set",
            ),
        ],
        tags="feature_store",
    )
