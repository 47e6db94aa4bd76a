"""Tests of XGBoost on all train rows: who may teach it, and that Spark grows the same trees."""

from collections.abc import Iterator
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.scoring.cases import SPEC, draw_habits, draw_requests, tables
from tests.spark_session import open_session, open_sockets

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.errors import ConfigurationError, DataError, ModelError
from fullcircle.core.models.prediction import predict
from fullcircle.core.training.challenger import SelectedModel, make_model
from fullcircle.core.training.context import TrainingContext
from fullcircle.core.training.distributed import (
    fit_on_spark,
    keep_train_rows,
    learns_from_labels,
    require_spark,
    require_trees,
)
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import SearchSettings, TrainingSettings
from fullcircle.core.training_data.labelled_rows import join_labelled, select_labelled
from fullcircle.core.training_data.sampling import SampleSettings, choose_sample, keep_sample
from fullcircle.core.training_data.splits import split_rows
from fullcircle.datasets import DeltaTableDataset, FeatureTableDataset
from fullcircle.engines.engine import choose_engine
from fullcircle.pipelines.training import all_rows, nodes
from fullcircle.reporting.model_card.origin import describe_data
from fullcircle.reproduction import refuse_distributed

DAYS, PER_DAY = 20, 60
AS_OF = Clock.model_validate("2025-03-18")
BY_KEY = SPEC.model_copy(
    update={
        "split": SPEC.split.model_copy(
            update={"by": "key", "train": 0.5, "selection": 0.2, "gate": 0.2, "scoring": 0.1}
        ),
        "entity_keys": ["id"],
    }
)
DECLARED = TrainingSettings(
    seed=1,
    candidates=["xgboost"],
    search=SearchSettings(trials=1),
    distributed=True,
    distributed_workers=1,
    bootstrap_resamples=100,
    confidence=0.9,
)
RECIPE = ModelConfig("xgboost", "xgboost", {"n_estimators": 25, "subsample": 0.7})


def draw_events(days: int = DAYS, per_day: int = PER_DAY, seed: int = 0) -> pd.DataFrame:
    """Draw events whose label, known two days later, depends on size and shape."""
    frame = draw_requests(days, per_day, seed).drop(columns="scored_on")
    chance = 1 / (1 + np.exp(-(2 * frame["size"].fillna(0) + (frame["shape"] == "flat"))))
    label = (np.random.default_rng(seed).random(len(frame)) < chance).astype("int64")
    return frame.assign(y=label, y_at=frame["at"] + pd.Timedelta(days=2))


@pytest.mark.untraced
@settings(max_examples=30, deadline=None)
@given(
    by_time=st.booleans(),
    days=st.integers(5, 12),
    per_day=st.integers(8, 20),
    max_rows=st.integers(60, 250),
    seed=st.integers(0, 9),
)
def test_no_selection_or_gate_row_teaches(
    by_time: bool, days: int, per_day: int, max_rows: int, seed: int
) -> None:
    """All train rows of the sample are kept, and no selection or gate row of it nor later ones."""
    problem = SPEC if by_time else BY_KEY
    events = draw_events(days, per_day, seed)
    labelled = select_labelled(ibis.memtable(events), problem, Clock.model_validate("2026-01-01"))
    sample = choose_sample(labelled, problem.row_id, SampleSettings(max_rows=max_rows))
    drawn = keep_sample(labelled, problem.row_id, sample).to_pandas()
    try:
        sets = split_rows(drawn, problem)
    except DataError:
        return  # too few rows for three sets
    kept = keep_train_rows(labelled, problem, sets["selection"], sets["gate"]).to_pandas()
    ids = set(kept["id"])
    assert set(sets["train"]["id"]) <= ids
    assert not ids & {*sets["selection"]["id"], *sets["gate"]["id"]}
    if by_time:
        assert kept["at"].max() < min(sets["selection"]["at"].min(), sets["gate"]["at"].min())
    else:
        assert ids == set(split_rows(labelled.to_pandas(), problem)["train"]["id"])


def test_what_cannot_be_is_refused_in_the_users_words() -> None:
    """Another engine, another family and blends are refused, each with what to set instead."""
    with pytest.raises(ConfigurationError, match=r"the engine is duckdb\. Set ENGINE=spark"):
        require_spark(ibis.memtable(draw_events(1, 2)))
    with pytest.raises(ConfigurationError, match="the winner is 'ridge'"):
        require_trees(ModelConfig("ridge", "ridge"))
    with pytest.raises(ConfigurationError, match="the winner is 'blend of 2'"):
        require_trees(ModelConfig("blend of 2", "blend", members=[RECIPE, RECIPE]))
    require_trees(RECIPE)


