"""Patients whose truth is known: the Pima file's columns and a stated best AUC.

Like the file it is a snapshot. Whether a patient has diabetes is drawn from a probability that is a
fixed function of true measurements; afterwards measurements are lost at the file's rates, a lost
one being written as 0. The best AUC is that of the probability given what is left to see.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

# Zeros among the file's 768 rows.
LOST_SHARES = {
    "Glucose": 5 / 768,
    "BloodPressure": 35 / 768,
    "SkinThickness": 227 / 768,
    "Insulin": 374 / 768,
    "BMI": 11 / 768,
}
_WEIGHTS = {
    "Glucose": (0.035, 121.0),
    "BMI": (0.09, 32.0),
    "Age": (0.02, 33.0),
    "Pregnancies": (0.10, 4.0),
    "DiabetesPedigreeFunction": (0.9, 0.47),
}
_INTERCEPT = -0.85
_SPREADS = {"Glucose": 30.0, "BMI": 6.9}  # of the lost measurements that have a weight
_PIECE_ROWS = 100_000


class PatientSimulator:
    """Draws patients, all independent of each other.

    Args:
        seed: Seed of all draws.
        patients: Number of rows.
    """

    def __init__(self, *, seed: int, patients: int) -> None:
        self.seed = seed
        self.patients = patients

    def pieces(self) -> Iterator[tuple[str, pa.Table]]:
        """Give the rows, at most 100 000 at a time."""
        for number, start in enumerate(range(0, self.patients, _PIECE_ROWS)):
            rows = min(_PIECE_ROWS, self.patients - start)
            frame = self.draw(rows, number).drop(columns="probability")
            yield f"{number:04d}", pa.Table.from_pandas(frame, preserve_index=False)

    def draw(self, rows: int, piece: int = 0) -> pd.DataFrame:
        """Draw one piece in the file's columns.

        Beside them stands the true ``probability`` given the columns as they are seen.
        """
        rng = np.random.default_rng([self.seed, piece])
        frame = _draw_patients(rng, rows)
        ill = rng.random(rows) < _as_probability(_logit(frame))
        for name, share in LOST_SHARES.items():
            frame.loc[rng.random(rows) < share, name] = 0
        frame["Outcome"] = ill.astype(int)
        frame["probability"] = seen_probability(frame)
        return frame

    def state_truth(self, rows: int = 200_000) -> dict[str, Any]:
        """State what any model is up against: base rate and best reachable AUC, over fresh rows."""
        probability = np.sort(self.draw(rows, piece=1_000_000)["probability"].to_numpy())[::-1]
        healthy = 1 - probability
        pairs = (probability * (healthy.sum() - np.cumsum(healthy))).sum()
        return {
            "base_rate": float(probability.mean()),
            "best_auc": float(pairs / (probability.sum() * healthy.sum())),
            "lost_shares": LOST_SHARES,
        }


def _draw_patients(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Draw patients whose means and spreads resemble the file's.

    All measurements are drawn apart from each other, so that no other column tells of a lost one
    and the best reachable AUC can be stated.
    """
    age = np.clip(21 + rng.gamma(1.1, 11.0, rows), 21, 81).round()
    glucose, bmi = (
        np.clip(rng.normal(_WEIGHTS[name][1], _SPREADS[name], rows), low, high)
        for name, low, high in (("Glucose", 44, 199), ("BMI", 18.2, 67.1))
    )
    return pd.DataFrame(
        {
            "Pregnancies": np.minimum(rng.poisson(0.12 * (age - 15)), 17).astype(int),
            "Glucose": glucose.round().astype(int),
            "BloodPressure": np.clip(rng.normal(60 + 0.37 * age, 11), 24, 122).round().astype(int),
            "SkinThickness": np.clip(rng.normal(29, 10, rows), 7, 99).round().astype(int),
            "Insulin": np.clip(rng.gamma(2.0, 78.0, rows), 14, 846).round().astype(int),
            "BMI": bmi.round(1),
            "DiabetesPedigreeFunction": np.clip(rng.gamma(2.0, 0.235, rows), 0.078, 2.42).round(3),
            "Age": age.astype(int),
        }
    )


def _logit(frame: pd.DataFrame) -> np.ndarray:
    terms = [weight * (frame[name] - centre) for name, (weight, centre) in _WEIGHTS.items()]
    return np.asarray(sum(terms) + _INTERCEPT, dtype="float64")


def _as_probability(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logit)))


def seen_probability(frame: pd.DataFrame) -> np.ndarray:
    """The truth: probability of diabetes given what was measured.

    What a lost measurement adds to the logit is normal with mean 0, so the probability is averaged
    over it by Gauss-Hermite quadrature (Abramowitz and Stegun 1964, 25.4.46).
    """
    filled, variance = frame.copy(), np.zeros(len(frame))
    for name, spread in _SPREADS.items():
        weight, centre = _WEIGHTS[name]
        lost = frame[name] == 0
        filled[name] = frame[name].where(~lost, centre)
        variance += np.where(lost, (weight * spread) ** 2, 0.0)
    nodes, shares = np.polynomial.hermite_e.hermegauss(15)
    logits = _logit(filled)[:, None] + np.sqrt(variance)[:, None] * nodes
    return np.asarray(_as_probability(logits) @ (shares / shares.sum()))
