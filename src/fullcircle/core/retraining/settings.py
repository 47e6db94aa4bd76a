"""What a project declares of retraining."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from fullcircle.core.contract import Settings, flatten
from fullcircle.core.metrics import raise_if_unknown


class RetrainingSettings(Settings):
    """What asks for a retraining, and what holds it back.

    Attributes:
        max_drifted_columns: A window with more drifted inputs than this counts as drifted; so does
            one whose predictions drifted or that lacks an input.
        drifted_windows: So many drifted windows
        of_last_windows: among so many of the newest ask for a retraining.
        score_limit: A labelled period significantly worse asks: a number in units of the primary
            metric, or a number by metric, as ``{f1: 0.6, accuracy: 0.75}``. None asks only where it
            is significantly worse than what the champion promised.
        max_model_age_days: An older model asks for one; None never does.
        min_new_labels: So many labels that the champion did not know ask for one; None never does.
        cool_down_days: For so long after a retraining there is no other.
        max_retrainings: So many at most
        budget_days: within so many days.
        give_up_after: After so many in a row, within the budget's days, from which no champion
            came, there is no other until a person forces one; None goes on.
    """

    max_drifted_columns: int = Field(ge=0)
    drifted_windows: int = Field(default=1, ge=1)
    of_last_windows: int = Field(default=1, ge=1)
    score_limit: float | dict[str, float] | None = None
    max_model_age_days: float | None = Field(default=None, gt=0)
    min_new_labels: int | None = Field(default=None, ge=1)
    cool_down_days: float = Field(default=7, ge=0)
    max_retrainings: int = Field(default=6, ge=1)
    budget_days: float = Field(default=90, gt=0)
    give_up_after: int | None = Field(default=3, ge=1)

    @field_validator("score_limit", mode="before")
    @classmethod
    def _join_names(cls, limit: Any) -> Any:
        # On the command line retraining.score_limit.f0.5=0.6 is taken apart at each dot.
        if not isinstance(limit, dict):
            return limit
        limits = flatten(limit)
        raise_if_unknown(limits, "score_limit")
        return limits

    @model_validator(mode="after")
    def _be_reachable(self) -> Self:
        if self.drifted_windows > self.of_last_windows:
            raise ValueError(
                f"drifted_windows {self.drifted_windows} is more than of_last_windows "
                f"{self.of_last_windows}, which no windows can reach"
            )
        return self
