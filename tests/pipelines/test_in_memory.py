"""Each pipeline with nothing but plain values in memory: no file, no registry, no tracking."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from tests.core.endpoint_cases import log_of, table_of
from tests.core.gate_cases import INTAKE, probe_of

from fullcircle.core.alerts import AlertSettings
from fullcircle.core.contract import Clock, FeatureTable, ProblemSpec
from fullcircle.core.drift import DriftSettings
from fullcircle.core.errors import GateRefusedError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.gate import GateSettings
from fullcircle.core.metrics import METRICS, score_all
from fullcircle.core.models.model import Registration
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.performance import PerformanceSettings
from fullcircle.core.retraining import RetrainingSettings
from fullcircle.core.scoring.days import ScoredDay
from fullcircle.core.scoring.planning import ScoringSettings
from fullcircle.core.service import ServiceSettings
from fullcircle.core.training.candidates import CANDIDATES, Candidate
from fullcircle.core.training.failures import describe_failure
from fullcircle.core.training.settings import SearchSettings, TrainingSettings
from fullcircle.core.training.trial_store import NoTrialStore
from fullcircle.core.validation.row_validation import IntakeSettings
from fullcircle.hooks.summary import format_leaderboard, format_search
from fullcircle.problems.telco_churn.simulator import ChurnSimulator

START = datetime(2024, 1, 1, tzinfo=UTC)
SETS = ("train_set", "selection_set", "gate_set")
SPEC = ProblemSpec.model_validate(
    {
        "name": "telco_churn",
        "task": "binary",
        "row_id": "id",
        "entity_keys": ["who"],
        "event_time": "at",
        "label": "y",
        "label_time": "y_at",
        "period_days": 10,
        "request_columns": ["size"],
        "feature_lookups": [{"table": "habits", "keys": ["who"], "columns": ["colour"]}],
        "primary_metric": "roc_auc",
        "threshold": {"maximise": "f1"},
        "split": {"by": "time", "train": 0.6, "selection": 0.2, "gate": 0.2},
    }
)
AS_OF = Clock.model_validate("2024-03-31")


def events(days: int = 100, per_day: int = 20) -> pd.DataFrame:
    """Draw rows whose label depends on size and colour, known two days later."""
    rng = np.random.default_rng(0)
    rows = days * per_day
    at = pd.to_datetime([START + timedelta(days=n // per_day) for n in range(rows)], utc=True)
    size = rng.normal(size=rows)
    colour = rng.choice(["red", "blue"], rows)
    chance = 1 / (1 + np.exp(-(1.5 * size + 1.0 * (colour == "red"))))
    return pd.DataFrame(
        {
            "id": [f"r{n:05d}" for n in range(rows)],
            "who": [f"w{n:05d}" for n in range(rows)],
            "at": at.as_unit("us"),
            "size": size,
            "colour": colour,
            "y": (rng.random(rows) < chance).astype("int64"),
            "y_at": (at + timedelta(days=2)).as_unit("us"),
        }
    )


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """Give the inputs that the pipelines share."""
    frame = events()
    habits = ibis.memtable(frame[["who", "at", "colour"]])
    return {
        "events": ibis.memtable(frame.drop(columns="colour")),
        "labels": ibis.memtable(frame[["id", "y", "y_at"]]),
        "feature_tables": {
            "habits": KeyedTable(habits, FeatureTable(keys=["who"], event_time="at"))
        },
        "params:problem": SPEC,
        "params:as_of": AS_OF,
        "params:intake": IntakeSettings(max_rejected_share=0.1),
        "params:training": TrainingSettings(
            seed=1,
            candidates=["baseline", "logistic_regression"],
            search=SearchSettings(trials=2),
            bootstrap_resamples=100,
            confidence=0.9,
        ),
        "search_journal": NoTrialStore(),
        "training_rows": {"rows_known": 1, "rows_kept": 1, "digests_below": None},
        "data_versions": {
            **{name: {"path": name, "version": 0, "rows": 1} for name in SETS},
            "promotion_decision": {"path": "promotion_decision.json"},
        },
        "params:gate": GateSettings(min_rows=50, bootstrap_resamples=100, confidence=0.95, seed=1),
        "params:drift": DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=50),
        "params:performance": PerformanceSettings(
            min_labels=50, bootstrap_resamples=100, confidence=0.9, seed=1
        ),
        "params:retraining": RetrainingSettings(max_drifted_columns=0),
        "params:alerts": AlertSettings(),
        "scoring_report": None,
        "previous_watched_window": [],
        "retrainings": [],
        "previous_alerts": None,
    }


class Kept(MemoryDataset):
    """A value in memory that outlives the run which made it."""

    def _release(self) -> None:
        """Keep the value."""


class Written(AbstractDataset[ScoredDay, Any]):
    """Takes scored days one by one, and gives all of them at once."""

    def __init__(self, take: Callable[[ScoredDay], Any], give: Callable[[list[Any]], Any]) -> None:
        self._take, self._give = take, give
        self._days: list[Any] = []

    def save(self, data: ScoredDay) -> None:
        self._days.append(self._take(data))

    def load(self) -> Any:
        return self._give(self._days)

    def _describe(self) -> dict[str, Any]:
        return {}


def written() -> dict[str, Any]:
    """Give memory for scored rows and for what there is to tell of them."""
    return {
        "predictions": Written(
            lambda day: day.read().read_all(), lambda days: ibis.memtable(pa.concat_tables(days))
        ),
        "scored_days": Written(
            lambda day: day.facts(), lambda days: {entry["day"]: entry for entry in days}
        ),
    }


def turn(name: str, values: dict[str, Any], *wanted: str) -> Any:
    """Run one pipeline over plain values and give the wanted outputs."""
    pipeline = import_module(f"fullcircle.pipelines.{name}").create_pipeline()
    keep: dict[str, Any] = {o: Kept(copy_mode="assign") for o in pipeline.all_outputs()}
    if name == "scoring":
        keep |= written()
    given = {n: MemoryDataset(v, copy_mode="assign") for n, v in values.items()}
    catalog = DataCatalog({**keep, **{n: given[n] for n in pipeline.inputs()}})
    SequentialRunner().run(pipeline, catalog)
    found = [catalog.load(name) for name in wanted]
    return found[0] if len(found) == 1 else found


@pytest.fixture(scope="module")
def trained(values: dict[str, Any]) -> dict[str, Any]:
    """Give the values after feature store and training."""
    training_set = _training_set(values)
    names = ("leaderboard", "challenger", "gate_set", "train_set", "selection_set")
    found = turn("training", {**values, "training_set": training_set}, *names)
    return {**values, **dict(zip(names, found, strict=True))}


@pytest.fixture(scope="module")
def trained_by_f1(values: dict[str, Any]) -> dict[str, Any]:
    """Give the values after a training that chooses models and the threshold by F1."""
    spec = SPEC.model_copy(update={"primary_metric": "f1"})
    given = {**values, "params:problem": spec, "training_set": _training_set(values)}
    names = ("leaderboard", "challenger", "gate_set", "train_set", "selection_set", "winner")
    names += ("evaluation_report", "search_report", "candidate_runs")
    return {**given, **dict(zip(names, turn("training", given, *names), strict=True))}


def judge(values: dict[str, Any], *wanted: str) -> Any:
    """Run the registry's pipeline with a registry's copy that is as the challenger was."""
    given = {"intake_report": INTAKE, "challenger_probe": probe_of(values["challenger"])}
    given |= {"rolled_back": [], "kept_decision": None}
    return turn("registry", {**given, **values}, *wanted)


def test_a_champion_keeps_the_decision_that_made_it_one(trained: dict[str, Any]) -> None:
    """Judged again, the champion is not compared with itself: its decision stands as it was."""
    again = trained["challenger"].registered_as(Registration("a.b.c", "2", "run"))
    kept = {"challenger": "a.b.c v2", "promote": True, "reasons": ["as it was"]}
    given = {**trained, "challenger": again, "incumbent": again, "kept_decision": kept}
    assert judge(given, "promotion_decision") == kept
    anew = judge({**given, "kept_decision": None}, "promotion_decision")
    assert (anew["incumbent"], anew["gain"]) == (None, None)


def _training_set(values: dict[str, Any]) -> pd.DataFrame:
    from fullcircle.pipelines.feature_store.nodes import build_training_set

    return build_training_set(values["events"], values["feature_tables"], SPEC, AS_OF).to_pandas()


def test_data_processing_keeps_every_row_somewhere() -> None:
    """Each raw row ends in events or in rejected_rows, never in both and never in neither."""
    simulator = ChurnSimulator(seed=1, first_month="2024-01-01", months=1, rows_per_month=50)
    raw = next(simulator.pieces())[1].to_pandas()
    raw.loc[3, "Churn"] = "Perhaps"
    raw.loc[7, "customerID"] = raw.loc[6, "customerID"]
    raw["source_row"] = np.arange(1, len(raw) + 1)
    spec = SPEC.model_copy(
        update={
            "row_id": "row_id",
            "entity_keys": ["customer_id"],
            "event_time": "reviewed_at",
            "label": "churned",
            "label_time": "churn_known_at",
            "request_columns": ["gender"],
        }
    )
    given = {
        "raw": ibis.memtable(raw),
        "params:problem": spec,
        "params:intake": IntakeSettings(max_rejected_share=0.1),
    }
    kept, rejected, report = turn(
        "data_processing", given, "events", "rejected_rows", "intake_report"
    )
    assert kept.count().execute() == 48
    assert rejected.to_pandas()["source_row"].tolist() == [4, 8]
    assert "same row id as row 7" in rejected.to_pandas()["rejection_reason"].tolist()[1]
    assert report["reasons"] == {
        "Churn is neither Yes nor No, nor blank for not known yet": 1,
        "same row id as row 7": 1,
    }


def test_training_set_ends_at_the_clock(values: dict[str, Any]) -> None:
    """Only rows whose label was known at as_of are trained on, each with its own features."""
    training = _training_set(values)
    assert training["y_at"].max() <= pd.Timestamp(AS_OF.moment)
    assert len(training) == 89 * 20
    truth = events().set_index("id")["colour"]
    assert (training.set_index("id")["colour"] == truth.loc[training["id"]]).all()


def test_nothing_later_than_the_clock_influences_training(values: dict[str, Any]) -> None:
    """Deleting every row that became known after as_of leaves the training set as it was."""
    before = _training_set(values)
    past = events()[lambda rows: rows["y_at"] <= pd.Timestamp(AS_OF.moment)]
    table = values["feature_tables"]["habits"]
    trimmed = {
        "events": ibis.memtable(past.drop(columns="colour")),
        "feature_tables": {
            "habits": KeyedTable(ibis.memtable(past[["who", "at", "colour"]]), table.declared)
        },
    }
    pd.testing.assert_frame_equal(_training_set({**values, **trimmed}), before)


def test_training_uses_three_disjoint_sets(trained: dict[str, Any]) -> None:
    """Train, selection and gate rows are disjoint, in time order, and together complete."""
    sets = [trained[name] for name in ("train_set", "selection_set", "gate_set")]
    ids = [set(rows["id"]) for rows in sets]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 89 * 20
    assert sets[0]["at"].max() < sets[1]["at"].min()
    assert sets[1]["at"].max() < sets[2]["at"].min()


def test_challenger_knows_its_features_and_threshold(trained: dict[str, Any]) -> None:
    """The challenger carries features, lookups, threshold, profile and scores."""
    model = trained["challenger"]
    assert model.features == ["size", "colour"]
    assert model.lookups[0].table == "habits"
    assert 0 < model.threshold < 1
    assert set(model.profile["columns"]) == {"size", "colour", "predicted"}
    [chosen] = [row for row in trained["leaderboard"] if row["chosen"]]
    assert model.scores["roc_auc"]["value"] == chosen["value"]
    assert model.report["calibration"]["judged"]
    assert [column["column"] for column in model.report["columns"]] == ["size", "colour"]
    assert "sample" not in model.report


def test_registry_promotes_a_good_model_and_says_why(trained: dict[str, Any]) -> None:
    """Without a champion, a challenger that significantly beats the baseline is promoted."""
    decision, champion, card = judge(
        {**trained, "incumbent": None}, "promotion_decision", "champion", "model_card"
    )
    assert decision["promote"] is True
    assert champion is trained["challenger"]
    assert "better_than_baseline" in card


def test_registry_keeps_the_incumbent_on_a_tie(trained: dict[str, Any]) -> None:
    """The same model again is no gain, so the incumbent stays."""
    incumbent = trained["challenger"].registered_as(Registration("a.b.c", "1", "run"))
    challenger = trained["challenger"].registered_as(Registration("a.b.c", "2", "run"))
    given = {**trained, "challenger": challenger, "incumbent": incumbent}
    decision, champion = judge(given, "promotion_decision", "champion")
    assert decision["promote"] is False
    assert failed(decision) == ["better_than_champion"]
    assert champion.registration.version == "1"


def test_registry_fails_closed_when_the_incumbent_cannot_predict(trained: dict[str, Any]) -> None:
    """A champion whose features are gone gives no evidence, and no evidence promotes nothing."""
    incumbent = replace(trained["challenger"], features=["size", "shape"])
    decision = judge({**trained, "incumbent": incumbent}, "promotion_decision")
    assert decision["promote"] is False
    assert "'shape'" in decision["reasons"][0]


def failed(decision: dict[str, Any]) -> list[str]:
    return [check["name"] for check in decision["checks"] if not check["passed"]]


def test_registry_refuses_a_challenger_whose_features_nobody_offers(
    trained: dict[str, Any],
) -> None:
    """A feature that has left its feature table, or a table that is gone, closes the gate."""
    table = trained["feature_tables"]["habits"]
    lost = KeyedTable(table.rows.drop("colour"), table.declared)
    for tables in ({"habits": lost}, {}):
        given = {**trained, "incumbent": None, "feature_tables": tables}
        with pytest.raises(GateRefusedError, match=r"same_signature: no request and no .* colour"):
            judge(given, "champion")


def test_registry_refuses_a_challenger_that_cannot_predict_the_gate_rows(
    trained: dict[str, Any],
) -> None:
    """Gate rows without a feature stop no run: the decision says what is missing."""
    incumbent = trained["challenger"].registered_as(Registration("a.b.c", "1", "run"))
    bare = trained["gate_set"].drop(columns="size")
    given = {**trained, "gate_set": bare, "incumbent": incumbent}
    decision, champion = judge(given, "promotion_decision", "champion")
    assert champion is incumbent
    assert "complete_evidence: the challenger could not predict" in decision["reasons"][0]
    assert "'size'" in decision["reasons"][0]


def test_registry_without_champion_refuses_a_hopeless_challenger(trained: dict[str, Any]) -> None:
    """With no champion and a challenger without skill, the pipeline stops with the reasons."""
    gate = trained["gate_set"].copy()
    gate["y"] = gate["y"].sample(frac=1, random_state=3).to_numpy()
    with pytest.raises(GateRefusedError, match="better_than_baseline"):
        judge({**trained, "gate_set": gate, "incumbent": None}, "champion")


def scored(trained: dict[str, Any], **more: Any) -> Any:
    champion = trained["challenger"].registered_as(Registration("a.b.c", "1", "run"))
    given = {
        "previous_scored_days": {},
        "shadow_models": {},
        "params:since": None,
        "params:until": None,
        "params:scoring": ScoringSettings(batch_rows=7, chunk_rows=50, threads=2),
    }
    return turn("scoring", {**trained, "champion": champion, **given, **more}, "predictions")


def test_scoring_covers_exactly_the_period_after_the_clock(trained: dict[str, Any]) -> None:
    """Every row of the ten days from as_of is scored once, without its label."""
    rows = scored(trained).to_pandas()
    wanted = events().query("at >= '2024-03-31T00:00Z' and at < '2024-04-10T00:00Z'")
    assert sorted(rows["id"]) == sorted(wanted["id"])
    assert not {"y", "y_at"} & set(rows.columns)
    assert set(rows["scored_on"]) == {f"2024-04-{day:02d}" for day in range(1, 10)} | {"2024-03-31"}
    assert set(rows["model_version"]) == {"1"}
    assert not rows["backfilled"].any()


def test_a_back_fill_covers_its_span_and_says_so(trained: dict[str, Any]) -> None:
    """From since up to until is scored, and rows older than the training are marked as such."""
    span = {"params:since": "2024-03-29", "params:until": "2024-04-02"}
    rows = scored(trained, **span).to_pandas()
    assert set(rows["scored_on"]) == {"2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01"}
    assert set(rows.loc[rows["backfilled"], "scored_on"]) == {"2024-03-29", "2024-03-30"}


def test_since_last_goes_on_from_the_last_day(trained: dict[str, Any]) -> None:
    """What is new begins with the last day scored so far, whose rows may have become more."""
    before = {"2024-04-06": {"fingerprint": "f"}, "2024-04-07": {"fingerprint": "g"}}
    rows = scored(trained, **{"params:since": "last", "previous_scored_days": before}).to_pandas()
    assert sorted(set(rows["scored_on"])) == ["2024-04-07", "2024-04-08", "2024-04-09"]


def test_a_shadow_predicts_in_the_same_rows(trained: dict[str, Any]) -> None:
    """A model beside the champion predicts every row in columns of its own, from one reading."""
    other = replace(
        trained["challenger"], threshold=0.9, registration=Registration("a.b.c", "7", "run")
    )
    rows = scored(trained, shadow_models={"shadow": other}).to_pandas()
    assert (rows["shadow_predicted"] == rows["predicted"]).all()
    assert (rows["shadow_decision"] == (rows["predicted"] >= 0.9)).all()
    assert set(rows["shadow_model_version"]) == {"7"}


def test_rows_that_cannot_be_scored_are_set_aside(trained: dict[str, Any]) -> None:
    """A row without key or moment, and a repeated row id, go to the side with the reason."""
    frame = trained["events"].to_pandas()
    late = frame["at"] >= pd.Timestamp("2024-04-05", tz="UTC")
    first, second, third, fourth = frame.index[late][:4]
    frame.loc[first, "who"] = None
    frame.loc[second, "at"] = pd.NaT
    frame.loc[third, "id"] = frame.loc[fourth, "id"]
    nodes = import_module("fullcircle.pipelines.scoring.nodes")
    kept, aside = nodes.select_requests(
        ibis.memtable(frame.drop(columns=["y", "y_at"]).assign(y=0, y_at=frame["y_at"])),
        {},
        SPEC,
        AS_OF,
        None,
        None,
    )
    reasons = sorted(aside.to_pandas()["rejection_reason"])
    assert reasons == ["at is blank", "same id as another row", "who is blank"]
    assert len(kept.to_pandas()) + len(reasons) == 200


def test_scoring_equals_the_model_on_a_frame(trained: dict[str, Any]) -> None:
    """Streamed predictions equal the model's own on one frame, bit for bit."""
    rows = scored(trained).to_pandas()
    assert (trained["challenger"].predict(rows) == rows["predicted"]).all()
    assert ((rows["predicted"] >= trained["challenger"].threshold) == rows["decision"]).all()


