"""Spark gives the very rows that DuckDB gives."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from deltalake import DeltaTable, write_deltalake
from kedro.io import DatasetError
from tests.spark_session import open_session, open_sockets

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.errors import DataError, StorageError
from fullcircle.core.training_data.sampling import SampleSettings, choose_sample, keep_sample
from fullcircle.core.validation.row_validation import IntakeSettings, as_number, as_text, unless
from fullcircle.datasets import (
    DeltaTableDataset,
    FeatureTableDataset,
    FeatureTablesDataset,
    RawFileDataset,
    RawParquetDataset,
    SimulatedDataset,
)
from fullcircle.engines.contract_validator import ContractValidator
from fullcircle.engines.engine import (
    choose_engine,
    connect,
    get_embedded,
    get_engine,
)
from fullcircle.pipelines.data_processing import nodes as processing
from fullcircle.pipelines.feature_store import nodes as store
from fullcircle.problems import load_problem
from fullcircle.storage.delta_tables import read_delta

PROBLEMS = Path(__file__).parents[2] / "conf" / "base" / "problems"
FEW = {
    "telco_churn": {"months": 5, "rows_per_month": 120, "first_month": "2024-11-01"},
    "nyc_taxi": {"months": 2, "trips_per_month": 1200},
    "diabetes": {"patients": 100},
}
ENGINES = ("duckdb", "spark")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that Spark is told of, having opened the session that tests share."""
    open_session()
    return tmp_path_factory.mktemp("spark")


@pytest.fixture
def on(folder: Path) -> Iterator[Callable[[str], None]]:
    """Give the function that chooses an engine."""

    def choose(name: str) -> None:
        spark = {"master": "local[2]", "folder": str(folder)}
        choose_engine(name, spark if name == "spark" else None)

    with open_sockets():
        yield choose
        choose_engine("duckdb")


@pytest.fixture
def both(on: Callable[[str], None]) -> Callable[[Callable[[], Any]], list[Any]]:
    """Give the function that asks each engine the same."""

    def ask(question: Callable[[], Any]) -> list[Any]:
        answers = []
        for name in ENGINES:
            on(name)
            answers.append(question())
        return answers

    return ask


def rows_of(table: ibis.Table) -> pa.Table:
    """Give rows in an order that depends on nothing but them."""
    rows = table.to_pyarrow()
    return rows.sort_by([(name, "ascending") for name in rows.column_names])


def read_problem(name: str, source: str) -> tuple[ProblemSpec, Clock, dict[str, Any]]:
    parameters = yaml.safe_load((PROBLEMS / name / "parameters.yml").read_text("utf-8"))[name]
    catalog = yaml.safe_load((PROBLEMS / name / "catalog.yml").read_text("utf-8"))[f"_{name}"]
    clock = Clock.model_validate(parameters["as_of"])
    return ProblemSpec.model_validate(parameters[source]), clock, catalog


def open_raw(name: str, source: str, folder: Path, real_data: Path | None) -> Any:
    """Give the raw dataset: a small simulation, or the publisher's files, the large ones cut."""
    declared = read_problem(name, source)[2][source]
    if real_data is None:
        settings = {**declared["settings"], **FEW[name]}
        return SimulatedDataset(
            simulator=declared["simulator"], filepath=str(folder), settings=settings
        )
    if declared["type"].endswith("RawFileDataset"):
        return RawFileDataset(
            filepath=declared["filepath"].replace("${globals:raw_dir}", str(real_data))
        )
    for file in sorted(real_data.glob("nyc_taxi/green*.parquet"))[:2]:
        pq.write_table(pq.read_table(file).slice(0, 3000), folder / file.name)
    return RawParquetDataset(filepath=str(folder / "green*.parquet"))


