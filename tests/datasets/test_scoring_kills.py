"""Tests that scoring survives kill -9 at any moment, and two runs at once."""

import multiprocessing
import pickle
import random
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.core.scoring.cases import SPEC, STAMPS, draw_requests, make_model, tables

from fullcircle.core.scoring.planning import ScoringSettings, plan_days
from fullcircle.core.scoring.stream import Scoring, score_days
from fullcircle.datasets import PredictionsDataset, RequestTableDataset, ScoredDaysDataset

DAYS, PER_DAY, KILLS = 12, 400, 12
pytestmark = pytest.mark.untraced
STAMPED = ["run_id", "scored_at"]


def open_datasets(folder: Path) -> tuple[Any, Any, Any]:
    predictions = str(folder / "predictions")
    return (
        RequestTableDataset(filepath=str(folder.parent / "requests")),
        PredictionsDataset(filepath=predictions),
        ScoredDaysDataset(
            filepath=str(folder / "scored_days.jsonl"), predictions={"filepath": predictions}
        ),
    )


def run(folder: Path, ready: Any = None) -> list[str]:
    """Score what is to be scored as the pipeline does, and give the days that were."""
    requests, predictions, ledger = open_datasets(folder)
    model = pickle.loads((folder.parent / "model.pkl").read_bytes())  # noqa: S301 - our own
    table = requests.load()
    plan = plan_days(table.days, {"champion": str(model)}, ledger.load())
    settings = ScoringSettings(chunk_rows=1000, batch_rows=100, threads=2)
    scoring = Scoring.prepare({"champion": model}, tables(DAYS), SPEC, STAMPS, settings)
    if ready is not None:
        ready.set()
    done = []
    for day in score_days(table, plan, scoring):
        predictions.save(day)
        ledger.save(day)
        done.append(day.day)
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with requests and a model beside it."""
    frame = draw_requests(DAYS, PER_DAY)
    RequestTableDataset(filepath=str(tmp_path / "requests")).save(frame)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(make_model()))
    return tmp_path / "output"


def read(folder: Path) -> pd.DataFrame:
    rows: pd.DataFrame = open_datasets(folder)[1].load().to_pandas()
    return rows.drop(columns=STAMPED).sort_values("id", ignore_index=True)


def test_a_run_killed_at_any_moment_goes_on_to_the_same_rows(folder: Path) -> None:
    """After a dozen kills at random moments, the rows are those of a run that nobody disturbed."""
    whole = folder.with_name("undisturbed")
    assert len(run(whole)) == DAYS
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.datasets.test_scoring_kills"])
    rng = random.Random(5)  # noqa: S311 - moments
    seen = set()
    for number in range(KILLS):
        done = len(open_datasets(folder)[2].load())
        ready = context.Event()
        process = context.Process(target=run, args=(folder, ready))
        process.start()
        assert ready.wait(120)
        while number % 2 and process.is_alive() and len(open_datasets(folder)[2].load()) == done:
            time.sleep(0.01)  # every other kill comes after a day was done, however slow that is
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.join()
        seen.add(len(open_datasets(folder)[2].load()))
    assert len(seen) > 1  # it was killed in the middle, not only before the first day
    run(folder)
    pd.testing.assert_frame_equal(read(folder), read(whole))


def test_what_a_kill_left_is_kept(folder: Path) -> None:
    """A run that goes on scores the missing days alone."""
    requests, predictions, ledger = open_datasets(folder)
    del requests
    assert len(run(folder)) == DAYS
    days = sorted(ledger.load())
    path = folder / "scored_days.jsonl"
    path.write_text(
        "".join(path.read_text("utf-8").splitlines(keepends=True)[:5]), encoding="utf-8"
    )
    before = predictions.load().to_pandas()
    assert run(folder) == days[5:]
    after = predictions.load().to_pandas()
    kept = after[after["scored_on"].isin(days[:5])]["scored_at"].unique()
    assert set(kept) <= set(before["scored_at"])


def test_two_runs_at_once_leave_every_row_once(folder: Path) -> None:
    """Two runs of the same days may refuse each other, but double or lose no row."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.datasets.test_scoring_kills"])
    run(folder)
    processes = [context.Process(target=run, args=(folder,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert 0 in {process.exitcode for process in processes}
    run(folder)
    rows = read(folder)
    assert len(rows) == DAYS * PER_DAY
    assert rows["id"].is_unique
