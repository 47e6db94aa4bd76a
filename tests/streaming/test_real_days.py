"""Tests that a real shop's whole year passes through the stream, file by file."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.streaming.shop import PLACES, ShopRoom, run_once, tables_in

FILES = 305
AS_OF = datetime(2012, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def days(real_data: Path) -> list[Path]:
    files = sorted((real_data / "online_retail").glob("*.csv"))
    if len(files) != FILES:
        pytest.skip(f"{len(files)} of {FILES} days of the online retail file are here")
    return files


@pytest.mark.untraced
def test_a_year_of_real_days_is_scored_once(tmp_path: Path, days: list[Path]) -> None:
    """Of 305 files each line is scored once or set aside with its reason; a second look adds none.

    The model learns from the first twenty days; the lines without a customer cannot be scored.
    """
    room = ShopRoom.open(tmp_path / "room", days[:20])
    settings = PLACES.model_copy(update={"batch_pieces": 64})
    summary = run_once(room, days[0].parent, tmp_path / "out", settings, as_of=AS_OF)
    customers = pd.concat(pd.read_csv(day, usecols=["CustomerID"]) for day in days)["CustomerID"]
    known, unknown = int(customers.notna().sum()), int(customers.isna().sum())
    assert summary.rows == known
    assert summary.reasons == {"CustomerID is blank": unknown}
    scored = tables_in(tmp_path / "out").predictions.select(["source", "source_row"], [])
    assert len(scored) == known > 400_000
    assert len(set(scored["source"].to_pylist())) == FILES
    places = scored.group_by(["source", "source_row"]).aggregate([])
    assert len(places) == known
    again = run_once(room, days[0].parent, tmp_path / "out", settings, as_of=AS_OF)
    assert (again.rows, again.reasons, again.batches) == (0, {}, 0)