def test_nobody_who_did_not_ask_gets_it() -> None:
    """Without training.distributed nothing is fitted."""
    off = DECLARED.model_copy(update={"distributed": False})
    rows = ibis.memtable(draw_events(1, 2))
    winner = SelectedModel(RECIPE, None, {"method": "none"}, None, 0.5, {}, {})
    assert all_rows.fit_on_all_rows(winner, {}, rows, {}, SPEC, off) == []


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give events and feature tables on Spark."""
    open_session()
    folder = tmp_path_factory.mktemp("lake")
    with open_sockets():
        choose_engine("spark", {"master": "local[2]", "folder": str(folder / "spark")})
        events = DeltaTableDataset(filepath=str(folder / "events"))
        habits = FeatureTableDataset(
            name="a.b.habits", filepath=str(folder / "habits"), keys=["who"], event_time="at"
        )
        events.save(draw_events())
        habits.save(draw_habits(DAYS))
        yield {"events": events.load(), "tables": {"habits": habits.load()}}
        choose_engine("duckdb")


def learn(spec: ProblemSpec, **preparation: Any) -> tuple[TrainingContext, dict[str, pd.DataFrame]]:
    """Give the sets as one machine sees them, and the workshop of the train set."""
    labelled = select_labelled(ibis.memtable(draw_events()), spec, AS_OF)
    rows = join_labelled(labelled, tables(DAYS), spec).to_pandas().sort_values(["at", "id"])
    sets = split_rows(rows, spec)
    training = DECLARED.model_copy(
        update={"preparation": DECLARED.preparation.model_copy(update=preparation)}
    )
    plan = nodes.diagnose_train_set(sets["train"], spec, training)
    return TrainingContext(sets["train"], spec, training, plan), sets


def test_spark_grows_the_trees_of_a_fit_in_memory(lake: dict[str, Any]) -> None:
    """One worker gives the same bits; two stay within 0.03 on average; and the model says so."""
    training_context, sets = learn(SPEC)
    local = training_context.fit(RECIPE)
    winner = SelectedModel(RECIPE, local, {"method": "none"}, None, 0.5, {}, {})
    rows = all_rows.select_all_train_rows(
        lake["events"], lake["tables"], sets["selection"], sets["gate"], SPEC, DECLARED, AS_OF
    )
    given = (winner, {"xgboost": local}, rows, {"digests_below": None}, SPEC)
    with open_sockets():
        [full_fit] = all_rows.fit_on_all_rows(*given, DECLARED)
    model = make_model(
        training_context,
        winner,
        sets["selection"],
        "2025-03-18",
        None,
        profiled=False,
        full_fit=full_fit,
    )
    wanted = predict(local, "binary", training_context.inputs)
    np.testing.assert_array_equal(
        predict(model.estimator, "binary", training_context.inputs), wanted
    )
    train = sets["train"]
    facts = {"rows": len(train), "last": train["at"].max().isoformat()}
    assert facts.items() <= model.trained_on.items()
    assert model.settings["refit"] is False
    assert model.settings["distributed"]["workers"] == 1
    assert "All rows of the train share taught its trees" in str(describe_data(model))
    with pytest.raises(ModelError, match="which are more than its recorded sets hold"):
        refuse_distributed(model)
    with open_sockets():
        [two] = all_rows.fit_on_all_rows(
            *given, DECLARED.model_copy(update={"distributed_workers": 2})
        )
    other = predict(two.estimator, "binary", training_context.inputs)
    assert 0 < np.abs(other - wanted).mean() < 0.03
    with (
        open_sockets(),
        pytest.raises(ConfigurationError, match="distributed_workers=3 must run at once"),
    ):
        fit_on_spark(local, rows, SPEC, workers=3)


def test_rows_that_taught_the_encoder_do_not_teach_the_trees(lake: dict[str, Any]) -> None:
    """Where labels encode a column, the trees learn what the sample left out, or nothing."""
    training_context, sets = learn(SPEC, high_cardinality=2)
    local = training_context.fit(RECIPE)
    assert learns_from_labels(local)
    winner = SelectedModel(RECIPE, local, {"method": "none"}, None, 0.5, {}, {})
    rows = keep_train_rows(
        join_labelled(lake["events"].select(*SPEC.event_columns), lake["tables"], SPEC),
        SPEC,
        sets["selection"],
        sets["gate"],
    )
    fits = (winner, {"xgboost": local}, rows)
    with pytest.raises(DataError, match=r"it holds all rows\. Lower training_sample.max_rows"):
        all_rows.fit_on_all_rows(*fits, {"digests_below": None}, SPEC, DECLARED)
    with open_sockets():
        [full_fit] = all_rows.fit_on_all_rows(*fits, {"digests_below": "8000"}, SPEC, DECLARED)
    assert 0 < full_fit.facts["rows"] < 0.7 * len(sets["train"])
