"""A stress case: a shop's days, merged one by one into a feature table of its customers."""

from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest

from fullcircle.datasets import FeatureTableDataset
from fullcircle.engines.engine import connect

pytestmark = pytest.mark.untraced
DAYS = 40  # all 305 pass too, and take ten times as long
FEATURES = ["invoices_today", "spent_cents_today", "spent_cents_so_far", "days_so_far"]


def customers_table(folder: Path) -> FeatureTableDataset:
    return FeatureTableDataset(
        name="shop.retail.customers",
        filepath=str(folder),
        keys=["customer_id"],
        event_time="day",
        mode="merge",
    )


def read_sales(files: str | list[str]) -> ir.Table:
    """Read sales with whole cents; rows without a customer belong to nobody's features."""
    raw = connect().read_csv(files, all_varchar=True, header=True)
    cents = (raw.Quantity.cast("float64") * raw.UnitPrice.cast("float64") * 100).round()
    return raw.select(
        customer_id=raw.CustomerID.cast("float64").cast("int64"),
        day=raw.InvoiceDate.substr(0, 10).cast("timestamp").cast("timestamp('UTC')"),
        invoice=raw.InvoiceNo,
        cents=cents.cast("int64"),
    ).filter(lambda sales: sales.customer_id.notnull())


def summarise_days(sales: ir.Table) -> ir.Table:
    return sales.group_by("customer_id", "day").aggregate(
        invoices_today=sales.invoice.nunique(), spent_cents_today=sales.cents.sum().cast("int64")
    )


def add_one_day(table: FeatureTableDataset, file: Path) -> None:
    """Merge one day: today's sums, and those so far from each customer's newest row."""
    today = summarise_days(read_sales(str(file)))
    if not today.count().execute():
        return
    so_far, days = today.spent_cents_today, ibis.literal(1, "int64")
    if table.exists():
        past = table.load().rows
        newest = past.group_by("customer_id").aggregate(
            spent=past.spent_cents_so_far.argmax(past.day), days=past.days_so_far.argmax(past.day)
        )
        today = today.left_join(newest, "customer_id").drop("customer_id_right")
        so_far = today.spent_cents_today + today.spent.fill_null(0)
        days = today.days.fill_null(0) + 1
    rows = today.mutate(spent_cents_so_far=so_far, days_so_far=days)
    table.save(rows.select("customer_id", "day", *FEATURES).to_pyarrow())


def compute_at_once(files: list[str]) -> pd.DataFrame:
    days = summarise_days(read_sales(files))
    window = ibis.cumulative_window(group_by="customer_id", order_by="day")
    return days.mutate(
        spent_cents_so_far=days.spent_cents_today.sum().over(window).cast("int64"),
        days_so_far=days.count().over(window),
    ).to_pandas()


@pytest.mark.untraced
def test_merging_day_by_day_equals_computing_all_at_once(tmp_path: Path, real_data: Any) -> None:
    """Daily merges leave exactly the rows that one computation over all days gives."""
    files = sorted((real_data / "online_retail").glob("*.csv"))
    if len(files) != 305:
        pytest.skip(f"{len(files)} of 305 days of the online retail file are here")
    files = files[:DAYS]
    table = customers_table(tmp_path / "customers")
    for number, file in enumerate(files, start=1):
        add_one_day(table, file)
        if number % 20 == 0:
            table.maintain(retention_days=0)
    merged = table.load().rows.to_pandas()
    expected = compute_at_once([str(file) for file in files])
    order = ["customer_id", "day"]
    columns = [*order, *FEATURES]
    pd.testing.assert_frame_equal(
        merged.sort_values(order, ignore_index=True)[columns],
        expected.sort_values(order, ignore_index=True)[columns],
    )
    assert len(merged) > 2_000
