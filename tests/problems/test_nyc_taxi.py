"""The taxi problem: no statistic looks ahead, absurd trips are set aside, ids stay."""

from collections.abc import Iterator
from pathlib import Path

import ibis
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.contract import FeatureLookup, FeatureTable, ProblemSpec
from fullcircle.core.errors import DataError, StorageError
from fullcircle.core.features.point_in_time import KeyedTable, join_features
from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW
from fullcircle.datasets import FeatureTablesDataset, RawParquetDataset
from fullcircle.engines.engine import connect
from fullcircle.problems.nyc_taxi import RAW_COLUMNS, clean, features
from fullcircle.problems.nyc_taxi.cleaning import (
    BACKWARDS,
    BROKEN_CLOCK,
    REVERSAL,
    STRAY_TIME,
    TOO_LONG,
    TOO_SHORT,
)
from fullcircle.problems.nyc_taxi.contract import EVENTS
from fullcircle.problems.nyc_taxi.features import WINDOW_DAYS, summarise_trips
from fullcircle.problems.nyc_taxi.simulator import ABSURD_SHARES, TripSimulator

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "conf" / "base" / "problems" / "nyc_taxi" / "parameters.yml"
TRIPS = "nyc_taxi/green_tripdata_2025-*.parquet"
KNOWN_AFTER_DROP_OFF = (
    "dropped_off_at",
    "trip_miles",
    "trip_minutes",
    "fare",
    "tip",
    "toll",
    "total",
    "payment",
    "rate_code",
)
GOOD = {
    "VendorID": 2,
    "lpep_pickup_datetime": "2025-01-06 16:07:36",
    "lpep_dropoff_datetime": "2025-01-06 16:17:36",
    "PULocationID": 75,
    "DOLocationID": 236,
    "passenger_count": 1.0,
    "trip_distance": 0.92,
    "total_amount": 16.65,
    "source_file": "green_tripdata_2025-01",
}


def as_raw(*rows: dict[str, object]) -> pd.DataFrame:
    """Give raw rows that differ from a good one in what is given."""
    frame = pd.DataFrame([{**GOOD, **row} for row in rows])
    frame[SOURCE_ROW] = range(1, len(frame) + 1)
    for column in ("lpep_pickup_datetime", "lpep_dropoff_datetime"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    return frame


def judge(*rows: dict[str, object]) -> pd.DataFrame:
    return connect().execute(clean(ibis.memtable(as_raw(*rows))).order_by(SOURCE_ROW))


def load_spec() -> ProblemSpec:
    return ProblemSpec.model_validate(yaml.safe_load(SPEC.read_text("utf-8"))["nyc_taxi"]["real"])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"lpep_dropoff_datetime": "2025-01-06 16:05:00"}, BACKWARDS),
        ({"lpep_dropoff_datetime": "2025-01-06 16:08:00"}, TOO_SHORT),
        ({"lpep_dropoff_datetime": "2025-01-07 16:00:00"}, TOO_LONG),
        ({"total_amount": -16.65}, REVERSAL),
        ({"lpep_pickup_datetime": None}, "pick-up time is blank"),
        (
            {
                "lpep_pickup_datetime": "2008-12-31 10:00:00",
                "lpep_dropoff_datetime": "2008-12-31 10:09:00",
                "source_file": "trips",
            },
            STRAY_TIME,
        ),
        (
            {
                "lpep_pickup_datetime": "2041-01-06 10:00:00",
                "lpep_dropoff_datetime": "2041-01-06 10:09:00",
            },
            STRAY_TIME,
        ),
        (
            {
                "VendorID": 6,
                "lpep_pickup_datetime": "2025-02-06 13:02:21",
                "lpep_dropoff_datetime": "2025-02-06 14:02:07",
                "source_file": "green_tripdata_2025-02",
            },
            BROKEN_CLOCK,
        ),
    ],
)
def test_absurd_trips_are_set_aside_with_their_reason(bad: dict[str, object], reason: str):
    """An absurd trip is marked with what is wrong, and its good neighbour is not."""
    reasons = judge({}, bad)[REASON]
    assert pd.isna(reasons[0])
    assert reasons[1].startswith(reason)


