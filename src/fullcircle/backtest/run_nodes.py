"""Running nodes of the pipelines by the names of what goes in and comes out, without a session."""

from collections.abc import Mapping
from typing import Any, Protocol

from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.io.memory_dataset import _EMPTY
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner


class DatasetSource(Protocol):
    """Where an input lies that was not given: a catalog."""

    def get(self, name: str) -> Any:
        """Give the dataset of a name."""
        ...


class _Kept(MemoryDataset):
    """A value in memory that outlives the run which made it."""

    def _release(self) -> None:
        """Keep the value."""


def run_nodes(
    pipeline: Pipeline,
    given: Mapping[str, Any],
    wanted: tuple[str, ...],
    dataset_source: DatasetSource,
    written: Mapping[str, AbstractDataset[Any, Any]] | None = None,
) -> dict[str, Any]:
    """Run what is needed of a pipeline, and no node all of whose outputs are given.

    Args:
        pipeline: The nodes.
        given: Values by the name of their dataset.
        wanted: Names of the outputs to give back.
        dataset_source: Where all other inputs are read from; parameters above all.
        written: Datasets of outputs that are more than a value.

    Returns:
        The wanted values by name.
    """
    open_nodes = [node for node in pipeline.nodes if not set(node.outputs) <= set(given)]
    needed = Pipeline(open_nodes).to_outputs(*wanted)
    places: dict[str, Any] = {name: _keep() for name in needed.all_outputs()} | dict(written or {})
    for name in needed.inputs():
        places[name] = _keep(given[name]) if name in given else dataset_source.get(name)
    catalog = DataCatalog(places)
    SequentialRunner().run(needed, catalog)
    return {name: catalog.load(name) for name in wanted}


def _keep(value: Any = _EMPTY) -> _Kept:
    return _Kept(value, copy_mode="assign")
