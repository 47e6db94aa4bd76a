"""Delta tables: compaction, rows past their retention, versions past theirs."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from fullcircle.core.errors import ConfigurationError
from fullcircle.maintenance.places import StoredTables
from fullcircle.maintenance.settings import MaintenanceSettings
from fullcircle.maintenance.steps import Step
from fullcircle.storage import delta_maintenance as delta


def plan_tables(place: StoredTables, settings: MaintenanceSettings, today: date) -> Iterator[Step]:
    """Plan what is to be done with the tables of a problem on a source.

    Raises:
        ConfigurationError: Rows are to be deleted by day from a table without days.
    """
    pins = place.find_pins()
    for name, path in place.tables.items():
        keep = delta.find_versions(path, pins.get(name, ()))
        where = f"{place.problem} {place.source} {name}"
        if keep and not delta.keeps_log(path):
            remember = partial(delta.keep_log, path)
            yield _step("remember all versions", where, delta.Excess(), remember)
        yield from _plan_rows(where, name, path, settings, today)
        small = delta.count_small_files(path)
        if small.files:
            yield _step(
                "merge small files", where, small, partial(delta.compact, path), frees=False
            )
        old = delta.count_unneeded(path, settings.version_days, keep)
        if old.files:
            kept = f" (keeping {', '.join(f'v{version}' for version in keep)})" if keep else ""
            do = partial(delta.vacuum, path, settings.version_days, keep)
            yield _step(f"delete files of old versions{kept}", where, old, do)


def _plan_rows(
    where: str, name: str, path: Path, settings: MaintenanceSettings, today: date
) -> Iterator[Step]:
    days = settings.row_days.get(name)
    if days is None:
        return
    column = delta.find_day_column(path)
    if column is None:
        raise ConfigurationError(
            f"maintenance.yml: row_days.{name} cannot be kept, for the table at {path} is not "
            "partitioned by day."
        )
    first = today - timedelta(days=days)
    old = delta.count_rows_before(path, column, first)
    if old.files:
        do = partial(delta.delete_rows_before, path, column, first)
        yield _step(f"delete rows before {first}", where, old, do, frees=False)


def _step(
    what: str, where: str, excess: delta.Excess, do: Callable[[], object], *, frees: bool = True
) -> Step:
    """Make a step; what is only marked is freed once its version is old enough."""
    return Step("tables", what, where, excess.files, excess.bytes if frees else 0, do)
