"""Tests that scoring on Spark gives the very rows that it gives on one machine."""

from pathlib import Path
from typing import Any

import pandas as pd
from tests.core.scoring.cases import HABITS, SPEC, draw_habits, draw_requests, make_model
from tests.spark_session import open_session, open_sockets

from fullcircle.core.contract import Clock
from fullcircle.core.scoring.planning import ScoringSettings
from fullcircle.datasets import (
    DeltaTableDataset,
    FeatureTableDataset,
    PredictionsDataset,
    RequestTableDataset,
    ScoredDaysDataset,
)
from fullcircle.engines.engine import choose_engine
from fullcircle.pipelines.scoring import nodes

DAYS = 4
AS_OF = Clock.model_validate("2025-03-01")
PLACE = [AS_OF, None, None]


def score(folder: Path, models: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Score as the pipeline does, on the chosen engine, and give rows and report."""
    requests = RequestTableDataset(filepath=str(folder / "requests"))
    predictions = PredictionsDataset(filepath=str(folder / "predictions"))
    ledger = ScoredDaysDataset(
        filepath=str(folder / "days.jsonl"), predictions={"filepath": str(folder / "predictions")}
    )
    aside = DeltaTableDataset(filepath=str(folder / "aside"))
    habits = FeatureTableDataset(
        name="a.b.habits", filepath=str(folder / "habits"), keys=["who"], event_time="at"
    )
    events = DeltaTableDataset(filepath=str(folder / "events"))
    events.save(_draw_events())
    habits.save(draw_habits(DAYS))
    kept, rejected = nodes.select_requests(events.load(), ledger.load(), SPEC, *PLACE)
    requests.save(kept)
    aside.save(rejected)
    tables = {"habits": habits.load()}
    champion, others = models["champion"], {k: m for k, m in models.items() if k != "champion"}
    shared = (tables, champion, others)
    plan = nodes.plan_scoring(requests.load(), ledger.load(), *shared, SPEC, AS_OF)
    settings = ScoringSettings(chunk_rows=40, batch_rows=7)
    for day, _ in nodes.score_requests(requests.load(), *shared, plan, SPEC, AS_OF, settings):
        predictions.save(day)
        ledger.save(day)
    report = nodes.report_scoring(predictions.load(), plan, ledger.load(), aside.load(), AS_OF)
    rows = DeltaTableDataset(filepath=str(folder / "predictions"), load_as="pandas").load()
    return rows.drop(columns=["scored_at"]).sort_values("id", ignore_index=True), report


def _draw_events() -> pd.DataFrame:
    """Draw events, one without its key and two of one id."""
    events = draw_requests(DAYS, 30).drop(columns="scored_on")
    events = events.assign(y=0, y_at=events["at"] + pd.Timedelta(days=2))
    events["who"] = events["who"].astype("Int64")
    events.loc[3, "who"] = pd.NA
    events.loc[50, "id"] = events.loc[49, "id"]
    return events


def test_both_engines_score_alike(tmp_path: Path) -> None:
    """Rows, predictions of two models, stamps, stale counts and rows set aside are the same."""
    open_session()
    later = HABITS.model_copy(update={"max_age_days": None})
    models = {
        "champion": make_model(),
        "shadow": make_model("random_forest", [later], version="2"),
    }
    found = {}
    with open_sockets():
        for engine in ("duckdb", "spark"):
            options = {"master": "local[2]", "folder": str(tmp_path / "spark")}
            choose_engine(engine, options if engine == "spark" else None)
            try:
                found[engine] = score(tmp_path / engine, models)
            finally:
                choose_engine("duckdb")
    (ours, report), (theirs, spark_report) = found["duckdb"], found["spark"]
    pd.testing.assert_frame_equal(ours, theirs[ours.columns], check_exact=True)
    assert len(ours) == DAYS * 30 - 2
    for name in ("rows", "days", "rejected", "reasons", "stale_share"):
        assert report[name] == spark_report[name]
    assert report["reasons"] == {"same id as another row": 1, "who is blank": 1}
    assert report["stale_share"] > 0
