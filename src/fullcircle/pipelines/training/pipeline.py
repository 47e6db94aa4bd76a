"""training_set → train_set, selection_set, gate_set → leaderboard, challenger and metadata."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.preview_contract import MermaidPreview

from fullcircle.pipelines.training import all_rows, nodes

_DECLARED = ["params:problem", "params:training"]


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Split, diagnose, search, compare, choose; then say what was chosen and how good it is."""
    return pipeline(
        [
            node(
                nodes.split_training_set,
                ["training_set", "params:problem"],
                ["train_set", "selection_set", "gate_set"],
                name="split_training_set",
                preview_fn=preview_split,
            ),
            node(
                nodes.describe_train_set,
                "train_set",
                ["train_set_head", "train_set_statistics"],
                name="describe_train_set",
            ),
            node(
                all_rows.select_all_train_rows,
                [
                    "events",
                    "feature_tables",
                    "selection_set",
                    "gate_set",
                    *_DECLARED,
                    "params:as_of",
                ],
                "all_train_rows",
                name="select_all_train_rows",
            ),
            node(
                nodes.diagnose_train_set,
                ["train_set", *_DECLARED],
                "preparation_report",
                name="diagnose_train_set",
            ),
            node(
                nodes.search_candidates,
                ["train_set", "preparation_report", "search_journal", *_DECLARED],
                "search_report",
                name="search_candidates",
            ),
            node(
                nodes.fit_finalists,
                ["train_set", "preparation_report", "search_report", *_DECLARED],
                "candidates",
                name="fit_finalists",
            ),
            node(
                nodes.compare_candidates,
                ["candidates", "search_report", "train_set", "selection_set", *_DECLARED],
                "leaderboard",
                name="compare_candidates",
            ),
            node(
                nodes.record_candidates,
                ["search_report", "leaderboard", "params:training"],
                "candidate_runs",
                name="record_candidates",
            ),
            node(
                nodes.choose_winner,
                [
                    "candidates",
                    "leaderboard",
                    "search_report",
                    "preparation_report",
                    "train_set",
                    "selection_set",
                    *_DECLARED,
                ],
                "winner",
                name="choose_winner",
            ),
            node(
                nodes.assess_winner,
                [
                    "winner",
                    "leaderboard",
                    "search_report",
                    "preparation_report",
                    "train_set",
                    "selection_set",
                    *_DECLARED,
                ],
                ["evaluation_report", "evaluation_figures"],
                name="assess_winner",
            ),
            node(
                all_rows.fit_on_all_rows,
                ["winner", "candidates", "all_train_rows", "training_rows", *_DECLARED],
                "full_fits",
                name="fit_on_all_rows",
            ),
            node(
                nodes.make_challenger,
                [
                    "winner",
                    "preparation_report",
                    "train_set",
                    "selection_set",
                    *_DECLARED,
                    "params:as_of",
                    "evaluation_report",
                    "full_fits",
                ],
                "challenger",
                name="make_challenger",
            ),
            node(
                nodes.write_challenger_notebook,
                [
                    "challenger",
                    "preparation_report",
                    "leaderboard",
                    "data_versions",
                    *_DECLARED,
                    "params:gate",
                ],
                "challenger_notebook",
                name="write_challenger_notebook",
            ),
        ],
        tags="training",
        namespace="training",  # a box that unfolds in Kedro-Viz
        prefix_datasets_with_namespace=False,
    )


def preview_split() -> MermaidPreview:
    """Show in Kedro-Viz who may see which rows."""
    return MermaidPreview(
        "flowchart LR\n"
        "training_set --> train_set & selection_set & gate_set\n"
        "train_set --> tune[search, fit, calibrate]\n"
        "selection_set --> select[choose the winner and its threshold]\n"
        "gate_set --> gate[challenger against champion]\n"
        "tune --> select --> gate"
    )
