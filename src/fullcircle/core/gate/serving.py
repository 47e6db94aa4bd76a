"""Checks of the registry's copy: does it take what is offered, answer as it did, fast and small?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.audit_log.versions import is_same_person
from fullcircle.core.gate.context import GateContext
from fullcircle.core.models.edge_cases import CASES, find_edge_faults
from fullcircle.core.models.prediction import as_inputs

_NUMBERS = {"double", "float", "long", "integer", "boolean"}


def same_signature(case: GateContext) -> tuple[bool, str]:
    """Does the logged model ask for just the columns, of just the types, that the endpoint has?

    Its signature must name the model's features in their order; a request or a feature table that
    exists must offer each; and the gate rows must be of the types that the signature names.
    """
    evidence, model = case.evidence, case.evidence.model
    signature = dict(_require_probe(case)["signature"])
    if list(signature) != model.features:
        return (
            False,
            f"the signature names {list(signature)}, the model's features {model.features}",
        )
    if missing := [name for name in model.features if name not in evidence.offered]:
        return False, f"no request and no feature table offers {', '.join(missing)}"
    if unfit := _find_unfit_types(evidence.rows, signature):
        return False, "; ".join(unfit)
    return True, f"all {len(signature)} columns are offered, in the signature's order and types"


def _find_unfit_types(rows: pd.DataFrame, signature: Mapping[str, str]) -> list[str]:
    """Say which columns of the gate rows are of another type; one without values fits any."""
    given = as_inputs(rows, list(signature))
    said = []
    for name, wanted in signature.items():
        kind = "text" if given[name].dtype == object else "numbers"
        expected = "numbers" if wanted in _NUMBERS else "text" if wanted == "string" else wanted
        if kind != expected and given[name].notna().any():
            said.append(f"{name} holds {kind}, the signature says {wanted}")
    return said


def same_after_reload(case: GateContext) -> tuple[bool, str]:
    """Does the model loaded back from the registry predict as it did in memory, to the last bit?"""
    probe, model = _require_probe(case), case.evidence.model
    if probe["model"] != str(model):
        return False, f"{probe['model']} was loaded back, not {model}"
    if model.expected is None:
        return False, f"{model} does not say what it predicted when it was trained"
    expected, found = (np.asarray(v, dtype=float) for v in (model.expected, probe["predictions"]))
    if not expected.size or not np.isfinite(expected).all():
        return False, "the predictions of the moment of training are empty or not finite"
    if expected.shape != found.shape:
        return False, f"predictions of shape {found.shape}, at training of {expected.shape}"
    apart = float(np.max(np.abs(expected - found)))
    return apart == 0, f"{len(expected)} rows predicted again, at most {apart:g} apart"


def stands_edge_cases(case: GateContext) -> tuple[bool, str]:
    """Does it give one finite prediction for rows that are empty, extreme or unheard of?

    Each is predicted alone and among others, which must agree.
    """
    faults = find_edge_faults(_require_probe(case)["edge_cases"])
    return not faults, "; ".join([f"{len(CASES)} rows tried: {', '.join(CASES)}", *faults])


def within_latency(case: GateContext) -> tuple[bool, str]:
    """Is one row predicted within the budget in 19 of 20 calls?"""
    measured = _require_probe(case)["latency_ms"]
    p95, calls, most = measured["p95"], measured["calls"], case.settings.max_latency_ms
    said = f"{p95:.1f} ms for one row in 95 % of {calls} calls, {_say(most, 'ms')}"
    return bool(calls > 0 and np.isfinite(p95) and p95 <= (most or np.inf)), said


def within_size(case: GateContext) -> tuple[bool, str]:
    """Are the model's files no larger than the budget?"""
    size, most = _require_probe(case)["size_mb"], case.settings.max_size_mb
    fine = size > 0 and np.isfinite(size) and size <= (most or np.inf)
    return bool(fine), f"{size:.2f} MB of files, {_say(most, 'MB')}"


def approved_by_a_person(case: GateContext) -> tuple[bool, str]:
    """Has a person approved of this very version, and another than who trained it if so asked?"""
    probe = _require_probe(case)
    approvals = list(probe["approvals"])
    if not approvals:
        return False, f"nobody has approved of {case.evidence.model} yet: kedro model approve"
    if case.settings.four_eyes:
        trainer = probe["trainer"]
        if not trainer:
            return (
                False,
                "nobody knows who trained it, so that no approval is known to be another's",
            )
        approvals = [each for each in approvals if not is_same_person(each, trainer)]
        if not approvals:
            return False, f"approved by nobody but {trainer['who']}, who trained it (four_eyes)"
    named = "; ".join(f"{each['who']}: {each['why']}" for each in approvals)
    return True, f"approved: {named}"


def _require_probe(case: GateContext) -> Mapping[str, Any]:
    """Give what was found of the registry's copy.

    Raises:
        ValueError: It could not be loaded, or nobody tried.
    """
    probe = case.evidence.probe
    if not probe:
        raise ValueError("nothing was found out about the registry's copy")
    if probe["error"] is not None:
        raise ValueError(f"the registry's copy cannot be used: {probe['error']}")
    return probe


def _say(budget: float | None, unit: str) -> str:
    return "no limit set" if budget is None else f"{budget:g} {unit} allowed"
