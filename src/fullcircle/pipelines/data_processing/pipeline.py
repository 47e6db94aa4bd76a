"""raw → events, labels, rejected_rows, intake_report."""

from kedro.pipeline import Pipeline, node, pipeline

from fullcircle.pipelines.data_processing import nodes


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Clean raw rows, setting bad ones aside with their reason."""
    return pipeline(
        [
            node(
                nodes.validate_rows, ["raw", "params:problem"], "judged_rows", name="validate_rows"
            ),
            node(
                nodes.collect_rejected,
                ["raw", "judged_rows"],
                "rejected_rows",
                name="collect_rejected",
            ),
            node(
                nodes.report_intake,
                ["judged_rows", "rejected_rows", "params:intake"],
                "intake_report",
                name="report_intake",
            ),
            node(
                nodes.select_events,
                ["judged_rows", "intake_report"],
                "events",
                name="select_events",
            ),
            node(nodes.select_labels, ["events", "params:problem"], "labels", name="select_labels"),
        ],
        tags="data_processing",
        namespace="data_processing",  # a box that unfolds in Kedro-Viz
        prefix_datasets_with_namespace=False,
    )
