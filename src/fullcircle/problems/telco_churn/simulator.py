"""A telco whose truth is known: IBM's columns, a stated best AUC, and a drift on a stated day.

Each month draws a fresh cross-section of customers, independent of every other month. Whether a
customer leaves is drawn from a probability that is a fixed function of the columns, so the AUC of
that probability is the best that any model can reach. From ``drift_from`` on, prices rise and
electronic checks become more common; the function itself stays.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

LABEL_DELAY_DAYS = 30
DRIFTED_COLUMNS = ("monthly_charges", "payment_method")

_PAYMENTS = [
    "Electronic check",
    "Mailed check",
    "Bank transfer (automatic)",
    "Credit card (automatic)",
]
_PAYMENT_SHARES = [0.336, 0.229, 0.219, 0.216]
_PAYMENT_SHARES_AFTER = [0.60, 0.10, 0.15, 0.15]
_PRICE_RISE = 1.3
_ADD_ONS = {
    "OnlineSecurity": 0.37,
    "OnlineBackup": 0.44,
    "DeviceProtection": 0.44,
    "TechSupport": 0.37,
    "StreamingTV": 0.49,
    "StreamingMovies": 0.50,
}
_PIECE_ROWS = 100_000


class ChurnSimulator:
    """Draws telco customers month by month.

    Args:
        seed: Seed of all draws; a month's rows depend on it and on the month alone.
        first_month: First day of the first month, ISO format.
        months: Number of months.
        rows_per_month: Customers reviewed each month.
        drift_from: First day of the first month with drift, ISO format; None never drifts.
    """

    def __init__(
        self,
        *,
        seed: int,
        first_month: str,
        months: int,
        rows_per_month: int,
        drift_from: str | None = None,
    ) -> None:
        self.seed = seed
        self.moments = pd.date_range(first_month, periods=months, freq="MS", tz="UTC")
        self.rows_per_month = rows_per_month
        self.drift_from = pd.Timestamp(drift_from, tz="UTC") if drift_from else None

    def pieces(self) -> Iterator[tuple[str, pa.Table]]:
        """Give the rows month by month, at most 100 000 at a time."""
        for moment in self.moments:
            for number, start in enumerate(range(0, self.rows_per_month, _PIECE_ROWS)):
                rows = min(_PIECE_ROWS, self.rows_per_month - start)
                frame = self.draw(moment, rows, number).drop(columns="probability")
                yield (
                    f"{moment:%Y-%m}-{number:04d}",
                    pa.Table.from_pandas(frame, preserve_index=False),
                )

    def draw(self, moment: pd.Timestamp, rows: int, piece: int = 0) -> pd.DataFrame:
        """Draw one piece of a month in IBM's columns, with the true ``probability`` beside them."""
        rng = np.random.default_rng([self.seed, moment.year, moment.month, piece])
        drifted = self.drift_from is not None and moment >= self.drift_from
        frame = _draw_customers(rng, rows, drifted=drifted)
        frame["probability"] = churn_probability(frame)
        frame["Churn"] = np.where(rng.random(rows) < frame["probability"], "Yes", "No")
        frame.insert(
            0, "customerID", [f"{moment:%y%m}-{piece:04d}-{row:06d}" for row in range(rows)]
        )
        frame["ReviewedAt"] = moment.to_pydatetime()
        frame["ChurnKnownAt"] = moment.to_pydatetime() + timedelta(days=LABEL_DELAY_DAYS)
        return frame

    def state_truth(self, rows: int = 200_000) -> dict[str, Any]:
        """State what any model is up against before the drift: base rate and best reachable AUC.

        The best AUC is the expected AUC of the true probability, over ``rows`` fresh customers.
        """
        calm = datetime(2000, 1, 1, tzinfo=UTC)
        probability = _best_first(self.draw(pd.Timestamp(calm), rows)["probability"])
        return {
            "base_rate": float(probability.mean()),
            "best_auc": _expected_auc(probability),
            "label_delay_days": LABEL_DELAY_DAYS,
            "drift_from": self.drift_from,
            "drifted_columns": DRIFTED_COLUMNS,
        }


