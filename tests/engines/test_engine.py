"""Choosing an engine, and what is said where Spark cannot be used."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from fullcircle.core.errors import ConfigurationError, FullCircleError
from fullcircle.datasets import DeltaTableDataset
from fullcircle.engines import engine, spark_session
from fullcircle.engines.spark import SparkEngine
from fullcircle.error_messages import explain_error


@pytest.fixture(autouse=True)
def _back_to_duckdb() -> Iterator[None]:
    yield
    engine.choose_engine("duckdb")


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Give the function that starts Spark, which must fail, and tells what is said."""
    monkeypatch.setattr(spark_session, "_find_open", lambda: None)

    def start(master: str = "local[1]", folder: Path = tmp_path, **other: Any) -> str:
        options = {"master": master, "folder": str(folder), **other}
        with pytest.raises(FullCircleError) as refusal:
            _ = SparkEngine(options, engine.get_embedded()).connection
        said = str(refusal.value)
        assert "\n" not in said
        return said

    return start


def make_java(folder: Path, version: str) -> None:
    """Make a program that says it is a Java of some version."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n", encoding="utf-8")
    java.chmod(0o755)


def test_a_wrong_engine_is_refused_with_the_right_ones() -> None:
    """An engine that does not exist is refused, and the one before stays."""
    before = engine.get_engine()
    with pytest.raises(ConfigurationError, match="duckdb, spark"):
        engine.choose_engine("sparc")
    assert engine.get_engine() is before


def test_choosing_again_changes_nothing_but_another_choice_does(tmp_path: Path) -> None:
    """The same choice keeps the engine of the process; another one gives it back first."""
    spark = {"master": "local[1]", "folder": str(tmp_path)}
    engine.choose_engine("spark", spark)
    first = engine.get_engine()
    engine.choose_engine("spark", dict(spark))
    assert engine.get_engine() is first
    engine.choose_engine("spark", {**spark, "master": "local[2]"})
    assert engine.get_engine() is not first


def test_spark_is_not_started_before_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Choosing Spark starts nothing and writes nothing, and neither does giving it back."""
    monkeypatch.setattr(spark_session, "_start", pytest.fail)
    engine.choose_engine("spark", {"master": "local[1]", "folder": str(tmp_path / "spark")})
    engine.get_engine()
    engine.release_engine()
    assert not list(tmp_path.iterdir())


def test_frames_need_no_spark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is loaded as pandas, or previewed, starts no Spark."""
    dataset = DeltaTableDataset(filepath=str(tmp_path / "t"), load_as="pandas")
    dataset.save(pa.table({"a": [1, 2]}))
    monkeypatch.setattr(SparkEngine, "_connect", pytest.fail)
    engine.choose_engine("spark", {"master": "local[1]", "folder": str(tmp_path / "spark")})
    assert dataset.load()["a"].tolist() == [1, 2]
    assert dataset.preview()


def test_missing_pyspark_names_the_extra(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without PySpark, the line says what to install."""
    monkeypatch.setattr(spark_session, "find_spec", lambda name: None)
    assert "pip install -e '.[spark]'" in refuse()


