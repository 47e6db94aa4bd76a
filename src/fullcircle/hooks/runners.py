"""Kedro's other ways to run: those that the tables allow, and one line about those they do not."""

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import ThreadRunner

from fullcircle.core.errors import ConfigurationError
from fullcircle.hooks.timing import name_without_namespace

_WHY = "all tables of a run share one connection to DuckDB, which itself uses every core"


class OneThreadRunner(ThreadRunner):
    """Kedro's ThreadRunner with one thread: nodes take turns.

    A connection of DuckDB answers one query at a time: of two threads, one would end the other's
    stream of rows, or wait for it without end.
    """

    def _get_required_workers_count(self, pipeline: Pipeline) -> int:
        del pipeline
        return 1


def choose_runner(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of ``kedro run`` with a runner that the tables allow.

    Raises:
        ConfigurationError: No such runner can work; says which one to use.
    """
    runner = str(options.get("runner") or "")
    if options.get("is_async") or dict(options.get("runner_params") or {}).get("is_async"):
        raise _refuse("--async", "leave it out")
    if runner.endswith("ParallelRunner"):
        raise _refuse("--runner=ParallelRunner", "use SequentialRunner (the default)")
    if runner in ("ThreadRunner", "kedro.runner.ThreadRunner"):
        return {**options, "runner": f"{__name__}.{OneThreadRunner.__name__}"}
    return options


class RunnerHook:
    """Refuses, before anything is read, what cannot work; also where Python code starts the run."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Look at the runner, and at what the nodes need.

        Raises:
            ConfigurationError: The runner cannot work, or nodes need what lies in memory only.
        """
        runner = str(run_params.get("runner"))
        if "ParallelRunner" in runner:
            raise _refuse("ParallelRunner", "use SequentialRunner (the default)")
        if "ThreadRunner" in runner and OneThreadRunner.__name__ not in runner:
            raise _refuse("ThreadRunner", f"use {__name__}.{OneThreadRunner.__name__}")
        absent = sorted(name for name in pipeline.inputs() if name not in catalog)
        if absent:
            raise ConfigurationError(_explain_absent(absent, pipeline, catalog))

    @hook_impl(tryfirst=True)
    def before_node_run(self, node: Node, is_async: bool) -> None:
        """Refuse what loads and saves in threads of its own.

        Raises:
            ConfigurationError: The runner does so.
        """
        if is_async:
            raise _refuse(f"is_async, at {name_without_namespace(node)}", "leave it out")


def _refuse(what: str, instead: str) -> ConfigurationError:
    return ConfigurationError(f"{what} cannot work here, for {_WHY}: {instead}.")


def _explain_absent(absent: list[str], pipeline: Pipeline, catalog: DataCatalog) -> str:
    makers = _find_makers(absent, pipeline, catalog)
    begin = f" Begin with what makes it: --from-nodes {','.join(makers)}." if makers else ""
    return (
        f"The nodes that were chosen need {', '.join(absent)}, which lies in memory only for as "
        f"long as a run.{begin}"
    )


def _find_makers(absent: list[str], pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    """Find the nodes to begin with, whose own inputs are all stored."""
    from kedro.framework.project import pipelines

    pipelines.set_requested(None)  # Kedro reads no more of them than the run asked for
    chosen, begin, wanted = set(pipeline.nodes), set(), set(absent)
    while wanted:
        makers = {n for n in pipelines["__default__"].nodes if wanted & set(n.outputs)} - chosen
        chosen |= makers
        needed = {n: {name for name in n.inputs if name not in catalog} for n in makers}
        begin |= {name_without_namespace(n) for n in makers if not needed[n]}
        wanted = set().union(*needed.values())
    return sorted(begin)
