"""A feature table: a Delta table with keys, a history and an owner, as a catalog entry."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fullcircle.core.contract import FeatureTable
from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.datasets.delta_table_dataset import preview_rows
from fullcircle.engines.engine import get_embedded, get_engine, materialize
from fullcircle.storage.delta_maintenance import compact, vacuum
from fullcircle.storage.delta_tables import clear_storage_errors, is_delta, open_delta, read_delta
from fullcircle.storage.delta_writes import append_rows, merge_rows, replace_rows

Mode: TypeAlias = Literal["overwrite", "merge", "append"]
Rows: TypeAlias = ir.Table | pd.DataFrame | pa.Table


class FeatureTableDataset(AbstractDataset[Rows, KeyedTable]):
    """Reads and writes one feature table; schema and keys are checked before a byte is written.

    ``overwrite`` replaces the table and alone may change its schema; ``merge`` updates the rows
    with the same keys (and event time) and adds the others; ``append`` only adds, and refuses rows
    whose keys and event time the table holds. Each save is one Delta version that carries user,
    run id, git commit and row count. Writers that collide try again.

    Example:
        ```yaml
        customer_billing:
          type: fullcircle.datasets.FeatureTableDataset
          name: fullcircle.telco_churn.customer_billing
          filepath: data/04_feature/telco_churn/customer_billing
          keys: [customer_id]
          event_time: billed_at
          known_time: booked_at
          description: What each customer was charged
          owner: billing team
          tags: {sensitivity: internal}
          mode: merge
        ```
    """

    def __init__(
        self,
        *,
        name: str,
        filepath: str,
        mode: Mode = "overwrite",
        version: int | str | None = None,
        metadata: dict[str, Any] | None = None,
        **declared: Any,
    ) -> None:
        """Declare the table.

        Args:
            name: Three-level name ``catalog.schema.table``.
            filepath: Folder of the table.
            mode: What a save does.
            version: Version or ISO moment to read; None reads the newest.
            metadata: Free facts for kedro-viz and other plugins.
            **declared: What FeatureTable takes: keys, event_time, known_time, description, owner,
                tags, partition_by.
        """
        if mode not in get_args(Mode):
            allowed = ", ".join(get_args(Mode))
            raise ConfigurationError(f"mode={mode!r} of {name} is not one of: {allowed}.")
        if name.count(".") != 2:
            raise ConfigurationError(f"{name!r} is no three-level name catalog.schema.table.")
        self.name = name
        self.path = Path(filepath)
        self.declared = FeatureTable.model_validate(declared)
        self._mode = mode
        self._version = version
        self.metadata = metadata

    def load(self) -> KeyedTable:
        """Read the declared version lazily.

        Raises:
            StorageError: There is no table, or no such version.
        """
        version = self.data_version() if self._version is None else str(self._version)
        return KeyedTable(read_delta(self.path, self._version), self.declared, version)

    def save(self, data: Rows) -> None:
        """Check and write rows in the declared mode.

        Raises:
            DataError: Schema, keys or moments are not what they should be.
            StorageError: The folder cannot be written to, or other writers never gave way.
        """
        rows = self.check(data)
        with clear_storage_errors(self.path):
            self.write(rows)

    def check(self, data: Rows) -> ir.Table:
        """Refuse rows that must not enter the table, before anything is written."""
        rows = materialize(data if isinstance(data, ir.Table) else ibis.memtable(data))
        _refuse_missing_columns(self.name, rows, self.declared)
        _refuse_bad_moments(self.name, rows, self.declared)
        if self._mode != "overwrite" and self._exists():
            _refuse_other_schema(self.name, rows, read_delta(self.path))
        _refuse_bad_keys(self.name, rows, self.declared)
        return rows

    def write(self, rows: ir.Table) -> None:
        """Write checked rows as one version."""
        if self._mode == "overwrite":
            replace_rows(self.path, rows, self.declared.partition_by)
        elif self._mode == "append":
            append_rows(
                self.path, rows, self.declared.partition_by, partial(self._refuse_held, rows)
            )
        else:
            merge_rows(self.path, rows, self.declared.identity, self.declared.partition_by)

    def _refuse_held(self, rows: ir.Table, table: DeltaTable) -> None:
        """Refuse rows that share key and event time with a row of the table."""
        identity = self.declared.identity
        held = get_engine().read_delta(table).select(identity)
        repeated = rows.select(identity).semi_join(held, identity)
        if count := int(repeated.count().execute()):
            raise DataError(
                f"The rows for {self.name} are refused: {count} of them, for example "
                f"{_name_first(repeated)}, are in the table already. "
                "Leave them out, or use mode 'merge' to update them."
            )

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows, for kedro-viz."""
        rows = get_embedded().read_delta(open_delta(self.path, self._version))
        return preview_rows(rows, nrows)

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """List the versions, newest first: number, moment, operation, rows, user, run, commit."""
        return [_describe_commit(commit) for commit in DeltaTable(self.path).history(limit)]

    def maintain(self, retention_days: float = 7.0) -> dict[str, int]:
        """Compact small files, and delete those that no version of the last days needs.

        Returns:
            Files before and after, and files deleted.
        """
        before = len(DeltaTable(self.path).file_uris())
        compact(self.path)
        deleted = vacuum(self.path, retention_days, [])
        after = len(DeltaTable(self.path).file_uris())
        return {"files_before": before, "files_after": after, "files_deleted": deleted}

    def data_version(self) -> str | None:
        """Version of the table as it is now, for lineage; None where there is no table."""
        return f"v{DeltaTable(self.path).version()}" if self._exists() else None

    def _exists(self) -> bool:
        return is_delta(self.path)

    def _describe(self) -> dict[str, Any]:
        return {"name": self.name, "filepath": str(self.path), "mode": self._mode}


