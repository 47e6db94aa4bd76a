"""Values of files that people really have are read as meant, or a question is asked."""

from datetime import date
from typing import Any

import ibis
import pandas as pd
import pytest
from tests.cases.case_files import read_case

from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.ingestion.inference import ProblemOptions, Proposal, propose_problem


def look(
    case: str, file: str, target: str, *, header: bool | None = None, **problem_options: Any
) -> tuple[Proposal, pd.DataFrame]:
    """Return the problem proposed for a file, and its rows as a run would read them."""
    asked = [target, *problem_options.get("keys", ()), *filter(None, [problem_options.get("time")])]
    frame, _ = read_case(case, file, *asked, header=header)
    raw = ibis.memtable(frame.assign(**{SOURCE_ROW: range(1, len(frame) + 1)}))
    said = {"name": "shop", "target": target, "today": date(2026, 1, 1), **problem_options}
    proposal = propose_problem(raw, ProblemOptions.model_validate(said))
    read = proposal.reading
    table = raw.select(
        SOURCE_ROW,
        **read.columns(raw),
        label_=read.text(raw, target) if proposal.label.classes else read.number(raw, target),
    )
    return proposal, table.to_pandas().sort_values(SOURCE_ROW, ignore_index=True)


def told(proposal: Proposal, what: str) -> str:
    return "; ".join(f.found for f in proposal.findings if f.what == what)


def test_thousands_and_decimals_are_told_apart() -> None:
    """c01: 1,240 is 1240 and 1.5 stays 1.5, in one table."""
    proposal, rows = look("c01", "shipments.csv", "late")
    assert rows["distance"].sum() == 3_152_985
    assert (rows["fuel_index"].min(), rows["fuel_index"].max()) == (0.5, 3.0)
    assert "distance: numbers written with ',' between thousands" in told(proposal, "numbers")


def test_money_percent_and_units_are_numbers() -> None:
    """c02: money is a number to predict; (1,152.26) is below zero; percent and m2 are left out."""
    proposal, rows = look("c02", "turnover.csv", "turnover")
    assert proposal.spec.task == "regression"
    assert rows.loc[0, ["discount", "area", "adjustment", "label_"]].tolist() == [
        24.2, 187.0, -1152.26, 2668.22,
    ]  # fmt: skip


def test_decimal_signs_belong_to_columns() -> None:
    """c05: coordinates keep their point while measured values keep their comma."""
    _, rows = look("c05", "stationen.csv", "index")
    assert rows.loc[0, ["lat", "lon", "temp"]].tolist() == [51.41411, 12.93162, 25.09]
    assert rows["firmware"].astype(float).max() < 10


def test_marks_of_missing_values_are_found() -> None:
    """c06: each system's own mark is missing, and the table equals the one without marks."""
    proposal, rows = look("c06", "pumps.csv", "fault")
    _, wanted = look("c06", "pumps_as_it_should_be_read.csv", "fault")
    numbers = ["pressure", "flow", "vibration", "temperature", "humidity"]
    pd.testing.assert_frame_equal(rows[numbers], wanted[numbers])
    assert "flow: '\\\\N' read as missing" in told(proposal, "missing")


@pytest.mark.parametrize("file", ["ratios.csv", "ratios.parquet"])
def test_infinities_are_missing_numbers(file: str) -> None:
    """c13: a column with infinities stays a column of numbers; they are missing, and said."""
    proposal, rows = look("c13", file, "output")
    for name in ("flow_per_pressure", "log_vibration"):
        assert proposal.reading.numbers[name] == name
        assert 0.5 < rows[name].notna().mean() < 1
    assert "flow_per_pressure" in told(proposal, "infinity")


def test_identifiers_stay_apart() -> None:
    """c15: leading zeros and long numbers are kept, and rounded accounts are named."""
    proposal, rows = look("c15", "parcels.csv", "late")
    assert "07001" in set(rows["zip"])
    tracking = proposal.identity.row_source == "tracking" or "tracking" in proposal.left_out
    assert tracking or rows["tracking"].nunique() == len(rows)
    assert "account: numbers such as 4.50000E+15 were rounded" in told(proposal, "texts")


