"""What became of every record of a source: read, passed over, or rejected."""

from collections import Counter
from dataclasses import dataclass, field

from fullcircle.core.errors import DataError
from fullcircle.ingestion.inference.issues import Issue

MAX_REJECTED_SHARE = 0.05
_KEPT = 10_000
_SHOWN = 5


@dataclass(frozen=True)
class Rejection:
    """A record that is no row.

    Attributes:
        line: Its line in the source, from 1.
        reason: Why it cannot be read.
        text: The record as it stands.
    """

    line: int
    reason: str
    text: str


@dataclass
class RowCounts:
    """Counts of a source's records.

    Attributes:
        name: The source, for messages.
        read: Rows that were read.
        rejected: Records that could not be read.
        passed: Records that are no rows, by what they are: header, blank, total and so on.
        rejections: The first of the rejected ones, with their reasons.
        filled: Rows that had too few fields and were filled with nothing known.
    """

    name: str = "the source"
    read: int = 0
    rejected: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    filled: int = 0

    @property
    def records(self) -> int:
        """All records of the source."""
        return self.read + self.rejected + sum(self.passed.values())

    def reject(self, line: int, reason: str, text: str) -> None:
        """Count a record that cannot be read."""
        self.rejected += 1
        if len(self.rejections) < _KEPT:
            self.rejections.append(Rejection(line, reason, text.rstrip("\r\n")[:2000]))

    def raise_if_too_many(self) -> None:
        """Refuse a source of which too many records cannot be read.

        Raises:
            DataError: Names the first of them and what is wrong.
        """
        if self.rejected <= MAX_REJECTED_SHARE * (self.read + self.rejected):
            return
        first = self.rejections[0]
        lines = ", ".join(str(each.line) for each in self.rejections[1:_SHOWN])
        more = f" The same kind of thing holds for line {lines} and so on." if lines else ""
        raise DataError(
            f"Line {first.line} of {self.name} {first.reason}. {self.rejected} of "
            f"{self.read + self.rejected} rows cannot be read.{more} Quote fields that hold the "
            "separator, or fix the lines; --separator and --skip-lines say how the file is written."
        )

    def findings(self) -> list[Issue]:
        """Return what is to be told: the counts, and each line that was rejected."""
        found = []
        parts = [f"{self.read:,} rows read", f"{self.rejected:,} rejected"]
        parts += [f"{count:,} {what}" for what, count in self.passed.items() if count]
        told = f"{self.records:,} records in the source: {', '.join(parts)}"
        found.append(Issue("assumed", "rows", told))
        if self.rejected:
            shown = "; ".join(
                f"line {each.line} {each.reason}" for each in self.rejections[:_SHOWN]
            )
            more = f"; and {self.rejected - _SHOWN} more" if self.rejected > _SHOWN else ""
            do = "set aside beside the table; fix these lines and take them in again"
            found.append(Issue("danger", "rejected", f"{shown}{more}", do))
        if self.filled:
            told = f"{self.filled:,} rows had too few fields; the last ones were read as missing"
            found.append(Issue("danger", "short rows", told, "look at these lines"))
        return found