def run_nodes(name: str, source: str, raw: Any, folder: Path) -> dict[str, Any]:
    """Run data_processing and feature_store on the chosen engine, tables and all."""
    problem, clock, catalog = read_problem(name, source)
    saved = {
        each: DeltaTableDataset(filepath=str(folder / each)) for each in ("judged", "events", "set")
    }
    tables = FeatureTablesDataset(
        schema="c.s", filepath=str(folder / "features"), tables=catalog["feature_tables"][source]
    )
    saved["judged"].save(processing.validate_rows(raw.load(), problem))
    judged = saved["judged"].load()
    rejected = processing.collect_rejected(raw.load(), judged)
    report = processing.report_intake(judged, rejected, IntakeSettings(max_rejected_share=0.2))
    saved["events"].save(processing.select_events(judged, report))
    events = saved["events"].load()
    tables.save(store.compute_feature_tables(events, problem))
    sample = store.choose_training_rows(events, problem, clock, SampleSettings(max_rows=None))
    training = store.build_training_set(events, tables.load(), problem, clock, sample)
    saved["set"].save(training)
    return {
        "raw": rows_of(raw.load()),
        "judged_rows": rows_of(judged),
        "rejected_rows": rows_of(rejected),
        "intake_report": report,
        "events": rows_of(events),
        "labels": rows_of(processing.select_labels(events, problem)),
        "training_rows": sample,
        "training_set": saved["set"].load().to_pyarrow(),
        **{each: rows_of(table.rows) for each, table in tables.load().items()},
    }


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("telco_churn", "simulated"),
        ("nyc_taxi", "simulated"),
        ("telco_churn", "real"),
        ("nyc_taxi", "real"),
        ("diabetes", "real"),
    ],
)
def test_both_engines_make_the_same_rows(
    name: str,
    source: str,
    on: Callable[[str], None],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Every table from raw rows to training set is equal on both engines, to the last digit."""
    real_data = request.getfixturevalue("real_data") if source == "real" else None
    raw = open_raw(name, source, tmp_path, real_data)
    made = {}
    for engine in ENGINES:
        on(engine)
        made[engine] = run_nodes(name, source, raw, tmp_path / engine)
    for each, expected in made["duckdb"].items():
        found = made["spark"][each]
        assert found == expected, each
    assert made["spark"]["training_set"].num_rows > 100
    assert made["spark"]["raw"]["source_row"].to_pylist()


SMALLEST = """
raw:
  type: fullcircle.datasets.SimulatedDataset
  simulator: fullcircle.problems.diabetes.simulator.PatientSimulator
  filepath: data/01_raw/diabetes/simulated
  settings: {seed: 7, patients: 600}
"""


@pytest.mark.untraced
def test_the_project_runs_on_both(
    new_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, on: Callable[[str], None]
) -> None:
    """ENGINE alone chooses: the two pipelines run as they are, and make the same tables."""
    monkeypatch.setenv("PROBLEM", "diabetes")
    project = new_project(simulation=SMALLEST)
    made, frames = {}, {}
    for engine in ENGINES:
        monkeypatch.setenv("ENGINE", engine)
        project.run("data_processing", "feature_store", training_sample={"max_rows": 300})
        catalog = project.catalog()
        events = catalog.load("events")
        assert (ibis.get_backend(events).name == "pyspark") is (engine == "spark")
        tables = {name: rows_of(each.rows) for name, each in catalog.load("feature_tables").items()}
        reports = {name: catalog.load(name) for name in ("intake_report", "training_rows")}
        made[engine] = {"events": rows_of(events), **tables, **reports}
        frames[engine] = catalog.load("training_set")
    assert made["spark"] == made["duckdb"]
    pd.testing.assert_frame_equal(frames["spark"], frames["duckdb"])
    assert 200 < made["spark"]["training_rows"]["rows_kept"] == len(frames["spark"]) <= 300
    assert not list((project.path / "data" / "spark").glob("*/*.parquet"))


def test_broken_contract_is_named_on_spark(on: Callable[[str], None], tmp_path: Path) -> None:
    """Events that break their contract are refused on Spark too, the column named."""
    on("spark")
    name = "diabetes"
    raw = open_raw(name, "simulated", tmp_path, None)
    events = load_problem(name).clean(raw.load())
    schema = ContractValidator(f"fullcircle.problems.{name}.contract.EVENTS")
    with pytest.raises(DataError, match="age_years"):
        schema.validate(events.mutate(age_years=-events.age_years))


ODD = {
    "text": ["fvxvf", " a\t", "\x0bv\x0c", "", None, "1e-5", "1.5d", "1_000", "inf", "é\xa0"],
    "number": [1.5, -16.65, 1e7, 1.2e8, float("nan"), None, 1e300, -0.05, 0.3, 2.0],
    "whole": [1, None, 3, 4, 5, 6, 7, 8, 9, 2**53 + 1],
}


def test_odd_values_mean_the_same(both: Callable[..., list[Any]], tmp_path: Path) -> None:
    """Blanks, numbers that are none, nulls and quoted values are alike on both engines."""
    pq.write_table(pa.table(ODD), tmp_path / "odd.parquet")

    def question() -> pa.Table:
        table = connect().read_parquet(str(tmp_path / "odd.parquet"))
        return rows_of(
            table.select(
                stripped=as_text(table.text),
                read=as_number(table.text),
                quoted=unless(ibis.literal(False), "no", table.number),
                absent=table.number.isnull(),
                share=table.whole / 60.0,
                whole=table.whole,
            )
        )

    duck, spark = both(question)
    assert spark.to_pydict() == duck.to_pydict()


def test_odd_texts_are_judged_alike(both: Callable[..., list[Any]], tmp_path: Path) -> None:
    """What one engine takes for a number and another does not is set aside by both."""
    package = load_problem("diabetes")
    columns = package.RAW_COLUMNS
    texts = ["1.5d", "1_000", "inf", "nan", " 7 ", "-1", "1e3", ".5", "0x1A", "\t8\x0b"]
    odd = [
        dict.fromkeys(columns, "1") | {name: text} for name in ("Glucose", "Age") for text in texts
    ]
    lines = [",".join(row[column] for column in columns) for row in odd]
    file = "\n".join([",".join(columns), *lines, ""])
    (tmp_path / "odd.csv").write_text(file, encoding="utf-8")

    def question() -> pa.Table:
        raw = RawFileDataset(filepath=str(tmp_path / "odd.csv")).load()
        return rows_of(package.clean(raw))

    duck, spark = both(question)
    assert spark.to_pylist() == duck.to_pylist()
    assert spark["rejection_reason"].null_count == 8


def test_frames_in_memory_keep_their_nulls(both: Callable[..., list[Any]], tmp_path: Path) -> None:
    """What is joined from memory arrives unchanged: a null is no NaN, a great number exact."""
    pq.write_table(pa.table({"place": list(range(10))}), tmp_path / "places.parquet")

    def question() -> pa.Table:
        table = connect().read_parquet(str(tmp_path / "places.parquet"))
        frame = ibis.memtable(pa.table({"place": list(range(10)), **ODD}))
        return rows_of(table.inner_join(frame, "place").drop("number"))

    duck, spark = both(question)
    assert spark.to_pydict() == duck.to_pydict()


def test_text_files_give_the_same_rows(both: Callable[..., list[Any]], tmp_path: Path) -> None:
    """Quotes, commas within them, short lines and blanks are read and numbered alike."""
    file = tmp_path / "odd.csv"
    file.write_text('a,b\n1,"x ""y"", z"\n2\n,\n" 3 ",""\n', encoding="utf-8")
    duck, spark = both(lambda: rows_of(RawFileDataset(filepath=str(file)).load()))
    assert spark == duck
    assert spark.num_rows == 4


def test_files_with_other_columns_are_widened(
    both: Callable[..., list[Any]], tmp_path: Path
) -> None:
    """A missing column is null, the widest number counts, and rows go on from file to file."""
    pq.write_table(pa.table({"a": pa.array([1, 2], pa.int32())}), tmp_path / "x_1.parquet")
    pq.write_table(pa.table({"b": ["u"], "a": [2.5]}), tmp_path / "x_2.parquet")

    def question() -> list[dict[str, Any]]:
        table = RawParquetDataset(filepath=str(tmp_path / "x_*.parquet")).load()
        return table.order_by("source_row").to_pyarrow().to_pylist()

    duck, spark = both(question)
    assert spark == duck
    assert [row["source_row"] for row in spark] == [1, 2, 3]
    assert spark[2] == {"a": 2.5, "b": "u", "source_file": "x_2", "source_row": 3}


PARTED = pa.table(
    {
        "part": ["a b", "ä=/%", None, "1", "01", "a b"],
        "day": pa.array([1, 2, 3, 4, 5, None], pa.int64()),
        "value": [1.0, None, 3.0, 4.0, 5.0, 6.0],
    }
)


def test_partitioned_tables_are_read_whole(both: Callable[..., list[Any]], tmp_path: Path) -> None:
    """Columns that lie in the files' paths alone come back, in their types and their order."""
    write_deltalake(tmp_path / "table", PARTED, partition_by=["part", "day"])
    duck, spark = both(lambda: rows_of(read_delta(tmp_path / "table")))
    assert spark == duck
    assert spark.num_rows == PARTED.num_rows


def test_versions_and_empty_tables_are_read(both: Callable[..., list[Any]], tmp_path: Path) -> None:
    """An older version stays readable, and a table without rows has its columns."""
    for rows in (PARTED, PARTED.slice(0, 0)):
        write_deltalake(tmp_path / "table", rows, mode="overwrite")

    def question() -> list[Any]:
        return [rows_of(read_delta(tmp_path / "table", version)) for version in (0, 1)]

    duck, spark = both(question)
    assert spark == duck
    assert [rows.num_rows for rows in spark] == [6, 0]


def test_tables_that_only_delta_can_read_are_refused(
    on: Callable[[str], None], tmp_path: Path
) -> None:
    """Files alone do not tell which rows were deleted: such a table is refused, not misread."""
    write_deltalake(tmp_path / "table", PARTED)
    log = tmp_path / "table" / "_delta_log" / "00000000000000000000.json"
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
    changed = [{"protocol": protocol} if "protocol" in line else line for line in lines]
    log.write_text("\n".join(json.dumps(line) for line in changed), encoding="utf-8")
    on("spark")
    with pytest.raises(StorageError, match=r"deletion.?[vV]ectors"):
        get_engine().read_delta(DeltaTable(tmp_path / "table"))


@pytest.mark.parametrize("mode", ["merge", "append", "overwrite"])
def test_feature_tables_are_written_in_each_mode(
    mode: str, both: Callable[..., list[Any]], tmp_path: Path
) -> None:
    """Merging, appending and replacing leave the same rows, with moments in UTC."""

    def question() -> pa.Table:
        path = tmp_path / ibis.get_backend(connect().sql("SELECT 1 AS one")).name
        table = FeatureTableDataset(
            name="c.s.t", filepath=str(path), keys=["who"], event_time="at", mode=mode
        )
        for first in (0, 0 if mode == "merge" else 3):
            moments = pd.date_range("2024-01-01", periods=3, tz="UTC", unit="us")
            frame = pd.DataFrame({"who": range(first, first + 3), "at": moments, "x": first + 0.5})
            pq.write_table(pa.Table.from_pandas(frame), tmp_path / "rows.parquet")
            source = get_engine().read_parquet([tmp_path / "rows.parquet"], name_files=False)
            table.save(source.drop("source_row"))
        assert table.history()[0]["rows"] == "3"
        return rows_of(table.load().rows)

    duck, spark = both(question)
    assert spark == duck
    assert spark.num_rows == (6 if mode == "append" else 3)


@pytest.fixture
def several_files() -> Iterator[None]:
    """Have Spark write a result in several files, as it does with a large one."""
    settings = open_session().conf
    settings.set("spark.sql.files.maxRecordsPerFile", "20000")
    yield
    settings.unset("spark.sql.files.maxRecordsPerFile")


def test_results_are_streamed_in_order_and_leave_nothing(
    on: Callable[[str], None],
    folder: Path,
    tmp_path: Path,
    several_files: None,
) -> None:
    """A large result comes in small batches, in the order asked for, and its files go."""
    count = 50_000
    pq.write_table(pa.table({"n": list(range(count))}), tmp_path / "n.parquet")
    on("spark")
    table = connect().read_parquet(str(tmp_path / "n.parquet"))
    batches = table.order_by(ibis.desc("n")).to_pyarrow_batches(chunk_size=1000)
    first = batches.read_next_batch()
    assert first.num_rows <= 1000
    assert len(list(folder.rglob("*.parquet"))) > 2
    rest = [value for batch in batches for value in batch["n"].to_pylist()]
    assert first["n"].to_pylist() + rest == list(range(count))[::-1]
    assert not list(folder.rglob("*.parquet"))


def test_the_same_sample_is_drawn(both: Callable[..., list[Any]], tmp_path: Path) -> None:
    """Both engines keep the same rows of too many."""
    pq.write_table(pa.table({"id": [f"r{n}" for n in range(5000)]}), tmp_path / "n.parquet")

    def question() -> tuple[dict[str, Any], pa.Table]:
        rows = connect().read_parquet(str(tmp_path / "n.parquet"))
        sample = choose_sample(rows, "id", SampleSettings(max_rows=700))
        return sample, rows_of(keep_sample(rows, "id", sample))

    duck, spark = both(question)
    assert spark == duck
    assert 650 < spark[1].num_rows == spark[0]["rows_kept"] <= 700


def test_frames_are_the_same_whichever_engine(
    both: Callable[..., list[Any]], tmp_path: Path
) -> None:
    """What is loaded as pandas, or executed, has the same types and values on both engines."""
    dataset = DeltaTableDataset(filepath=str(tmp_path / "t"), load_as="pandas")
    dataset.save(pa.table(ODD))

    def question() -> tuple[pd.DataFrame, pd.DataFrame]:
        return dataset.load(), read_delta(tmp_path / "t").order_by("text").execute()

    (duck, asked), (spark, answered) = both(question)
    pd.testing.assert_frame_equal(spark, duck)
    pd.testing.assert_frame_equal(answered, asked)


def test_a_broken_table_stays_whole(on: Callable[[str], None], tmp_path: Path) -> None:
    """A query that fails on Spark leaves the table, and no files, behind."""
    on("spark")
    dataset = DeltaTableDataset(filepath=str(tmp_path / "t"))
    dataset.save(pa.table({"text": ["1", "x"]}))
    rows = dataset.load()
    with pytest.raises(DatasetError, match="CAST_INVALID_INPUT"):
        dataset.save(rows.mutate(number=rows.text.cast("int64")))
    assert rows_of(dataset.load())["text"].to_pylist() == ["1", "x"]
    assert dataset.data_version() == "delta v0"
    shutil.rmtree(tmp_path / "t")


def test_duckdb_stays_at_hand(on: Callable[[str], None]) -> None:
    """Frames are read by DuckDB whichever engine was chosen, from one connection."""
    on("spark")
    assert get_embedded() is get_embedded()
    assert get_engine() is not get_embedded()
