"""From a challenger to a champion, if the gate says so."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.errors import FullCircleError, GateRefusedError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.gate import (
    GateInputs,
    GateSettings,
    RolledBack,
    decide_promotion,
    have_same_origin,
)
from fullcircle.core.models.model import Model
from fullcircle.core.training.failures import describe_failure, list_excluded
from fullcircle.reporting.model_card import write_card, write_card_page


def evaluate_gate(  # noqa: PLR0913, PLR0917 - all that the decision rests on
    challenger: Model,
    incumbent: Model | None,
    gate_set: pd.DataFrame,
    challenger_probe: dict[str, Any],
    rolled_back: list[dict[str, Any]],
    kept_decision: dict[str, Any] | None,
    feature_tables: Mapping[str, KeyedTable],
    intake_report: dict[str, Any],
    problem: ProblemSpec,
    gate: GateSettings,
    as_of: Clock,
) -> dict[str, Any]:
    """Compare challenger and incumbent on the same gate rows, look at all else, and decide.

    Where the challenger is the champion already, the decision that made it one stands.

    Returns:
        The decision with its checks, and who was compared with whom.
    """
    if _is_champion(challenger, incumbent):
        if kept_decision is not None:
            return kept_decision
        incumbent = None  # what made it champion is gone: look at it again, beside nobody
    predicted, error = _predict_or_explain(challenger, gate_set)
    champion, champion_error = _predict_or_explain(incumbent, gate_set)
    evidence = GateInputs(
        problem=problem,
        as_of=as_of.moment,
        model=challenger,
        rows=gate_set,
        truth=gate_set[problem.label].to_numpy(),
        baseline=_predict_baseline(challenger, len(gate_set)),
        challenger=np.empty(0) if predicted is None else predicted,
        challenger_error=error,
        champion=champion,
        champion_threshold=None if incumbent is None else incumbent.threshold,
        champion_error=champion_error,
        offered=_list_offered(challenger, feature_tables, problem),
        probe=challenger_probe,
        intake=intake_report,
        rolled_back=[_describe_rolled_back(each, challenger, gate_set) for each in rolled_back],
    )
    decision = decide_promotion(evidence, gate)
    return {
        "challenger": str(challenger.registration),
        "incumbent": str(incumbent.registration) if incumbent else None,
        "metric": problem.primary_metric,
        "gate_rows": len(gate_set),
        **decision.as_dict(),
    }


def _is_champion(challenger: Model, incumbent: Model | None) -> bool:
    """Tell whether the challenger is the champion's very version."""
    if incumbent is None or incumbent.registration is None:
        return False
    return incumbent.registration == challenger.registration


def _predict_or_explain(
    model: Model | None, rows: pd.DataFrame
) -> tuple[np.ndarray | None, str | None]:
    if model is None:
        return None, None
    try:
        return model.predict(rows), None
    except (FullCircleError, ValueError) as error:
        return None, str(error)


def _describe_rolled_back(
    former: Mapping[str, Any], challenger: Model, gate_set: pd.DataFrame
) -> RolledBack:
    """Give what the gate must know of a version that was rolled back, with its predictions."""
    model: Model | None = former["model"]
    predicted, error = _predict_or_explain(model, gate_set)
    return RolledBack(
        name=former["name"],
        why=former["why"],
        predicted=predicted,
        threshold=None if model is None else model.threshold,
        error=former["error"] or error,
        same_origin=model is not None and have_same_origin(model, challenger),
    )


def _list_offered(
    model: Model, feature_tables: Mapping[str, KeyedTable], problem: ProblemSpec
) -> list[str]:
    """List what a request brings, and what the model's lookups find in tables that exist."""
    found = [
        new
        for lookup in model.lookups
        if lookup.table in feature_tables
        for old, new in lookup.renaming.items()
        if old in feature_tables[lookup.table].rows.columns
    ]
    return [*problem.request_columns, *found]


def _predict_baseline(model: Model, rows: int) -> np.ndarray:
    """Predict what the train set's labels alone suggest: their mean, or each class's share."""
    baseline = np.asarray(model.trained_on["baseline"], dtype=float)
    return np.tile(baseline, (rows, 1)) if baseline.ndim else np.full(rows, baseline)


def select_champion(
    challenger: Model, incumbent: Model | None, promotion_decision: dict[str, Any]
) -> Model:
    """Give the champion: the challenger if it was promoted, else the incumbent.

    Raises:
        GateRefusedError: The challenger was refused and there is no incumbent.
    """
    if promotion_decision["promote"] is True:
        return challenger
    if incumbent is None:
        reasons = "; ".join(promotion_decision["reasons"])
        raise GateRefusedError(
            f"The gate refused {challenger} and there is no champion: {reasons}."
        )
    return incumbent


def build_reference_profile(champion: Model, problem: ProblemSpec) -> dict[str, Any]:
    """Give what monitoring compares with: the champion's profile, promise, age and warnings."""
    failures = (champion.report or {}).get("failures") or []
    return {
        "model": str(champion),
        "version": champion.registration.version if champion.registration else "none",
        "promised": champion.scores[problem.primary_metric],
        "trained_at": champion.trained_on["as_of"],
        "warnings": [
            f"The champion was chosen without {failure['family']}: {describe_failure(failure)}"
            for failure in list_excluded(failures)
        ],
        **champion.profile,
    }


def write_model_card(champion: Model, promotion_decision: dict[str, Any]) -> tuple[str, str]:
    """Describe the champion and why it is one, as Markdown and as a page."""
    return (
        write_card(champion, promotion_decision),
        write_card_page(champion, promotion_decision),
    )
