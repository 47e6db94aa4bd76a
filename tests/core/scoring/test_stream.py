"""Tests of scoring day by day in a stream."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.scoring.cases import (
    HABITS,
    draw_habits,
    draw_requests,
    make_model,
    prepare,
    read_all,
    request_table,
    tables,
)

from fullcircle.core.errors import ModelError
from fullcircle.core.features.point_in_time import join_features
from fullcircle.core.models.model import Model
from fullcircle.core.scoring.planning import plan_days
from fullcircle.core.scoring.stream import score_days

DAYS = 5


@pytest.fixture(scope="module")
def model() -> Model:
    """Give a champion."""
    return make_model()


def plan(frame: pd.DataFrame, *kept: str) -> list[dict[str, Any]]:
    entries = plan_days(request_table(frame).days, {}, {})
    return [{**entry, "keep": entry["day"] in kept} for entry in entries]


@pytest.mark.untraced
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 3), st.integers(1, 31))
def test_rows_do_not_depend_on_how_the_work_is_cut(
    chunk_rows: int, batch_rows: int, threads: int, per_day: int
) -> None:
    """Whatever the chunks, batches and threads, each row is scored once, as in one frame."""
    model, frame = make_model(), draw_requests(DAYS, per_day)
    ready = prepare(
        {"champion": model}, DAYS, chunk_rows=chunk_rows, batch_rows=batch_rows, threads=threads
    )
    days = score_days(request_table(frame), plan(frame), ready)
    scored = read_all(days).to_pandas()
    joined = join_features(ibis.memtable(frame), tables(DAYS), [HABITS], "at")
    expected = joined.order_by("id").to_pandas()
    assert scored["id"].tolist() == frame["id"].tolist()
    pd.testing.assert_series_equal(scored["visits"], expected["visits"])
    np.testing.assert_array_equal(scored["predicted"], model.predict(expected))


def test_each_day_comes_alone_and_tells_of_itself(model: Model) -> None:
    """Days come in order, each with its own rows and a tally that is full when they are taken."""
    frame = draw_requests(DAYS, 30)
    ready = prepare({"champion": model}, DAYS, chunk_rows=70, batch_rows=9)
    told = []
    for day in score_days(request_table(frame), plan(frame), ready):
        rows = day.read().read_all()
        assert set(rows["scored_on"].to_pylist()) == {day.day}
        told.append(day.facts())
    assert [entry["day"] for entry in told] == sorted(set(frame["scored_on"]))
    assert [entry["rows"] for entry in told] == [30] * DAYS
    assert all(entry["seconds"]["wall"] > 0 for entry in told)


def test_stale_rows_are_those_whose_newest_feature_is_too_old(model: Model) -> None:
    """A row is stale if something was known of its key by then, but nothing young enough."""
    frame, habits = draw_requests(DAYS, 40), draw_habits(DAYS)
    days = score_days(request_table(frame), plan(frame), prepare({"champion": model}, DAYS))
    scored = read_all(days).to_pandas()
    known = frame.merge(habits, on="who", suffixes=("", "_known"))
    known = known[known["at_known"] <= known["at"]]
    newest = known.groupby("id")["at_known"].max().reindex(scored["id"])
    age = scored["at"].to_numpy() - newest.to_numpy()
    assert (scored["stale_lookups"] == (age > pd.Timedelta(days=3))).all()
    assert 0 < scored["stale_lookups"].sum() < len(scored)


def test_kept_days_are_not_read(model: Model) -> None:
    """What a run that was cut short has scored is left alone."""
    frame = draw_requests(DAYS, 10)
    kept = ["2025-03-01", "2025-03-03"]
    days = score_days(request_table(frame), plan(frame, *kept), prepare({"champion": model}, DAYS))
    assert [day.day for day in days if day.read().read_all()] == [
        "2025-03-02",
        "2025-03-04",
        "2025-03-05",
    ]


def test_two_models_read_once_as_each_alone(model: Model) -> None:
    """Champion and companion get what each would get alone, also where they define names apart."""
    eager = HABITS.model_copy(update={"max_age_days": None})
    other = make_model("logistic_regression", [eager], version="2")
    frame = draw_requests(DAYS, 25)
    both = score_days(
        request_table(frame),
        plan(frame),
        prepare({"champion": model, "shadow": other}, DAYS),
    )
    rows = read_all(both).to_pandas()
    assert {"colour", "colour__shadow", "visits__shadow"} <= set(rows.columns)
    for role, alone in (("", model), ("shadow_", other)):
        only = score_days(request_table(frame), plan(frame), prepare({"champion": alone}, DAYS))
        expected = read_all(only).to_pandas()
        np.testing.assert_allclose(
            rows[f"{role}predicted"], expected["predicted"], rtol=1e-12, atol=0
        )
        assert (rows[f"{role}decision"] == expected["decision"]).all()
        assert set(rows[f"{role}model_version"]) == {alone.registration.version}


@dataclass
class Stub:
    """Predicts by any function of the batch."""

    model: Model
    predict: Callable[[pa.RecordBatch], np.ndarray]


def test_an_error_in_the_middle_keeps_its_words(model: Model) -> None:
    """What fails in a thread is remembered as it was, whatever the writer makes of it."""
    frame = draw_requests(1, 20)
    ready = prepare({"champion": model}, 1, batch_rows=6)
    seen: list[int] = []

    def fail_late(batch: pa.RecordBatch) -> np.ndarray:
        seen.append(batch.num_rows)
        if len(seen) == 3:
            raise ModelError("the third batch is bad")
        return np.full(batch.num_rows, 0.5)

    role_model = replace(ready.role_models[0], predictor=Stub(model, fail_late))
    days = score_days(request_table(frame), plan(frame), replace(ready, role_models=[role_model]))
    day = next(days)
    with pytest.raises(Exception, match="third batch"):
        day.read().read_all()
    assert isinstance(day.failure, ModelError)


def test_a_prediction_that_is_no_number_is_refused(model: Model) -> None:
    """NaN and infinity are errors that count the rows, never predictions."""
    [role_model] = prepare({"champion": model}, 1).role_models
    rows = pa.RecordBatch.from_pandas(
        draw_requests(1, 3).assign(colour="red", visits=1.0), preserve_index=False
    )
    bad = replace(role_model, predictor=Stub(model, lambda _: np.array([0.5, np.nan, np.inf])))
    with pytest.raises(ModelError, match="v1 gives no finite number for 2 rows"):
        bad.predict(rows)


def test_values_carry_their_interval(model: Model) -> None:
    """A regression's rows hold the ends of the interval that the model gives."""
    interval = {"coverage": 0.9, "edges": [0.0], "half_widths": [1.0, 3.0]}
    values = replace(model, task="regression", threshold=None, interval=interval)
    [role_model] = prepare({"champion": model}, 1).role_models
    told = replace(role_model, predictor=Stub(values, lambda _: np.array([-2.0, 5.0])))
    rows = pa.RecordBatch.from_pandas(
        draw_requests(1, 2).assign(colour="red", visits=1.0), preserve_index=False
    )
    columns = told.predict(rows)
    assert columns["predicted_low"].to_pylist() == [-3.0, 2.0]
    assert columns["predicted_high"].to_pylist() == [-1.0, 8.0]
    assert "decision" not in columns
