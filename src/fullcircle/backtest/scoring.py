"""Scoring and monitoring a window of a replay."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import AbstractDataset

from fullcircle.backtest.historical_data import HistoricalData
from fullcircle.backtest.run_nodes import DatasetSource, run_nodes
from fullcircle.core.backtest import Window
from fullcircle.core.contract import Clock
from fullcircle.core.models.model import Model
from fullcircle.core.scoring.days import ScoredDay
from fullcircle.engines.engine import connect
from fullcircle.storage.delta_tables import clear_storage_errors


class _Days(AbstractDataset[ScoredDay, Any]):
    """Takes scored days, and gives their rows."""

    def __init__(self) -> None:
        self.rows: list[pa.Table] = []

    def save(self, data: ScoredDay) -> None:
        self.rows.append(data.read().read_all())

    def load(self) -> pa.Table:
        return pa.concat_tables(self.rows)

    def _describe(self) -> dict[str, Any]:
        return {"days": len(self.rows)}


class _Told(AbstractDataset[ScoredDay, Any]):
    """Takes what there is to tell of scored days: of a replay, nothing."""

    def save(self, data: ScoredDay) -> None:
        """Do nothing."""

    def load(self) -> dict[str, Any]:
        return {}

    def _describe(self) -> dict[str, Any]:
        return {}


class BacktestScorer:
    """Scores windows by the models of all policies in one reading, and keeps the rows.

    Args:
        pipelines: The project's pipelines by name.
        dataset_source: The replay's catalog.
        folder: Where the rows of each window lie.
        fixed: Parameters and the like that every turn is given.
    """

    def __init__(
        self,
        pipelines: Mapping[str, Any],
        dataset_source: DatasetSource,
        folder: Path,
        fixed: Mapping[str, Any],
    ) -> None:
        self._pipeline = pipelines["scoring"]
        self._room = dataset_source
        self._folder = folder
        self._fixed = fixed

    def score(
        self,
        history: HistoricalData,
        window: Window,
        champion: Model,
        shadow_models: Mapping[str, Model],
    ) -> int:
        """Score the requests of a window; give how many rows that were."""
        given = {
            **self._fixed,
            "params:as_of": Clock.model_validate(window.start),
            "params:since": window.start.isoformat(),
            "params:until": window.end.isoformat(),
            "events": history.events,
            "feature_tables": history.tables,
            "champion": champion,
            "shadow_models": shadow_models,
            "previous_scored_days": {},
        }
        days = _Days()
        written = {"predictions": days, "scored_days": _Told()}
        run_nodes(self._pipeline, given, ("predictions",), self._room, written)
        rows = days.load()
        with clear_storage_errors(self._folder):
            beside = self.place(window).with_suffix(".unfinished")
            pq.write_table(rows, beside)
            beside.replace(self.place(window))
        return len(rows)

    def place(self, window: Window) -> Path:
        """Give the file of a window's rows."""
        return self._folder / f"{window.name}.parquet"

    def read(self, windows: list[Window]) -> Any:
        """Read the rows of windows lazily, where they were scored."""
        return connect().read_parquet([str(self.place(window)) for window in windows])


class Monitor:
    """Looks at a window when it is over, as the monitoring pipeline would have.

    Args:
        pipelines: The project's pipelines by name.
        dataset_source: The replay's catalog.
        fixed: Parameters and the like that every turn is given.
    """

    def __init__(
        self, pipelines: Mapping[str, Any], dataset_source: DatasetSource, fixed: Mapping[str, Any]
    ) -> None:
        self._monitoring = pipelines["monitoring"]
        self._registry = pipelines["registry"]
        self._room = dataset_source
        self._fixed = fixed

    def look(
        self,
        history: HistoricalData,
        window: Window,
        champion: Model,
        rows: Any,
        recent: Any,
        memory: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Report on a window that is over, and decide.

        Args:
            history: What is known at the window's end.
            window: The window.
            champion: Who scored it.
            rows: Scored rows up to the window's end.
            recent: Those of them that performance is judged by.
            memory: What earlier windows left: ``previous_watched_window``, ``retrainings`` and
                ``previous_alerts``.

        Returns:
            ``drift_report``, ``retrain_decision``, ``watched_window`` and ``alerts``.
        """
        profile = run_nodes(
            self._registry,
            {**self._fixed, "champion": champion},
            ("reference_profile",),
            self._room,
        )
        problem = history.problem.model_copy(update={"period_days": window.days})
        given = {
            **self._fixed,
            **profile,
            **memory,
            "labels": history.labels(),
            "scoring_report": None,
            "service_report": None,
            "stream_predictions": None,
            "endpoint_predictions": None,
            "role_profiles": {},
            "previous_performance": None,
            "params:problem": problem,
        }
        begun = {"predictions": rows, "params:as_of": Clock.model_validate(window.start)}
        over = {"predictions": recent, "params:as_of": Clock.model_validate(window.end)}
        drift = run_nodes(self._monitoring, {**given, **begun}, ("drift_report",), self._room)
        wanted = ("retrain_decision", "watched_window", "alerts")
        return {
            **drift,
            **run_nodes(self._monitoring, {**given, **over, **drift}, wanted, self._room),
        }
