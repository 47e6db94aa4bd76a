"""Batch scoring from stored requests to stored predictions, beside what others do.

Run: python tests/benchmarks/bench_scoring.py [--rows 1000000] [--repeats 3] [--spark]
     python tests/benchmarks/bench_scoring.py --grow 100000 1000000 10000000 100000000 \
         [--picture growth.svg]
     python tests/benchmarks/bench_scoring.py --lookups [--rows 1000000]

The model is XGBoost with 200 trees of depth 3 on Telco-shaped rows: 15 texts and 4 numbers. With
``--grow`` each size runs in a process of its own, so that its memory is its own. With ``--lookups``
six of the columns come from a feature table with a history, by a point-in-time join.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier

from fullcircle.core.contract import FeatureLookup, ProblemSpec
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.scoring.planning import ScoringSettings, plan_days
from fullcircle.core.scoring.predictor import Predictor
from fullcircle.core.scoring.stream import Scoring, score_days
from fullcircle.core.training.estimators import assemble, fit
from fullcircle.datasets import FeatureTableDataset, PredictionsDataset, RequestTableDataset

DAY_ROWS = 1_000_000
TEXTS = [f"text_{n}" for n in range(15)]
NUMBERS = [f"number_{n}" for n in range(4)]
FEATURES = [*TEXTS, *NUMBERS]
LOOKED_UP = [*TEXTS[:4], *NUMBERS[:2]]
PARAMETERS = {"n_estimators": 200, "max_depth": 3}
VALUES = np.array(["no", "yes", "not asked"], dtype=object)
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def draw(rows: int, seed: int) -> pa.Table:
    """Draw Telco-shaped rows, texts as dictionaries."""
    rng = np.random.default_rng(seed)
    codes = {name: rng.integers(0, 3, rows, dtype="int32") for name in TEXTS}
    texts = {n: pa.DictionaryArray.from_arrays(pa.array(c), VALUES) for n, c in codes.items()}
    numbers = {name: pa.array(rng.normal(size=rows)) for name in NUMBERS}
    return pa.table({**texts, **numbers})


def train(*, lookups: bool) -> tuple[Model, Any]:
    """Fit the model, and the same XGBoost in scikit-learn's own pipeline."""
    frame = draw(7_000, seed=1).to_pandas()
    frame[TEXTS] = frame[TEXTS].astype("str")
    chance = 1 / (1 + np.exp(-frame["number_0"] - (frame["text_0"] == "yes")))
    label = pd.Series((np.random.default_rng(0).random(len(frame)) < chance).astype(int), name="y")
    inputs, settings = as_inputs(frame, FEATURES), PreparationSettings()
    plan = diagnose_columns(inputs, label, "binary", settings)
    estimator = fit(assemble("xgboost", "binary", 1, PARAMETERS, plan, settings), inputs, label)
    wanted = [FeatureLookup(table="known", keys=["customer"], columns=LOOKED_UP, max_age_days=99)]
    model = Model(
        estimator=estimator,
        candidate="xgboost",
        task="binary",
        features=FEATURES,
        lookups=wanted if lookups else [],
        threshold=0.5,
        settings={},
        scores={},
        trained_on={"as_of": "2025-01-01"},
        profile={},
        example=inputs.head(5),
        event_time="at" if lookups else None,
    )
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), TEXTS), remainder="passthrough"
    )
    reference = make_pipeline(encode, XGBClassifier(**PARAMETERS, n_jobs=1)).fit(frame, label)
    return model, reference


def spec(*, lookups: bool) -> ProblemSpec:
    """Give the contract of the requests."""
    split = {"by": "key", "train": 0.6, "selection": 0.2, "gate": 0.1, "scoring": 0.1}
    return ProblemSpec.model_validate(
        {
            "name": "telco_churn",
            "task": "binary",
            "row_id": "row_id",
            "entity_keys": ["customer"],
            "event_time": "at" if lookups else None,
            "label": "y",
            "request_columns": FEATURES,
            "primary_metric": "roc_auc",
            "threshold": {"value": 0.5},
            "split": split,
        }
    )


def write_requests(folder: Path, rows: int, *, lookups: bool) -> RequestTableDataset:
    """Store requests, a million per day."""
    dataset = RequestTableDataset(filepath=str(folder / "requests"))

    def days() -> Iterator[pa.RecordBatch]:
        # Most of the time would go into drawing: days share their values, and differ in their ids.
        drawn = [draw(min(DAY_ROWS, rows), seed) for seed in range(2)]
        for number, start in enumerate(range(0, rows, DAY_ROWS)):
            values = drawn[number % 2].slice(0, rows - start)
            yield from _as_requests(values, start, number, lookups).to_batches()

    batches = days()
    first = next(batches)
    everything = (batch for part in ([first], batches) for batch in part)
    dataset.save(pa.RecordBatchReader.from_batches(first.schema, everything))
    return dataset


