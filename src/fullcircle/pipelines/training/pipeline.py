"""training_set → train_set, selection_set, gate_set → leaderboard, challenger."""

from kedro.pipeline import Pipeline, node, pipeline

from fullcircle.pipelines.training import nodes


def create_pipeline(**kwargs: object) -> Pipeline:  # noqa: ARG001 - Kedro's signature
    """Split, fit, compare and choose."""
    return pipeline(
        [
            node(
                nodes.split_training_set,
                ["training_set", "params:problem"],
                ["train_set", "selection_set", "gate_set"],
                name="split_training_set",
            ),
            node(
                nodes.fit_candidates,
                ["train_set", "params:problem", "params:training"],
                "candidates",
                name="fit_candidates",
            ),
            node(
                nodes.compare_candidates,
                ["candidates", "selection_set", "params:problem", "params:training"],
                "leaderboard",
                name="compare_candidates",
            ),
            node(
                nodes.record_candidates,
                ["candidates", "leaderboard", "params:training"],
                "candidate_runs",
                name="record_candidates",
            ),
            node(
                nodes.choose_challenger,
                [
                    "candidates",
                    "leaderboard",
                    "train_set",
                    "selection_set",
                    "params:problem",
                    "params:training",
                    "params:as_of",
                ],
                "challenger",
                name="choose_challenger",
            ),
        ],
        tags="training",
    )
