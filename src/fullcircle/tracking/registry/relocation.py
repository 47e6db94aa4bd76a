"""Moved and copied projects: MLflow's database names folders by absolute paths.

So a copy of a project would write its runs' files into the original's folder, and a project that
was moved would not find its own. Only sqlite databases are concerned: a server knows its places.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fullcircle.core.errors import StorageError

_PATIENCE_SECONDS = 10.0
_DEFAULT = "0"  # MLflow's own experiment, of whichever folder the database was made in
# Where MLflow 3 keeps addresses of files: table, column, and a condition.
_PLACES = (
    ("experiments", "artifact_location", "true"),
    ("runs", "artifact_uri", "true"),
    ("logged_models", "artifact_location", "true"),
    ("model_versions", "storage_location", "true"),
    ("model_versions", "source", "true"),
    ("trace_tags", "value", "key = 'mlflow.artifactLocation'"),
)


@dataclass(frozen=True)
class ForeignFolder:
    """A database that means another project's folder.

    Attributes:
        database: The file.
        former: The folder that it means.
        copied: Whether a project is still there, so that this one is a copy.
    """

    database: Path
    former: Path
    copied: bool


@dataclass(frozen=True)
class Relocation:
    """What was rewritten.

    Attributes:
        database: The file.
        former: The folder that it meant.
        folder: The folder that it means now.
        changed: Addresses rewritten, by table; empty ones are left out.
        missing: Folders of models that are not there.
        backup: The database as it was; None after a dry run.
    """

    database: Path
    former: Path
    folder: Path
    changed: dict[str, int]
    missing: list[Path]
    backup: Path | None


def find_displacement(
    database: Path, project: Path, artifacts: str | None = None
) -> ForeignFolder | None:
    """Return the folder that a database means instead of its project's; None where it is right.

    A folder outside of the project may be meant. It is not where the project has the same files
    itself, or where the folder is gone.

    Args:
        database: An sqlite file of MLflow's; need not exist.
        project: The project's folder.
        artifacts: Folder of the runs' files, as configured; a relative one helps to recognise.
    """
    if not database.is_relative_to(project):
        return None  # shared by an address of its own: moving this project moves nothing
    folders = _list_folders(database)
    outside = [path for path in folders if not path.is_relative_to(project)]
    for path in outside:
        former = _find_former(path, project)
        if former is None and len(outside) == len(folders):
            former = _guess_former(path, artifacts)
        if former is not None and not _is_same(former, project):
            copied = (former / database.relative_to(project)).is_file()
            if copied or not path.exists():
                return ForeignFolder(database, former, copied)
    return None


def describe_displacement(found: ForeignFolder) -> str:
    """Return one line: what happened, what would follow, and the command that helps."""
    name, former = found.database.name, found.former
    if found.copied:
        return (
            f"This project is a copy of {former}: {name} still names that folder, and runs here "
            "would write their files there. Run kedro relocate first."
        )
    return (
        f"This project was moved from {former}: {name} still names that folder, so that models "
        "and files of runs are not found. Run kedro relocate first."
    )


def relocate(database: Path, former: Path, project: Path, *, dry_run: bool = False) -> Relocation:
    """Rewrite a database's addresses below one folder to the same below another.

    All of them are rewritten, or none; a copy of the database as it was is kept beside it.

    Raises:
        StorageError: Another process works on the database, or it cannot be read.
    """
    with _explained(database), closing(_open(database)) as base:
        base.execute("begin immediate")
        changes = [
            (table, column, row, moved)
            for table, column, row, address in _read_addresses(base)
            if (moved := _move(address, former, project)) is not None
        ]
        backup = None
        if changes and not dry_run:
            backup = _back_up(database)
            for table, column, row, moved in changes:
                base.execute(f"update {table} set {column} = ? where rowid = ?", (moved, row))  # noqa: S608 - our own names
        base.execute("commit")
    tables = [table for table, *_ in changes]
    return Relocation(
        database=database,
        former=former,
        folder=project,
        changed={table: tables.count(table) for table in dict.fromkeys(tables)},
        missing=_find_missing(changes),
        backup=backup,
    )


def _open(database: Path) -> sqlite3.Connection:
    """Open a database whose transactions begin and end where the code says so."""
    return sqlite3.connect(database, timeout=_PATIENCE_SECONDS, isolation_level=None)


def _list_folders(database: Path) -> list[Path]:
    """Return the local folders of the experiments, without MLflow's own."""
    if not database.is_file():
        return []
    query = "select artifact_location from experiments where experiment_id != ?"
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as base:
            found = [_as_path(location) for (location,) in base.execute(query, (_DEFAULT,))]
    except sqlite3.Error:
        return []  # MLflow says what is wrong with it
    return [path for path in found if path is not None]


def _find_former(path: Path, project: Path) -> Path | None:
    """Find the folder below which a path lies as the same files lie below the project."""
    parents = [parent for parent in path.parents if parent != Path(parent.anchor)]
    return next((each for each in parents if (project / path.relative_to(each)).exists()), None)


def _guess_former(path: Path, artifacts: str | None) -> Path | None:
    """Find the folder that is gone, or holds a project, and has the configured one on the way.

    Asked only where no experiment lies in the project: one that was made from another working
    directory, and holds no files, may lie anywhere.
    """
    folder = Path(artifacts) if artifacts and not urlsplit(artifacts).scheme else None
    if folder is None or folder.is_absolute():
        return None
    former = next((each for each in path.parents if path.is_relative_to(each / folder)), None)
    is_empty = former is not None and former.exists() and not any(former.glob("*.db"))
    return None if is_empty else former


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two paths are one folder, seen through a link or a mount."""
    return one.exists() and other.exists() and one.samefile(other)


def _as_path(address: str | None) -> Path | None:
    """Return the absolute local path that an address is; None for any other."""
    parts = urlsplit(address or "")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    path = Path(address or "")  # a drive's letter looks like a scheme
    return path if path.is_absolute() else None


def _move(address: str | None, former: Path, project: Path) -> str | None:
    """Return the address below the project, in the form it had; None where it is not below."""
    path = _as_path(address)
    if address is None or path is None or not path.is_relative_to(former):
        return None
    moved = project / path.relative_to(former)
    return moved.as_uri() if address.startswith("file:") else str(moved)


def _read_addresses(base: sqlite3.Connection) -> Iterator[tuple[str, str, int, str | None]]:
    """Give table, column, row and address of all that may name a folder."""
    known = {name for (name,) in base.execute("select name from sqlite_master where type='table'")}
    for table, column, condition in _PLACES:
        if table in known:
            query = f"select rowid, {column} from {table} where {condition}"  # noqa: S608 - our own names
            for row, address in base.execute(query).fetchall():
                yield table, column, row, address


def _find_missing(changes: list[tuple[str, str, int, str]]) -> list[Path]:
    """Give the folders of registered models that are not there."""
    models = [_as_path(moved) for table, _, _, moved in changes if table == "model_versions"]
    return sorted({path for path in models if path is not None and not path.exists()})


def _back_up(database: Path) -> Path:
    """Copy the database under a name of its own, with the same permissions."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    backup = database.with_name(f"{database.name}.{stamp}.backup")
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as base,
        closing(sqlite3.connect(backup)) as copy,
    ):
        base.backup(copy)
    shutil.copymode(database, backup)
    return backup


@contextmanager
def _explained(database: Path) -> Iterator[None]:
    """Turn what sqlite raises into one line."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(
            f"{database} cannot be rewritten: {error}. Nothing was changed. End whatever works "
            "with it, and try again."
        ) from error
