"""Names of nodes on the command line: with their pipeline, or without it where that is clear."""

from collections.abc import Iterable, Mapping
from typing import Any

_OPTIONS = ("node_names", "from_nodes", "to_nodes")


def resolve_node_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of ``kedro run``, each node by the name that Kedro has for it.

    Kedro puts a node's pipeline before its name: ``training.search_candidates``. A name without it
    is completed; a name that no node has, or that several have, is left to Kedro, which refuses it.
    """
    given = {option for option in _OPTIONS if options.get(option)}
    if not given:
        return dict(options)
    from kedro.framework.project import pipelines

    known = _group_by_short_name(pipelines["__default__"].nodes)
    return {
        option: [_complete(name, known) for name in value] if option in given else value
        for option, value in options.items()
    }


def _group_by_short_name(nodes: Iterable[Any]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for node in nodes:
        grouped.setdefault(node.name.rpartition(".")[2], []).append(node.name)
    return grouped


def _complete(name: str, known: Mapping[str, list[str]]) -> str:
    full = known.get(name, [])
    return full[0] if len(full) == 1 else name
