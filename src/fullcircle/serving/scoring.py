"""From requests to outcomes: many requests at once, each as if it were alone."""

import logging
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import orjson

from fullcircle.core.contract import FeatureLookup, FeatureTable
from fullcircle.core.errors import DataError, ModelError
from fullcircle.core.evaluation.conformal import apply_interval
from fullcircle.core.metrics import Vector
from fullcircle.serving.active_models import ActiveModels, LoadedModel
from fullcircle.serving.bodies import Body
from fullcircle.serving.features import FeatureGap, OnlineFeatures
from fullcircle.serving.schemas import Columns, Contract, FaultyRowsError, UnreadableCell
from fullcircle.serving.traffic import CHALLENGER, CHAMPION, choose_role

_logger = logging.getLogger(__name__)
_row_of = attrgetter("row")


@dataclass
class Part:
    """Rows of one request that one model answers.

    Attributes:
        request: Place of the request among those scored together.
        role: Under which the model answers.
        loaded: The model.
        rows: Places of the rows in the request; None for all.
        columns: The rows' values by column, as they came.
        size: Number of rows.
        others: Names of some columns that no model knows.
        inputs: What the model saw, by feature.
        predicted: What it said, shape (rows,) or (rows, classes).
        fault: Why it said nothing.
        gaps: Features that the online store did not give, by row of the part.
        unreadable: Values that cannot be read, and count as missing, by row of the part.
    """

    request: int
    role: str
    loaded: LoadedModel
    rows: list[int] | None
    columns: Mapping[str, list[Any]]
    size: int
    others: Sequence[str] = ()
    inputs: Columns = field(default_factory=dict)
    predicted: Vector | None = None
    fault: Exception | None = None
    gaps: list[FeatureGap] = field(default_factory=list)
    unreadable: list[UnreadableCell] = field(default_factory=list)

    def intervals(self) -> list[list[float]] | None:
        """Lower and upper end per row, where the model gives intervals."""
        if self.loaded.model.interval is None or self.predicted is None:
            return None
        low, high = apply_interval(self.loaded.model.interval, self.predicted)
        return [[float(one), float(two)] for one, two in zip(low, high, strict=True)]


