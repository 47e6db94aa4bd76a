"""What was known at a clock: events and feature tables of which the future is cut off."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq
from kedro.io import AbstractDataset

from fullcircle.backtest.run_nodes import DatasetSource, run_nodes
from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.datasets.delta_table_dataset import DeltaTableDataset
from fullcircle.engines.engine import connect, stream_rows
from fullcircle.storage.delta_tables import clear_storage_errors


@dataclass(frozen=True)
class HistoricalData:
    """All that happened.

    Attributes:
        events: Clean events with the labels that came at some time.
        tables: Feature tables by name.
        intake: What came in and what was set aside.
        problem: The contract.
    """

    events: ir.Table
    tables: Mapping[str, KeyedTable]
    intake: dict[str, Any]
    problem: ProblemSpec

    def at(self, clock: datetime) -> "HistoricalData":
        """Give what was known at a clock: rows before it, labels and features known by then."""
        when, problem = str(self.problem.event_time), self.problem
        events = self.events.filter(self.events[when] < ibis.literal(clock))
        if problem.label_time is not None:
            known = events[problem.label_time] <= ibis.literal(clock)
            hidden = {
                name: ibis.ifelse(known, events[name], ibis.null(events[name].type()))
                for name in (problem.label, problem.label_time)
            }
            events = events.mutate(**hidden)
        tables = {name: _cut(table, clock) for name, table in self.tables.items()}
        return replace(self, events=events, tables=tables)

    def labels(self) -> ir.Table:
        """Give the labels that are known here."""
        problem, events = self.problem, self.events
        columns = [problem.row_id, problem.label, *filter(None, [problem.label_time])]
        return events.filter(events[problem.label].notnull()).select(*columns)


def _cut(table: KeyedTable, clock: datetime) -> KeyedTable:
    """Leave out what became known after the clock; a table without history has no such rows."""
    known = table.declared.known_time or table.declared.event_time
    if known is None:
        return table
    return replace(table, rows=table.rows.filter(table.rows[known] <= ibis.literal(clock)))


class _Computed(AbstractDataset[Mapping[str, ir.Table], dict[str, KeyedTable]]):
    """Feature tables, checked as the catalog's own are, and computed once."""

    def __init__(self, declared: Mapping[str, Any], folder: Path) -> None:
        self._declared = declared
        self._folder = folder
        self._tables: dict[str, KeyedTable] = {}

    def save(self, data: Mapping[str, ir.Table]) -> None:
        self._tables = {
            name: KeyedTable(
                settle(table.check(data[name]), self._folder / f"{name}.parquet"), table.declared
            )
            for name, table in self._declared.items()
        }

    def load(self) -> dict[str, KeyedTable]:
        return self._tables

    def _describe(self) -> dict[str, Any]:
        return {"tables": list(self._declared)}


def gather_world(
    dataset_source: DatasetSource, pipelines: Mapping[str, Any], folder: Path
) -> HistoricalData:
    """Make clean events and feature tables of the raw data, in the replay's own folder.

    Args:
        dataset_source: The project's catalog; it is read from.
        pipelines: The project's pipelines by name.
        folder: Where the tables are written.

    Raises:
        ConfigurationError: The problem is a snapshot.
    """
    problem = dataset_source.get("params:problem").load()
    if problem.event_time is None:
        raise ConfigurationError(
            f"{problem.name} is a snapshot without event_time: it has no history to replay."
        )
    written: dict[str, Any] = {
        name: DeltaTableDataset(filepath=str(folder / name)) for name in ("judged_rows", "events")
    }
    written["feature_tables"] = _Computed(dataset_source.get("feature_tables").tables, folder)
    both = pipelines["data_processing"] + pipelines["feature_store"]
    made = run_nodes(
        both, {}, ("events", "intake_report", "feature_tables"), dataset_source, written
    )
    events = settle(made["events"], folder / "events.parquet")
    return HistoricalData(events, made["feature_tables"], made["intake_report"], problem)


def settle(rows: ir.Table, file: Path) -> ir.Table:
    """Write rows to a file, and give them as they are read from it, whatever made them."""
    with clear_storage_errors(file.parent):
        reader = stream_rows(rows)
        with pq.ParquetWriter(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    return connect().read_parquet(str(file))
