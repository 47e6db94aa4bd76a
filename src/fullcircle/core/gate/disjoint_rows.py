"""Checks that the gate rows are others than those that taught: other entities, other rows.

Rows that are divided by key are of entities that no set shares, if the contract names the right
key. Where it does not, gate rows resemble train rows more than rows to come will, and every score
is too good. Rows that are divided by time may be of the same entity again: so will those to come.
"""

import pandas as pd

from fullcircle.core.gate.context import GateContext
from fullcircle.core.validation.entities import find_entities, measure_repetition


def no_shared_entity(case: GateContext) -> tuple[bool, str]:
    """Does no feature repeat among the rows and fix the label, as the name of an entity would?"""
    problem, rows = case.evidence.problem, case.evidence.rows
    texts = {name: rows[name] for name in problem.features if _is_text(rows[name])}
    label = pd.Series(case.evidence.truth, index=rows.index, dtype="float64")
    found = find_entities(texts, label, problem.task)
    if not found:
        return True, f"none of {len(texts)} text columns repeats and fixes the label"
    name, measured = next(iter(found.items()))
    return False, (
        f"{name} repeats in {measured.share:.0%} of the gate rows and fixes the label; name it in "
        "entity_keys, so that no two sets share one, or take it out of the features"
    )


def few_repeated_rows(case: GateContext) -> tuple[bool, str]:
    """Do few gate rows repeat another one, features and label alike, as copies would?"""
    problem, most = case.evidence.problem, case.settings.max_repeated_share
    if most is None:
        return True, "no limit set"
    rows = case.evidence.rows[problem.features].astype("str").fillna("")
    row = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    measured = measure_repetition(row, case.evidence.truth, problem.task)
    copied = measured.share if measured.fixes_label else 0.0
    said = f"{measured.share:.1%} of the gate rows repeat another one's features"
    if measured.share and not measured.fixes_label:
        said += ", with labels as mixed as chance makes them"
    if copied <= most:
        return True, said
    return False, (
        f"{said} and with them its label, {most:.1%} may: copies stand in all sets, and every "
        "score is too good; take them out, or raise gate.max_repeated_share if new rows repeat, too"
    )


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_datetime64_any_dtype(
        column
    )
