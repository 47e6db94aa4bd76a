"""MLflow runs: those past their retention are deleted, and deleted ones lose their files later."""

import contextlib
import io
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from fullcircle.maintenance.settings import MaintenanceSettings
from fullcircle.maintenance.steps import Step, measure_files

_PAGE = 1000
_SQLITE = "sqlite:///"


def plan_runs(
    experiments: set[str], named: set[str], settings: MaintenanceSettings, now: datetime
) -> Iterator[Step]:
    """Plan which runs of some experiments go.

    A run goes in two steps: it is deleted, and can be restored; later its files are deleted too.
    A run that registered a model stays, and so do those above it, and those that still run.

    Args:
        experiments: Names of the experiments.
        named: Runs whose files all stay: those of versions with an alias.
        settings: What is kept.
        now: The moment.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    found = {name: client.get_experiment_by_name(name) for name in sorted(experiments)}
    identities = {each.experiment_id: name for name, each in found.items() if each}
    kept = _find_kept(client)
    for identity, name in identities.items():
        trials = _find_old(client, identity, settings.trial_days, now, "tags.trial != ''")
        others = _find_old(client, identity, settings.run_days, now, "tags.trial IS NULL")
        for what, runs in (("trials", trials), ("runs", others)):
            going = [run for run in runs if run.info.run_id not in kept]
            if going:
                do = partial(_delete, client, [run.info.run_id for run in going])
                where = f"experiment {name}"
                yield Step("runs", f"delete {what} (restorable)", where, len(going), 0, do)
        yield from _plan_artifacts(client, identity, name, named, settings, now)
    yield from _plan_purge(client, set(identities), settings)


def _find_kept(client: Any) -> set[str]:
    """Return the runs that registered a model, and those above them."""
    kept: set[str] = set()
    waiting = {version.run_id for version in _pages(client.search_model_versions)}
    while run_id := next(iter(waiting - kept), None):
        kept.add(run_id)
        waiting.add(_find_parent(client, run_id))
    return kept


def _find_parent(client: Any, run_id: str) -> str:
    """Return the run above another; itself where there is none."""
    from mlflow import MlflowException

    try:
        return str(client.get_run(run_id).data.tags.get("mlflow.parentRunId", run_id))
    except MlflowException:
        return run_id


def _find_old(
    client: Any, experiment: str, days: float | None, now: datetime, where: str
) -> list[Any]:
    if days is None:
        return []
    before = round((now - timedelta(days=days)).timestamp() * 1000)
    conditions = f"attributes.start_time < {before} AND attributes.status != 'RUNNING' AND {where}"
    return list(_pages(client.search_runs, experiment_ids=[experiment], filter_string=conditions))


def _pages(search: Any, **what: Any) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = search(**what, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token or None
        if token is None:
            return


def _delete(client: Any, run_ids: list[str]) -> None:
    for run_id in run_ids:
        client.delete_run(run_id)


def _plan_artifacts(
    client: Any,
    experiment: str,
    name: str,
    named: set[str],
    settings: MaintenanceSettings,
    now: datetime,
) -> Iterator[Step]:
    """Plan which files of runs go before the run does."""
    for pattern, days in settings.artifact_days.items():
        runs = _find_old(client, experiment, days, now, "tags.trial IS NULL")
        found = [
            (run, file)
            for run in runs
            if run.info.run_id not in named
            for file in client.list_artifacts(run.info.run_id, str(PurePosixPath(pattern).parent))
            if PurePosixPath(file.path).match(pattern)
        ]
        if found:
            size = sum(file.file_size or 0 for _, file in found)
            do = partial(_delete_artifacts, found)
            yield Step("runs", f"delete {pattern}", f"experiment {name}", len(found), size, do)


def _delete_artifacts(found: list[tuple[Any, Any]]) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    for run, file in found:
        get_artifact_repository(run.info.artifact_uri).delete_artifacts(file.path)


def _plan_purge(
    client: Any, experiments: set[str], settings: MaintenanceSettings
) -> Iterator[Step]:
    """Plan what goes for good. A server's own administrator does it there, by ``mlflow gc``."""
    store = client._tracking_client.store  # no public way tells when a run was deleted
    if settings.deleted_days is None or not hasattr(store, "_get_deleted_runs"):
        return
    old = store._get_deleted_runs(older_than=round(settings.deleted_days * 86_400_000))
    runs = [run for run in map(store.get_run, old) if run.info.experiment_id in experiments]
    folders = [path for run in runs if (path := _find_folder(run.info.artifact_uri))]
    if runs:
        do = partial(_purge, client.tracking_uri, [run.info.run_id for run in runs], folders)
        count, size = measure_files(folders)
        what = f"delete the files of {len(runs):,} deleted runs"
        yield Step("runs", what, _name_store(client.tracking_uri), count, size, do)
    if client.tracking_uri.startswith(_SQLITE) and (spare := _count_spare(client.tracking_uri)):
        do = partial(_shrink, client.tracking_uri)
        yield Step("runs", "shrink the database", _name_store(client.tracking_uri), 1, spare, do)


def _purge(address: str, run_ids: list[str], folders: list[Path]) -> None:
    from mlflow.cli import gc

    words = ["--backend-store-uri", address, "--tracking-uri", address, "--run-ids"]
    with contextlib.redirect_stdout(io.StringIO()):
        gc.main([*words, ",".join(run_ids)], standalone_mode=False)
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()  # MLflow leaves it empty
    if address.startswith(_SQLITE):
        _shrink(address)


def _count_spare(address: str) -> int:
    """Return the bytes of pages that a database holds and does not use, if they are many."""
    with contextlib.closing(sqlite3.connect(address.removeprefix(_SQLITE))) as database:
        pages, free, size = (
            database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return int(free * size) if free * 10 > pages else 0


def _shrink(address: str) -> None:
    with contextlib.closing(sqlite3.connect(address.removeprefix(_SQLITE), timeout=60)) as database:
        database.execute("VACUUM")


def _find_folder(address: str) -> Path | None:
    """Return the folder of a run's files; None where they lie in no folder of this machine."""
    parts = urlsplit(address)
    if parts.scheme not in ("", "file"):
        return None
    folder = Path(unquote(parts.path))
    return folder.parent if folder.name == "artifacts" else folder


def _name_store(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://…/{Path(parts.path).name}"