@pytest.mark.parametrize(
    "kept",
    [
        {"lpep_dropoff_datetime": "2025-01-06 16:08:36"},
        {"lpep_dropoff_datetime": "2025-01-06 17:07:36"},
        {"lpep_pickup_datetime": "2025-01-06 16:01:36", "VendorID": 1},
        {"passenger_count": None, "VendorID": None},
        {"source_file": "trips"},
        {"source_file": "green_tripdata_2025-02"},
        {"trip_distance": 111_597.19},
        {"PULocationID": 265},
    ],
)
def test_odd_but_possible_trips_are_kept(kept: dict[str, object]):
    """Trips at the bounds, with nulls, late in a file or to an unknown zone are no errors."""
    assert judge(kept)[REASON].isna().all()


def test_a_trip_under_way_is_kept_and_counts_nowhere():
    """A trip without a drop-off time has no label yet and enters no statistic."""
    events = judge({"lpep_dropoff_datetime": None, "VendorID": 6}, {})
    assert events[REASON].isna().all()
    assert events["trip_minutes"].isna().tolist() == [True, False]
    table = connect().execute(features(ibis.memtable(events))["route_statistics"])
    assert table["trips"].tolist() == [1]


def test_impossible_miles_are_missing():
    """A meter that shows no miles, or more than a green cab drives, is not believed."""
    miles = judge(*({"trip_distance": d} for d in (0.0, -1.0, 200_000.0, 3.2)))["trip_miles"]
    assert miles.isna().tolist() == [True, True, True, False]


def test_wall_clock_is_read_as_utc():
    """The pick-up's hour and weekday are those on the meter, and the moment is in UTC."""
    row = judge({"lpep_pickup_datetime": "2025-01-06 16:07:36"}).iloc[0]
    assert row["picked_up_at"] == pd.Timestamp("2025-01-06 16:07:36", tz="UTC")
    assert (row["pickup_hour"], row["weekday"], row["day_part"]) == (16, 0, "evening")


def test_nothing_known_after_drop_off_is_a_request_column():
    """No request column, and no raw column that only the trip's end reveals, is an input."""
    spec = load_spec()
    assert not [c for c in spec.features if c.startswith(KNOWN_AFTER_DROP_OFF)]
    before, after = (
        judge({}),
        judge(
            {"lpep_dropoff_datetime": "2025-01-06 16:50:00", "trip_distance": 9, "total_amount": 1}
        ),
    )
    known = [spec.row_id, *spec.entity_keys, *spec.request_columns]
    pd.testing.assert_frame_equal(before[known], after[known])


def test_twins_have_names_of_their_own_that_stay():
    """Trips alike at their start get distinct ids, and later files change none of them."""
    few = judge({}, {"total_amount": 9.0}, {"DOLocationID": 74})
    more = judge({}, {"total_amount": 9.0}, {"DOLocationID": 74}, {}, {"DOLocationID": 74})
    assert more["row_id"].is_unique
    assert few["row_id"].tolist() == more["row_id"].tolist()[:3]


MINUTES_OF_DAYS = 3 * 1440


@st.composite
def draw_trips(draw: st.DrawFn) -> pd.DataFrame:
    """A few trips over a few days among two zones, some with an unknown distance."""
    trip = st.tuples(
        st.sampled_from(["1", "2"]),
        st.sampled_from(["1", "2"]),
        st.integers(0, MINUTES_OF_DAYS),
        st.integers(1, 60),
        st.one_of(st.none(), st.floats(0.5, 20)),
    )
    rows = draw(st.lists(trip, min_size=1, max_size=12))
    columns = ["pickup_zone", "dropoff_zone", "start", "trip_minutes", "trip_miles"]
    frame = pd.DataFrame(rows, columns=columns)
    start = pd.Timestamp("2025-01-30", tz="UTC") + pd.to_timedelta(frame.pop("start"), unit="min")
    end = start + pd.to_timedelta(frame["trip_minutes"], unit="min")
    frame["trip_minutes"] = frame["trip_minutes"].astype(float)
    frame["trip_miles"] = frame["trip_miles"].astype(float)
    return frame.assign(picked_up_at=start, dropped_off_at=end, row_id=range(len(frame)))


