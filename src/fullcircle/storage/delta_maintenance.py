"""Keeping a Delta table small: compaction, old rows, and files that no kept version needs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable

from fullcircle.storage.delta_tables import KEEP_LOG
from fullcircle.storage.delta_writes import retry_commit
from fullcircle.tracking.provenance import describe_writer

_CARRIED = "predictions_layout"  # what the newest commit says of the table, and must go on saying
_SMALL_BYTES = 32 * 2**20
_MANY_FILES = 8  # small ones in a partition, before they are worth writing anew
# A writer that runs has files that no version names yet; they are left alone for so long.
_ORPHAN_HOURS = 24


@dataclass(frozen=True)
class Excess:
    """What of a table could go.

    Attributes:
        files: Their number.
        bytes: Their size.
    """

    files: int = 0
    bytes: int = 0


def find_versions(path: Path, wanted: Iterable[int]) -> list[int]:
    """Return those of the wanted versions that the table has."""
    newest = DeltaTable(path).version()
    return sorted({version for version in wanted if 0 <= version <= newest})


def count_small_files(path: Path) -> Excess:
    """Count the small files of partitions that hold many of them."""
    files = _list_files(DeltaTable(path))
    small = [(partition, size) for partition, size in files if size < _SMALL_BYTES]
    per_partition = Counter(partition for partition, _ in small)
    found = [size for partition, size in small if per_partition[partition] >= _MANY_FILES]
    return Excess(len(found), sum(found))


def compact(path: Path) -> None:
    """Write many small files anew as few; what is read meanwhile stays as it is."""
    retry_commit(path, lambda: DeltaTable(path).optimize.compact(commit_properties=_stamp(path)))


def find_day_column(path: Path) -> str | None:
    """Return the column of days that a table is partitioned by; None where it is not."""
    table = DeltaTable(path)
    schema = pa.schema(table.schema())
    for column in table.metadata().partition_columns:
        kind = schema.field(column).type
        if pa.types.is_date(kind) or pa.types.is_string(kind):
            return str(column)
    return None


def count_rows_before(path: Path, column: str, day: date) -> Excess:
    """Count the files of days before another."""
    table = DeltaTable(path)
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    old = [file for file in files if str(file[f"partition.{column}"]) < day.isoformat()]
    return Excess(len(old), sum(file["size_bytes"] for file in old))


def delete_rows_before(path: Path, column: str, day: date) -> None:
    """Delete the rows of days before another; only whole files go."""
    is_date = pa.types.is_date(pa.schema(DeltaTable(path).schema()).field(column).type)
    value = f"CAST('{day}' AS DATE)" if is_date else f"'{day}'"
    predicate = f"{column} < {value}"
    retry_commit(path, lambda: DeltaTable(path).delete(predicate, commit_properties=_stamp(path)))


def count_unneeded(path: Path, days: float, keep: list[int]) -> Excess:
    """Count the files that neither a recent version nor one to keep needs."""
    names = _vacuum(path, days, keep, dry_run=True)
    sizes = [(path / name).stat().st_size for name in names if (path / name).is_file()]
    return Excess(len(sizes), sum(sizes))


def vacuum(path: Path, days: float, keep: list[int]) -> int:
    """Delete the files that neither a recent version nor one to keep needs; return their number.

    Without a version to keep, the log is shortened too, by the table's own retention.
    """
    deleted = len(_vacuum(path, days, keep, dry_run=False))
    if not keep:
        table = DeltaTable(path)
        table.create_checkpoint()
        table.cleanup_metadata()
    return deleted


def keeps_log(path: Path) -> bool:
    """Return whether a table remembers all of its versions, also those older than a month."""
    said: dict[str, str] = DeltaTable(path).metadata().configuration
    return KEEP_LOG.items() <= said.items()


def keep_log(path: Path) -> None:
    """Have a table remember all of its versions."""
    DeltaTable(path).alter.set_table_properties(KEEP_LOG, commit_properties=_stamp(path))


def _vacuum(path: Path, days: float, keep: list[int], *, dry_run: bool) -> list[str]:
    hours = round(days * 24)
    deleted: list[str] = DeltaTable(path).vacuum(
        retention_hours=hours,
        dry_run=dry_run,
        enforce_retention_duration=False,
        full=hours >= _ORPHAN_HOURS,
        keep_versions=keep or None,
        commit_properties=_stamp(path),
    )
    return deleted


def _list_files(table: DeltaTable) -> list[tuple[str, int]]:
    """Return partition and size of each file."""
    found = pa.table(table.get_add_actions()).to_pylist()
    return [(str(file.get("partition")), file["size_bytes"]) for file in found]


def _stamp(path: Path) -> CommitProperties:
    newest: dict[str, Any] = next(iter(DeltaTable(path).history(1)), {})
    carried = {_CARRIED: str(newest[_CARRIED])} if _CARRIED in newest else {}
    return CommitProperties(custom_metadata={**describe_writer(), **carried})
