"""Numbers such as -999 that mean that nothing is known."""

import numpy as np
import pandas as pd

_SENTINELS = frozenset(sign * (10**n - 1) for n in range(2, 7) for sign in (-1, 1)) | {-9}
_MIN_SENTINELS = 5


def find_sentinels(numbers: pd.Series) -> tuple[float, ...]:
    """Find numbers such as -999 that stand apart from all others and come again and again.

    A number counts if it consists of nines, is the smallest or largest, occurs five times, and
    lies further from the next one than half of what all others span.
    """
    counts = numbers.value_counts()
    found: list[float] = []
    for value in (v for v in counts.index if v in _SENTINELS and counts[v] >= _MIN_SENTINELS):
        others = numbers[(numbers != value) & ~numbers.isin(found)]
        if others.empty:
            continue
        span, gap = np.ptp(others.to_numpy()), np.abs(others - value).min()
        outside = value < others.min() or value > others.max()
        if outside and gap > span / 2 and gap > 1:
            found.append(float(value))
    return tuple(sorted(found))
