"""Feature tables of the diabetes problem."""

import ibis.expr.types as ir

from fullcircle.problems.diabetes.cleaning import MEASUREMENTS


def features(events: ir.Table) -> dict[str, ir.Table]:
    """Give what a laboratory knows of a patient: one row each, without a date."""
    return {"patient_measurements": events.select("patient_id", *MEASUREMENTS)}
