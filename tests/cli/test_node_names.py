"""Tests of node names on the command line."""

from typing import Any

from fullcircle.cli.node_names import resolve_node_names


def test_a_node_is_named_with_or_without_its_pipeline(circle: Any) -> None:
    """A short name becomes Kedro's, a full one stays, an unknown one is Kedro's to refuse."""
    given = {
        "node_names": ["validate_rows", "training.search_candidates", "no_such_node"],
        "from_nodes": [],
        "tags": ("scoring",),
    }
    assert resolve_node_names(given) == {
        "node_names": [
            "data_processing.validate_rows",
            "training.search_candidates",
            "no_such_node",
        ],
        "from_nodes": [],
        "tags": ("scoring",),
    }
