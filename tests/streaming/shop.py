"""A shop's sales as a stream: the publisher's daily files, a small model, and one feature table."""

import contextlib
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pandas as pd

from fullcircle.core.contract import FeatureLookup, ProblemSpec
from fullcircle.core.errors import StorageError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model, Registration
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.scoring.planning import ScoringSettings
from fullcircle.core.training.estimators import assemble, fit
from fullcircle.datasets import FeatureTableDataset, RecordFolderDataset, StreamTableDataset
from fullcircle.streaming.commit_log import Tables
from fullcircle.streaming.runner import Stream, StreamSummary
from fullcircle.streaming.scorer import Scorer
from fullcircle.streaming.settings import StreamSettings

if TYPE_CHECKING:
    import pyarrow as pa

LOOKUP = FeatureLookup(
    table="customers", keys={"CustomerID": "customer"}, columns=["mean_quantity", "lines"]
)
PROBLEM = ProblemSpec(
    name="shop",
    task="regression",
    row_id="line",
    entity_keys=["CustomerID"],
    event_time="InvoiceDate",
    label="Quantity",
    label_time="booked_at",
    request_columns=["StockCode", "UnitPrice", "Country"],
    feature_lookups=[LOOKUP],
    primary_metric="rmse",
    split={"by": "time", "train": 0.6, "selection": 0.2, "gate": 0.2},
    period_days=1,
)
PLACES = StreamSettings(row_ids="place", batch_pieces=1)
GIVEN = StreamSettings(batch_pieces=1)
HEADER = "line,CustomerID,InvoiceDate,StockCode,UnitPrice,Country,Quantity"


def write_day(folder: Path, day: int, rows: int = 30, name: str | None = None) -> Path:
    """Write a day's sales, each with an id of its own, in one rename."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{day}-{n},{n % 7},2011-01-{day:02d} {8 + n % 12:02d}:00:00,A{n % 5},{n % 9}.5,UK,{n % 4}"
        for n in range(rows)
    ]
    path = folder / (name or f"day-{day:02d}.csv")
    beside = path.with_name(f".{path.name}")
    beside.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    os.utime(beside, (1_300_000_000 + day, 1_300_000_000 + day))
    return beside.rename(path)


def read_sales(files: list[Path]) -> pd.DataFrame:
    sales = pd.concat(pd.read_csv(file, dtype={"StockCode": str}) for file in files)
    sales = sales.dropna(subset=["CustomerID"]).astype({"CustomerID": "int64"})
    return sales.assign(InvoiceDate=pd.to_datetime(sales.InvoiceDate, utc=True).dt.as_unit("us"))


def train(sales: pd.DataFrame, customers: pd.DataFrame, version: str = "1") -> Model:
    """Fit a small model of how many of an article are bought."""
    frame = sales.merge(customers, left_on="CustomerID", right_on="customer", how="left")
    inputs = as_inputs(frame, PROBLEM.features)
    label = frame["Quantity"].astype("float64").rename("Quantity")
    settings = PreparationSettings()
    plan = diagnose_columns(inputs, label, "regression", settings)
    return Model(
        estimator=fit(assemble("ridge", "regression", 1, {}, plan, settings), inputs, label),
        candidate="ridge",
        task="regression",
        features=PROBLEM.features,
        lookups=[LOOKUP],
        threshold=None,
        settings={},
        scores={},
        trained_on={"as_of": str(sales.InvoiceDate.max().date())},
        profile={},
        example=inputs.head(50),
        event_time="InvoiceDate",
        registration=Registration("fullcircle.shop.model", version, "none"),
    )


def summarise(sales: pd.DataFrame) -> pd.DataFrame:
    customers = sales.groupby("CustomerID").agg(
        mean_quantity=("Quantity", "mean"), lines=("Quantity", "size")
    )
    customers = customers.reset_index().rename(columns={"CustomerID": "customer"})
    return customers.assign(seen_at=sales.InvoiceDate.min())


@dataclass
class ShopRoom:
    """Model and feature table of the shop, in a folder."""

    folder: Path

    def versions(self) -> Mapping[str, str | None]:
        path = self.folder / "model.pickle"
        return {"champion": str(path.stat().st_mtime_ns), "tables": self.table().data_version()}

    def models(self) -> dict[str, Model]:
        return {"champion": pickle.loads((self.folder / "model.pickle").read_bytes())}  # noqa: S301

    def keep(self, model: Model) -> None:
        (self.folder / "model.pickle").write_bytes(pickle.dumps(model))

    def table(self) -> FeatureTableDataset:
        return FeatureTableDataset(
            name="a.shop.customers",
            filepath=str(self.folder / "customers"),
            keys=["customer"],
            event_time="seen_at",
        )

    def tables(self) -> Mapping[str, KeyedTable]:
        return {"customers": self.table().load()}

    @classmethod
    def open(cls, folder: Path, files: list[Path]) -> "ShopRoom":
        """Train on some days."""
        folder.mkdir(parents=True, exist_ok=True)
        sales = read_sales(files)
        customers = summarise(sales)
        room = cls(folder)
        room.table().save(customers)
        room.keep(train(sales, customers))
        return room


def tables_in(folder: Path) -> Tables:
    return Tables(
        StreamTableDataset(filepath=str(folder / "stream_sources")),
        StreamTableDataset(filepath=str(folder / "stream_predictions"), partition_by=["scored_on"]),
        StreamTableDataset(filepath=str(folder / "stream_rejected")),
    )


def open_stream(
    room: ShopRoom,
    arrivals: Path | Any,
    out: Path | Tables,
    settings: StreamSettings = PLACES,
    **options: Any,
) -> Stream:
    source = arrivals
    if isinstance(arrivals, Path):
        source = RecordFolderDataset(filepath=str(arrivals), stable_seconds=0)
    scorer = Scorer(room, PROBLEM, ScoringSettings(batch_rows=4096, chunk_rows=20_000, threads=2))
    tables = tables_in(out) if isinstance(out, Path) else out
    return Stream(source, tables, scorer, settings, **options)


def run_once(*arguments: Any, **options: Any) -> StreamSummary:
    return open_stream(*arguments, **options).run(Event(), once=True)


def run_in_child(folder: Path, arrivals: Path, out: Path, settings: StreamSettings) -> None:
    """What a process does that is killed, or disturbed: score what is there."""
    stream = open_stream(
        ShopRoom(folder), arrivals, out, settings, as_of=datetime(2012, 1, 1, tzinfo=UTC)
    )
    with contextlib.suppress(StorageError):  # another process was faster
        stream.run(Event(), once=True)


def rows_of(out: Path, table: str, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """Give a table's rows in one order, without what a second run must differ in."""
    rows: pa.Table = StreamTableDataset(filepath=str(out / table)).load().to_pyarrow()
    dropped = {"scored_at", "rejected_at", "run_id", *without} & set(rows.column_names)
    rows = rows.drop_columns(list(dropped)).select(sorted(set(rows.column_names) - dropped))
    return sorted(map(repr, rows.to_pylist()))
