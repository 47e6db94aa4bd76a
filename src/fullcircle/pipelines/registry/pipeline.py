"""challenger + incumbent + gate_set → promotion_decision → champion and its metadata."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.preview_contract import TextPreview

from fullcircle.core.gate import describe_questions
from fullcircle.pipelines.registry import nodes


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Let the gate decide, move the champion, describe it."""
    return pipeline(
        [
            node(
                nodes.evaluate_gate,
                [
                    "challenger",
                    "incumbent",
                    "gate_set",
                    "challenger_probe",
                    "rolled_back",
                    "kept_decision",
                    "feature_tables",
                    "intake_report",
                    "params:problem",
                    "params:gate",
                    "params:as_of",
                ],
                "promotion_decision",
                name="evaluate_gate",
                preview_fn=preview_gate,
            ),
            node(
                nodes.select_champion,
                ["challenger", "incumbent", "promotion_decision"],
                "champion",
                name="select_champion",
            ),
            node(
                nodes.build_reference_profile,
                ["champion", "params:problem"],
                "reference_profile",
                name="build_reference_profile",
            ),
            node(
                nodes.write_model_card,
                ["champion", "promotion_decision"],
                ["model_card", "model_card_page"],
                name="write_model_card",
            ),
        ],
        tags="registry",
        namespace="registry",  # a box that unfolds in Kedro-Viz
        prefix_datasets_with_namespace=False,
    )


def preview_gate() -> TextPreview:
    """Show in Kedro-Viz what the gate asks."""
    return TextPreview(describe_questions())