def expect(trips: pd.DataFrame, trip: pd.Series, window_days: int) -> dict[str, float] | None:
    """What an honest clerk knows at a trip's start: whole days that are over, none from today."""
    today = trip.picked_up_at.floor("D")
    alike = trips[
        (trips.pickup_zone == trip.pickup_zone) & (trips.dropoff_zone == trip.dropoff_zone)
    ]
    ended = alike[alike.dropped_off_at < today]
    if ended.empty:
        return None
    last = ended.dropped_off_at.max().floor("D") + pd.Timedelta(days=1)
    seen = ended[ended.dropped_off_at >= last - pd.Timedelta(days=window_days)]
    metered = seen[seen.trip_miles.notna()]
    known = bool(len(metered))
    return {
        "trips": len(seen),
        "mean_minutes": seen.trip_minutes.mean(),
        "mean_miles": metered.trip_miles.mean(),
        "minutes_per_mile": metered.trip_minutes.sum() / metered.trip_miles.sum()
        if known
        else float("nan"),
    }


@pytest.mark.untraced
@settings(max_examples=60, deadline=None)
@given(trips=draw_trips(), window_days=st.integers(1, 3))
def test_statistics_rest_on_trips_that_had_ended(trips: pd.DataFrame, window_days: int):
    """For random trips the looked-up statistics equal those of a clerk who sees ended days only."""
    keys = ["pickup_zone", "dropoff_zone"]
    spine = ibis.memtable(trips)
    table = KeyedTable(
        summarise_trips(spine, keys, window_days),
        FeatureTable(keys=keys, event_time="summarised_at"),
    )
    columns = ["trips", "mean_minutes", "mean_miles", "minutes_per_mile"]
    lookup = FeatureLookup(table="routes", keys=keys, columns=columns)
    joined = join_features(spine, {"routes": table}, [lookup], "picked_up_at")
    got = connect().execute(joined).set_index("row_id")
    assert sorted(got.index) == trips.row_id.tolist()
    for _, trip in trips.iterrows():
        expected = expect(trips, trip, window_days)
        found = got.loc[trip.row_id, columns]
        if expected is None:
            assert found.isna().all()
        else:
            assert found.to_dict() == pytest.approx(expected, nan_ok=True)


def test_a_route_never_seen_has_no_statistics():
    """The first trip of a route finds nothing, rather than itself; a later one finds the first."""
    later = {
        "lpep_pickup_datetime": "2025-01-07 00:00:00",
        "lpep_dropoff_datetime": "2025-01-07 00:30:00",
    }
    events, keys = ibis.memtable(judge({}, later)), ["pickup_zone", "dropoff_zone"]
    declared = FeatureTable(keys=keys, event_time="summarised_at")
    tables = {"route_statistics": KeyedTable(features(events)["route_statistics"], declared)}
    lookup = FeatureLookup(table="route_statistics", keys=keys, columns=["mean_minutes"])
    joined = join_features(events, tables, [lookup], "picked_up_at").order_by("picked_up_at")
    first, second = connect().execute(joined)["mean_minutes"]
    assert pd.isna(first)
    assert second == 10.0


def test_the_window_forgets():
    """A trip that ended before the window's first midnight no longer counts, one on it does."""
    old = {
        "lpep_pickup_datetime": "2024-12-10 00:00:00",
        "lpep_dropoff_datetime": "2024-12-10 00:40:00",
    }
    older = {
        "lpep_pickup_datetime": "2024-12-09 23:00:00",
        "lpep_dropoff_datetime": "2024-12-09 23:59:59",
    }
    events = ibis.memtable(judge(older, old, {}))
    table = connect().execute(summarise_trips(events, ["pickup_zone"]))
    newest = table.sort_values("summarised_at").iloc[-1]
    assert WINDOW_DAYS == 28
    assert (newest["trips"], newest["mean_minutes"]) == (2, 25.0)


