"""What the gate decided on a model, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fullcircle.core.models.model import Model
from fullcircle.reporting.model_card.parts import (
    Block,
    Highlight,
    Paragraph,
    Row,
    Section,
    Table,
    Tone,
)

Role = Literal["promoted", "refused", "kept", "replaced", "unknown"]

_ANSWERS: dict[Role, tuple[str, Tone]] = {
    "promoted": ("promoted", "good"),
    "refused": ("refused", "bad"),
    "kept": ("kept as champion", "good"),
    "replaced": ("replaced", "plain"),
    "unknown": ("no decision at hand", "plain"),
}


@dataclass(frozen=True)
class Verdict:
    """A decision of the gate as seen by one model.

    Attributes:
        role: What the decision means to the model; unknown where it is not about it.
        decision: The gate's answer (see gate/decision.py), empty where it is not about the model.
    """

    role: Role
    decision: dict[str, Any] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        """Whether the decision's scores are the model's own."""
        return self.role in {"promoted", "refused"}

    @property
    def checks(self) -> list[dict[str, Any]]:
        """All that was asked, the failed ones first."""
        return sorted(self.decision.get("checks", []), key=lambda check: bool(check["passed"]))


def read_decision(model: Model, decision: Mapping[str, Any] | None) -> Verdict:
    """See a decision with a model's eyes."""
    if decision is None:
        return Verdict("unknown")
    promoted, own = decision["promote"] is True, str(model.registration)
    if decision["challenger"] == own:
        return Verdict("promoted" if promoted else "refused", dict(decision))
    if decision.get("incumbent") == own:
        return Verdict("replaced" if promoted else "kept", dict(decision))
    return Verdict("unknown")


def glimpse_verdict(verdict: Verdict) -> Highlight:
    """Word the decision in two words."""
    answer, tone = _ANSWERS[verdict.role]
    failed = [check["name"] for check in verdict.checks if not check["passed"]]
    remark = f"{len(verdict.checks) - len(failed)} of {len(verdict.checks)} checks passed"
    if not verdict.judged:
        remark = f"{verdict.decision.get('challenger')}: {remark}"
    return Highlight("The gate", answer, remark if verdict.checks else "", tone)


def describe_verdict(verdict: Verdict) -> Section:
    """Say what was decided, and all that was asked with what the answers rest on."""
    blocks: list[Block] = [Paragraph(_say(verdict), _ANSWERS[verdict.role][1])]
    if verdict.checks:
        rows = [
            Row(
                ["passed" if check["passed"] else "failed", check["name"], check["evidence"]],
                "good" if check["passed"] else "bad",
            )
            for check in verdict.checks
        ]
        caption = f"What was asked of {verdict.decision['challenger']}"
        blocks.append(Table(caption, ["answer", "check", "evidence"], rows))
    return Section("decision", "Decision", blocks)


def _say(verdict: Verdict) -> str:
    decision = verdict.decision
    champion = f" over {decision['incumbent']}" if decision.get("incumbent") else ""
    return {
        "promoted": f"The gate promoted it{champion}: every check was passed.",
        "refused": f"The gate refused it: {_name_failed(verdict)} failed.",
        "kept": f"The gate kept it and refused {decision.get('challenger')}.",
        "replaced": f"The gate promoted {decision.get('challenger')} in its place.",
        "unknown": "No decision of the gate on this model is at hand.",
    }[verdict.role]


def _name_failed(verdict: Verdict) -> str:
    failed = [check["name"] for check in verdict.checks if not check["passed"]]
    return ", ".join(failed) or "a check"
