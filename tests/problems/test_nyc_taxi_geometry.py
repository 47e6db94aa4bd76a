"""Where taxi zones lie: drawn from trips that were over, like the truth, and steady."""

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.linalg import orthogonal_procrustes

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.features.point_in_time import join_features
from fullcircle.datasets import FeatureTablesDataset
from fullcircle.engines.engine import connect
from fullcircle.problems.nyc_taxi import clean
from fullcircle.problems.nyc_taxi.geometry import place_and_measure
from fullcircle.problems.nyc_taxi.simulator import TripSimulator
from fullcircle.problems.nyc_taxi.zone_map import MIN_ZONES, lay_onto

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf" / "base" / "problems" / "nyc_taxi"
ZONES = 30
MONDAY = pd.Timestamp("2025-01-06", tz="UTC")
WEEK = pd.Timedelta(weeks=1)


def draw_city(zones: int = ZONES) -> np.ndarray:
    """True places of zones, as miles on a plane ten miles wide."""
    return np.random.default_rng(3).uniform(0, 10, (zones, 2))


def draw_trips(
    places: np.ndarray, trips: int = 3000, weeks: int = 3, seed: int = 5
) -> pd.DataFrame:
    """Trips among the places, metered with a tenth of noise, that end within some weeks."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, len(places), (2, trips))
    miles = np.hypot(np.linalg.norm(places[ends[0]] - places[ends[1]], axis=1), 0.7)
    ended = MONDAY - WEEK + pd.to_timedelta(rng.integers(0, weeks * 7 * 86_400, trips), unit="s")
    return pd.DataFrame(
        {
            "pickup_zone": ends[0].astype(str),
            "dropoff_zone": ends[1].astype(str),
            "dropped_off_at": ended.as_unit("us"),
            "trip_miles": miles * rng.normal(1, 0.1, trips).clip(0.7, 1.3),
        }
    )


def compute(trips: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give zone positions and route geometry."""
    tables = place_and_measure(ibis.memtable(trips))
    positions, routes = (tables[name] for name in ("zone_positions", "route_geometry"))
    return connect().execute(positions), connect().execute(routes)


