"""Tests that each record is scored exactly once, whatever happens to the process."""

import dataclasses
import multiprocessing
import os
import random
import shutil
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd
import pytest
from tests.streaming.shop import (
    GIVEN,
    PLACES,
    ShopRoom,
    open_stream,
    rows_of,
    run_in_child,
    run_once,
    tables_in,
    write_day,
)

from fullcircle.core.errors import StorageError
from fullcircle.streaming.commit_log import CommitLog

AS_OF = datetime(2012, 1, 1, tzinfo=UTC)
TABLES = ("stream_predictions", "stream_rejected", "stream_sources")
KILLS = 8
DAYS = 40


@pytest.fixture(scope="module")
def days(real_data: Path) -> list[Path]:
    files = sorted((real_data / "online_retail").glob("*.csv"))
    if len(files) != 305:
        pytest.skip(f"{len(files)} of 305 days of the online retail file are here")
    return files


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, days: list[Path]) -> ShopRoom:
    return ShopRoom.open(tmp_path_factory.mktemp("shop"), days[:20])


@pytest.fixture(scope="module")
def arrivals(tmp_path_factory: pytest.TempPathFactory, days: list[Path]) -> Path:
    """The days that follow those of the training."""
    folder = tmp_path_factory.mktemp("arrivals")
    for number, day in enumerate(days[20 : 20 + DAYS]):
        shutil.copy(day, folder / day.name)
        os.utime(folder / day.name, (number, number))
    return folder


@pytest.fixture(scope="module")
def expected(
    tmp_path_factory: pytest.TempPathFactory, room: ShopRoom, arrivals: Path
) -> dict[str, list[Any]]:
    out = tmp_path_factory.mktemp("expected")
    summary = run_once(room, arrivals, out, PLACES, as_of=AS_OF)
    assert summary.batches == DAYS
    return {name: rows_of(out, name, ("planned_at",)) for name in TABLES}