def monitored(
    trained: dict[str, Any], predictions: pd.DataFrame | None, as_of: str, **more: Any
) -> Any:
    model = trained["challenger"].registered_as(Registration("a.b.c", "1", "run"))
    from fullcircle.pipelines.registry.nodes import build_reference_profile

    given = {
        **trained,
        "predictions": None if predictions is None else ibis.memtable(predictions),
        "reference_profile": build_reference_profile(model, trained["params:problem"]),
        "params:as_of": Clock.model_validate(as_of),
        "params:service": ServiceSettings(),
        "endpoint_log": None,
        "endpoint_uptime": None,
        "alert_log": [],
        "stream_predictions": None,
        "endpoint_predictions": None,
        "role_profiles": {},
        "previous_performance": None,
        **more,
    }
    names = ("drift_report", "performance_report", "retrain_decision", "dashboard", "drift_plot")
    return turn("monitoring", given, *names)


def test_monitoring_is_quiet_when_nothing_changed(trained: dict[str, Any]) -> None:
    """Rows drawn as before raise no alarm, and ask for no retraining."""
    drift, performance, retrain, page, plot = monitored(
        trained, scored(trained).to_pandas(), "2024-03-31"
    )
    assert drift["drifted"] == []
    assert performance["windows"][0]["labelled"] == 0
    assert retrain["retrain"] is False
    assert "steady" in page
    assert len(plot.data[0].y) == 3


