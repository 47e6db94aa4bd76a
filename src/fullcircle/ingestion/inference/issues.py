"""What a look at data finds, each with what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["assumed", "danger", "edit", "fault", "fine"]


@dataclass(frozen=True)
class Issue:
    """One thing that was found.

    Attributes:
        level: ``assumed`` (a choice made for the user), ``danger`` (worth a look), ``edit`` (what
            the user must change before a run can end well), ``fault`` (no run can end well), or
            ``fine``.
        what: What was looked at, in a word or two.
        found: What was found, in one sentence.
        do: What to do about it, or empty.
    """

    level: Level
    what: str
    found: str
    do: str = ""

    def as_row(self) -> dict[str, str]:
        """Give the finding as a row of a table."""
        return {"level": self.level, "what": self.what, "found": self.found, "what to do": self.do}


def of_level(findings: Iterable[Issue], *levels: Level) -> list[Issue]:
    """Give the findings of some levels, in their order."""
    return [finding for finding in findings if finding.level in levels]
