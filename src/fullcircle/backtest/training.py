"""Training within a replay: searched once, then the same recipe on what is known by then."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from fullcircle.backtest.historical_data import HistoricalData
from fullcircle.backtest.model_store import BacktestModelStore
from fullcircle.backtest.run_nodes import DatasetSource, run_nodes
from fullcircle.core.contract import Clock
from fullcircle.core.models.model import Model
from fullcircle.core.training.trial_store import NoTrialStore
from fullcircle.storage.row_files import replace_file


@dataclass(frozen=True)
class Trained:
    """A challenger with the rows that would gate it."""

    model: Model
    gate_set: pd.DataFrame


class Trainer:
    """Trains models at a clock.

    Args:
        pipelines: The project's pipelines by name.
        dataset_source: The replay's catalog.
        folder: The replay's folder; the recipe found by the first search is kept in it.
        shelf: Where models are kept.
        fixed: Parameters and the like that every turn is given.
    """

    def __init__(
        self,
        pipelines: Mapping[str, Any],
        dataset_source: DatasetSource,
        folder: Path,
        shelf: BacktestModelStore,
        fixed: Mapping[str, Any],
    ) -> None:
        self._pipelines = pipelines
        self._room = dataset_source
        self._recipe = folder / "recipe.json"
        self._shelf = shelf
        self._fixed = fixed

    @property
    def model_config(self) -> str:
        """Name of the recipe that all models are trained by."""
        return str(self._read_search()["finalists"][0]["name"])

    def train(self, history: HistoricalData, clock: datetime, number: int) -> Trained:
        """Train on what was known at a clock; the first time families and parameters are searched.

        Args:
            history: What was known.
            clock: The clock.
            number: The model's.

        Raises:
            DataError: What was known does not suffice.
        """
        given = {
            **self._fixed,
            "params:as_of": Clock.model_validate(clock),
            "events": history.events,
            "feature_tables": history.tables,
            "search_journal": NoTrialStore(),
            # Nobody reads these of a replay, and they take longer than the training itself.
            "evaluation_report": None,
            "evaluation_figures": None,
        }
        made = ("training_set", "training_rows")
        found = run_nodes(self._pipelines["feature_store"], given, made, self._room)
        given["training_set"] = found["training_set"].to_pandas()
        given["training_rows"] = found["training_rows"]
        if not self._recipe.is_file():
            self._search(given)
        given["search_report"] = self._read_search()
        wanted = ("challenger", "gate_set")
        found = run_nodes(self._pipelines["training"], given, wanted, self._room)
        return Trained(self._shelf.add(found["challenger"], number), found["gate_set"])

    def judge(
        self, trained: Trained, incumbent: Model | None, history: HistoricalData, clock: datetime
    ) -> dict[str, Any]:
        """Let the gate decide between a challenger and the champion."""
        given = {
            **self._fixed,
            "params:as_of": Clock.model_validate(clock),
            "challenger": trained.model,
            "incumbent": incumbent,
            "gate_set": trained.gate_set,
            "challenger_probe": self._shelf.probe(trained.model),
            "rolled_back": [],
            "kept_decision": None,
            "feature_tables": history.tables,
            "intake_report": history.intake,
        }
        wanted = ("promotion_decision",)
        decision: dict[str, Any] = run_nodes(
            self._pipelines["registry"], given, wanted, self._room
        )["promotion_decision"]
        return decision

    def _search(self, given: Mapping[str, Any]) -> None:
        """Search, let the finalists compete, and keep the winner's recipe."""
        wanted = ("search_report", "leaderboard")
        found = run_nodes(self._pipelines["training"], given, wanted, self._room)
        [chosen] = [row["candidate"] for row in found["leaderboard"] if row["chosen"]]
        report = found["search_report"]
        kept = [
            model_config for model_config in report["finalists"] if model_config["name"] == chosen
        ]
        replace_file(self._recipe, json.dumps({**report, "finalists": kept}, default=str))

    def _read_search(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self._recipe.read_text(encoding="utf-8"))
        return report
