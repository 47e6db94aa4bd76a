"""The contract: what a problem must say of itself before any node runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    RootModel,
    field_validator,
    model_validator,
)

from fullcircle.core.as_of import read_moment
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.metrics import raise_if_cannot_select, raise_if_sets_no_threshold

Task = Literal["binary", "multiclass", "regression"]
Share = Annotated[float, Field(gt=0, lt=1)]

# Keys of settings that had another name in an earlier version.
RENAMED_KEYS = {"slab_rows": "chunk_rows"}


class Settings(BaseModel):
    """Base of every typed parameter: unknown names are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        if isinstance(given, dict) and (unknown := name_missing(map(str, given), cls.model_fields)):
            for old in RENAMED_KEYS.keys() & given.keys() - cls.model_fields.keys():
                raise ValueError(f"{old!r} is called {RENAMED_KEYS[old]!r} now")
            raise ValueError(f"there is no {unknown}; there are: {', '.join(cls.model_fields)}")
        return given


class Clock(RootModel[Annotated[datetime, BeforeValidator(read_moment)]]):
    """The moment as of which a run sees the world; a date means its first instant in UTC."""

    @property
    def moment(self) -> datetime:
        """The moment, in UTC."""
        return self.root

    def __str__(self) -> str:
        midnight = self.root.time().isoformat() == "00:00:00"
        return self.root.date().isoformat() if midnight else self.root.isoformat()


class FeatureLookup(Settings):
    """Columns that a row takes from a feature table by key.

    Attributes:
        table: Name of the feature table.
        keys: Columns of the table that must equal the row's; a mapping gives
            ``{column of the row: key of the table}`` where the names differ.
        columns: Feature columns to take; a mapping gives ``{column of the table: new name}``.
        max_age_days: A feature that describes a moment longer ago than this counts as missing.
    """

    table: str
    keys: list[str] | dict[str, str] = Field(min_length=1)
    columns: list[str] | dict[str, str] = Field(min_length=1)
    max_age_days: PositiveFloat | None = None

    @property
    def key_mapping(self) -> dict[str, str]:
        """Keys as ``{column of the row: key of the table}``."""
        return self.keys if isinstance(self.keys, dict) else {key: key for key in self.keys}

    @property
    def renaming(self) -> dict[str, str]:
        """Columns as ``{column of the table: name in the training set}``."""
        return self.columns if isinstance(self.columns, dict) else {c: c for c in self.columns}


class FeatureTable(Settings):
    """What a feature table is keyed by, when its rows hold, and whose it is.

    Attributes:
        keys: Columns that identify the entity a row describes.
        event_time: Column with the moment that a row describes; None for a table without history.
        known_time: Column with the moment from which a row was known; defaults to ``event_time``.
        description: What the table holds, in one sentence.
        owner: Who answers for it.
        tags: Free facts.
        partition_by: Columns that divide the table's files.
    """

    keys: list[str] = Field(min_length=1)
    event_time: str | None = None
    known_time: str | None = None
    description: str = ""
    owner: str = ""
    tags: dict[str, str] = {}
    partition_by: list[str] = []

    @property
    def identity(self) -> list[str]:
        """Columns that no two rows may share: the keys and, with a history, the event time."""
        return [*self.keys, *filter(None, [self.event_time])]

    @property
    def times(self) -> list[str]:
        """Columns that hold moments."""
        return list(dict.fromkeys(filter(None, [self.event_time, self.known_time])))


class DecisionCosts(Settings):
    """What wrong decisions cost, in any unit; right ones cost nothing."""

    false_positive: float = Field(ge=0)
    false_negative: float = Field(ge=0)


class Threshold(Settings):
    """How a probability becomes a decision: a fixed value, the best for a metric or for a cost.

    Attributes:
        value: Probability from which a row counts as class 1.
        maximise: Metric of decisions that is best at the threshold: f1, any F-beta such as f2,
            accuracy, balanced_accuracy or mcc.
        minimise_cost: What wrong decisions cost.
    """

    value: Share | None = None
    maximise: str | None = None
    minimise_cost: DecisionCosts | None = None

    @field_validator("maximise")
    @classmethod
    def _be_of_decisions(cls, name: str | None) -> str | None:
        if name is not None:
            raise_if_sets_no_threshold(name)
        return name

    @model_validator(mode="after")
    def _choose_one(self) -> Self:
        if [self.value, self.maximise, self.minimise_cost].count(None) != 2:
            raise ValueError("give one of 'value', 'maximise' and 'minimise_cost'")
        return self


