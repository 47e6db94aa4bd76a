"""When something is worth an alert."""

from typing import Annotated, Literal

from pydantic import Field

from fullcircle.core.contract import Settings

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

Share = Annotated[float, Field(ge=0, le=1)]


class AlertSettings(Settings):
    """What is told, and how often.

    Attributes:
        at_least: Severity from which anything is told.
        cool_down_days: For so long, by the clock, nothing that was told is told again, unless it
            became more severe; what lasts longer is told once more.
        recover_after: So many windows in a row must be free of it before it counts as over.
        max_rejected_share: Share of requests that may be set aside before it is told.
        max_stale_share: Share of scored rows that may have had a feature that was too old.
        dry_run: Whether what would be sent is said in the log alone, and nothing is remembered.
    """

    at_least: Severity = "warning"
    cool_down_days: float = Field(default=7, ge=0)
    recover_after: int = Field(default=1, ge=1)
    max_rejected_share: Share = 0.05
    max_stale_share: Share = 0.05
    dry_run: bool = False

    def tells(self, severity: Severity) -> bool:
        """Tell whether a severity is worth an alert."""
        return rank(severity) >= rank(self.at_least)


def rank(severity: Severity) -> int:
    """Give a severity's place, the least severe first."""
    return SEVERITIES.index(severity)
