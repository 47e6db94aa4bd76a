"""Checks of parts of the rows: is any slice harmed, or any stretch of time?"""

import numpy as np

from fullcircle.core.evaluation import Estimate
from fullcircle.core.gate.context import GateContext
from fullcircle.core.metrics import Vector


def no_slice_harmed(case: GateContext) -> tuple[bool, str]:
    """Is there no slice on which the challenger is significantly worse than the champion?

    A slice is harmed where the whole interval of the difference lies below minus the margin. The
    slices judged share the error rate, so that a challenger that harms nobody is refused at most
    that often. Where no slice has enough rows to be judged, nobody knows, and the check fails.
    """
    table = case.slice_gains
    judged = [row for row in table if row["gain"] is not None]
    too_small = len(table) - len(judged)
    if not judged:
        return False, f"none of {len(table)} slices has rows enough to be judged"
    worst = min(judged, key=lambda row: float(row["gain"]["high"]))
    named = f"{worst['column']} {worst['slice']} ({worst['rows']} rows)"
    interval = Estimate(**worst["gain"])
    harmed = sum(row["harmed"] for row in judged)
    said = (
        f"{harmed} of {len(judged)} slices harmed by more than {case.settings.slice_margin:g}, "
        f"{too_small} too small to judge; worst is {named}: better by {interval}"
    )
    return not harmed, said


def steady_over_time(case: GateContext) -> tuple[bool, str]:
    """Is there no stretch of time in which the challenger is significantly worse?

    The gate rows, in order of their time, are cut into windows of equally many rows. In none may
    the challenger be significantly worse than no skill, nor than the champion by more than is
    tolerated; all these comparisons share the error rate. A window with too few rows of a class is
    not judged; where none can be, the check fails.
    """
    windows = _cut_windows(case)
    judged = [window for window in windows if not case.is_too_small(window, 1)]
    if not judged:
        return False, f"none of {len(windows)} windows has rows enough of each class to be judged"
    all_compared = {"the baseline": case.baseline}
    if case.champion is not None:
        all_compared["the champion"] = case.champion
    faults, worst = [], None
    for number, window in enumerate(judged, start=1):
        for compared, reference in all_compared.items():
            gain = case.compare_within(window, reference, len(judged) * len(all_compared))
            if not gain.high >= -reference.tolerated:  # an undefined interval is a fault too
                faults.append(f"worse than {compared} in window {number}: {gain}")
            if worst is None or gain.value < worst.value:
                worst = gain
    counted = f"{len(judged)} of {len(windows)} windows judged, least gain {worst}"
    return not faults, "; ".join([counted, *faults])


def _cut_windows(case: GateContext) -> list[Vector]:
    """Positions of the rows of each window, the oldest first.

    Raises:
        ValueError: A row has no moment.
    """
    moments = case.evidence.rows[str(case.evidence.problem.event_time)]
    if moments.isna().any():
        raise ValueError(f"{int(moments.isna().sum())} gate rows have no moment")
    order = np.argsort(moments.to_numpy(), kind="stable")
    return [window for window in np.array_split(order, case.settings.time_windows) if len(window)]
