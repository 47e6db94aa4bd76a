"""Recipes: all that it takes to build an estimator again, as plain values."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier, VotingRegressor

from fullcircle.core.preparation import PreparationSettings
from fullcircle.core.training.candidates import Parameters
from fullcircle.core.training.estimators import assemble, leave_out


@dataclass(frozen=True)
class ModelConfig:
    """One family with its parameters and columns, or several whose predictions are averaged.

    Attributes:
        name: Name on the leaderboard.
        candidate: Family in CANDIDATES, or ``blend``.
        parameters: What differs from the family's defaults.
        dropped: Columns that it does without, beyond those that the plan drops.
        members: Recipes whose predictions a blend averages.
        fold_scores: The primary metric on each fold of the search.
    """

    name: str
    candidate: str
    parameters: Parameters = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    members: list["ModelConfig"] = field(default_factory=list)
    fold_scores: list[float] = field(default_factory=list)

    @property
    def cv_score(self) -> float:
        """Mean of the primary metric over the folds of the search; NaN where it was not tried."""
        return float(np.mean(self.fold_scores)) if self.fold_scores else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """Read a recipe that ``as_dict`` gave."""
        members = [cls.from_dict(member) for member in values["members"]]
        return cls(**{**values, "members": members})


def build(
    model_config: ModelConfig,
    task: str,
    seed: int,
    plan: list[dict[str, Any]],
    settings: PreparationSettings,
) -> Any:
    """Give the unfitted estimator of a recipe; ``plan`` is that of the diagnosed columns."""
    if not model_config.members:
        own = leave_out(plan, model_config.dropped)
        return assemble(model_config.candidate, task, seed, model_config.parameters, own, settings)
    members = [
        (member.name, build(member, task, seed, plan, settings)) for member in model_config.members
    ]
    if task == "regression":
        return VotingRegressor(members)
    return VotingClassifier(members, voting="soft")
