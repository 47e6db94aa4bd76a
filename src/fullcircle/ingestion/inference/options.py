"""What a user says of a new problem; the rest is inferred."""

from datetime import date
from typing import Literal

from pydantic import Field, PositiveFloat

from fullcircle.core.contract import Settings, Task
from fullcircle.ingestion.inference.classes import Rare


class ProblemOptions(Settings):
    """What the user says of a new problem.

    Attributes:
        name: Name of the problem: a package.
        target: Column to predict.
        time: Column with the moment of the prediction.
        keys: Columns that say what a row is about.
        no_key: Whether each row is about something of its own, whatever repeats.
        states: Which rows of one key and time are kept: the first or all; None for the first.
        snapshot: Whether no column is to be taken for the time.
        task: What is predicted, where the values mislead.
        positive: Of two classes, the one whose probability is wanted.
        label_missing: Words of the target that mean that the label is not known; None to decide by
            its values.
        keep_spellings: Whether spellings of one class stay classes of their own; None to ask.
        rare: What becomes of the rows of classes with too few of them.
        label_delay_days: Days after the prediction at which its label is known.
        period_days: Length of the period that is scored after ``as_of``.
        as_of: The first clock; for a history one that leaves the last period to score.
        read: ``{source column: how it is read}``, where its texts mislead or leave it open.
        today: The day on which a snapshot without ``as_of`` is taken.
    """

    name: str
    target: str
    time: str | None = None
    keys: tuple[str, ...] = ()
    no_key: bool = False
    states: Literal["first", "all"] | None = None
    snapshot: bool = False
    task: Task | None = None
    positive: str | None = None
    label_missing: tuple[str, ...] | None = None
    keep_spellings: bool | None = None
    rare: Rare | None = None
    label_delay_days: float | None = Field(default=None, ge=0)
    period_days: PositiveFloat | None = None
    as_of: date | None = None
    read: dict[str, str] = Field(default_factory=dict)
    today: date
