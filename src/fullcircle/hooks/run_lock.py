"""One run at a time on a problem's data: the tables between pipelines have one place."""

import logging
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.storage.locks import LockedError, hold_lock

_logger = logging.getLogger(__name__)


def find_lock(settings: Any, project: Path) -> Path:
    """Return the lock of a problem's data on a source.

    Raises:
        ConfigurationError: The data lie in no folder, where no lock would hold.
    """
    folder = str(settings["data_dir"])
    if "://" in folder:
        raise ConfigurationError(
            f"FULLCIRCLE_DATA_DIR={folder} is no folder. Tables lie in a folder of this machine, "
            "or in one that is mounted: write its path."
        )
    name = f"{settings['problem']}.{settings['data_source']}.lock"
    return project / folder / ".locks" / name


class RunLockHook:
    """Lets a run wait for another one on the same data, so that it reads what it wrote itself.

    Runs that overlap would each read whatever the other wrote last, with another clock perhaps.
    The lock ends with the process, however that ends.
    """

    def __init__(self) -> None:
        self._held = ExitStack()
        self._path: Path | None = None
        self._wait_minutes = 0.0

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note which lock it is, and how long to wait for it."""
        settings = context.config_loader["globals"]
        self._path = find_lock(settings, Path(context.project_path))
        self._wait_minutes = _read_minutes(settings.get("run_wait_minutes", 60))

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """Wait until no other run works on these data.

        Raises:
            StorageError: Another one still does.
        """
        self._held.close()  # Kedro tells no hook that the run before was interrupted
        if self._path is None:
            return
        names = "+".join(run_params.get("pipeline_names") or ["all"])
        purpose = f"the run of {names} as of {catalog.load('params:as_of')}"
        try:
            lock = hold_lock(
                self._path, purpose, wait_seconds=60 * self._wait_minutes, on_wait=_describe_wait
            )
            self._held.enter_context(lock)
        except LockedError as holder:
            raise StorageError(
                f"Not started: {holder} still works on the same data. Run again when it is done."
            ) from None

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Let the next run begin."""
        self._held.close()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Let the next run begin."""
        self._held.close()


class RunLockReleaseHook:
    """Lets the next run begin where this one was refused: Kedro tells no hook of that."""

    def __init__(self, lock: RunLockHook) -> None:
        self._lock = lock

    @hook_impl(wrapper=True)
    def before_pipeline_run(self) -> Generator[None, Any, Any]:
        """Release the lock if any hook refuses the run."""
        try:
            return (yield)
        except BaseException:
            self._lock.on_pipeline_error()
            raise


def _describe_wait(holder: str) -> None:
    _logger.warning("Waiting for %s, which works on the same data.", holder)


def _read_minutes(given: Any) -> float:
    try:
        minutes = float(given)
    except (TypeError, ValueError):
        minutes = -1.0
    if minutes < 0:
        raise ConfigurationError(
            f"FULLCIRCLE_RUN_WAIT_MINUTES={given!r} is no number of minutes: write 60, or 0."
        )
    return minutes