class Split(Settings):
    """How labelled rows are divided into three disjoint sets.

    By time, the oldest rows train and the newest gate. By key, a digest of the entity's keys
    decides, and ``scoring`` keeps a share of the entities away from training altogether.
    """

    by: Literal["time", "key"]
    train: Share
    selection: Share
    gate: Share
    scoring: Annotated[float, Field(ge=0, lt=1)] = 0.0
    salt: str = "fullcircle"

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = self.train + self.selection + self.gate + self.scoring
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares add up to {total:g}, not to 1")
        if self.by == "time" and self.scoring:
            raise ValueError("a split by time scores the rows after as_of; leave 'scoring' out")
        return self


class ProblemSpec(Settings):
    """The contract of one problem, the only thing that shared code knows of it.

    Attributes:
        name: Package of the problem below ``fullcircle.problems``.
        task: What is predicted. A binary label is 0 or 1.
        row_id: Column that identifies a row to predict.
        entity_keys: Columns that identify what the row is about.
        event_time: Column with the moment of the prediction; None for a snapshot without history.
        label: Column to predict.
        label_time: Column with the moment at which the label became known.
        request_columns: Columns known at prediction time.
        feature_lookups: Columns found in feature tables.
        exclude_columns: Request or looked-up columns that no model may use.
        slices: Columns to report errors and fairness by.
        private_columns: Columns whose values the endpoint writes to no log and into no message.
        primary_metric: Metric that selects, gates and alarms.
        threshold: How a probability becomes a decision (binary only).
        split: How labelled rows are divided.
        period_days: Length of the period after ``as_of`` whose rows are scored.
        description: What is predicted of what, in a sentence or two, for people.
        owner: Who answers for the model.
        use_case: What its predictions are for, and what they are not for.
    """

    name: str
    task: Task
    row_id: str
    entity_keys: list[str] = Field(min_length=1)
    event_time: str | None = None
    label: str
    label_time: str | None = None
    request_columns: list[str] = []
    feature_lookups: list[FeatureLookup] = []
    exclude_columns: list[str] = []
    slices: list[str] = []
    private_columns: list[str] = []
    primary_metric: str
    threshold: Threshold | None = None
    split: Split
    period_days: PositiveFloat | None = None
    description: str = ""
    owner: str = ""
    use_case: str = ""

    @model_validator(mode="after")
    def _be_consistent(self) -> Self:
        times = (self.event_time, self.label_time, self.period_days)
        if self.split.by == "time" and None in times:
            raise ValueError("a split by time needs event_time, label_time and period_days")
        if self.split.by == "key" and not self.split.scoring:
            raise ValueError("a split by key needs a share of the entities for 'scoring'")
        if (self.task == "binary") != (self.threshold is not None):
            raise ValueError("a binary task, and no other, needs a 'threshold'")
        if missing := name_missing(self.exclude_columns, self._available):
            raise ValueError(f"exclude_columns names {missing}, which is no column")
        known = [*self._available, *self.identity]
        if missing := name_missing(self.private_columns, known):
            raise ValueError(f"private_columns names {missing}, which is no column")
        if not self.features:
            raise ValueError("name at least one of request_columns and feature_lookups")
        self._refuse_repeated_names()
        raise_if_cannot_select(self.primary_metric, self.task)
        return self

    def _refuse_repeated_names(self) -> None:
        names = [*self._available, *self.bookkeeping]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"used more than once: {', '.join(repeated)}")

    @property
    def features(self) -> list[str]:
        """Input columns of the model, in order: request columns, then looked-up columns."""
        return [name for name in self._available if name not in self.exclude_columns]

    @property
    def _available(self) -> list[str]:
        looked_up = [new for lookup in self.feature_lookups for new in lookup.renaming.values()]
        return [*self.request_columns, *looked_up]

    @property
    def identity(self) -> list[str]:
        """Columns that say which row this is and when: row id, entity keys, event time."""
        names = [self.row_id, *self.entity_keys, *filter(None, [self.event_time])]
        return list(dict.fromkeys(names))

    @property
    def bookkeeping(self) -> list[str]:
        """Columns that are never features: identity, label and the label's time."""
        return [*self.identity, self.label, *filter(None, [self.label_time])]

    @property
    def event_columns(self) -> list[str]:
        """Columns that ``events`` must have for this contract."""
        return [*self.bookkeeping, *self.request_columns]


def require_columns(present: list[str], wanted: list[str], what: str) -> None:
    """Refuse a table in which a column is missing.

    Raises:
        DataError: Names each missing column and the nearest present one.
    """
    if missing := name_missing(wanted, present):
        raise DataError(f"{what} lacks the column {missing}. It has: {', '.join(present)}.")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to ``{"a.b": value}``; lists of plain values stay whole."""
    flat: dict[str, Any] = {}
    for key, given in settings.items():
        name, value = f"{prefix}{key}", _as_plain(given)
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _as_plain(value: Any) -> Any:
    """Turn a model into a mapping, and a list of mappings into one by position."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return {str(position): item for position, item in enumerate(value)}
    return value
