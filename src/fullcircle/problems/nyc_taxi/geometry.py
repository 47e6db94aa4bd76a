"""Feature tables of where zones lie and how far apart, from the meters of earlier trips.

TLC names zones by number and gives no coordinates; the miles of trips that are over place them on
a map. Every Monday at midnight there is a new snapshot, from all trips that ended before. Streets
stay where they are, so nothing is forgotten: each trip makes the map better.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from fullcircle.problems.nyc_taxi.zone_map import (
    MIN_ZONES,
    MeteredPairs,
    find_connected,
    place_zones,
    shortest_miles,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONDAY = 4  # days from the epoch, a Thursday, to the Monday after it
_WEEK_SECONDS = 7 * 86_400
_SHORTEST_MILES, _LONGEST_MILES = 0.1, 60.0  # beyond these a meter was off for part of the trip
_LOG_UNITS = 1_000_000

_MOMENT = pa.timestamp("us", tz="UTC")
_POSITIONS = pa.schema(
    [
        ("zone", pa.string()),
        ("positioned_at", _MOMENT),
        ("x_miles", pa.float64()),
        ("y_miles", pa.float64()),
    ]
)
_ROUTES = pa.schema(
    [
        ("pickup_zone", pa.string()),
        ("dropoff_zone", pa.string()),
        ("positioned_at", _MOMENT),
        ("straight_miles", pa.float64()),
        ("path_miles", pa.float64()),
    ]
)


def place_and_measure(events: ir.Table) -> dict[str, ir.Table]:
    """Give ``zone_positions`` and ``route_geometry``, a snapshot a week.

    A snapshot describes a Monday's midnight and is known then: it rests on trips dropped off
    before. Only zones that trips connect are in it; with fewer than ``MIN_ZONES`` there is none.
    Weeks in which no metered trip ended bring no snapshot, nor does a week that is not over.

    Args:
        events: Clean trips. Their sums per week and pair of zones alone are held in memory.

    Returns:
        ``zone_positions``: ``zone``, ``positioned_at``, ``x_miles`` and ``y_miles``, such that
        distances match metered miles and not a bird's; the axes have no compass direction.
        ``route_geometry``: ``pickup_zone``, ``dropoff_zone``, ``positioned_at``,
        ``straight_miles`` between the positions, and ``path_miles`` of the shortest way along
        pairs of zones that meters have seen; a row for every two zones of a snapshot, and for
        each with itself.
    """
    positions, routes = [_POSITIONS.empty_table()], [_ROUTES.empty_table()]
    for moment, zones, places, paths in _draw_maps(_sum_weeks(events)):
        positions.append(_as_positions(moment, zones, places))
        routes.append(_as_routes(moment, zones, places, paths))
    return {
        "zone_positions": ibis.memtable(pa.concat_tables(positions)),
        "route_geometry": ibis.memtable(pa.concat_tables(routes)),
    }


def _sum_weeks(events: ir.Table) -> pd.DataFrame:
    """Add up the trips of each week and pair of zones, in an order that is always the same.

    Logarithms are added as whole numbers: sums of fractions would depend on the order of rows.
    """
    metered = events.filter(events.dropped_off_at.notnull(), events.trip_miles.notnull())
    seconds = metered.dropped_off_at.epoch_seconds() - _FIRST_MONDAY * 86_400
    miles = metered.trip_miles.clip(_SHORTEST_MILES, _LONGEST_MILES)
    trips = metered.select(
        "dropped_off_at",
        week=(seconds // _WEEK_SECONDS).cast("int64"),
        one=ibis.least(metered.pickup_zone, metered.dropoff_zone),
        other=ibis.greatest(metered.pickup_zone, metered.dropoff_zone),
        log_miles=(miles.ln() * _LOG_UNITS).round().cast("int64"),
    )
    keys = ["week", "one", "other"]
    sums = trips.group_by(keys).aggregate(
        trips=trips.count(), log_miles=trips.log_miles.sum(), last=trips.dropped_off_at.max()
    )
    return pd.DataFrame(sums.to_pandas()).sort_values(keys, ignore_index=True)


def _draw_maps(
    weeks: pd.DataFrame,
) -> Iterator[tuple[datetime, np.ndarray, np.ndarray, np.ndarray]]:
    """Give moment, names, positions and shortest miles of the zones, snapshot by snapshot."""
    names = np.unique(weeks[["one", "other"]].to_numpy(dtype=str))
    previous = np.full((len(names), 2), np.nan)
    for week in weeks["week"].unique():
        seen = weeks[weeks["week"] <= week]
        moment = _EPOCH + timedelta(days=_FIRST_MONDAY + 7 * (int(week) + 1))
        pairs = _add_up(seen, names)
        placed = find_connected(pairs)
        if len(placed) < MIN_ZONES or seen["last"].max() < moment - timedelta(days=1):
            continue
        pairs = pairs.between(placed)
        paths = shortest_miles(pairs)
        previous[placed] = place_zones(pairs, paths, previous[placed])
        yield moment, names[placed], previous[placed], paths


def _add_up(seen: pd.DataFrame, names: np.ndarray) -> MeteredPairs:
    """Give each pair of zones its trips and the geometric mean of their miles.

    Unlike the median it can be added up week by week; like the median it shrugs at a single meter
    that shows ten times too much.
    """
    sums = seen.groupby(["one", "other"])[["trips", "log_miles"]].sum().reset_index()
    trips = sums["trips"].to_numpy(dtype=float)
    return MeteredPairs(
        zones=len(names),
        ends=np.stack([names.searchsorted(sums[end].to_numpy(str)) for end in ("one", "other")], 1),
        miles=np.exp(sums["log_miles"].to_numpy(dtype=float) / _LOG_UNITS / trips),
        trips=trips,
    )


def _as_positions(moment: datetime, zones: np.ndarray, places: np.ndarray) -> pa.Table:
    moments = pa.repeat(pa.scalar(moment, _MOMENT), len(zones))
    columns = [pa.array(zones.tolist(), pa.string()), moments, places[:, 0], places[:, 1]]
    return pa.table(columns, schema=_POSITIONS)


def _as_routes(
    moment: datetime, zones: np.ndarray, places: np.ndarray, paths: np.ndarray
) -> pa.Table:
    """Give every two zones a row; the table's text is kept once per zone until it is written."""
    names = pa.array(zones.tolist(), pa.string())
    start, end = np.indices(paths.shape).reshape(2, -1)
    straight = np.hypot(*(places[start] - places[end]).T)
    moments = pa.repeat(pa.scalar(moment, _MOMENT), len(start))
    columns = [names.take(pa.array(start)), names.take(pa.array(end)), moments]
    return pa.table([*columns, straight, paths.ravel()], schema=_ROUTES)
