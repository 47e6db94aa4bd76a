"""Cleaning taxi trips: TLC's columns in, typed events out.

Moments: TLC writes New York wall-clock times without a zone. They are read as if they were UTC, so
hours, weekdays and durations are those on the meter. Once a year, in the night when the clocks go
back, a trip across that hour comes out an hour short and is set aside if that makes it absurd.
"""

import ibis
import ibis.expr.types as ir

from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.validation.row_validation import SOURCE_ROW, reject, unless

RAW_COLUMNS = (
    "VendorID",
    "lpep_pickup_datetime",
    "lpep_dropoff_datetime",
    "PULocationID",
    "DOLocationID",
    "passenger_count",
    "trip_distance",
    "total_amount",
)
MIN_TRIP_MINUTES, MAX_TRIP_MINUTES = 1, 60
MAX_TRIP_MILES = 100
MAX_DAYS_FROM_FILE_MONTH = 31
FIRST_GREEN_TRIP = "2013-08-01"  # green cabs started in that month

STRAY_TIME = "picked up in another time"
BACKWARDS = "drop-off before pick-up, in minutes"
TOO_SHORT = f"shorter than {MIN_TRIP_MINUTES} minute, in minutes"
TOO_LONG = f"longer than {MAX_TRIP_MINUTES} minutes, in minutes"
BROKEN_CLOCK = "the minute shown is the number of the month"
REVERSAL = "takes back another row's charge, in dollars"

# Vendor 6 came in February 2025 and writes 02 for every minute of February, 03 for March's.
_VENDORS_WITH_BROKEN_CLOCKS = ("6",)

# What a request brings as the meter has it; the clock's parts are made of the pick-up time.
READING = ColumnParser(
    codes={"pickup_zone": "PULocationID", "dropoff_zone": "DOLocationID", "vendor": "VendorID"},
    numbers={"passengers": "passenger_count"},
    sentinels={"passengers": (0.0,)},
    required=("pickup_zone", "dropoff_zone"),
)

# First hour of each part of the day; the hours before the first one belong to the night.
_DAY_PARTS = ((20, "late evening"), (16, "evening"), (10, "midday"), (6, "morning"))


def clean(raw: ir.Table) -> ir.Table:
    """Type every column and judge every row.

    Only what is known when the meter starts becomes a request column: zones, vendor, passengers
    and parts of the pick-up time. The rate code is the one in effect at the trip's end, so it is
    left out; so are fares, tips, tolls and the way of payment. The metered distance is kept for
    statistics of earlier trips alone, and is missing where the meter cannot be right. A trip
    without a drop-off time is under way: it is kept, its label not known yet.

    Args:
        raw: TLC's columns with ``source_row``, and ``source_file`` where the rows come from files
            whose names end in year and month.

    Returns:
        One row per raw row, with a reason where it must be set aside.
    """
    typed = raw.select(
        SOURCE_ROW,
        picked_up_at=raw.lpep_pickup_datetime.cast("timestamp('UTC')"),
        dropped_off_at=raw.lpep_dropoff_datetime.cast("timestamp('UTC')"),
        **READING.columns(raw),
        trip_miles=_as_plausible_miles(raw.trip_distance),
        charge_dollars=raw.total_amount.cast("float64"),
        file_month=_file_month(raw),
    )
    typed = typed.mutate(
        trip_minutes=_minutes_between(typed.picked_up_at, typed.dropped_off_at),
        route=typed.pickup_zone + ibis.literal(" to ") + typed.dropoff_zone,
        pickup_hour=typed.picked_up_at.hour().cast("int64"),
        pickup_minute=(typed.picked_up_at.hour() * 60 + typed.picked_up_at.minute()).cast("int64"),
        weekday=typed.picked_up_at.day_of_week.index().cast("int64"),
    )
    typed = typed.mutate(row_id=_row_id(typed), day_part=_day_part(typed.pickup_hour))
    return _judge(typed).drop("charge_dollars", "file_month")