def _as_requests(rows: pa.Table, start: int, day: int, lookups: bool) -> pa.Table:
    places = pa.array(np.arange(start, start + len(rows)))
    ids = pc.binary_join_element_wise("r", pc.utf8_lpad(places.cast("string"), 9, "0"), "")
    customers = places.to_numpy() % 100_000
    at = pd.Timestamp(NOON) + pd.Timedelta(days=day)
    named = rows.drop_columns(LOOKED_UP) if lookups else rows
    named = named.append_column("row_id", ids)
    named = named.append_column("customer", pa.array(customers))
    moment = pa.scalar(at.to_pydatetime(), pa.timestamp("us", tz="UTC"))
    named = named.append_column("at", pa.repeat(moment, len(rows)))
    named = named.append_column("scored_on", pa.repeat(f"{at:%Y-%m-%d}", len(rows)))
    return named.combine_chunks()


def known_features(folder: Path) -> dict[str, KeyedTable]:
    """Give a feature table with five versions of 100,000 customers, from its store."""
    store = FeatureTableDataset(
        name="bench.bench.known",
        filepath=str(folder / "known"),
        keys=["customer"],
        event_time="at",
    )
    if not store.exists():
        store.save(_draw_features())
    return {"known": store.load()}


def _draw_features() -> pa.Table:
    rows = draw(500_000, seed=9).select(LOOKED_UP)
    plain = [f.with_type(pa.string()) if f.name in TEXTS else f for f in rows.schema]
    rows = rows.cast(pa.schema(plain))
    at = [NOON.replace(year=2024, month=12, day=1 + n) for n in range(5)]
    moments = pa.array(np.repeat(at, 100_000), pa.timestamp("us", tz="UTC"))
    rows = rows.append_column("customer", pa.array(np.tile(np.arange(100_000), 5)))
    return rows.append_column("at", moments)


def score(requests: RequestTableDataset, model: Model, folder: Path, *, lookups: bool) -> Any:
    """Score stored requests to stored predictions; give the tallies of the days."""
    shutil.rmtree(folder, ignore_errors=True)
    table = requests.load()
    tables = known_features(folder.parent) if lookups else {}
    stamps = {"model_name": "bench", "as_of": "2025-01-01", "feature_versions": ""}
    models = {"champion": model}
    ready = Scoring.prepare(models, tables, spec(lookups=lookups), stamps, ScoringSettings())
    store = PredictionsDataset(filepath=str(folder))
    facts = []
    for day in score_days(table, plan_days(table.days, {}, {}), ready):
        store.save(day)
        facts.append(day.facts())
    return facts


