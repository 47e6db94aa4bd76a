"""The replay itself: window after window, three policies side by side."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from time import perf_counter
from typing import Any

import ibis

from fullcircle.backtest.historical_data import HistoricalData
from fullcircle.backtest.model_store import BacktestModelStore
from fullcircle.backtest.results import BacktestFolder
from fullcircle.backtest.scoring import BacktestScorer, Monitor
from fullcircle.backtest.training import Trainer
from fullcircle.core.backtest import Window
from fullcircle.core.errors import DataError, GateRefusedError
from fullcircle.core.models.model import Model
from fullcircle.core.retraining import ledger_line

_logger = logging.getLogger(__name__)
_NOTHING: Mapping[str, Any] = {
    "drifted": [],
    "drifted_columns": [],
    "problems": [],
    "asked": False,
    "reasons": [],
    "held_back": [],
    "notices": [],
    "retrained": None,
}
_PERIODS = 3  # judged by performance; only the newest counts

Lines = Sequence[Mapping[str, Any]]


@dataclass
class Backtest:
    """A replay that is ready to run.

    Attributes:
        history: All that happened.
        windows: The windows, oldest first.
        folder: Where it is kept.
        shelf: Its models.
        trainer: Trains and gates.
        scorer: Scores.
        monitor: Looks at windows that are over.
        min_labels: Labels that a period must have to be judged by.
    """

    history: HistoricalData
    windows: Sequence[Window]
    folder: BacktestFolder
    shelf: BacktestModelStore
    trainer: Trainer
    scorer: BacktestScorer
    monitor: Monitor
    min_labels: int
    _models: dict[int, Model] = field(default_factory=dict)

    def run(self, tell: Callable[[int, str], None]) -> Lines:
        """Run the pipelines over every window that the ledger does not hold yet.

        Args:
            tell: Is told how many windows are done, and what comes next.

        Returns:
            The ledger's lines, one a window.

        Raises:
            GateRefusedError: The gate refuses the first model, so that nothing scores.
            DataError: No window has a row, or no label is known at the first clock.
        """
        lines = self.folder.read_lines()
        counts = self._count_rows()
        self._require_rows(counts)
        if lines:
            _logger.info("Replay: %d of %d windows are there.", len(lines), len(self.windows))
        else:
            tell(0, "first training")
            self._begin()
        for window in self.windows[len(lines) :]:
            tell(window.number - 1, f"window from {window.name}")
            begun = perf_counter()
            line = self._turn(window, lines, counts.get(window.number, 0))
            line["seconds"] = round(perf_counter() - begun, 2)
            self.folder.add_line(line)
            lines = [*lines, line]
            _logger.info("Replay: %s", _describe_line(line, len(self.windows)))
        tell(len(self.windows), "judging")
        return lines

    def _begin(self) -> None:
        """Train the first model, with which all policies begin; the gate must let it through."""
        clock = self.windows[0].start
        history = self.history.at(clock)
        trained = self.trainer.train(history, clock, 1)
        decision = self.trainer.judge(trained, None, history, clock)
        if not decision["promote"]:
            reasons = "; ".join(decision["reasons"])
            raise GateRefusedError(
                f"The gate refuses the first model, trained on {clock:%Y-%m-%d}: {reasons}. "
                "Begin later, with more history."
            )

    def _turn(self, window: Window, lines: Lines, rows: int) -> dict[str, Any]:
        """Score a window, look at it when it is over, and train for the next one."""
        before = lines[-1]["after"] if lines else {"rules": 1, "never": 1, "always": 1}
        line: dict[str, Any] = {
            "window": window.name,
            "end": f"{window.end:%Y-%m-%d}",
            "number": window.number,
            "rows": rows,
            "scored_by": before,
            "after": before,
            "alerts_memory": lines[-1]["alerts_memory"] if lines else None,
        }
        if not rows:
            return {**line, **_NOTHING}
        champion = self._take(before["rules"])
        shadow_models = {name: self._take(before[name]) for name in ("never", "always")}
        known = self.history.at(window.end)
        self.scorer.score(known, window, champion, shadow_models)
        found = self._look(window, lines, known, champion)
        return {**line, **self._describe_found(found), **self._train(window, known, before, found)}

    def _look(
        self, window: Window, lines: Lines, known: HistoricalData, champion: Model
    ) -> dict[str, Any]:
        memory = {
            "previous_watched_window": [line["watched"] for line in lines if line.get("watched")],
            "retrainings": [line["retrained"] for line in lines if line["retrained"]],
            "previous_alerts": lines[-1]["alerts_memory"] if lines else None,
        }
        filled = [self.windows[line["number"] - 1] for line in lines if line["rows"]]
        rows = self.scorer.read([*filled, window])
        recent = self.scorer.read([*self._choose_labelled(filled, known), window])
        return self.monitor.look(known, window, champion, rows, recent, memory)

    def _choose_labelled(self, filled: Sequence[Window], known: HistoricalData) -> list[Window]:
        """Give the newest windows whose labels suffice; older ones cannot change a decision."""
        chosen: list[Window] = []
        for window in reversed(filled):
            if self._count_labels(window, known) >= self.min_labels:
                chosen.append(window)
            if len(chosen) == _PERIODS:
                break
        return chosen[::-1]

    def _count_labels(self, window: Window, known: HistoricalData) -> int:
        problem, events = known.problem, known.events
        when = events[str(problem.event_time)]
        inside = (when >= ibis.literal(window.start)) & (when < ibis.literal(window.end))
        return int(events.filter(inside & events[problem.label].notnull()).count().execute())

    @staticmethod
    def _describe_found(found: Mapping[str, Any]) -> dict[str, Any]:
        """Keep of what was found what is told later, and what later windows must know."""
        decision = found["retrain_decision"]
        return {
            "drifted": [alarm["told"] for alarm in found["drift_report"]["alarms"]],
            "drifted_columns": found["drift_report"]["drifted"],
            "problems": [each["told"] for each in found["drift_report"]["problems"]],
            "asked": decision["asked"],
            "reasons": decision["reasons"],
            "held_back": [held["rule"] for held in decision["held_back"]],
            "notices": found["alerts"]["notices"],
            "alerts_memory": found["alerts"]["memory"],
            "watched": found["watched_window"],
        }

    def _train(
        self,
        window: Window,
        known: HistoricalData,
        before: Mapping[str, int],
        found: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Train at the window's end: for ``always`` in any case, for the rules if they ask."""
        if window is self.windows[-1]:
            return {"retrained": None}  # nobody would score with it
        number = window.number + 1
        trained = self.trainer.train(known, window.end, number)
        self._models[number] = trained.model
        after = {**before, "always": number}
        if not found["retrain_decision"]["retrain"]:
            return {"after": after, "retrained": None}
        incumbent = self._take(before["rules"])
        decision = self.trainer.judge(trained, incumbent, known, window.end)
        why = "; ".join(found["retrain_decision"]["reasons"])
        act = ledger_line(window.end, decision, why=why, forced=False)
        after["rules"] = number if act.promoted else before["rules"]
        return {"after": after, "retrained": act.as_dict()}

    def _take(self, number: int) -> Model:
        if number not in self._models:
            self._models[number] = self.shelf.take(number)
        return self._models[number]

    def _count_rows(self) -> dict[int, int]:
        """Count the events of each window."""
        when = self.history.events[str(self.history.problem.event_time)]
        bounds = [window.start for window in self.windows] + [self.windows[-1].end]
        cases = [
            ((when >= ibis.literal(low)) & (when < ibis.literal(high)), number)
            for number, (low, high) in enumerate(pairwise(bounds), start=1)
        ]
        marked = self.history.events.select(number=ibis.cases(*cases, else_=0))
        counted = marked.group_by("number").aggregate(rows=marked.count()).to_pyarrow().to_pylist()
        return {int(each["number"]): int(each["rows"]) for each in counted if each["number"]}

    def _require_rows(self, counts: Mapping[int, int]) -> None:
        if counts:
            return
        first, last = self._find_span()
        raise DataError(
            f"No event lies between {self.windows[0].name} and {self.windows[-1].end:%Y-%m-%d}: "
            f"the events lie between {first:%Y-%m-%d} and {last:%Y-%m-%d}. Choose --from and --to "
            "among them."
        )

    def _find_span(self) -> tuple[datetime, datetime]:
        moments = self.history.events[str(self.history.problem.event_time)]
        found = self.history.events.aggregate(first=moments.min(), last=moments.max()).execute()
        first, last = found.iloc[0]
        return first, last


def _describe_line(line: Mapping[str, Any], windows: int) -> str:
    told = f"{line['number']} of {windows}, from {line['window']}: {line['rows']:,} rows"
    if line["drifted"]:
        told += f", {len(line['drifted'])} alarms"
    if line["retrained"]:
        told += f", trained again, {'promoted' if line['retrained']['promoted'] else 'refused'}"
    return f"{told}, {line['seconds']:.1f} s"