def _judge(typed: ir.Table) -> ir.Table:
    """Mark rows that are no trip, or none whose length a rider would ask for."""
    minutes, under_way = typed.trip_minutes.round(1), typed.dropped_off_at.isnull()
    charge = typed.charge_dollars
    return reject(
        typed,
        unless(typed.picked_up_at.notnull(), "pick-up time is blank"),
        unless(typed.pickup_zone.notnull(), "pick-up zone is blank"),
        unless(typed.dropoff_zone.notnull(), "drop-off zone is blank"),
        unless(_is_near_file_month(typed), STRAY_TIME, typed.picked_up_at),
        unless(~_has_broken_clock(typed), BROKEN_CLOCK),
        unless(under_way | (typed.trip_minutes >= 0), BACKWARDS, minutes),
        unless(under_way | (typed.trip_minutes >= MIN_TRIP_MINUTES), TOO_SHORT, minutes),
        unless(under_way | (typed.trip_minutes <= MAX_TRIP_MINUTES), TOO_LONG, minutes),
        unless(charge.fill_null(0.0) >= 0, REVERSAL, charge),
    )


def _as_plausible_miles(distance: ir.NumericColumn) -> ir.FloatingColumn:
    miles = distance.cast("float64")
    fine = (miles > 0) & (miles <= MAX_TRIP_MILES)
    return ibis.ifelse(fine, miles, ibis.null("float64"))


def _minutes_between(start: ir.TimestampColumn, end: ir.TimestampColumn) -> ir.FloatingColumn:
    return (end.epoch_seconds() - start.epoch_seconds()) / 60.0


def _file_month(raw: ir.Table) -> ir.Value:
    """Month that a file covers whose name ends in ``YYYY-MM``; null where there is none."""
    if "source_file" not in raw.columns:
        return ibis.null("timestamp('UTC')")
    month = raw.source_file.re_extract(r"(\d{4}-\d{2})$", 1).nullif("")
    return (month + ibis.literal("-01")).try_cast("timestamp('UTC')")


def _is_near_file_month(typed: ir.Table) -> ir.BooleanValue:
    """Whether a trip may have reached this file late, rather than by a clock gone astray."""
    seconds = typed.picked_up_at.epoch_seconds() - typed.file_month.epoch_seconds()
    days = seconds / 86_400
    near = days.between(-MAX_DAYS_FROM_FILE_MONTH, 31 + MAX_DAYS_FROM_FILE_MONTH)
    begun = typed.picked_up_at >= ibis.literal(FIRST_GREEN_TRIP).cast("timestamp('UTC')")
    return begun & near.fill_null(True)


def _has_broken_clock(typed: ir.Table) -> ir.BooleanValue:
    """Whether both times show the month where the minute belongs, so that no length is known."""
    times = (typed.picked_up_at, typed.dropped_off_at)
    shows_month = ibis.and_(*(time.minute() == time.month() for time in times))
    return (typed.vendor.isin(_VENDORS_WITH_BROKEN_CLOCKS) & shows_month).fill_null(False)


def _row_id(typed: ir.Table) -> ir.StringValue:
    """Name a trip by what its start makes known: time, vendor, route, and a count for twins.

    Two cabs do start in one second on one route. The count follows the order of the source, so
    a file whose rows come later leaves every earlier name as it is.
    """
    start = [typed.picked_up_at, typed.vendor, typed.route]
    twin = ibis.row_number().over(ibis.window(group_by=start, order_by=typed[SOURCE_ROW])) + 1
    day, time = (typed.picked_up_at.strftime(part) for part in ("%Y-%m-%d", "%H:%M:%S"))
    parts = [
        day + ibis.literal("T") + time,  # not every engine takes a letter within a format
        typed.vendor.fill_null("?"),
        typed.route,
        twin.cast("string"),
    ]
    return ibis.literal("|").join(parts)


def _day_part(hour: ir.IntegerColumn) -> ir.StringValue:
    branches = [(hour >= first, name) for first, name in _DAY_PARTS]
    return ibis.cases(*branches, else_="night")
