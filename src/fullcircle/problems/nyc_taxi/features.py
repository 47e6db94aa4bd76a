"""Feature tables of the taxi problem: what earlier trips tell about the next one."""

import ibis
import ibis.expr.types as ir

from fullcircle.problems.nyc_taxi.geometry import place_and_measure

WINDOW_DAYS = 28
_DAY_SECONDS = 86_400
_MILE_PARTS = 10**9


def features(events: ir.Table) -> dict[str, ir.Table]:
    """Give trailing statistics by route, end and hour of the week, and where zones lie."""
    return {
        "route_statistics": summarise_trips(events, ["pickup_zone", "dropoff_zone"]),
        "pickup_zone_statistics": summarise_trips(events, ["pickup_zone"]),
        "dropoff_zone_statistics": summarise_trips(events, ["dropoff_zone"]),
        "hour_statistics": summarise_trips(events, ["weekday", "pickup_hour"]),
        **place_and_measure(events),
    }


def summarise_trips(events: ir.Table, keys: list[str], window_days: int = WINDOW_DAYS) -> ir.Table:
    """Summarise, per key and day, the trips that ended in the days up to that day's midnight.

    A row describes the midnight after a day on which a trip of its key ended, and is known then:
    it rests on trips dropped off before that midnight and on or after the midnight
    ``window_days`` earlier. Days without a trip of the key bring no row.

    Args:
        events: Clean trips.
        keys: Columns to group by.
        window_days: Length of the window.

    Returns:
        The keys, ``summarised_at``, ``trips``, ``mean_minutes``, ``mean_miles`` and
        ``minutes_per_mile`` (both null where no meter of the window can be right).
    """
    days = _sum_days(events, keys)
    window = ibis.range_window(
        preceding=window_days - 1, following=0, group_by=keys, order_by="day"
    )
    totals = {name: days[name].sum().over(window) for name in _TOTALS}
    windows = days.select(*keys, "summarised_at", **totals)
    minutes, metered_minutes = windows.seconds / 60.0, windows.metered_seconds / 60.0
    miles = windows.mile_parts / float(_MILE_PARTS)
    return windows.select(
        *keys,
        "summarised_at",
        trips="trips",
        mean_minutes=minutes / windows.trips,
        mean_miles=miles / windows.metered.nullif(0),
        minutes_per_mile=metered_minutes / miles.nullif(0.0),
    )


_TOTALS = ("trips", "seconds", "metered", "metered_seconds", "mile_parts")


def _sum_days(events: ir.Table, keys: list[str]) -> ir.Table:
    """Add up the trips of each key that ended on the same day.

    Seconds and parts of miles are added as whole numbers: sums of fractions would depend on the
    order of rows, and so on the engine.
    """
    events = events.filter(events.dropped_off_at.notnull())
    ended = events.dropped_off_at
    metered = events.trip_miles.notnull()
    seconds = (events.trip_minutes * 60.0).round().cast("int64")
    parts = (events.trip_miles * float(_MILE_PARTS)).round().cast("int64")
    trips = events.select(
        *keys,
        day=(ended.epoch_seconds() // _DAY_SECONDS).cast("int64"),
        summarised_at=_next_midnight(ended),
        seconds=seconds,
        metered=metered.cast("int64"),
        metered_seconds=ibis.ifelse(metered, seconds, 0),
        mile_parts=parts.fill_null(0),
    )
    sums = {name: trips[name].sum() for name in _TOTALS if name != "trips"}
    return trips.group_by([*keys, "day", "summarised_at"]).aggregate(trips=trips.count(), **sums)


def _next_midnight(moment: ir.TimestampColumn) -> ir.TimestampColumn:
    return (moment.truncate("D") + ibis.interval(days=1)).cast("timestamp('UTC')")
