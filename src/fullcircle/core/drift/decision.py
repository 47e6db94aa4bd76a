"""The decision: which shifts are significant, and large enough for an alarm."""

from collections.abc import Sequence

import numpy as np

from fullcircle.core.drift.column_tests import DriftTest

_TOLD = {
    "distribution": "its distribution moved: population stability index {effect:.2f}",
    "missing": "missing in {now:.1%} of the rows, {before:.1%} before",
    "unseen": "never seen before in {now:.1%} of the rows, {before:.1%} before",
    "out_of_range": "beyond the range of training in {now:.1%} of the rows",
    "volume": "{now:,.0f} rows came, {before:,.0f} are usual",
    "silence": "no row in the last {now:.1f} days of the period, {before:.1f} are usual",
}


def adjust(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, so that any below a level is as rare as the level says.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979); whatever their dependence.

    Example:
        >>> adjust([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def find_alarms(evidence: Sequence[DriftTest], false_alarm_rate: float) -> list[DriftTest]:
    """Give what is proven at the level of all together, and as large as its bar."""
    adjusted = adjust([each.p_value for each in evidence])
    return [
        each
        for each, p_value in zip(evidence, adjusted, strict=True)
        if p_value < false_alarm_rate and each.effect >= each.at_least
    ]


def describe_shift(evidence: DriftTest) -> str:
    """Say a shift in words."""
    return _TOLD[evidence.what].format(
        effect=evidence.effect, before=evidence.before, now=evidence.now
    )
