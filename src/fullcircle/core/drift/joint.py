"""Have columns moved together in a way that none shows alone? A classifier tries to tell."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

Vector = npt.NDArray[Any]


def classify_window(
    reference: pd.DataFrame,
    window: pd.DataFrame,
    *,
    reference_blocks: Vector | None = None,
    window_blocks: Vector | None = None,
    permutations: int = 999,
    seed: int = 0,
) -> dict[str, float] | None:
    """Train a classifier to tell window from reference, and ask how well it does on other rows.

    One half of the blocks trains it, the other half is told apart. Without drift whole blocks
    of that half could change sides, so the chance is counted over such exchanges: rows of one day
    may resemble each other. Source: Lopez-Paz and Oquab, Revisiting classifier two-sample tests,
    ICLR (2017).

    Args:
        reference: Rows of the past, numbers or texts.
        window: Rows of the window, same columns.
        reference_blocks: Block of each row, as its day; None takes each row for itself.
        window_blocks: The same of the window.
        permutations: Exchanges; the chance is at least 1 / (permutations + 1).
        seed: Seed of classifier, halves and exchanges.

    Returns:
        ``auc`` (0.5: nothing to tell apart, 1: nothing in common) and ``p_value``; None with fewer
        than four blocks on a side.
    """
    sides = [
        np.arange(len(rows)) if blocks is None else pd.factorize(blocks)[0]
        for rows, blocks in ((reference, reference_blocks), (window, window_blocks))
    ]
    sizes = [len(np.unique(side)) for side in sides]
    if min(sizes) < 4:
        return None
    rng = np.random.default_rng(seed)
    rows = pd.concat([reference, window], ignore_index=True)
    blocks = np.concatenate([sides[0], sides[1] + sizes[0]])
    is_window = np.arange(sum(sizes)) >= sizes[0]
    trains = _draw_half(rng, is_window)
    model = _build(seed).fit(rows[trains[blocks]], is_window[blocks[trains[blocks]]])
    told, held = model.predict_proba(rows[~trains[blocks]])[:, 1], blocks[~trains[blocks]]
    return _compare_with_exchanges(rng, told, held, is_window, permutations)


def _draw_half(rng: np.random.Generator, is_window: Vector) -> Vector:
    """Choose half of the blocks of either side."""
    chosen = np.zeros(len(is_window), dtype=bool)
    for side in (False, True):
        blocks = np.flatnonzero(is_window == side)
        chosen[rng.permutation(blocks)[: len(blocks) // 2]] = True
    return chosen


def _build(seed: int) -> Any:
    texts = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = make_column_transformer(
        (texts, make_column_selector(dtype_exclude="number")), remainder="passthrough"
    )
    return make_pipeline(prepare, HistGradientBoostingClassifier(max_iter=50, random_state=seed))


def _compare_with_exchanges(
    rng: np.random.Generator, told: Vector, held: Vector, is_window: Vector, permutations: int
) -> dict[str, float]:
    """Compare the area under the curve with that after exchanging blocks between the sides."""
    ranks = stats.rankdata(told)
    names, blocks = np.unique(held, return_inverse=True)
    sums = np.bincount(blocks, weights=ranks)
    sizes = np.bincount(blocks)

    def area(chosen: Vector) -> float:
        ones = sizes[chosen].sum()
        pairs = ones * (len(told) - ones)
        return float((sums[chosen].sum() - ones * (ones + 1) / 2) / pairs)

    sides = is_window[names]
    auc = area(sides)
    least = auc - 1e-12
    as_good = sum(area(rng.permutation(sides)) >= least for _ in range(permutations))
    return {"auc": auc, "p_value": (1 + as_good) / (1 + permutations)}