def _draw_customers(rng: np.random.Generator, rows: int, *, drifted: bool) -> pd.DataFrame:
    """Draw customers whose shares resemble those of IBM's file."""
    internet = rng.choice(["DSL", "Fiber optic", "No"], rows, p=[0.344, 0.440, 0.216])
    phone = np.where(internet == "DSL", _yes_no(rng, rows, 0.72), "Yes")
    contract = rng.choice(["Month-to-month", "One year", "Two year"], rows, p=[0.55, 0.21, 0.24])
    tenure = _draw_tenure(rng, contract)
    lines = np.where(phone == "Yes", _yes_no(rng, rows, 0.47), "No phone service")
    add_ons = {
        name: np.where(internet == "No", "No internet service", _yes_no(rng, rows, share))
        for name, share in _ADD_ONS.items()
    }
    monthly = _monthly_charges(rng, internet, phone, lines, add_ons)
    total = np.round(tenure * monthly * rng.uniform(0.95, 1.05, rows), 2)
    partner = _yes_no(rng, rows, 0.483)
    dependents = np.where(rng.random(rows) < np.where(partner == "Yes", 0.52, 0.09), "Yes", "No")
    shares = _PAYMENT_SHARES_AFTER if drifted else _PAYMENT_SHARES
    return pd.DataFrame(
        {
            "gender": rng.choice(["Female", "Male"], rows),
            "SeniorCitizen": (rng.random(rows) < 0.162).astype(int),
            "Partner": partner,
            "Dependents": dependents,
            "tenure": tenure,
            "PhoneService": phone,
            "MultipleLines": lines,
            "InternetService": internet,
            **add_ons,
            "Contract": contract,
            "PaperlessBilling": _yes_no(rng, rows, 0.592),
            "PaymentMethod": rng.choice(_PAYMENTS, rows, p=shares),
            "MonthlyCharges": np.round(monthly * (_PRICE_RISE if drifted else 1), 2),
            "TotalCharges": np.where(tenure == 0, " ", total.astype(str)),
        }
    )


def _yes_no(rng: np.random.Generator, rows: int, share: float) -> np.ndarray:
    return np.where(rng.random(rows) < share, "Yes", "No")


def _draw_tenure(rng: np.random.Generator, contract: np.ndarray) -> np.ndarray:
    """Months since joining, 0 to 72; long contracts go with long tenures."""
    mean = np.select([contract == "One year", contract == "Two year"], [42, 57], default=18)
    return np.clip(np.round(rng.normal(mean, 17)), 0, 72).astype(int)


def _monthly_charges(
    rng: np.random.Generator,
    internet: np.ndarray,
    phone: np.ndarray,
    lines: np.ndarray,
    add_ons: dict[str, np.ndarray],
) -> np.ndarray:
    """Price list of the booked services, in dollars per month, with a little haggling."""
    base = np.select([internet == "DSL", internet == "Fiber optic"], [25.0, 50.0], default=0.0)
    price = base + 20.0 * (phone == "Yes") + 5.0 * (lines == "Yes")
    for name, booked in add_ons.items():
        price = price + (10.0 if name.startswith("Streaming") else 5.0) * (booked == "Yes")
    return np.asarray(price + rng.normal(0, 1.0, len(price)))


def churn_probability(frame: pd.DataFrame) -> np.ndarray:
    """The truth: probability that a customer leaves, a function of IBM's columns alone."""
    logit = (
        -1.40
        + 1.30 * (frame["Contract"] == "Month-to-month")
        - 1.00 * (frame["Contract"] == "Two year")
        - 0.035 * frame["tenure"]
        + 0.90 * (frame["InternetService"] == "Fiber optic")
        - 0.60 * (frame["InternetService"] == "No")
        - 0.50 * (frame["OnlineSecurity"] == "Yes")
        - 0.50 * (frame["TechSupport"] == "Yes")
        + 0.45 * (frame["PaymentMethod"] == "Electronic check")
        + 0.35 * (frame["PaperlessBilling"] == "Yes")
        + 0.25 * frame["SeniorCitizen"]
        + 0.006 * (frame["MonthlyCharges"] - 65)
    )
    return np.asarray(1 / (1 + np.exp(-logit)))


def _best_first(probability: pd.Series) -> np.ndarray:
    return np.sort(probability.to_numpy())[::-1]


def _expected_auc(best_first: np.ndarray) -> float:
    """Expected AUC of a ranking by the true probability, from the expected ordered pairs."""
    negative = 1 - best_first
    after = negative.sum() - np.cumsum(negative)
    return float((best_first * after).sum() / (best_first.sum() * negative.sum()))