def _refuse_missing_columns(name: str, rows: ir.Table, declared: FeatureTable) -> None:
    wanted = [*declared.identity, *declared.times, *declared.partition_by]
    if missing := name_missing(dict.fromkeys(wanted), rows.columns):
        raise DataError(f"The rows for {name} lack the declared column {missing}.")


def _refuse_bad_moments(name: str, rows: ir.Table, declared: FeatureTable) -> None:
    for column in declared.times:
        kind = rows[column].type()
        if not kind.is_timestamp() or kind.timezone != "UTC":
            raise DataError(
                f"{name}.{column} is {kind}, but moments must be in UTC: timestamp('UTC'). "
                "Give a naive local time its zone, convert it, and save again."
            )
    if declared.event_time:
        latest = rows[declared.event_time].max().execute()
        if not pd.isna(latest) and latest > datetime.now(UTC) + timedelta(days=1):
            raise DataError(f"{name}.{declared.event_time} lies in the future: up to {latest}.")


def _refuse_other_schema(name: str, rows: ir.Table, existing: ir.Table) -> None:
    given, kept = rows.schema(), existing.schema()
    problems = [
        *(f"lacks {column} ({kept[column]})" for column in kept if column not in given),
        *(f"brings the new {column} ({given[column]})" for column in given if column not in kept),
        *(
            f"has {column} as {given[column]} instead of {kept[column]}"
            for column in kept
            if column in given and not _same_type(given[column], kept[column])
        ),
    ]
    if problems:
        raise DataError(
            f"The rows do not fit {name}: the batch {'; it '.join(problems)}. "
            "Only mode 'overwrite' may change a schema."
        )


def _same_type(one: Any, other: Any) -> bool:
    return bool(one.copy(nullable=True) == other.copy(nullable=True)) or (
        one.is_timestamp() and other.is_timestamp() and one.timezone == other.timezone
    )


def _refuse_bad_keys(name: str, rows: ir.Table, declared: FeatureTable) -> None:
    columns = dict.fromkeys([*declared.identity, *declared.times])
    absent = {column: rows.count() - rows[column].count() for column in columns}
    nulls = rows.aggregate(**absent).to_pyarrow().to_pylist()[0]
    counts = rows.group_by(declared.identity).aggregate(rows_of_key=rows.count())
    repeated = counts.filter(counts.rows_of_key > 1)
    keys, among = (
        repeated.aggregate(keys=repeated.count(), among=repeated.rows_of_key.sum().coalesce(0))
        .execute()
        .iloc[0]
    )
    said = [f"{count} rows have no {column}" for column, count in nulls.items() if count]
    if keys:
        example = _name_first(repeated.select(declared.identity))
        said.append(
            f"{keys} keys ({', '.join(declared.identity)}) come more than once, in {among} rows, "
            f"for example {example}"
        )
    if said:
        raise DataError(f"The rows for {name} are refused: {'; '.join(said)}.")


def _name_first(keys: ir.Table) -> str:
    """Name the first row of a table of keys, the same one every time."""
    first = keys.order_by(keys.columns).limit(1).to_pyarrow().to_pylist()[0]
    return ", ".join(f"{column}={value}" for column, value in first.items())


def _describe_commit(commit: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": commit["version"],
        "at": datetime.fromtimestamp(commit["timestamp"] / 1000, UTC).isoformat(),
        "operation": commit["operation"],
        "rows": commit.get("rows", ""),
        "user": commit.get("user", ""),
        "run_id": commit.get("run_id", ""),
        "git_commit": commit.get("git_commit", ""),
    }
