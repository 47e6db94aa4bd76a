"""The whole circle, turned on IBM's own file."""

from typing import Any

import pytest


@pytest.fixture(scope="module")
def real(make: Any, tmp_path_factory: pytest.TempPathFactory, real_data: Any) -> Any:
    """Give a project in which the circle has turned once on the publisher's file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_SOURCE", "real")
        patch.setenv("RAW_DIR", str(real_data))
        project = make(tmp_path_factory.mktemp("real") / "project", simulation=None)
        project.run()
        yield project


def report(project: Any, name: str) -> Any:
    return project.catalog().load(name)


def test_no_row_of_the_file_is_lost(real: Any) -> None:
    """All 7043 rows come in, and each is in exactly one of train, selection, gate and scoring."""
    assert report(real, "intake_report")["rows_kept"] == 7043
    catalog = real.catalog()
    sets = [catalog.load(name) for name in ("train_set", "selection_set", "gate_set")]
    scored = catalog.load("scoring_requests").rows.to_pandas()
    ids = [row for rows in (*sets, scored) for row in rows["customer_id"]]
    assert len(ids) == 7043
    assert len(set(ids)) == 7043


def test_champion_scores_in_the_known_range(real: Any) -> None:
    """The champion's AUC on the gate set lies within 0.82 and 0.87, with an interval around it."""
    score = report(real, "promotion_decision")["score"]
    assert 0.82 < score["value"] < 0.87
    assert score["low"] < score["value"] < score["high"]
    assert score["confidence"] == 0.95


def test_snapshot_has_no_invented_history(real: Any) -> None:
    """The events of a snapshot carry no moment that the file does not have."""
    assert not {"reviewed_at", "churn_known_at"} & set(real.catalog().load("events").columns)


def test_held_out_customers_are_judged_at_once(real: Any) -> None:
    """Customers kept away from training are scored, and their known labels judge the champion."""
    window = report(real, "performance_report")["windows"][0]
    assert window["unlabelled_share"] == 0.0
    assert window["score"]["low"] > 0.75
    assert report(real, "drift_report")["drifted"] == []


def test_second_run_keeps_the_champion(real: Any) -> None:
    """The same run again is a tie, and a tie is no reason to promote."""
    real.run("training", "registry")
    decision = report(real, "promotion_decision")
    assert decision["promote"] is False
    assert decision["incumbent"] == "fullcircle.telco_churn.real_model v1"
    assert any("better_than_champion" in reason for reason in decision["reasons"])
