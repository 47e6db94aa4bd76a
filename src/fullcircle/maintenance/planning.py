"""All that maintenance would do in an environment."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from fullcircle.hooks.run_lock import find_lock
from fullcircle.maintenance.files import plan_files
from fullcircle.maintenance.places import find_places
from fullcircle.maintenance.runs import plan_runs
from fullcircle.maintenance.settings import MaintenanceSettings
from fullcircle.maintenance.steps import AREAS, Step
from fullcircle.maintenance.tables import plan_tables
from fullcircle.storage.locks import hold_lock


@contextmanager
def without_runs(project: Path, env: str | None, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Keep runs waiting for as long as the block lasts, after those that work now."""
    with ExitStack() as held:
        for place in find_places(project, env):
            if path := find_lock(place.settings, project):
                lock = hold_lock(path, "kedro maintain", wait_seconds=None, on_wait=on_wait)
                held.enter_context(lock)
        yield


def plan_maintenance(
    project: Path,
    env: str | None,
    settings: MaintenanceSettings,
    now: datetime,
    areas: Collection[str] = AREAS,
) -> Iterator[Step]:
    """Plan what is to be done, step by step; a step is counted when the one before was taken.

    Args:
        project: The project's folder.
        env: The environment, whose tracking is set up.
        settings: What is kept.
        now: The moment.
        areas: Which areas are looked at.

    Raises:
        ConfigurationError: The configuration of a problem cannot be read.
    """
    places = list(find_places(project, env))
    if "tables" in areas:
        for place in places:
            yield from plan_tables(place, settings, now.date())
    if "runs" in areas:
        named = {version.run_id for place in places for version in place.find_named()}
        yield from plan_runs({place.experiment for place in places}, named, settings, now)
    if "files" in areas:
        yield from plan_files(places, settings, now)