def test_monitoring_names_what_moved(trained: dict[str, Any]) -> None:
    """A shifted column is named, no other input is, and a retraining is asked for."""
    moved = scored(trained).to_pandas().assign(size=lambda rows: rows["size"] + 2)
    drift, _, retrain, page, _ = monitored(trained, moved, "2024-03-31")
    assert drift["drifted"] == ["size"]
    assert retrain["reasons"] == ["inputs drifted: size"]
    assert "1 drifted" in page


def test_monitoring_says_when_nothing_was_scored(trained: dict[str, Any]) -> None:
    """A clock for which nothing was scored is reported as such, not as quiet; the rest comes."""
    drift, performance, retrain, page, _ = monitored(
        trained, scored(trained).to_pandas(), "2024-05-01"
    )
    assert drift["judged"] is False
    assert [each["problem"] for each in drift["problems"]] == ["empty_window"]
    assert [window["as_of"] for window in performance["windows"]] == ["2024-03-31"]
    assert retrain["reasons"] == ["0 scored rows are too few to judge drift"]
    assert "the window has no row" in page


def test_rows_of_another_version_are_told(trained: dict[str, Any]) -> None:
    """Rows that another version scored are named; inputs are compared, predictions are not."""
    rows = scored(trained).to_pandas()
    rows.loc[:9, "model_version"] = "7"
    drift, *_ = monitored(trained, rows, "2024-03-31")
    [problem] = drift["problems"]
    assert "10 by version 7" in problem["told"]
    assert {column["name"] for column in drift["columns"]} == {"size", "colour"}


