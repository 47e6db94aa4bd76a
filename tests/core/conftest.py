"""Fixtures of the tests of pure ideas."""

from collections.abc import Callable
from typing import Any

import pytest

from fullcircle.core.contract import ProblemSpec

HISTORY: dict[str, Any] = {
    "name": "shop",
    "task": "binary",
    "row_id": "order_id",
    "entity_keys": ["buyer"],
    "event_time": "ordered_at",
    "label": "returned",
    "label_time": "returned_known_at",
    "period_days": 7,
    "request_columns": ["price", "colour"],
    "primary_metric": "roc_auc",
    "threshold": {"value": 0.5},
    "split": {"by": "time", "train": 0.6, "selection": 0.2, "gate": 0.2},
}
SNAPSHOT: dict[str, Any] = {
    **HISTORY,
    "event_time": None,
    "label_time": None,
    "period_days": None,
    "split": {"by": "key", "train": 0.5, "selection": 0.2, "gate": 0.2, "scoring": 0.1},
}


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., ProblemSpec]:
    """Give the function that makes a contract, with or without a history, with changes."""

    def make(*, history: bool = True, **changes: Any) -> ProblemSpec:
        return ProblemSpec.model_validate({**(HISTORY if history else SNAPSHOT), **changes})

    return make
