"""A progress bar over the nodes of a run; in a log file, one line per node."""

import logging

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fullcircle.hooks.timing import RunTimer

_logger = logging.getLogger(__name__)


class ProgressHook:
    """Shows which node runs, how many are done and for how long the run has been going."""

    def __init__(self, timer: RunTimer) -> None:
        self._timer = timer
        self._progress: Progress | None = None

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Start the bar, if a person is watching."""
        console = Console(stderr=True)
        if not console.is_terminal:
            return
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._progress.add_task("starting", total=len(pipeline.nodes))
        self._progress.start()

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Name the node that starts."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], description=node.name)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Count the node that is done."""
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0])
        else:
            _logger.info("%s %.1f s", node.name, self._timer.node_seconds.get(node.name, 0.0))

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Take the bar away before the summary is printed."""
        self._stop()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Take the bar away before the error is printed."""
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
