"""Three real months of taxi trips, every twentieth of them, scored day by day."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

MONTHS = ("2025-01", "2025-02", "2025-03")
EVERY = 20
QUICK = {"candidates": ["baseline", "xgboost"], "search": {"trials": 0}}


@pytest.fixture(scope="module")
def trips(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with every twentieth trip of the publisher's files, or skip."""
    folder = tmp_path_factory.mktemp("trips")
    (folder / "nyc_taxi").mkdir()
    for month in MONTHS:
        name = f"nyc_taxi/green_tripdata_{month}.parquet"
        if not (real_data / name).is_file():
            pytest.skip(f"TLC's {name} is not in {real_data}")
        rows = pq.read_table(real_data / name)
        pq.write_table(rows.take(np.arange(0, len(rows), EVERY)), folder / name)
    return folder


@pytest.fixture(scope="module")
def real(make: Any, tmp_path_factory: pytest.TempPathFactory, trips: Path) -> Any:
    """Give a project whose champion learnt January's trips, and has scored all three months."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBLEM", "nyc_taxi")
        patch.setenv("DATA_SOURCE", "real")
        patch.setenv("RAW_DIR", str(trips))
        project = make(tmp_path_factory.mktemp("taxi") / "project", simulation=None)
        for name in ("data_processing", "feature_store", "training", "registry"):
            project.run(name, training=QUICK)
        project.run("scoring", since="2025-01-01", until="2025-04-01")
        yield project


def test_three_months_are_scored_day_by_day(real: Any) -> None:
    """Each of the 90 days is a commit of its own, and each trip is scored once or set aside."""
    catalog = real.catalog()
    report = catalog.load("scoring_report")
    events = catalog.load("events").to_pandas()
    inside = events["picked_up_at"].between("2025-01-01", "2025-03-31 23:59:59.999999")
    predictions = catalog.load("predictions").to_pandas()
    assert report["days"] == predictions["scored_on"].nunique() == 90
    assert predictions["row_id"].is_unique
    assert len(predictions) + report["rejected"] == inside.sum()
    assert set(predictions["row_id"]) <= set(events.loc[inside, "row_id"])
    assert len(predictions) > 5_000


def test_later_months_are_predicted_better_than_by_their_mean(real: Any) -> None:
    """On trips that taught nobody the error stays under the spread of what there was to predict."""
    catalog = real.catalog()
    rows = (
        catalog.load("predictions")
        .to_pandas()
        .merge(catalog.load("labels").to_pandas()[["row_id", "trip_minutes"]], on="row_id")
    )
    assert (rows["backfilled"] == (rows["scored_on"] < "2025-02-01")).all()
    for _, month in rows[~rows["backfilled"]].groupby(rows["scored_on"].str[:7]):
        off = month["predicted"] - month["trip_minutes"]
        assert np.sqrt((off**2).mean()) < 0.75 * month["trip_minutes"].std()
        inside = month["trip_minutes"].between(month["predicted_low"], month["predicted_high"])
        assert 0.8 < inside.mean() < 0.97


def test_a_second_run_over_the_same_days_leaves_the_same_rows(real: Any) -> None:
    """What is scored again comes out the same, row for row."""
    stamps = ["run_id", "scored_at"]
    before = real.catalog().load("predictions").to_pandas()
    real.run("scoring", since="2025-03-25", until="2025-04-01")
    after = real.catalog().load("predictions").to_pandas()
    pd.testing.assert_frame_equal(
        *(
            rows.drop(columns=stamps).sort_values("row_id", ignore_index=True)
            for rows in (before, after)
        )
    )


def test_the_endpoint_looks_up_what_batch_found(real: Any) -> None:
    """Trips asked in the order of events: features and predictions are batch's of that moment."""
    from kedro.framework.session import KedroSession
    from tests.serving.stage import Client

    from fullcircle.serving.collector import Collector
    from fullcircle.serving.model_files import Fetcher
    from fullcircle.serving.runtime_dir import read_json
    from fullcircle.serving.setup import set_up
    from fullcircle.serving.worker import build_endpoint
    from fullcircle.storage.online.addresses import open_store
    from fullcircle.storage.online.publish import publish_table

    with KedroSession.create(real.path) as session:
        context = session.load_context()
        folder = set_up(context, {"port": 0}, ())
        catalog = context.catalog
    plan = read_json(folder.plan)
    Fetcher(folder, plan["model"], plan["tracking_uri"]).refresh()
    tables, problem = catalog.load("feature_tables"), catalog.load("params:problem")
    scored = catalog.load("predictions").to_pandas().sort_values("picked_up_at")
    asked = scored[~scored["backfilled"]].iloc[:: len(scored) // 12]
    store = open_store(plan["online_store"])
    client = Client(build_endpoint(folder, 0, private=True))
    known = [problem.row_id, *problem.entity_keys, problem.event_time, *problem.request_columns]
    for _, trip in asked.iterrows():
        for name, table in tables.items():
            rows = table.rows.to_pyarrow_batches()
            moment = trip["picked_up_at"].to_pydatetime()
            publish_table(store, name, rows, table.declared, 0, as_of=moment, force=True)
        record = {name: None if pd.isna(trip[name]) else trip[name] for name in known}
        record["picked_up_at"] = trip["picked_up_at"].isoformat()
        plain = {
            name: getattr(value, "item", lambda v=value: v)() for name, value in record.items()
        }
        answer = client.predict(plain)
        assert answer["predictions"] == [pytest.approx(trip["predicted"], rel=1e-9)]
        assert answer["intervals"] == [
            [pytest.approx(trip[f"predicted_{end}"], rel=1e-9) for end in ("low", "high")]
        ]
    client.close()
    logs = [catalog.get(name) for name in ("endpoint_requests", "endpoint_predictions")]
    assert Collector(folder.journal, *logs).collect() == len(asked)
    logged = logs[1].load().to_pandas().set_index("row_id")
    for _, trip in asked.iterrows():
        for name, value in json.loads(logged.loc[trip["row_id"], "features"]).items():
            assert value == pytest.approx(None if pd.isna(trip[name]) else trip[name])
