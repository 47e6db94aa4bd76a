"""What the project demands of a challenger."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, field_validator, model_validator

from fullcircle.core.contract import Settings, flatten
from fullcircle.core.metrics import raise_if_unknown

Tolerance = Annotated[float, Field(ge=0)]


class GateSettings(Settings):
    """What a challenger must show.

    A budget of None demands nothing, and its check says so; what it measures must be there all the
    same.

    Attributes:
        min_rows: Fewer gate rows decide nothing.
        bootstrap_resamples: Resamples behind each interval.
        confidence: Coverage of each interval, 0 to 1. Where several are looked at, as of slices
            and windows, they share one minus it.
        seed: Seed of the resamples.
        minimum: Absolute bar by metric, in the metric's units, for the worse end of its interval.
        comparison: ``superiority`` asks for a challenger significantly better than the champion,
            ``non_inferiority`` for one whose interval excludes a loss of ``margin``.
        margin: Loss that non-inferiority tolerates, in units of the primary metric.
        slice_min_rows: A smaller slice is not judged.
        slice_margin: Loss that a slice must tolerate, in units of the primary metric.
        max_calibration_error: Of a classification, by how much the expected calibration error may
            exceed what chance explains, as a share; of a regression, the mean error that may
            remain, in standard deviations of the label.
        time_windows: Windows of equally many rows into which a history is cut.
        max_latency_ms: Longest time for one row, of 19 in 20 calls, in milliseconds.
        max_size_mb: Largest size of the model's files, in megabytes of 10^6 bytes.
        max_data_age_days: Oldest that the newest train row may be at ``as_of``, in days.
        max_rejected_share: Largest share of raw rows that may have been set aside.
        max_repeated_share: Largest share of gate rows that may repeat another one's features and
            label, where rows are divided by key.
        approval: Whether a person must have approved of the challenger.
        four_eyes: Whether that person must be another one than who trained it.
    """

    min_rows: int = Field(ge=1)
    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)
    seed: int
    minimum: dict[str, float] = Field(default_factory=dict)
    comparison: Literal["superiority", "non_inferiority"] = "superiority"
    margin: PositiveFloat | None = None
    slice_min_rows: int = Field(default=50, ge=1)
    slice_margin: Tolerance = 0.0
    max_calibration_error: Tolerance | None = 0.05
    time_windows: int = Field(default=3, ge=1)
    max_latency_ms: PositiveFloat | None = 250.0
    max_size_mb: PositiveFloat | None = 200.0
    max_data_age_days: PositiveFloat | None = 365.0
    max_rejected_share: Annotated[float, Field(ge=0, le=1)] | None = 0.05
    max_repeated_share: Annotated[float, Field(ge=0, le=1)] | None = 0.05
    approval: bool = False
    four_eyes: bool = False

    @field_validator("minimum", mode="before")
    @classmethod
    def _join_names(cls, bars: Any) -> Any:
        # On the command line gate.minimum.f0.5=0.6 is taken apart at each dot.
        return flatten(bars) if isinstance(bars, dict) else bars

    @model_validator(mode="after")
    def _be_consistent(self) -> Self:
        if (self.comparison == "non_inferiority") != (self.margin is not None):
            raise ValueError("comparison non_inferiority, and no other, needs a 'margin' above 0")
        if self.four_eyes and not self.approval:
            raise ValueError("four_eyes asks who approved: it needs 'approval: true'")
        raise_if_unknown(self.minimum, "minimum")
        return self

    @property
    def tolerated_loss(self) -> float:
        """Loss against the champion that is borne, in units of the primary metric."""
        return self.margin or 0.0
