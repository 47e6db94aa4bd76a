"""What is judged of a column: its distribution, what is missing, and what was never seen before."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fullcircle.core.drift.measures import population_stability_index
from fullcircle.core.drift.past_variation import (
    INDEPENDENT,
    Past,
    Variation,
    estimate_past_variation,
    estimate_variations,
    moderate,
    pool_variations,
)
from fullcircle.core.drift.settings import DriftSettings
from fullcircle.core.drift.significance import (
    Difference,
    Vector,
    chance_of,
    chance_of_more,
    compare,
    smallest_seen,
)
from fullcircle.core.predictions.sources import BATCH, CHAMPION
from fullcircle.core.profile import count_groups
from fullcircle.core.profile.bins import Bins

What = Literal["distribution", "missing", "unseen", "out_of_range", "volume", "silence"]


@dataclass(frozen=True)
class DriftTest:
    """What speaks for a shift.

    Attributes:
        what: What is judged.
        column: Of which column; None of the window as a whole.
        p_value: Chance of as much without drift.
        effect: Size of the shift.
        at_least: Size from which it is worth an alarm.
        before: Usual value, of a share or a number of rows.
        now: Value in the window.
        source: Of which source's rows: batch, stream or endpoint.
        role: Of which role's predictions.
    """

    what: What
    column: str | None
    p_value: float
    effect: float
    at_least: float
    before: float | None = None
    now: float | None = None
    source: str = BATCH
    role: str = CHAMPION


@dataclass(frozen=True)
class ColumnComparison:
    """One column before and now.

    Attributes:
        name: The column.
        reference: Its profile: bins, counts, history.
        window: Its counts in the same bins.
    """

    name: str
    reference: Bins
    window: Bins

    @property
    def before(self) -> Vector:
        """Counts of the reference in the bins that are compared."""
        return count_groups(self.reference, self.reference["counts"])

    @property
    def now(self) -> Vector:
        """Counts of the window in the bins that are compared."""
        return count_groups(self.reference, self.window["counts"])

    @property
    def history(self) -> Vector:
        """Counts of each window of the past, shape (windows, bins)."""
        past = self.reference["history"]
        return np.asarray(past, dtype="int64").reshape(len(past), len(self.before))

    @property
    def marks(self) -> dict[What, Vector]:
        """Give which bins hold the rows that are missing, unseen or out of range."""
        size = len(self.before)
        chosen: dict[What, list[int]] = {"missing": [size - 1]}
        if self.reference["kind"] == "text":
            chosen["unseen"] = [size - 2]
        elif self.reference["edges"]:
            chosen["out_of_range"] = [0, size - 2]
        return {what: np.isin(np.arange(size), places) for what, places in chosen.items()}

    def marked_history(self, what: What) -> Vector:
        """Give the rows with and without a mark in each window of the past, shape (windows, 2).

        Unseen are, in a window of the past, the categories that no other window has.
        """
        marked = self.history[:, self.marks[what]].sum(axis=1)
        if what == "unseen":
            alone = (self.history[:, :-2] > 0).sum(axis=0) == 1
            marked = marked + self.history[:, :-2][:, alone].sum(axis=1)
        return np.column_stack([marked, self.history.sum(axis=1) - marked])


def estimate_variation(cases: list[ColumnComparison]) -> dict[tuple[str, What], Variation]:
    """Estimate how much the past varied in everything that is judged, by column and what is judged.

    Each is drawn towards what all of these show; where the past shows none, rows count as
    independent.
    """
    pasts: dict[tuple[str, What], Past | None] = {}
    for case in cases:
        pasts[case.name, "distribution"] = estimate_past_variation(case.history)
        for what in case.marks:
            pasts[case.name, what] = estimate_past_variation(case.marked_history(what))
    own = estimate_variations(pasts)
    prior = pool_variations(own.values())
    return {key: moderate(own[key], prior) if key in own else INDEPENDENT for key in pasts}


def compare_distribution(
    case: ColumnComparison, variation: Variation, settings: DriftSettings
) -> DriftTest:
    """Judge the histogram as a whole, missing values included."""
    difference = compare(case.before, case.now, ordered=case.reference["kind"] == "number")
    return DriftTest(
        what="distribution",
        column=case.name,
        p_value=1.0 if difference is None else chance_of(difference, variation),
        effect=population_stability_index(case.before, case.now),
        at_least=settings.min_psi,
    )


def compare_share(
    case: ColumnComparison, what: What, variation: Variation, settings: DriftSettings
) -> DriftTest | None:
    """Judge the share of marked rows; None without rows on either side.

    The chance is the larger of the exact one of independent rows and of that with the past's
    variation: rare rows are far from normal, and windows differ by more than sampling.
    """
    mark = case.marks[what]
    rows_before, rows_now = int(case.before.sum()), int(case.now.sum())
    if not rows_before or not rows_now:
        return None
    marked_before, marked_now = int(case.before[mark].sum()), int(case.now[mark].sum())
    expected = marked_before
    if what == "unseen" and len(case.history):
        expected = max(marked_before, int(case.marked_history(what)[:, 0].sum()))
    exact = chance_of_more(expected, rows_before, marked_now, rows_now)
    if what == "out_of_range":
        # Either side can be passed, and the range was drawn around the rows themselves.
        exact = min(1.0, (marked_now + 1) * exact)
    before, now = marked_before / rows_before, marked_now / rows_now
    difference = _compare_shares(expected, rows_before, marked_now, rows_now)
    varied = 0.0 if difference is None else chance_of(difference, variation)
    grown = now - before if what != "missing" else abs(now - before)
    return DriftTest(what, case.name, max(exact, varied), grown, settings.min_share, before, now)


def _compare_shares(before: int, rows_before: int, now: int, rows_now: int) -> Difference | None:
    pooled = (before + now) / (rows_before + rows_now)
    if pooled in (0.0, 1.0):
        return None
    gap = now / rows_now - before / rows_before
    return Difference(gap**2 / (pooled * (1 - pooled)), 1 / rows_now + 1 / rows_before, 1)


def find_minimum_detectable(
    case: ColumnComparison, variation: Variation, settings: DriftSettings, level: float
) -> dict[str, Any]:
    """Give the smallest shift that this window would have shown.

    Returns:
        ``psi``, and of numbers ``shift``: the same for a normal column that moves as a whole, in
        units of the column (a move by d standard deviations has an index of about d squared). None
        where no shift would have been seen.
    """
    difference = compare(case.before, case.now, ordered=case.reference["kind"] == "number")
    psi = None
    if difference is not None:
        psi = smallest_seen(difference, variation, level, settings.power, settings.min_psi)
    if case.reference["kind"] == "text":
        return {"psi": psi}
    variance = case.reference["moments"]["variance"]
    known = psi is not None and variance is not None
    return {"psi": psi, "shift": (psi * variance) ** 0.5 if known else None}