def served(trained: dict[str, Any], *, shift: float = 0.0) -> Any:
    """Have the rows of the ten days from the clock answered by an endpoint."""
    rows = scored(trained).to_pandas().assign(size=lambda rows: rows["size"] + shift)
    return table_of(log_of(rows, ["size", "colour"], model_version="1"))


def test_who_only_serves_has_monitoring(trained: dict[str, Any]) -> None:
    """Without any batch, drift, performance and the page are of the endpoint's requests."""
    drift, performance, retrain, page, plot = monitored(
        trained, None, "2024-04-12", endpoint_predictions=served(trained, shift=2.0)
    )
    assert [part["source"] for part in drift["sources"]] == ["endpoint"]
    assert drift["drifted"] == ["size"]
    assert retrain["reasons"] == ["endpoint: inputs drifted: size"]
    assert {window["source"] for window in performance["windows"]} == {"endpoint"}
    assert sum(window["labelled"] for window in performance["windows"]) == 200
    assert performance["newest"]["endpoint"]["roc_auc"] > 0.5
    assert "endpoint: size: its distribution moved" in page
    assert "endpoint: size" in plot.data[0].y


def test_all_sources_stand_on_one_page(trained: dict[str, Any]) -> None:
    """Batch and endpoint are compared in one report, each under its name."""
    drift, performance, retrain, page, _ = monitored(
        trained,
        scored(trained).to_pandas(),
        "2024-03-31",
        endpoint_predictions=served(trained),
    )
    assert [part["source"] for part in drift["sources"]] == ["batch", "endpoint"]
    assert drift["rows_by_source"] == {"batch": 200, "endpoint": 200}
    assert set(performance["newest"]) == {"batch", "endpoint"}
    assert retrain["retrain"] is False
    assert "<h3>batch</h3>" in page
    assert "<h3>endpoint</h3>" in page


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_other_tasks_are_trained_assessed_and_gated(values: dict[str, Any], task: str) -> None:
    """Values and several classes pass through training, its reports and the gate, by slice too."""
    changed: dict[str, Any] = {
        "task": task,
        "threshold": None,
        "slices": ["colour"],
        "primary_metric": "rmse" if task == "regression" else "multiclass_log_loss",
    }
    problem = SPEC.model_copy(update=changed)
    training_set = _training_set(values)
    if task == "regression":
        training_set["y"] = training_set["y"] + training_set["size"]
    else:
        training_set["y"] = training_set["y"] + (training_set["size"] > 1).astype("int64")
    families = ["baseline", "last_value", "ridge", "logistic_regression", "xgboost"]
    training = values["params:training"].model_copy(update={"candidates": families})
    given = {
        **values,
        "training_set": training_set,
        "params:problem": problem,
        "params:training": training,
    }
    names = ("challenger", "gate_set", "evaluation_report", "evaluation_figures")
    challenger, gate_set, report, figures = turn("training", given, *names)
    assert {row["slice"] for row in report["slices"]} == {"red", "blue"}
    assert {"leaderboard", "importance", "learning_curve", "slices"} <= set(figures)
    found = {"challenger": challenger, "gate_set": gate_set, "incumbent": None}
    wanted = ("promotion_decision", "model_card", "model_card_page")
    decision, card, page = judge({**given, **found}, *wanted)
    assert "significantly worse" in card
    assert "The gate promoted it" in page
    assert decision["promote"] is True


