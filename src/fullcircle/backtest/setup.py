"""Opening a replay: the project's settings, a folder of its own, and all that it takes to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullcircle.backtest.historical_data import HistoricalData, gather_world
from fullcircle.backtest.model_store import BacktestModelStore
from fullcircle.backtest.results import BacktestFolder
from fullcircle.backtest.runner import Backtest
from fullcircle.backtest.scoring import BacktestScorer, Monitor
from fullcircle.backtest.training import Trainer
from fullcircle.core.backtest import Window, make_windows
from fullcircle.core.contract import flatten
from fullcircle.core.errors import ConfigurationError

_SEARCH_ROWS = 10_000
_DECLARED = ("training", "gate", "drift", "performance", "retraining", "alerts")


@dataclass(frozen=True)
class BacktestRequest:
    """What a replay is asked.

    Attributes:
        first: Its first day.
        last: The day before which it ends.
        every: Length of a window.
        name: Name of its folder; None names it for the span.
        trials: Trials of the one search, beyond each family's untuned self.
        afresh: Whether to begin again what was begun before.
    """

    first: str
    last: str
    every: str
    name: str | None = None
    trials: int = 4
    afresh: bool = False

    @property
    def folder_name(self) -> str:
        """The name, or one made of the span."""
        name = self.name or f"{self.first}_{self.last}_{self.every}"
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(f"--name {name!r} may hold only letters, digits, - and _.")
        return name


def open_backtest(context: Any, request: BacktestRequest) -> Backtest:
    """Make a replay ready: claim its folder, and gather what happened.

    Args:
        context: The project's.
        request: What is asked.

    Raises:
        ConfigurationError: The request is not valid, or the replay was begun with other
            settings.
        StorageError: The folder cannot be written to.
    """
    if context.config_loader["globals"]["engine"] != "duckdb":
        raise ConfigurationError("A replay runs on DuckDB alone: set ENGINE=duckdb for it.")
    windows = make_windows(request.first, request.last, request.every)
    folder = BacktestFolder(find_folder(context) / request.folder_name)
    catalog = context.catalog
    declared = _declare(catalog, request, windows[0])
    if request.afresh:
        folder.clear()
    folder.claim(_describe(request, declared, catalog))
    from kedro.framework.project import pipelines

    history = gather_world(catalog, pipelines, folder.data)
    return assemble(history, windows, folder, catalog, pipelines, declared)


def assemble(
    history: HistoricalData,
    windows: list[Window],
    folder: BacktestFolder,
    catalog: Any,
    pipelines: Mapping[str, Any],
    declared: Mapping[str, Any],
) -> Backtest:
    """Put a replay together."""
    shelf = BacktestModelStore(folder.path / "models", f"replay.{folder.path.name}")
    return Backtest(
        history=history,
        windows=windows,
        folder=folder,
        shelf=shelf,
        trainer=Trainer(pipelines, catalog, folder.path, shelf, declared),
        scorer=BacktestScorer(pipelines, catalog, folder.path / "predictions", declared),
        monitor=Monitor(pipelines, catalog, declared),
        min_labels=catalog.load("params:performance").min_labels,
    )


def find_folder(context: Any) -> Path:
    """Give the folder below which the replays of the chosen problem and source lie."""
    names = context.config_loader["globals"]
    data: Path = Path(context.project_path) / names["data_dir"]
    return data / "08_reporting" / str(names["problem"]) / str(names["data_source"]) / "replay"


def _declare(catalog: Any, request: BacktestRequest, window: Window) -> dict[str, Any]:
    """Give the parameters that a replay takes otherwise than a run does.

    A window is the contract's period. The search is small, and done once. What the gate asks of a
    machine or of a person, history does not tell.
    """
    problem = catalog.load("params:problem")
    if problem.event_time is not None:
        problem = problem.model_copy(update={"period_days": window.days})
    training, gate = catalog.load("params:training"), catalog.load("params:gate")
    rows = min(training.search.max_rows, _SEARCH_ROWS)
    small = {"trials": request.trials, "seconds": None, "max_rows": rows}
    search = training.search.model_copy(update=small)
    lenient = {"max_latency_ms": None, "max_size_mb": None, "approval": False}
    return {
        "params:problem": problem,
        "params:training": training.model_copy(update={"search": search}),
        "params:gate": gate.model_copy(update=lenient),
    }


def _describe(
    request: BacktestRequest, declared: Mapping[str, Any], catalog: Any
) -> dict[str, Any]:
    """Say as plain values all that decides what comes of a replay."""
    raw = catalog.get("raw")
    version = raw.data_version() if hasattr(raw, "data_version") else None
    asked = {"from": request.first, "to": request.last, "every": request.every}
    found: dict[str, Any] = {**asked, "data": version}
    for name in ("problem", *_DECLARED):
        value = declared.get(f"params:{name}")
        found |= flatten({name: catalog.load(f"params:{name}") if value is None else value})
    return found
