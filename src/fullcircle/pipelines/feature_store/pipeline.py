"""events → feature_tables, training_rows → training_set."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.preview_contract import MermaidPreview

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
                preview_fn=preview_join,
            ),
        ],
        tags="feature_store",
        namespace="feature_store",  # a box that unfolds in Kedro-Viz
        prefix_datasets_with_namespace=False,
    )


def preview_join() -> MermaidPreview:
    """Show in Kedro-Viz what a row may know."""
    return MermaidPreview(
        "flowchart LR\n"
        "event[a row of events, at its event time]\n"
        "before[newest features of its keys, known by then] --> event\n"
        "old[older than the lookup's max age] -. a gap .-> event\n"
        "later[known later] -. never seen .-x event\n"
        "event --> training_set\n"
        "label[label known by as_of] --> training_set"
    )
