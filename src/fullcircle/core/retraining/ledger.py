"""What a retraining was and what came of it, as a line of its ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

_APPROVAL = "approved_by_a_person"  # the gate's check


@dataclass(frozen=True)
class Retraining:
    """One retraining.

    Attributes:
        as_of: The clock at which it was done.
        promoted: Whether the gate made its challenger champion.
        helped: Whether it was promoted, or waits for nothing but a person's approval.
        forced: Whether a person asked for it against the rules.
        why: What asked for it.
        challenger: The model that came of it; None where none did.
        incumbent: The champion before.
        told: What the gate said.
    """

    as_of: datetime
    promoted: bool
    forced: bool = False
    why: str = ""
    challenger: str | None = None
    incumbent: str | None = None
    told: str = ""
    helped: bool | None = None

    def __post_init__(self) -> None:
        if self.helped is None:
            object.__setattr__(self, "helped", self.promoted)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what ``as_dict`` gave, whatever else stands beside it."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(**{**known, "as_of": datetime.fromisoformat(known["as_of"])})


def ledger_line(
    as_of: datetime, decision: Mapping[str, Any], *, why: str, forced: bool
) -> Retraining:
    """Give the ledger's line of a retraining by what the gate decided."""
    failed = {check["name"] for check in decision["checks"] if not check["passed"]}
    return Retraining(
        as_of=as_of,
        promoted=decision["promote"] is True,
        forced=forced,
        why=why,
        challenger=decision["challenger"],
        incumbent=decision["incumbent"],
        told=_tell(decision),
        helped=failed <= {_APPROVAL},
    )


def _tell(decision: Mapping[str, Any]) -> str:
    """Say why the gate refused; of a promotion, that it had no reason to."""
    if decision["promote"] is True:
        return f"all {len(decision['checks'])} checks passed"
    return "; ".join(decision["reasons"])


def known_by(ledger: Iterable[Mapping[str, Any]], as_of: datetime) -> list[Retraining]:
    """Give the retrainings done by a clock, the oldest first.

    One that has begun counts before it has ended; one that failed does not.
    """
    words = _last_words(ledger)
    acts = [Retraining.from_dict(line) for line in words if line.get("state") != "failed"]
    return sorted((act for act in acts if act.as_of <= as_of), key=lambda act: act.as_of)


def find_begun(ledger: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the lines of retrainings that have begun and not ended."""
    return [line for line in _last_words(ledger) if line.get("state") == "begun"]


def _last_words(ledger: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the newest line of each retraining; those without a name have one line."""
    words = {line.get("id", f"line {place}"): line for place, line in enumerate(ledger)}
    return list(words.values())
