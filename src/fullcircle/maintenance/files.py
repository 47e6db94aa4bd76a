"""Files that nothing needs: other simulations, what killed runs left, old lines about jobs."""

import json
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from fullcircle.maintenance.places import StoredTables
from fullcircle.maintenance.settings import MaintenanceSettings
from fullcircle.maintenance.steps import Step, measure_files
from fullcircle.storage.row_files import read_lines, replace_file

_UNFINISHED = (".unfinished", ".part", ".tmp")


def plan_files(
    places: Iterable[StoredTables], settings: MaintenanceSettings, now: datetime
) -> Iterator[Step]:
    """Plan which files go."""
    places = list(places)
    for place in places:
        where = f"{place.problem} {place.source}"
        yield from _step("delete other simulations", where, _find_raw(place, settings, now))
        yield from _step("delete old search journals", where, _find_searches(place, settings, now))
    for folder in sorted({place.data_dir.resolve() for place in places}):
        yield from _step("delete unfinished files", folder.name, _find_left(folder, settings, now))
        yield from _plan_lines(folder, settings, now)


def _step(what: str, where: str, paths: list[Path]) -> Iterator[Step]:
    if paths:
        files, size = measure_files(paths)
        yield Step("files", what, where, files, size, partial(_remove, paths))


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _find_raw(place: StoredTables, settings: MaintenanceSettings, now: datetime) -> list[Path]:
    """Return the folders of simulations with other settings; the same settings make them anew."""
    from fullcircle.datasets.simulated_dataset import SimulatedDataset

    found = []
    for entry in place.catalog.values():
        if isinstance(entry, dict) and str(entry.get("type")).endswith(".SimulatedDataset"):
            declared = {key: entry[key] for key in ("simulator", "filepath", "settings")}
            own = SimulatedDataset(**declared).folder
            beside = (place.root / own.parent).resolve()
            folders = (f for f in beside.glob("*") if f.is_dir() and f.name != own.name)
            found += [f for f in folders if _is_old(f, settings.raw_days, now)]
    return found


def _find_searches(place: StoredTables, settings: MaintenanceSettings, now: datetime) -> list[Path]:
    journals = (
        journal
        for folder in place.find_folders("SearchJournalDataset")
        for journal in folder.glob("*.jsonl")
    )
    return [journal for journal in journals if _is_old(journal, settings.leftover_days, now)]


def _find_left(folder: Path, settings: MaintenanceSettings, now: datetime) -> list[Path]:
    """Return what writers that were killed left beside its place."""
    found: list[Path] = []
    for path in sorted(folder.rglob("*")):
        within = found and found[-1] in path.parents
        if path.suffix in _UNFINISHED and not within and _is_old(path, settings.leftover_days, now):
            found.append(path)
    return found


def _plan_lines(folder: Path, settings: MaintenanceSettings, now: datetime) -> Iterator[Step]:
    """Plan to shorten the list of jobs that ran."""
    path = folder / "08_reporting" / "jobs" / "runs.jsonl"
    if settings.job_days is None or not path.is_file():
        return
    before = (now - timedelta(days=settings.job_days)).isoformat()
    lines = read_lines(path)
    kept = [line for line in lines if str(line.get("ended_at", "")) >= before]
    if len(kept) < len(lines):
        text = "".join(f"{json.dumps(line)}\n" for line in kept)
        freed = path.stat().st_size - len(text)
        do = partial(replace_file, path, text)
        yield Step("files", "delete lines about jobs", "jobs", len(lines) - len(kept), freed, do)


def _is_old(path: Path, days: float | None, now: datetime) -> bool:
    return days is not None and now.timestamp() - path.stat().st_mtime >= days * 86_400
