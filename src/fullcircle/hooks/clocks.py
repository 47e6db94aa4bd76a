"""Results of another clock are no input: each stored result says which run made it."""

import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from fullcircle.core.contract import Clock
from fullcircle.core.errors import StorageError
from fullcircle.tracking.made_by import MadeBy, begin_run, end_run

_logger = logging.getLogger(__name__)
_CLOCK = "params:as_of"


class ClockHook:
    """Refuses what a run at another clock has left, and what another run wrote over this one's.

    What is computed from ``as_of`` holds for that clock alone, whichever command computed it. A
    dataset that many clocks share says so by ``spans_clocks``: predictions, ledgers, the champion.
    """

    def __init__(self) -> None:
        self._source = ""
        self._run: MadeBy | None = None
        self._catalog: DataCatalog | None = None
        self._bound: set[str] = set()
        self._written: set[str] = set()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note the source of data."""
        self._source = str(context.config_loader["globals"].get("data_source", ""))

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Look at what earlier runs have left for this one.

        Raises:
            StorageError: It is of another clock; names the pipelines that make it.
        """
        problem, as_of = catalog.load("params:problem").name, str(catalog.load(_CLOCK))
        self._run = MadeBy(as_of, problem, self._source, uuid.uuid4().hex)
        self._catalog, self._written = catalog, set()
        named = _name_pipelines()
        self._bound = find_bound([*named.values(), pipeline], catalog)
        # With only_missing_outputs, outputs that are there are taken for this run's own.
        taken = pipeline.datasets() if run_params.get("only_missing_outputs") else pipeline.inputs()
        stale = find_stale(self._bound & taken, self._run, catalog)
        if stale:
            makers = _find_makers(set(stale), self._bound, self._run, catalog, named)
            raise StorageError(_explain_stale(stale, self._run, makers))
        begin_run(self._run)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Note what this run has written."""
        self._written.add(dataset_name)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """See that what a node reads is what this run wrote, where it wrote it.

        Raises:
            StorageError: Another run has written over it since.
        """
        if self._run is None or self._catalog is None or dataset_name not in self._written:
            return
        dataset: Any = self._catalog.get(dataset_name)
        if not hasattr(dataset, "made_by") or getattr(dataset, "spans_clocks", False):
            return
        made_by = dataset.made_by()
        if made_by is None or made_by.session != self._run.session:
            raise StorageError(
                f"{dataset_name} was written over by another program while this run worked: it "
                "was stopped, before it used rows that are not its own. Run again when that is "
                "done."
            )

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Write this run's name no more."""
        end_run()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Write this run's name no more."""
        end_run()


def find_bound(parts: Iterable[Pipeline], catalog: DataCatalog) -> set[str]:
    """Return the datasets that hold for one clock alone.

    They are made from ``as_of``, or from another such dataset.
    """
    nodes = {node.name: node for part in parts for node in part.nodes}
    bound: set[str] = set()
    for node in Pipeline(list(nodes.values())).nodes:
        if _CLOCK in node.inputs or bound & set(node.inputs):
            bound |= {name for name in node.outputs if not _spans_clocks(name, catalog)}
    return bound


def _spans_clocks(name: str, catalog: DataCatalog) -> bool:
    return name in catalog and bool(getattr(catalog.get(name), "spans_clocks", False))


def find_stale(names: Iterable[str], run: MadeBy, catalog: DataCatalog) -> dict[str, str]:
    """Say of each stored dataset that is not of a run's clock, problem and source what it is of."""
    stored = [name for name in sorted(names) if name in catalog and catalog.exists(name)]
    found = {name: _describe_maker(name, catalog.get(name), run) for name in stored}
    return {name: said for name, said in found.items() if said}


def _describe_maker(name: str, dataset: Any, run: MadeBy) -> str | None:
    """Say what made a dataset; None where a run may read it."""
    if hasattr(dataset, "trained_at"):
        trained = dataset.trained_at()
        later = trained is not None and _is_later(trained, run.as_of)
        return f"was trained as of {trained}" if later else None
    made_by = dataset.made_by() if hasattr(dataset, "made_by") else None
    if made_by is None:
        return "does not say at which as_of it was made"
    if made_by.is_by_hand:
        _logger.warning("%s was saved by hand: it is taken as of %s.", name, run.as_of)
        return None
    if (made_by.problem, made_by.data_source) != (run.problem, run.data_source):
        return f"was made for {made_by.problem} on {made_by.data_source} data"
    return None if made_by.as_of == run.as_of else f"was made as of {made_by.as_of}"


def _is_later(moment: str, other: str) -> bool:
    return Clock.model_validate(moment).moment > Clock.model_validate(other).moment


def _explain_stale(stale: Mapping[str, str], run: MadeBy, makers: Iterable[str]) -> str:
    said = "; ".join(f"{name} {why}" for name, why in stale.items())
    return (
        f"{said}, and this run is as of {run.as_of}. Make it first: kedro run --pipelines "
        f"{','.join(makers)} --params as_of={run.as_of}"
    )


def _name_pipelines() -> dict[str, Pipeline]:
    """Return all pipelines in their order, also where the run asked Kedro for a few."""
    pipelines.set_requested(None)
    named = {name: part for name, part in pipelines.items() if name != "__default__"}
    order = [node.name for node in pipelines["__default__"].nodes]
    return dict(sorted(named.items(), key=lambda item: _find_place(item[1], order)))


def _find_place(part: Pipeline, order: list[str]) -> int:
    places = [order.index(node.name) for node in part.nodes if node.name in order]
    return max(places, default=len(order))


def _find_makers(
    stale: set[str],
    bound: set[str],
    run: MadeBy,
    catalog: DataCatalog,
    named: Mapping[str, Pipeline],
) -> list[str]:
    """Name the pipelines that make what is stale, and what they need that is stale as well."""
    makers: set[str] = set()
    while stale:
        new = {name for name, part in named.items() if stale & part.all_outputs()} - makers
        makers |= new
        needed = set().union(*(named[name].inputs() & bound for name in new))
        stale = set(find_stale(needed, run, catalog))
    return [name for name in named if name in makers]