class Broken(LogisticRegression):
    """Cannot be fitted with a strong penalty."""

    def fit(self, inputs: Any, label: Any) -> "Broken":
        """Refuse a strong penalty."""
        if self.C < 0.1:
            raise ValueError("it takes\nno strong penalty")
        super().fit(inputs, label)
        return self


def refuse(task: str, seed: int, parameters: dict[str, Any]) -> Any:
    """Give a family that nothing can be fitted with."""
    raise ValueError(f"no bins for {parameters.get('seed', seed)}")


def test_a_family_that_fails_is_told_wherever_candidates_are(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failed family is named with its trials and reason; one that never came through warns.

    In the summary, on the leaderboard's figure, on the card and its page, and in monitoring.
    """
    monkeypatch.setitem(CANDIDATES, "never", Candidate(refuse, variants=[{}, {}]))
    sometimes = Candidate(
        lambda _, seed, given: Broken(**given), preparation="linear", variants=[{}, {"C": 0.01}]
    )
    monkeypatch.setitem(CANDIDATES, "sometimes", sometimes)
    families = {
        "candidates": ["baseline", "never", "sometimes"],
        "search": SearchSettings(trials=0),
    }
    training = values["params:training"].model_copy(update=families)
    given = {**values, "training_set": _training_set(values), "params:training": training}
    names = ("search_report", "leaderboard", "evaluation_figures", "challenger", "gate_set")
    search, board, figures, challenger, gate_set = turn("training", given, *names)
    never = "never failed in all 2 trials: no bins for 1"
    sometimes_said = "sometimes failed in 1 of 2 trials: it takes"
    assert [describe_failure(failure) for failure in search["failures"]] == [never, sometimes_said]
    assert search["families_excluded"] == 1
    assert "(without never: every trial failed)" in figures["leaderboard"].layout.title.text
    told = "\n".join(
        _print(told) for told in (format_search(search), format_leaderboard(board, search))
    )
    for line in (never, sometimes_said, "never is missing: every trial failed (see Search)"):
        assert line in told
    found = {"challenger": challenger, "gate_set": gate_set, "incumbent": None}
    card, page, reference = judge(
        {**given, **found}, "model_card", "model_card_page", "reference_profile"
    )
    assert f"It was chosen without never: {never}." in card
    assert f"It was chosen without never: {never}." in page
    assert "without sometimes" not in card
    assert reference["warnings"] == [f"The champion was chosen without never: {never}"]


def _print(told: Any) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(told)
    return capture.get()


def test_f1_chooses_model_and_threshold_on_the_selection_rows(
    trained_by_f1: dict[str, Any],
) -> None:
    """Each finalist and the winner are scored at the best F1 of the selection rows alone."""
    selection, winner = trained_by_f1["selection_set"], trained_by_f1["winner"]
    truth = selection["y"].to_numpy()
    probability = predict(winner.estimator, "binary", as_inputs(selection, SPEC.features))
    best = max(METRICS["f1"](truth, probability, step / 200) for step in range(1, 200))
    model, board = trained_by_f1["challenger"], trained_by_f1["leaderboard"]
    assert winner.scores["f1"]["value"] == model.scores["f1"]["value"] == best
    assert METRICS["f1"](truth, probability, model.threshold) == best
    assert [row["value"] for row in board] == [row["scores"]["f1"] for row in board]
    assert {row["metric"] for row in board} == {"f1"}
    for row in board:
        assert row["scores"]["roc_auc"] >= 0.5
        assert row["low"] < row["scores"]["f1"] < row["high"]


def test_the_scores_on_the_train_rows_are_told_beside(trained_by_f1: dict[str, Any]) -> None:
    """The report, the model and the candidates' runs hold what the fit scored on its own rows."""
    train, winner = trained_by_f1["train_set"], trained_by_f1["winner"]
    fitted = predict(winner.estimator, "binary", as_inputs(train, SPEC.features))
    expected = score_all("binary", train["y"].to_numpy(), fitted, winner.threshold)
    report = trained_by_f1["evaluation_report"]
    assert report["train_scores"] == expected
    assert trained_by_f1["challenger"].report["train_scores"] == expected
    for row in trained_by_f1["leaderboard"]:
        logged = trained_by_f1["candidate_runs"][row["candidate"]]["metrics"]
        assert logged["train.f1"] == row["train_scores"]["f1"]
        assert logged["f1"] == row["scores"]["f1"]


def test_trials_hold_every_metric_of_the_task(trained_by_f1: dict[str, Any]) -> None:
    """A trial is ranked by its mean F1 over the folds, and its other means stand beside it."""
    trials = trained_by_f1["search_report"]["trials"]
    assert all(trial["scores"]["f1"] == trial["score"] for trial in trials)
    assert all({"roc_auc", "accuracy", "mcc"} <= set(trial["scores"]) for trial in trials)


def test_the_gate_holds_f1_at_the_models_threshold(trained_by_f1: dict[str, Any]) -> None:
    """The gate's F1 is that of the threshold from before, with an interval and a bar beside it."""
    gate, model = trained_by_f1["gate_set"], trained_by_f1["challenger"]
    bars = trained_by_f1["params:gate"].model_copy(update={"minimum": {"accuracy": 0.6}})
    given = {**trained_by_f1, "incumbent": None, "params:gate": bars}
    decision = judge(given, "promotion_decision")
    expected = METRICS["f1"](gate["y"].to_numpy(), model.predict(gate), model.threshold)
    assert decision["promote"] is True
    assert decision["metric"] == "f1"
    assert decision["score"]["value"] == decision["scores"]["f1"]["value"] == expected
    assert any(check["evidence"].count("accuracy") for check in decision["checks"])


def test_production_is_held_to_the_promised_f1(trained_by_f1: dict[str, Any]) -> None:
    """Labels that come later are scored by the stored decisions, and a limit on accuracy holds."""
    rows = scored(trained_by_f1).to_pandas()
    strict = RetrainingSettings(max_drifted_columns=0, score_limit={"accuracy": 0.99})
    given = {**trained_by_f1, "params:retraining": strict}
    _, performance, retrain, page, _ = monitored(given, rows, "2024-04-20")
    [window] = performance["windows"]
    truth = events().set_index("id").loc[rows["id"], "y"].to_numpy()
    expected = METRICS["f1"](truth, rows["decision"].to_numpy(), 0.5)
    assert window["score"]["value"] == pytest.approx(expected)
    assert window["estimate"]["holds"] is True
    assert any("accuracy of the period" in reason for reason in retrain["reasons"])
    assert "f1" in page
