"""A progress bar over the nodes of a run and the work within them; in a log file, lines."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from fullcircle.hooks.timing import RunTimer, name_without_namespace

_logger = logging.getLogger(__name__)
_WORK = logging.getLogger("fullcircle.progress")
_shown: list[Progress] = []


class WorkBar(logging.Handler):
    """Shows what long work within a node says of itself as one more line of a progress bar.

    A message of the logger ``fullcircle.progress`` may carry ``share``, how much of the work is
    done, from 0 to 1.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._task: TaskID | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        share = getattr(record, "share", None)
        if self._task is None:
            self._task = self._progress.add_task("", total=100)
        self._progress.update(
            self._task,
            description=record.getMessage(),
            completed=None if share is None else 100 * share,
        )

    def clear(self) -> None:
        """Take the line away: the work is done."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


@contextmanager
def watch_work(progress: Progress) -> Iterator[WorkBar]:
    """Show messages of long work in a progress bar instead of logging them."""
    bar = WorkBar(progress)
    _WORK.addHandler(bar)
    _WORK.propagate = False
    try:
        yield bar
    finally:
        _WORK.removeHandler(bar)
        _WORK.propagate = True


def _new_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


@contextmanager
def show_work() -> Iterator[None]:
    """Show long work as a progress bar, if a person is watching."""
    console = Console(stderr=True)
    if not console.is_interactive:
        yield
        return
    progress = _new_bar(console)
    _shown.append(progress)
    with progress, watch_work(progress):
        yield


@contextmanager
def show_steps(total: int) -> Iterator[Callable[[int, str], None]]:
    """Show how many steps are done, what comes next and how long it will take, to a person.

    Yields:
        What is to be told how many steps are done, and what comes next.
    """
    console = Console(stderr=True)
    if not console.is_interactive:
        yield lambda done, what: None  # noqa: ARG005 - nobody watches
        return
    progress = _new_bar(console)
    task = progress.add_task("starting", total=total)
    _shown.append(progress)
    with progress, watch_work(progress) as work:

        def tell(done: int, what: str) -> None:
            work.clear()
            progress.update(task, completed=done, description=what)

        yield tell


class ProgressHook:
    """Shows which node runs, how many are done and for how long the run has been going."""

    def __init__(self, timer: RunTimer) -> None:
        self._timer = timer
        self._progress: Progress | None = None
        self._watching = ExitStack()
        self._work: WorkBar | None = None

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Start the bar, if a person is watching."""
        console = Console(stderr=True)
        if not console.is_interactive:
            return
        self._progress = _new_bar(console)
        self._progress.add_task("starting", total=len(pipeline.nodes))
        self._progress.start()
        _shown.append(self._progress)
        self._work = self._watching.enter_context(watch_work(self._progress))

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Name the node that starts."""
        if self._progress is not None:
            self._progress.update(
                self._progress.task_ids[0], description=name_without_namespace(node)
            )

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Count the node that is done."""
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0])
            if self._work is not None:
                self._work.clear()
        else:
            _logger.info(
                "%s %.1f s",
                name_without_namespace(node),
                self._timer.node_seconds.get(name_without_namespace(node), 0.0),
            )

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Take the bar away before the summary is printed."""
        self._stop()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Take the bar away before the error is printed."""
        self._stop()

    def _stop(self) -> None:
        self._watching.close()
        if self._progress is not None:
            stop_bars()
            self._progress = None


def stop_bars() -> None:
    """Take every bar away and show the cursor again: Kedro tells no hook of an interrupt."""
    while _shown:
        _shown.pop().stop()