def clock(work: Callable[[], Any], repeats: int) -> float:
    """Give the median of the seconds."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def take_turns(works: list[Callable[[], Any]], repeats: int) -> tuple[Any, Any]:
    """Let works take turns, so that what else the machine does weighs on all of them alike.

    Returns:
        Medians of the seconds, and of the seconds that processors were busy, by work.
    """
    taken = np.zeros((2, repeats, len(works)))
    for turn in range(repeats):
        for number, work in enumerate(works):
            wall, busy = time.perf_counter(), time.process_time()
            work()
            taken[:, turn, number] = time.perf_counter() - wall, time.process_time() - busy
    wall, busy = np.median(taken, axis=1)
    return wall, busy


def compare(rows: int, repeats: int, *, spark: bool, lookups: bool) -> None:
    """Print one line per way of scoring, each as a multiple of ours."""
    model, reference = train(lookups=lookups)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        requests = write_requests(folder, rows, lookups=lookups)
        table = requests.load()
        batches = [] if lookups else [b for day in table.days for b in table.read(day)]
        facts: list[Any] = []

        def ours() -> None:
            facts[:] = score(requests, model, folder / "predictions", lookups=lookups)

        works = [ours] if lookups else [ours, _limit(model, batches)]
        seconds, busy = take_turns(works, repeats)
        mine = seconds[0]
        print(f"{rows:,} rows, requests in Delta to predictions in Delta")
        print(f"  ours, end to end: {mine:.2f} s, {rows / mine:,.0f} rows/s, busy {busy[0]:.2f} s")
        phases = {p: sum(f["seconds"].get(p, 0) for f in facts) for p in facts[0]["seconds"]}
        told = ", ".join(f"{name} {spent:.2f}" for name, spent in phases.items())
        print(f"  where the time goes (read, lookup and predict beside each other): {told} s")
        if lookups:
            return
        print(
            "  XGBoost's inplace_predict on a ready matrix, two threads, in turn (the limit): "
            f"{seconds[1]:.2f} s, {rows / seconds[1]:,.0f} rows/s, busy {busy[1]:.2f} s; ours is "
            f"{seconds[1] / mine:.2f} of it (by processors {busy[1] / busy[0]:.2f})"
        )
        for name, theirs in references(batches, model, reference, spark=spark):
            speed = f"{rows / theirs:,.0f} rows/s"
            print(f"  {name}: {theirs:.2f} s, {speed}, ours {theirs / mine:.2f} x")


def _limit(model: Model, batches: list[pa.RecordBatch]) -> Callable[[], Any]:
    prepare = Predictor(model)._estimator._prepare
    parts = np.array_split(np.concatenate([prepare.transform(b) for b in batches]), 16)
    booster = model.estimator[-1].get_booster()

    def limit() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(booster.inplace_predict, parts))

    return limit


def references(
    batches: list[pa.RecordBatch], model: Model, reference: Any, *, spark: bool
) -> Iterator[tuple[str, float]]:
    """Time the alternatives on the same rows, ready in memory."""
    prepare = Predictor(model)._estimator._prepare  # to time it alone
    yield "preparation alone, one thread", clock(lambda: [prepare.transform(b) for b in batches], 1)
    frame = pa.Table.from_batches(batches).to_pandas()
    frame[TEXTS] = frame[TEXTS].astype("str")
    yield (
        "scikit-learn's pipeline, one frame, one thread",
        clock(lambda: reference.predict_proba(frame[FEATURES]), 1),
    )
    yield from _time_mlflow(reference, frame[FEATURES], spark=spark)


def _time_mlflow(
    reference: Any, frame: pd.DataFrame, *, spark: bool
) -> Iterator[tuple[str, float]]:
    import mlflow

    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/model"
        mlflow.sklearn.save_model(
            reference, path, serialization_format="cloudpickle", pip_requirements=[],
            pyfunc_predict_fn="predict_proba",
        )  # fmt: skip
        model = mlflow.pyfunc.load_model(path)
        yield "mlflow's pyfunc on one frame", clock(lambda: model.predict(frame), 1)
        if spark:
            yield from _time_spark(path, frame, Path(place))


def _time_spark(path: str, frame: pd.DataFrame, place: Path) -> Iterator[tuple[str, float]]:
    from mlflow.pyfunc import spark_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import struct

    frame.to_parquet(place / "requests.parquet")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .getOrCreate()
    )
    udf = spark_udf(session, path, result_type="array<double>", env_manager="local")

    def run() -> None:
        rows = session.read.parquet(str(place / "requests.parquet")).repartition(8)
        scored = rows.withColumn("predicted", udf(struct(*FEATURES)))
        scored.write.mode("overwrite").parquet(str(place / "scored.parquet"))

    yield "spark_udf on local[2], cold", clock(run, 1)
    yield "spark_udf on local[2], warm", clock(run, 1)
    session.stop()


def grow(sizes: list[int], picture: str | None) -> None:
    """Run each size in a process of its own; print a table and draw it."""
    found = []
    for rows in sizes:
        command = [sys.executable, __file__, "--alone", str(rows)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append(json.loads(answer.strip().splitlines()[-1]))
        last = found[-1]
        print(
            f"{rows:>12,} rows: {last['seconds']:8.2f} s, busy {last['busy']:8.2f} s, "
            f"{rows / last['seconds']:>10,.0f} rows/s, at most {last['peak_mb']:,.0f} MB, "
            f"of which {last['before_mb']:,.0f} MB before the first row",
            flush=True,
        )
    if picture:
        _draw(found, picture)


def _draw(found: list[dict[str, float]], picture: str) -> None:
    from matplotlib.figure import Figure

    rows = [entry["rows"] for entry in found]
    figure = Figure(figsize=(8, 3), layout="constrained")
    time_axis, memory_axis = figure.subplots(1, 2)
    time_axis.loglog(rows, [entry["seconds"] for entry in found], marker="o", label="passed")
    time_axis.loglog(rows, [entry["busy"] for entry in found], marker="s", label="of processors")
    time_axis.legend()
    time_axis.set(xlabel="rows", ylabel="seconds", title="Time")
    memory_axis.semilogx(rows, [entry["peak_mb"] / 1000 for entry in found], marker="o")
    memory_axis.set(xlabel="rows", ylabel="GB", title="Most memory held", ylim=(0, 2.5))
    memory_axis.axhline(2, color="grey", linestyle="--")
    for axis in (time_axis, memory_axis):
        axis.grid(visible=True, alpha=0.3)
    figure.savefig(picture)


def alone(rows: int) -> None:
    """Score so many rows once, and print seconds and memory as JSON."""
    model, _ = train(lookups=False)
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, __file__, "--write", place, "--rows", str(rows)]
        subprocess.run(command, check=True)
        requests = RequestTableDataset(filepath=str(Path(place) / "requests"))
        before = psutil.Process().memory_info().rss / 1e6
        started, at_work = time.perf_counter(), time.process_time()
        facts = score(requests, model, Path(place) / "predictions", lookups=False)
        seconds, busy = time.perf_counter() - started, time.process_time() - at_work
    peak = max(entry["peak_memory_mb"] for entry in facts)
    found = {"rows": rows, "seconds": seconds, "busy": busy, "peak_mb": peak, "before_mb": before}
    print(json.dumps(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--spark", action="store_true", help="also time MLflow's spark_udf")
    parser.add_argument("--lookups", action="store_true", help="find six features by a join")
    parser.add_argument("--grow", type=int, nargs="+", metavar="ROWS")
    parser.add_argument("--picture", help="file for the picture of the growth")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write_requests(Path(given.write), given.rows, lookups=False)
    elif given.alone:
        alone(given.alone)
    elif given.grow:
        grow(given.grow, given.picture)
    else:
        compare(given.rows, given.repeats, spark=given.spark, lookups=given.lookups)