class Scorer:
    """Scores requests together.

    Attributes:
        features: The online store.
        contract: What is known of the problem.
        salt: Deals entities to roles.
        max_ahead: How far a request's own moment may lie ahead of the clock.
    """

    def __init__(
        self, features: OnlineFeatures, contract: Contract, salt: str, max_ahead: timedelta
    ) -> None:
        self.features, self.contract = features, contract
        self.salt, self.max_ahead = salt, max_ahead

    def score(
        self,
        bodies: Sequence[Body],
        ids: Sequence[str],
        active_models: ActiveModels,
        declared: Mapping[str, FeatureTable],
    ) -> list[list[Part]]:
        """Score requests; what one of them holds is never a fault of another.

        Args:
            bodies: The requests.
            ids: Of the requests: a request without entity keys is dealt by its id.
            active_models: Who answers, a champion among them.
            declared: Keys and times by feature table.

        Returns:
            Per request its parts, each with what was predicted or why nothing was.
        """
        now = datetime.now(UTC)
        parts = [
            part
            for place, (body, name) in enumerate(zip(bodies, ids, strict=True))
            for part in self._deal(place, body, name, active_models)
        ]
        self._answer(parts, declared, now)
        failed = [part for part in parts if part.fault and part.role == CHALLENGER]
        for part in failed:
            if not isinstance(part.fault, DataError) and active_models.champion:
                _logger.warning("the challenger failed and the champion answers: %s", part.fault)
                part.loaded, part.role, part.fault = (
                    active_models.champion,
                    f"{CHAMPION} instead",
                    None,
                )
                self._answer([part], declared, now)
        found: list[list[Part]] = [[] for _ in bodies]
        for part in parts:
            found[part.request].append(part)
        return found

    def shadow(
        self, part: Part, loaded: LoadedModel, role: str, declared: Mapping[str, FeatureTable]
    ) -> Part:
        """Let another model predict what one has answered."""
        other = Part(part.request, role, loaded, part.rows, part.columns, part.size, part.others)
        self._answer([other], declared, datetime.now(UTC))
        return other

    def _deal(
        self, place: int, body: Body, name: str, active_models: ActiveModels
    ) -> Iterator[Part]:
        champion, challenger = active_models.champion, active_models.by_role.get(CHALLENGER)
        if champion is None:
            raise ModelError("There is no champion.")
        if challenger is None or active_models.share <= 0:
            yield Part(place, CHAMPION, champion, None, body.columns, body.rows, body.others)
            return
        keys = [body.columns.get(key) for key in self.contract.entity_keys]
        dealt: dict[str, list[int]] = {}
        for row in range(body.rows):
            entity = [None if column is None else column[row] for column in keys]
            known = name if None in entity else orjson.dumps(entity).decode()
            dealt.setdefault(choose_role(self.salt, known, active_models.share), []).append(row)
        for role, rows in dealt.items():
            loaded = challenger if role == CHALLENGER else champion
            if len(rows) == body.rows:
                yield Part(place, role, loaded, None, body.columns, body.rows, body.others)
            else:
                columns = {n: [v[row] for row in rows] for n, v in body.columns.items()}
                yield Part(place, role, loaded, rows, columns, len(rows), body.others)

    def _answer(
        self, parts: Sequence[Part], declared: Mapping[str, FeatureTable], now: datetime
    ) -> None:
        """Fill in what each part's model says; parts alike are predicted in one go."""
        groups: dict[Any, list[Part]] = {}
        for part in parts:
            try:
                lookups = part.loaded.form.needed_lookups(part.columns, part.others)
            except DataError as fault:
                part.fault = fault
                continue
            timed = self.contract.event_time in part.columns
            clocks = part.columns.keys() & part.loaded.form.clocks
            tables = tuple(lookup.table for lookup in lookups)
            alike = (part.loaded.version, tables, timed, frozenset(clocks))
            groups.setdefault(alike, []).append(part)
        for group in groups.values():
            lookups = group[0].loaded.form.needed_lookups(group[0].columns)
            self._answer_alike(group, lookups, declared, now)

    def _answer_alike(
        self,
        parts: list[Part],
        lookups: tuple[FeatureLookup, ...],
        declared: Mapping[str, FeatureTable],
        now: datetime,
    ) -> None:
        try:
            self._predict(parts, lookups, declared, now)
        except Exception as fault:
            if len(parts) == 1:
                parts[0].fault = fault
                return
            for part in parts:  # one of them it was: each alone, then
                self._answer_alike([part], lookups, declared, now)

    def _predict(
        self,
        parts: list[Part],
        lookups: tuple[FeatureLookup, ...],
        declared: Mapping[str, FeatureTable],
        now: datetime,
    ) -> None:
        loaded = parts[0].loaded
        keys = self.features.key_types(lookups) if lookups else {}
        gaps: list[FeatureGap] = []
        sizes = [part.size for part in parts]
        stacked = _stack(parts, [*loaded.form.columns, *keys])
        inputs, unreadable = loaded.form.read(stacked, keys, sizes)
        rows = sum(sizes)
        if lookups:
            moments = self._read_moments(inputs, rows, now)
            found, gaps = self.features.find(inputs, lookups, declared, moments)
            inputs |= found
            gaps.sort(key=_row_of)
        inputs = {name: inputs[name] for name in loaded.form.features}
        predicted = loaded.predict(inputs)
        start = 0
        for part in parts:
            end = start + part.size
            part.inputs = {name: values[start:end] for name, values in inputs.items()}
            part.predicted = predicted[start:end]
            own = slice(*(bisect_left(gaps, edge, key=_row_of) for edge in (start, end)))
            part.gaps = [gap._replace(row=gap.row - start) for gap in gaps[own]]
            part.unreadable = [
                cell._replace(row=cell.row - start)
                for cell in unreadable
                if start <= cell.row < end
            ]
            start = end

    def _read_moments(self, inputs: Columns, rows: int, now: datetime) -> list[datetime]:
        given = inputs.get(str(self.contract.event_time))
        if given is None:
            return [now] * rows
        latest = now + self.max_ahead
        late = {
            row: f"{self.contract.event_time} lies ahead of the clock"
            for row, moment in enumerate(given)
            if moment is not None and moment > latest
        }
        if late:
            raise FaultyRowsError(late)
        return [moment or now for moment in given]


def _stack(parts: list[Part], names: list[str]) -> Mapping[str, list[Any]]:
    """Give the columns that matter of parts alike, one below the other."""
    if len(parts) == 1:
        return parts[0].columns
    event_time = parts[0].loaded.form.event_time
    names = [*names, *filter(None, [event_time])]
    stacked: dict[str, list[Any]] = {}
    for name in names:
        if all(name in part.columns for part in parts):
            stacked[name] = [value for part in parts for value in part.columns[name]]
    return stacked
