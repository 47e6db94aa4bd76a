"""Estimates without labels beside the truth that comes later: how often their interval holds it.

Each window has a world and a model of its own: a boosted or a linear model learns from 2,000 rows,
meets 800 others, whose labels calibrate the estimate, and then scores a window of 800 rows. In
quiet worlds these are drawn alike; with a covariate shift they lie elsewhere; with concept drift
their labels have another reason, which no estimate without labels can see.

Run: python tests/benchmarks/bench_estimates.py [--windows 300]
"""

import argparse

import numpy as np
from scipy import special, stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from fullcircle.core.evaluation.recalibration import fit_recalibration
from fullcircle.core.metrics import METRICS
from fullcircle.core.performance import estimate_metric

WORLDS = {
    "quiet": (0.0, 0.0),
    "covariate shift of 0.3": (0.3, 0.0),
    "covariate shift of 0.6": (0.6, 0.0),
    "concept drift": (0.0, 1.0),
}
METRICS_SHOWN = ("roc_auc", "brier", "log_loss")
MODELS = {
    "boosted": lambda: HistGradientBoostingClassifier(max_iter=40, random_state=0),
    "linear": lambda: LogisticRegression(max_iter=500),
}


def draw(
    rng: np.random.Generator, rows: int, move: float, turn: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw eight columns and the labels that they cause, with a curve and an interaction."""
    x = rng.normal(size=(rows, 8))
    x[:, :3] += move
    weights = np.array([1.0, -0.8, 0.6, 0.4, 0.2, 0.0, 0.0, 0.0])
    turned = (1 - turn) * weights + turn * np.roll(weights, 4)
    logit = x @ turned - 0.8 + 0.5 * x[:, 0] * x[:, 1] + 0.3 * (x[:, 2] ** 2 - 1)
    return x, (rng.random(rows) < special.expit(logit)).astype("int64")


def judge(seed: int, model: str, move: float, turn: float) -> dict[str, tuple[bool, float]]:
    """Give by metric whether the interval holds the truth, and its width."""
    rng = np.random.default_rng(seed)
    fitted = MODELS[model]().fit(*draw(rng, 2000, 0, 0))
    others, known = draw(rng, 800, 0, 0)
    calibration = fit_recalibration(known, fitted.predict_proba(others)[:, 1])
    rows, truth = draw(rng, 800, move, turn)
    predicted = fitted.predict_proba(rows)[:, 1]
    found = {}
    for metric in METRICS_SHOWN:
        estimate = estimate_metric(
            metric, predicted, calibration, draws=200, confidence=0.95, seed=seed
        )
        assert estimate is not None
        score = METRICS[metric](truth, predicted)
        found[metric] = (estimate.low <= score <= estimate.high, estimate.high - estimate.low)
    return found


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=300, help="windows a world and model")
    given = parser.parse_args()
    print("| world | model | metric | windows | truth in the 95 % interval | mean width |")
    print("| --- | --- | --- | --- | --- | --- |")
    for world, (move, turn) in WORLDS.items():
        for model in MODELS:
            found = [judge(seed, model, move, turn) for seed in range(given.windows)]
            for metric in METRICS_SHOWN:
                held = sum(each[metric][0] for each in found)
                low, high = stats.binomtest(held, given.windows).proportion_ci(method="exact")
                width = np.mean([each[metric][1] for each in found])
                share = f"{held / given.windows:.1%} ({low:.1%} to {high:.1%})"
                print(
                    f"| {world} | {model} | {metric} | {given.windows} | {share} | {width:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
