"""What the project declares of drift."""

from typing import Literal

from pydantic import Field, PositiveFloat

from fullcircle.core.contract import Settings, Share


class DriftSettings(Settings):
    """When a shift becomes an alarm: it is significant, and large enough to be worth one.

    Attributes:
        false_alarm_rate: Chance per report of any alarm without drift, over all columns,
            sources and roles, and all that is judged of them.
        min_psi: Population stability index below which a shift is not worth an alarm.
        min_share: Change of the share of rows that are missing, unseen or out of range, below which
            it is not worth an alarm.
        min_volume_change: Change of the number of rows, as a share of what is usual, below which it
            is not worth an alarm.
        max_silence: Share of the period without any row at its end, below which it is not worth an
            alarm.
        min_rows: A smaller window is reported as too small to judge.
        window_days: Length of what is looked at of the stream's and the endpoint's rows; None takes
            the contract's ``period_days``, and 7 of a snapshot.
        sources: Which sources are watched: where one that was used once is not used any more, its
            empty window would be told each time.
        power: Chance of an alarm for which the smallest visible shift is reported.
    """

    false_alarm_rate: float = Field(gt=0, lt=1)
    min_psi: float = Field(ge=0)
    min_rows: int = Field(ge=1)
    min_share: float = Field(0.02, ge=0, lt=1)
    min_volume_change: Share = 0.5
    max_silence: Share = 0.1
    power: Share = 0.95
    window_days: PositiveFloat | None = None
    sources: list[Literal["batch", "stream", "endpoint"]] = Field(
        default=["batch", "stream", "endpoint"], min_length=1
    )