@pytest.mark.parametrize("home", ["", "/nowhere"])
def test_missing_java_says_where_it_was_looked_for(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    """Without Java, the line says what Spark needs and where it was looked for."""
    monkeypatch.setenv("JAVA_HOME", home)
    monkeypatch.setenv("PATH", "/nowhere")
    said = refuse()
    assert "Spark needs Java 17 or newer" in said
    assert (repr(home) if home else "PATH") in said


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.21"])
def test_old_java_is_refused(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    """A Java that Spark cannot run on is refused with its own words."""
    make_java(tmp_path / "java", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    assert version in refuse()


@pytest.mark.parametrize(
    "master", ["", "locl[2]", "local[two]", "spark://nohost", "http://a:1", "sc://", "localhost:1"]
)
def test_an_address_that_is_none_is_refused(refuse: Callable[..., str], master: str) -> None:
    """An address of no known form is refused with the forms, before anything starts."""
    said = refuse(master)
    assert repr(master) in said
    assert "spark://host:port" in said


@pytest.mark.parametrize("form", ["spark://127.0.0.1:{}", "sc://127.0.0.1:{}/;user_id=me"])
def test_an_address_where_nobody_answers_is_refused_at_once(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    """Where no Spark answers, one line says so, rather than a minute of attempts."""
    make_java(tmp_path / "java", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert f"No Spark answers at {form.format(port)}" in refuse(form.format(port))


@pytest.mark.parametrize(
    ("other", "named"),
    [({"setings": {}}, "setings"), ({"master": None}, "master"), ({"delta": "some"}, "delta")],
)
def test_a_wrong_setting_is_named(
    refuse: Callable[..., str], other: dict[str, Any], named: str
) -> None:
    """A key of spark.yml that is not valid is named."""
    assert named in refuse(**other)


def test_a_folder_that_cannot_be_made_is_named(refuse: Callable[..., str], tmp_path: Path) -> None:
    """A folder in which nothing can be laid is refused before Spark starts."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert str(tmp_path / "file") in refuse(folder=tmp_path / "file")


def test_what_spark_says_is_passed_on_in_one_line(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Spark itself does not start, its own reason is given."""

    def fail(_: object, log: Path) -> None:
        log.write_text("banner\nException in thread: no such queue\n", encoding="utf-8")
        raise RuntimeError("[JAVA_GATEWAY_EXITED]")

    monkeypatch.setattr(spark_session, "_start_java", fail)
    assert "no such queue" in refuse()


def test_a_spark_that_died_is_said_in_one_line() -> None:
    """An error of the connection to Java says what happened, and what to change."""
    from py4j.protocol import Py4JNetworkError

    error = ConnectionRefusedError(111, "Connection refused")
    error.__context__ = Py4JNetworkError("Answer from Java side is empty")
    assert "Raise spark.driver.memory" in explain_error(error)


def test_a_command_without_java_is_one_line_and_writes_nothing(
    new_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ENGINE=spark kedro run`` without Java ends in one line, and no table is begun."""
    monkeypatch.setattr(spark_session, "_find_open", lambda: None)
    monkeypatch.setenv("ENGINE", "spark")
    monkeypatch.setenv("JAVA_HOME", os.sep + "nowhere")
    project = new_project()
    result = project.command("--pipeline", "data_processing")
    assert result.exit_code == 1
    errors = [line for line in result.output.splitlines() if not line.startswith("INFO")]
    assert len(errors) == 1
    assert "Spark needs Java" in errors[0]
    assert not list((project.path / "data").glob("0[2-8]*"))


def test_an_open_session_is_never_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A session that a platform or a notebook has opened is used, and left open."""
    opened = MagicMock()
    monkeypatch.setattr(spark_session, "_find_open", lambda: opened)
    started = SparkEngine({"master": "local[1]", "folder": str(tmp_path)}, engine.get_embedded())
    _ = started.connection
    opened.conf.set.assert_any_call("spark.sql.session.timeZone", "UTC")
    started.close()
    opened.stop.assert_not_called()


@pytest.mark.parametrize(
    ("extension", "delta", "used"),
    [("io.delta.X", None, True), ("", None, False), ("", True, True)],
)
def test_delta_reads_its_own_tables_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    extension: str,
    delta: bool | None,
    used: bool,
) -> None:
    """With Delta in Spark, or where the configuration says so, Spark's own Delta reads tables."""
    write_deltalake(tmp_path / "t", pa.table({"a": [1]}))
    opened = MagicMock()
    opened.conf.get.return_value = extension
    monkeypatch.setattr(spark_session, "_find_open", lambda: opened)
    options = {"master": "local[1]", "folder": str(tmp_path), "delta": delta}
    started = SparkEngine(options, engine.get_embedded())
    monkeypatch.setattr(started, "_as_table", lambda frame: frame)
    started.read_delta(DeltaTable(tmp_path / "t"))
    assert opened.read.format.called is used
    if used:
        opened.read.format.assert_called_with("delta")
        opened.read.format().option.assert_called_with("versionAsOf", 0)