def test_a_stored_count_is_the_count(tmp_path: Path):
    """Counts come back from the feature store as they were computed, row by row."""
    declared = yaml.safe_load((SPEC.parent / "catalog.yml").read_text("utf-8"))
    tables = declared["_nyc_taxi"]["feature_tables"]["real"]
    computed = features(ibis.memtable(judge(*({"PULocationID": 70 + n // 3} for n in range(12)))))
    store = FeatureTablesDataset(schema="a.b", filepath=str(tmp_path), tables=tables)
    store.save(computed)
    stored = store.load()["pickup_zone_statistics"].rows.order_by("pickup_zone")
    assert connect().execute(stored)["trips"].tolist() == [3, 3, 3, 3]


def simulate(**changes: object) -> TripSimulator:
    given_settings = {"seed": 7, "first_month": "2025-01-01", "months": 3, "trips_per_month": 3000}
    return TripSimulator(**{**given_settings, **changes})  # type: ignore[arg-type]


def test_same_seed_same_trips():
    """A month's rows depend on the seed and the month alone, not on how many months there are."""
    few, more = (dict(simulate(months=months).pieces()) for months in (2, 3))
    assert all(more[name].equals(rows) for name, rows in few.items())
    other = dict(simulate(seed=8).pieces())
    assert not more["2025-01-0000"].equals(other["2025-01-0000"])


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    """60 000 simulated trips of one month with their truth."""
    return simulate().draw(pd.Timestamp("2025-01-01"), 60_000)


def test_simulated_absurd_rows_are_all_found(simulated: pd.DataFrame):
    """Each spoiled row is set aside for what was done to it, no other row is, at stated rates."""
    frame = simulated.drop(columns=["expected_minutes", "absurd"])
    frame[SOURCE_ROW] = range(1, len(frame) + 1)
    judged = connect().execute(clean(ibis.memtable(frame)).order_by(SOURCE_ROW))
    kinds = judged[REASON].str.split(":").str[0]
    spoiled = simulated["absurd"]
    assert (kinds.fillna("") == spoiled.fillna("")).all()
    for kind, share in ABSURD_SHARES.items():
        assert (kinds == kind).mean() == pytest.approx(share, rel=0.3)


def test_simulated_truth_is_reached(simulated: pd.DataFrame):
    """The true expected minutes score the stated RMSE, and no stretching of them does better."""
    truth = simulate().state_truth(100_000)
    fine = simulated[simulated["absurd"].isna()]
    start, end = fine["lpep_pickup_datetime"], fine["lpep_dropoff_datetime"]
    minutes = (end - start).dt.total_seconds() / 60

    def rmse(factor: float) -> float:
        return float((((minutes - factor * fine["expected_minutes"]) ** 2).mean()) ** 0.5)

    assert rmse(1.0) == pytest.approx(truth["best_rmse"], rel=0.03)
    assert rmse(1.0) < min(rmse(0.95), rmse(1.05)) < truth["baseline_rmse"]


def test_drift_begins_on_the_stated_day():
    """Traffic slows by the stated factor in the month of the drift and not before."""
    calm, drifting = simulate(), simulate(drift_from="2025-03-01")

    def ratio(month: str) -> float:
        before, after = (
            s.draw(pd.Timestamp(month), 2000)["expected_minutes"] for s in (calm, drifting)
        )
        return float((after / before).mean())

    assert ratio("2025-02-01") == pytest.approx(1.0)
    assert ratio("2025-03-01") == pytest.approx(drifting.state_truth(1000)["slowdown"])


@pytest.fixture
def months(tmp_path: Path) -> Iterator[Path]:
    """Two monthly files, of which the later one has wider numbers and another column."""
    january = as_raw({}, {"PULocationID": 7}).drop(columns=["source_file", SOURCE_ROW])
    february = as_raw({"lpep_pickup_datetime": "2025-02-06 16:07:36"}).drop(
        columns=["source_file", SOURCE_ROW]
    )
    january.astype({"PULocationID": "int32"}).to_parquet(tmp_path / "trips_2025-01.parquet")
    february.assign(cbd_congestion_fee=0.75).to_parquet(tmp_path / "trips_2025-02.parquet")
    return tmp_path


def test_files_are_matched_by_name_and_numbered_in_order(months: Path):
    """Rows of all files are numbered from 1, and a column that a file lacks is null in its rows."""
    raw = RawParquetDataset(filepath=f"{months}/trips_*.parquet").load().to_pandas()
    raw = raw.sort_values(SOURCE_ROW, ignore_index=True)
    assert raw[SOURCE_ROW].tolist() == [1, 2, 3]
    assert raw["PULocationID"].tolist() == [75, 7, 75]
    assert raw["source_file"].tolist() == ["trips_2025-01"] * 2 + ["trips_2025-02"]
    assert raw["cbd_congestion_fee"].isna().tolist() == [True, True, False]


def test_a_later_file_renumbers_and_renames_nothing(months: Path):
    """The ids of January's trips are the same with and without February's file."""
    alone, both = (
        clean(RawParquetDataset(filepath=f"{months}/{pattern}").load()).to_pandas()
        for pattern in ("trips_2025-01.parquet", "trips_*.parquet")
    )
    merged = alone.merge(both, on=[SOURCE_ROW, "row_id"])
    assert len(merged) == len(alone) == 2


def test_the_data_version_follows_every_file(months: Path):
    """Lineage changes when any file does, and only then."""
    dataset = RawParquetDataset(filepath=f"{months}/trips_*.parquet")
    before = dataset.data_version()
    assert dataset.data_version() == before
    (months / "trips_2025-02.parquet").rename(months / "trips_2025-03.parquet")
    assert dataset.data_version() != before


def test_missing_and_broken_files_are_named(months: Path):
    """No file, and a file that is no Parquet file, are one clear line each."""
    absent = RawParquetDataset(filepath=f"{months}/rides_*.parquet", hint="Put them there")
    assert not absent.exists()
    assert absent.data_version() is None
    with pytest.raises(Exception, match=r"rides_.*Put them there") as missing:
        absent.load()
    assert isinstance(missing.value, StorageError) or isinstance(
        missing.value.__cause__, StorageError
    )
    (months / "trips_2025-03.parquet").write_text("not Parquet", encoding="utf-8")
    with pytest.raises(Exception, match=r"trips_2025-03.parquet cannot be read") as broken:
        RawParquetDataset(filepath=f"{months}/trips_*.parquet").load()
    assert isinstance(broken.value, DataError) or isinstance(broken.value.__cause__, DataError)


def test_publishers_files(real_data: Path):
    """Three months of TLC's files: every row judged, ids unique, the contract kept."""
    raw = RawParquetDataset(filepath=str(real_data / TRIPS)).load()
    assert set(RAW_COLUMNS) <= set(raw.columns)
    rows = sum(pq.read_metadata(file).num_rows for file in sorted(real_data.glob(TRIPS)))
    judged = clean(raw).cache()
    summary = judged.aggregate(
        rows=judged.count(),
        numbers=judged[SOURCE_ROW].nunique(),
        last=judged[SOURCE_ROW].max(),
        ids=judged.row_id.nunique(),
    ).to_pandas()
    assert summary.iloc[0].tolist() == [rows] * 4
    kept = judged.filter(judged[REASON].fill_null("") == "")
    EVENTS.validate(kept, lazy=True)
    kinds = judged[REASON].split(":")[0]
    counts = judged.group_by(kind=kinds).aggregate(n=judged.count()).to_pandas()
    found = counts.dropna().set_index("kind")["n"]
    assert set(found.index) == {BACKWARDS, TOO_SHORT, TOO_LONG, REVERSAL, BROKEN_CLOCK}
    assert 0.05 < found.sum() / rows < 0.06


def test_spec_and_tables_agree():
    """Every column that the contract looks up is one that the feature tables have."""
    spec = load_spec()
    tables = features(ibis.memtable(judge({})))
    for lookup in spec.feature_lookups:
        table = tables[lookup.table]
        assert {*lookup.key_mapping.values(), *lookup.renaming} <= set(table.columns)
