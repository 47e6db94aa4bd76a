"""The gate's decision: a report, and what the registry keeps of it."""

from typing import Any

from fullcircle.datasets.report_dataset import ReportDataset
from fullcircle.tracking.provenance import active_run_id
from fullcircle.tracking.registry.lookup import list_aliases
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.rules import CHAMPION, seal_decision


class PromotionDecisionDataset(ReportDataset):
    """Writes a decision as ReportDataset does, and into the registry, which promotes by it.

    Example:
        ```yaml
        promotion_decision:
          type: fullcircle.datasets.PromotionDecisionDataset
          filepath: data/06_models/telco_churn/promotion_decision.json
          metrics: [promote, score.value]
        ```
    """

    def save(self, data: dict[str, Any]) -> None:
        """Write the report, then judge the version that it is about, unless it is champion."""
        super().save(data)
        model, version = _split(data["challenger"])
        if list_aliases(model).get(CHAMPION) == version:
            return
        against = _split(data["incumbent"])[1] if data["incumbent"] else None
        evidence = {
            "run_id": active_run_id(),
            "decision_sha256": seal_decision(data),
            "failed": [check["name"] for check in data["checks"] if not check["passed"]],
        }
        Registry(model).judge(version, against, data["promote"] is True, evidence)


def _split(registration: str) -> tuple[str, str]:
    """Take ``name v5`` apart."""
    name, _, version = registration.rpartition(" v")
    return name, version