@pytest.fixture(scope="module")
def processes() -> Any:
    """Give what starts processes that have imported all they need, and done nothing yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["pytest", "tests.streaming.shop", "fullcircle.core.training.challenger"]
    )
    return context


def kill_one(processes: Any, moment: float, out: Path, *arguments: Any) -> None:
    """Kill a stream so long after it has planned its first batch."""
    child = processes.Process(target=run_in_child, args=(*arguments[:2], out, arguments[2]))
    child.start()
    log = out / "stream_sources" / "_delta_log"
    before = len(list(log.glob("*.json")))
    while len(list(log.glob("*.json"))) <= before and child.is_alive():
        time.sleep(0.001)
    child.join(moment)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL  # it was not done before
    child.close()


def test_real_days_are_all_there(expected: Any, arrivals: Path) -> None:
    """Of each real day, the lines with a customer are scored and the others set aside, all once."""
    lines = sum(len(pd.read_csv(day)) for day in arrivals.glob("*.csv"))
    customers = sum(pd.read_csv(day)["CustomerID"].count() for day in arrivals.glob("*.csv"))
    assert len(expected["stream_predictions"]) == customers > 20_000
    assert len(expected["stream_rejected"]) == lines - customers > 5_000
    assert all("CustomerID is blank" in row for row in expected["stream_rejected"])


@pytest.mark.untraced
def test_killed_again_and_again_it_leaves_what_one_run_leaves(
    tmp_path: Path, room: ShopRoom, arrivals: Path, expected: Any, processes: Any
) -> None:
    """Killed by SIGKILL at eight random moments, a stream ends with the rows of a quiet one."""
    rng = random.Random(7)  # noqa: S311 - spreads moments
    reached = []
    for _ in range(KILLS):
        kill_one(processes, rng.uniform(0, 0.08), tmp_path, room.folder, arrivals, PLACES)
        reached.append(CommitLog(PLACES.name, tables_in(tmp_path), "InvoiceDate").planned)
    assert KILLS - 1 <= reached[-1] < DAYS  # the first may have made but the table
    run_once(room, arrivals, tmp_path, PLACES, as_of=AS_OF)
    for name in TABLES:
        assert rows_of(tmp_path, name, ("planned_at",)) == expected[name], name


class CutError(Exception):
    """Stands for a process that ends."""


class CutTable:
    """A table whose writer ends before or after its commit of one batch."""

    def __init__(self, table: Any, number: int, *, after: bool) -> None:
        self._table, self._number, self._after = table, number, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def append(self, rows: Any, stream: str, number: int, facts: Any) -> None:
        if number == self._number and not self._after:
            next(iter(rows), None)
            raise CutError
        self._table.append(rows, stream, number, facts)
        if number == self._number:
            raise CutError


@pytest.fixture(scope="module")
def small_room(tmp_path_factory: pytest.TempPathFactory) -> ShopRoom:
    folder = tmp_path_factory.mktemp("small")
    return ShopRoom.open(folder / "room", [write_day(folder / "past", 1, 200)])


@pytest.fixture
def week(tmp_path: Path) -> Path:
    """Seven days; some lines are bad, some late, some come twice."""
    for day in range(2, 9):
        write_day(tmp_path / "week", day)
    with (tmp_path / "week" / "day-04.csv").open("a", encoding="utf-8") as file:
        file.write("4-99,x,2011-01-04 09:00:00,A1,1,UK,1\n")
        file.write("4-98,1,2011-01-01 09:00:00,A1,1,UK,1\n")
        file.write("3-1,1,2011-01-04 09:00:00,A1,1,UK,1\n")
    os.utime(tmp_path / "week" / "day-04.csv", (1_300_000_004, 1_300_000_004))
    return tmp_path / "week"


STRICT = GIVEN.model_copy(update={"max_lateness_minutes": 60.0 * 30, "remember_rows": 65})


@pytest.mark.parametrize("table", ["sources", "predictions", "rejected"])
@pytest.mark.parametrize("after", [False, True])
def test_wherever_a_batch_is_cut_short_the_rest_follows_once(
    tmp_path: Path, small_room: ShopRoom, week: Path, table: str, after: bool
) -> None:
    """A batch cut short before or after any of its commits ends as if nothing had happened."""
    run_once(small_room, week, tmp_path / "quiet", STRICT, as_of=AS_OF)
    stream = open_stream(small_room, week, tmp_path / "out", STRICT, as_of=AS_OF)
    whole = tables_in(tmp_path / "out")
    cut = replace(whole, **{table: CutTable(getattr(whole, table), 3, after=after)})
    stream = open_stream(small_room, week, cut, STRICT, as_of=AS_OF)
    with pytest.raises(CutError):
        stream.run(Event(), once=True)
    run_once(small_room, week, tmp_path / "out", STRICT, as_of=AS_OF)
    for name in TABLES:
        left, quiet = (rows_of(tmp_path / o, name, ("planned_at",)) for o in ("out", "quiet"))
        assert left == quiet, name
    assert len(rows_of(tmp_path / "out", "stream_rejected")) == 3


def test_what_was_decided_once_is_not_decided_otherwise(
    tmp_path: Path, small_room: ShopRoom, week: Path
) -> None:
    """A champion that asks for more, come between two commits of a batch, changes none of it."""
    room = ShopRoom(tmp_path / "room")
    shutil.copytree(small_room.folder, room.folder)
    whole = tables_in(tmp_path / "out")
    cut = replace(whole, rejected=CutTable(whole.rejected, 3, after=False))
    with pytest.raises(CutError):
        open_stream(room, week, cut, GIVEN, as_of=AS_OF).run(Event(), once=True)
    [model] = room.models().values()
    room.keep(
        dataclasses.replace(
            model, features=[*model.features, "weather"], example=model.example.assign(weather=1.0)
        )
    )
    stream = open_stream(room, week, tmp_path / "out", GIVEN, as_of=AS_OF)
    stop = Event()
    stop.set()
    stream.run(stop, once=True)
    rows = tables_in(tmp_path / "out")
    scored, aside = (
        t.select(["source", "source_row"], [("stream_batch", "=", 3)])
        for t in (rows.predictions, rows.rejected)
    )
    assert sorted(scored["source_row"].to_pylist() + aside["source_row"].to_pylist()) == list(
        range(1, 34)
    )


def test_two_streams_at_once_score_nothing_twice(
    tmp_path: Path, small_room: ShopRoom, week: Path, processes: Any
) -> None:
    """Three processes over one folder leave every row once, anyone who of them is refused."""
    run_once(small_room, week, tmp_path / "quiet", STRICT, as_of=AS_OF)
    arguments = (small_room.folder, week, tmp_path / "out", STRICT)
    children = [processes.Process(target=run_in_child, args=arguments) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    run_once(small_room, week, tmp_path / "out", STRICT, as_of=AS_OF)
    for name in ("stream_predictions", "stream_rejected"):
        assert rows_of(tmp_path / "out", name) == rows_of(tmp_path / "quiet", name)


def test_a_stream_that_was_overtaken_is_refused(
    tmp_path: Path, small_room: ShopRoom, week: Path
) -> None:
    """A stream that knows less than its tables ends with one line, and writes nothing."""
    late = open_stream(small_room, week, tmp_path / "out", STRICT, as_of=AS_OF)
    run_once(small_room, week, tmp_path / "out", STRICT, as_of=AS_OF)
    before = {name: rows_of(tmp_path / "out", name) for name in TABLES}
    with pytest.raises(StorageError, match="Another stream has written batch 1"):
        late.run(Event(), once=True)
    assert {name: rows_of(tmp_path / "out", name) for name in TABLES} == before


def test_ids_are_remembered_over_a_restart_and_so_far_back_only(
    tmp_path: Path, small_room: ShopRoom
) -> None:
    """An id scored among the newest ``remember_rows`` is set aside, by a new process too."""
    folder, out = tmp_path / "days", tmp_path / "out"
    few = GIVEN.model_copy(update={"remember_rows": 40})
    for day in (2, 3, 4):
        write_day(folder, day)
    run_once(small_room, folder, out, few)
    for day in (4, 3, 2):  # the newest two days are the newest 60 rows
        shutil.copy(folder / f"day-0{day}.csv", folder / f"later-{4 - day}.csv")
        os.utime(folder / f"later-{4 - day}.csv", (1_400_000_000 - day, 1_400_000_000 - day))
    [late_first] = [run_once(small_room, folder, out, few)]
    assert late_first.reasons == {"same line as a row scored before": 60}
    assert late_first.rows == 30
    in_one = run_once(small_room, folder, tmp_path / "one", few)
    assert (in_one.reasons, in_one.rows) == (late_first.reasons, 90 + late_first.rows)


def test_tables_that_do_not_belong_together_are_refused(
    tmp_path: Path, small_room: ShopRoom, week: Path
) -> None:
    """A table moved away alone is named in one line, and nothing is scored twice."""
    run_once(small_room, week, tmp_path / "out", GIVEN)
    shutil.rmtree(tmp_path / "out" / "stream_sources")
    with pytest.raises(StorageError, match="stream_sources ends with batch 0, stream_predictions"):
        open_stream(small_room, week, tmp_path / "out", GIVEN)