def at(positions: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Positions of one snapshot by zone."""
    rows = positions[positions["positioned_at"] == moment]
    return rows.set_index("zone")[["x_miles", "y_miles"]]


@pytest.fixture(scope="module")
def city() -> tuple[np.ndarray, pd.DataFrame]:
    """A city and three weeks of its trips."""
    return draw_city(), draw_trips(draw_city())


def test_the_map_is_the_planted_one(city: tuple[np.ndarray, pd.DataFrame]):
    """Turned and mirrored as it may be, the map puts every zone where it truly lies."""
    places, trips = city
    positions, routes = compute(trips)
    found = at(positions, MONDAY + 2 * WEEK)
    truth = places[found.index.astype(int)]
    centred, aim = found - found.mean(), truth - truth.mean(axis=0)
    turn, _ = orthogonal_procrustes(centred, aim)
    misses = np.linalg.norm(centred.to_numpy() @ turn - aim, axis=1)
    assert len(found) == ZONES
    assert misses.max() < 0.3
    last = routes[routes["positioned_at"] == MONDAY + 2 * WEEK]
    ends = [places[last[f"{end}_zone"].astype(int)] for end in ("pickup", "dropoff")]
    miles = np.linalg.norm(ends[0] - ends[1], axis=1)
    assert len(last) == ZONES**2
    assert last["straight_miles"].to_numpy() == pytest.approx(miles, abs=0.4)
    assert last["path_miles"].to_numpy() == pytest.approx(miles, abs=1.0)


@pytest.mark.parametrize(
    "moment", ["2025-01-06", "2025-01-08 13:00", "2025-01-13", "2025-01-19 23:59:59", "2025-01-20"]
)
def test_no_snapshot_looks_ahead(city: tuple[np.ndarray, pd.DataFrame], moment: str):
    """Deleting every trip that ended at a moment or after changes no snapshot up to it."""
    _, trips = city
    now = pd.Timestamp(moment, tz="UTC")
    until_now = compute(trips[trips["dropped_off_at"] < now])
    for few, many in zip(until_now, compute(trips), strict=True):
        known = many[many["positioned_at"] <= now].reset_index(drop=True)
        assert len(known)
        pd.testing.assert_frame_equal(few[few["positioned_at"] <= now], known)


def test_a_week_under_way_brings_no_snapshot(city: tuple[np.ndarray, pd.DataFrame]):
    """A snapshot appears when the last day of its week is there, not with a moment to come."""
    _, trips = city

    def count(until: str) -> int:
        ended = trips["dropped_off_at"] < pd.Timestamp(until, tz="UTC")
        return compute(trips[ended])[0]["positioned_at"].nunique()

    assert [count("2025-01-05"), count("2025-01-06"), count("2025-01-12")] == [0, 1, 1]


def test_a_map_lies_on_the_one_before(city: tuple[np.ndarray, pd.DataFrame]):
    """From one snapshot to the next zones hardly move: maps are neither turned nor mirrored."""
    positions, _ = compute(city[1])
    for moment in (MONDAY, MONDAY + WEEK):
        step = at(positions, moment + WEEK) - at(positions, moment)
        assert np.linalg.norm(step, axis=1).max() < 0.5


def test_laying_a_map_onto_another_undoes_turn_and_mirror():
    """A turned, mirrored and shifted map comes back, also for a zone that is new on it."""
    places = draw_city()
    turned = places @ np.array([[0.6, 0.8], [0.8, -0.6]]) + [3.0, -7.0]
    earlier = places.copy()
    earlier[0] = np.nan
    np.testing.assert_allclose(lay_onto(turned, earlier), places)


def test_the_order_of_rows_does_not_matter(city: tuple[np.ndarray, pd.DataFrame]):
    """Shuffled trips give the same tables to the last bit, and so do trips driven backwards."""
    _, trips = city
    shuffled = trips.sample(frac=1, random_state=1, ignore_index=True)
    backwards = trips.rename(columns={"pickup_zone": "dropoff_zone", "dropoff_zone": "pickup_zone"})
    for changed in (shuffled, backwards):
        for one, other in zip(compute(trips), compute(changed), strict=True):
            pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_one_broken_meter_moves_nothing_far(city: tuple[np.ndarray, pd.DataFrame]):
    """A meter that shows 100 miles on a trip of few does not tear its zones apart."""
    _, trips = city
    broken = trips.copy()
    broken.loc[trips["dropped_off_at"].idxmin(), "trip_miles"] = 100.0
    moved = at(compute(broken)[0], MONDAY + 2 * WEEK) - at(compute(trips)[0], MONDAY + 2 * WEEK)
    assert np.linalg.norm(moved - moved.mean(), axis=1).max() < 0.5


def as_chain(zones: int) -> pd.DataFrame:
    """Trips along a line of zones, each to the next."""
    names = [f"c{number}" for number in range(zones)]
    return pd.DataFrame(
        {
            "pickup_zone": names[:-1],
            "dropoff_zone": names[1:],
            "dropped_off_at": (MONDAY - pd.Timedelta(seconds=1)).as_unit("us"),
            "trip_miles": 1.0,
        }
    )


@pytest.mark.parametrize(
    "trips",
    [
        as_chain(MIN_ZONES).head(0),
        as_chain(2),
        as_chain(2).assign(dropoff_zone="c0"),
        as_chain(MIN_ZONES - 1),
        as_chain(MIN_ZONES).assign(trip_miles=np.nan),
        as_chain(MIN_ZONES).assign(dropped_off_at=pd.NaT),
    ],
    ids=["no trip", "two zones", "one zone", "too few zones", "no meter", "all under way"],
)
def test_too_little_gives_no_rows(trips: pd.DataFrame):
    """Without enough connected zones there are typed tables without rows, and no error."""
    ended = pd.to_datetime(trips["dropped_off_at"], utc=True).dt.as_unit("us")
    tables = place_and_measure(ibis.memtable(trips.assign(dropped_off_at=ended)))
    for table in tables.values():
        assert table.positioned_at.type().timezone == "UTC"
        assert connect().execute(table.count()) == 0


@pytest.mark.parametrize("other", [as_chain(4), as_chain(2).assign(dropoff_zone="c0")])
def test_zones_apart_are_left_out(other: pd.DataFrame):
    """Zones that no trip connects with the others have no position, and no infinite path."""
    apart = other.replace({"c": "d"}, regex=True)
    positions, routes = compute(pd.concat([as_chain(MIN_ZONES), apart], ignore_index=True))
    assert sorted(positions["zone"]) == [f"c{number}" for number in range(MIN_ZONES)]
    assert np.isfinite(routes[["straight_miles", "path_miles"]]).all(axis=None)


@pytest.mark.parametrize("stops", [MIN_ZONES, 3 * MIN_ZONES])
def test_a_city_on_one_line_is_no_error(stops: int):
    """Zones in a row, of which a plane map is degenerate, get finite positions all the same."""
    positions, routes = compute(as_chain(stops))
    assert np.isfinite(positions[["x_miles", "y_miles"]]).all(axis=None)
    assert routes["path_miles"].max() == pytest.approx(stops - 1)


def test_the_simulated_city_comes_out():
    """The simulator's own streets give a map on which distances go with its true ones."""
    simulator = TripSimulator(seed=7, first_month="2025-01-01", months=1, trips_per_month=6000)
    raw = simulator.draw(pd.Timestamp("2025-01-01"), 6000)
    raw["source_row"] = range(1, len(raw) + 1)
    events = connect().execute(clean(ibis.memtable(raw.drop(columns=["absurd"]))))
    fine = raw["absurd"].isna().to_numpy()
    _, routes = compute(events.sort_values("source_row")[fine])
    last = routes[routes["positioned_at"] == routes["positioned_at"].max()]
    true = simulator._places
    ends = [true[last[f"{end}_zone"].astype(int) - 1] for end in ("pickup", "dropoff")]
    miles = np.abs(ends[0] - ends[1]).sum(axis=1)
    assert np.corrcoef(last["straight_miles"], miles)[0, 1] > 0.9
    assert np.corrcoef(last["path_miles"], miles)[0, 1] > 0.95


def test_a_trip_finds_the_map_of_the_monday_before(
    city: tuple[np.ndarray, pd.DataFrame], tmp_path: Path
):
    """Stored as declared and looked up as declared, each end gets its own zone's position."""
    declared = yaml.safe_load((CONF / "catalog.yml").read_text("utf-8"))
    tables = {
        name: declared["_nyc_taxi"]["feature_tables"]["real"][name]
        for name in ("zone_positions", "route_geometry")
    }
    store = FeatureTablesDataset(schema="a.b", filepath=str(tmp_path), tables=tables)
    store.save(place_and_measure(ibis.memtable(city[1])))
    contract = yaml.safe_load((CONF / "parameters.yml").read_text("utf-8"))["nyc_taxi"]["real"]
    lookups = [
        lookup
        for lookup in ProblemSpec.model_validate(contract).feature_lookups
        if lookup.table in tables
    ]
    asked = pd.to_datetime(["2025-01-05 12:00", "2025-01-06 00:00", "2025-01-14 09:00"], utc=True)
    spine = pd.DataFrame({"pickup_zone": "3", "dropoff_zone": "8", "picked_up_at": asked})
    joined = join_features(
        ibis.memtable(spine.astype({"picked_up_at": "datetime64[us, UTC]"})),
        store.load(),
        lookups,
        "picked_up_at",
    )
    got = connect().execute(joined.order_by("picked_up_at"))
    looked_up = got.drop(columns=list(spine))
    assert looked_up.iloc[0].isna().all()
    assert looked_up.iloc[1:].notna().all(axis=None)
    positions, _ = compute(city[1])
    for row, moment in ((1, MONDAY), (2, MONDAY + WEEK)):
        ends = [at(positions, moment).loc[zone].tolist() for zone in ("3", "8")]
        columns = [f"{end}_{axis}_miles" for end in ("pickup", "dropoff") for axis in "xy"]
        assert got.loc[row, columns].tolist() == [*ends[0], *ends[1]]
