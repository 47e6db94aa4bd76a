"""How performance is judged, and what predictions are worth."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from fullcircle.core.contract import Settings, Task
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.metrics import raise_if_unknown


class ErrorCosts(Settings):
    """What a value costs per unit that it lies beside the truth, each at least 0.

    Attributes:
        over: Per unit that a prediction is too high.
        under: Per unit that it is too low.
    """

    over: float = Field(ge=0)
    under: float = Field(ge=0)


class ValueTable(Settings):
    """What predictions are worth: per cell of the confusion matrix, or per unit of error.

    Attributes:
        unit: Of the worth, as a currency.
        cells: Worth of one row by ``truth/decision``, as in ``{"1/1": 40, "0/1": -10}``: positive
            is a gain, negative a cost; cells that are not named are worth nothing.
        per_unit_of_error: Of a regression.
    """

    unit: str = Field(min_length=1)
    cells: dict[str, float] | None = None
    per_unit_of_error: ErrorCosts | None = None

    @field_validator("cells")
    @classmethod
    def _name_classes(cls, cells: dict[str, float] | None) -> dict[str, float] | None:
        for cell in cells or {}:
            parts = cell.split("/")
            if len(parts) != 2 or not all(part.isdigit() for part in parts):
                raise ValueError(f"the cell {cell!r} is not 'truth/decision', as '0/1' is")
        return cells

    @model_validator(mode="after")
    def _choose_one(self) -> Self:
        if (self.cells is None) == (self.per_unit_of_error is None):
            raise ValueError("give one of 'cells' and 'per_unit_of_error'")
        return self

    def fit(self, task: Task) -> None:
        """Refuse a table that does not fit the task.

        Raises:
            ConfigurationError: Cells for a regression, or errors for classes.
        """
        wanted = "per_unit_of_error" if task == "regression" else "cells"
        if getattr(self, wanted) is None:
            raise ConfigurationError(
                f"performance.value does not fit a {task} task: give '{wanted}', or null for none."
            )


class PerformanceSettings(Settings):
    """How performance is judged.

    Attributes:
        min_labels: Fewer labels give no verdict.
        bootstrap_resamples: Resamples behind each interval.
        confidence: Coverage of each interval, 0 to 1.
        seed: Seed of the resamples.
        max_windows: Older periods than so many are left out.
        window_days: Length of the windows of the stream's and the endpoint's rows, in whole days;
            None takes the contract's ``period_days``, and 7 of a snapshot.
        estimate_draws: Simulated sets of labels behind an estimate without labels; 0 makes none.
        min_checked_share: Share of a period's rows whose labels must be there before its estimate
            is held against the truth.
        metrics: Metrics to report beside those that are listed for the task, as an F-beta.
        value: What predictions are worth; None leaves it out.
    """

    min_labels: int = Field(ge=1)
    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)
    seed: int
    max_windows: int = Field(default=60, ge=1)
    window_days: int | None = Field(default=None, ge=1)
    estimate_draws: int = Field(default=300, ge=0)
    min_checked_share: float = Field(default=0.9, gt=0, le=1)
    metrics: list[str] = Field(default_factory=list)
    value: ValueTable | None = None

    @field_validator("metrics")
    @classmethod
    def _be_known(cls, names: list[str]) -> list[str]:
        raise_if_unknown(names, "metrics")
        return names