def test_serial_days_are_dates() -> None:
    """c21: serial numbers of a spreadsheet are days, alone and among dates."""
    _, mixed = look("c21", "pumps_mixed.csv", "fault", time="measured")
    _, serial = look("c21", "pumps_serial.csv", "fault", time="measured")
    assert mixed["measured"].notna().all()
    assert mixed["measured"].iloc[0] == pd.Timestamp("2023-01-02", tz="UTC")
    assert serial["measured"].iloc[0] == pd.Timestamp("2023-01-02", tz="UTC")


@pytest.mark.parametrize("file", ["readings.csv", "month_names.csv"])
def test_clocks_of_twelve_hours_and_month_names(file: str) -> None:
    """c29: the afternoon is not lost, and a month's name is a month."""
    _, rows = look("c29", file, "fault", time="Reading Time")
    moments = rows["reading_time"]
    assert moments.iloc[0].floor("min") == pd.Timestamp("2024-01-02 04:44", tz="UTC")
    assert moments.iloc[1].floor("min") == pd.Timestamp("2024-01-02 19:07", tz="UTC")
    assert moments.notna().all()


def test_order_of_rows_decides_on_day_and_month() -> None:
    """c30: where no day is above 12, the rows' order and the weekdays decide."""
    proposal, rows = look("c30", "first_mondays.csv", "fault", time="reviewed")
    assert (rows["reviewed"].dt.day_of_week == 0).all()
    assert rows["reviewed"].is_monotonic_increasing
    assert "in order" in told(proposal, "dates")


OFFSETS = ("german_fraction", "hour_only", "minutes_z", "named_utc", "no_colon", "seven_digits")


@pytest.mark.parametrize("file", [*OFFSETS, "space_colon"])
def test_offsets_of_every_spelling_give_the_same_moments(file: str) -> None:
    """c32: each spelling of a zone gives the same minutes."""
    _, rows = look("c32", f"{file}.csv", "fault", time="measured_at")
    _, wanted = look("c32", "space_colon.csv", "fault", time="measured_at")
    minutes, same = (each["measured_at"].dt.floor("min") for each in (rows, wanted))
    pd.testing.assert_series_equal(minutes, same)
    assert rows["measured_at"].notna().all()


def test_local_clocks_are_said_to_be_taken_as_utc() -> None:
    """c32: clocks without a zone are UTC, and it is said."""
    proposal, _ = look("c32", "naive_local_dst.csv", "fault", time="measured_at")
    assert "clocks without a zone are taken as UTC" in told(proposal, "dates")


@pytest.mark.parametrize("file", ["readings_s.csv", "readings_ms.csv"])
def test_counts_of_seconds_are_moments(file: str) -> None:
    """c33: seconds and milliseconds since 1970 are moments when called the time, else named."""
    _, rows = look("c33", file, "fault", time="ts")
    assert rows["ts"].iloc[0].floor("s") == pd.Timestamp("2024-01-01 01:19:35", tz="UTC")
    proposal, _ = look("c33", file, "fault")
    assert "ts: looks like moments" in told(proposal, "dates")


def test_date_and_clock_are_joined() -> None:
    """c35: a compact date takes the time of day that stands beside it."""
    proposal, rows = look("c35", "sensor.csv", "fault", time="date")
    assert rows["date"].iloc[0] == pd.Timestamp("2024-01-01 08:21:36", tz="UTC")
    assert "time belongs to it" in told(proposal, "dates")
    assert "time" not in proposal.spec.request_columns


def test_plus_and_minus_are_classes() -> None:
    """r04: '+' and '-' are the two classes, and '?' is missing."""
    proposal, _ = look("r04", "crx.data", "column_16", header=False)
    assert set(proposal.label.classes) == {"+", "-"}


def test_half_padded_days_are_days() -> None:
    """r15: 1/1/2018 0:15 and 28/07/2018 07:45 are day first, a quarter of an hour apart."""
    _, rows = look("r15", "Steel_industry_data.csv", "Load_Type", time="date")
    moments = rows["date"].sort_values()
    assert moments.notna().all()
    assert moments.iloc[0] == pd.Timestamp("2018-01-01 00:00", tz="UTC")
    assert (moments.diff().dropna() == pd.Timedelta(minutes=15)).all()
