"""Worlds whose drift is known, for bench_drift_alarms.py: 12 numbers, 8 texts, and predictions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

START = pd.Timestamp("2024-01-01")
NUMBERS, TEXTS = 12, 8
PER_DAY, PERIOD_DAYS, PAST_DAYS, GAP_DAYS = 120, 7, 84, 14
_KEYS = 60


@dataclass(frozen=True)
class Shift:
    """What changes: a number by standard deviations, a text's odds, or a share of rows."""

    what: str
    column: str
    size: float


def autocorrelated(rng: np.random.Generator, days: int, memory: float, columns: int) -> np.ndarray:
    """Daily values of a stationary process of variance 1, shape (days, columns)."""
    noise = rng.normal(size=(days, columns)) * np.sqrt(1 - memory**2)
    values = np.empty((days, columns))
    values[0] = rng.normal(size=columns)
    for day in range(1, days):
        values[day] = memory * values[day - 1] + noise[day]
    return values


class World:
    """One past and what follows it.

    Args:
        kind: ``iid``: rows are independent. ``weekday``: each column has its days of the week.
            ``weekly``: each week has an effect of its own. ``autocorrelated``: days resemble those
            before, in every second column. ``common``: in every column, and all together.
            ``trailing``: four numbers are averages over 28 days, one value a key and day.
        seed: Of all draws.
        effect: Deviation of the effects, in deviations of the column.
    """

    def __init__(self, kind: str, seed: int, effect: float = 0.3) -> None:
        self.kind, self.rng = kind, np.random.default_rng(seed)
        days, columns = PAST_DAYS + GAP_DAYS + 10 * PERIOD_DAYS, NUMBERS + TEXTS
        day = np.arange(days)
        self.effects = np.zeros((days, columns))
        if kind == "weekday":
            self.effects = effect * self.rng.normal(size=(7, columns))[day % 7]
        if kind == "weekly":
            self.effects = effect * self.rng.normal(size=(days // 7 + 1, columns))[day // 7]
        if kind == "autocorrelated":
            self.effects = effect * autocorrelated(self.rng, days, 0.8, columns)
            self.effects[:, ::2] = 0
        if kind == "common":
            self.effects += effect * autocorrelated(self.rng, days, 0.8, 1)
        steps = np.cumsum(self.rng.normal(size=(days + 28, _KEYS)), axis=0)
        self.trailing = self.rng.normal(size=_KEYS) + effect * (steps[28:] - steps[:-28]) / 28**0.5

    def draw(self, first_day: int, days: int, shift: Shift | None = None) -> pd.DataFrame:
        """Draw the rows of some days, with the moment ``at``."""
        rng = self.rng
        day = first_day + np.repeat(np.arange(days), PER_DAY)
        columns = {f"n{i}": self._number(i, day) for i in range(NUMBERS)}
        columns |= {f"t{i}": self._text(i, day, shift) for i in range(TEXTS)}
        columns["predicted"] = rng.random(len(day))
        moments = START + pd.to_timedelta((day + np.sort(rng.random(len(day)))) * 86400, "s")
        rows = pd.DataFrame(columns).assign(at=moments.floor("s"))
        return rows if shift is None or shift.what == "odds" else self._move(rows, shift)

    def _number(self, place: int, day: np.ndarray) -> np.ndarray:
        values = self.rng.normal(size=len(day)) + self.effects[day, place]
        if self.kind == "trailing" and place < 4:
            values = self.trailing[day, self.rng.integers(0, _KEYS, len(day))]
        if place % 4 == 1:
            values = np.exp(values)
        return np.where(self.rng.random(len(day)) < 0.1 * (place % 3 == 2), np.nan, values)

    def _text(self, place: int, day: np.ndarray, shift: Shift | None) -> np.ndarray:
        number = (2, 3, 5, 8)[place % 4]
        slope = np.linspace(-1, 1, number)
        moved = shift.size if shift and (shift.what, shift.column) == ("odds", f"t{place}") else 0.0
        effect = self.effects[day, NUMBERS + place][:, None] + moved
        odds = np.linspace(0, 1.5, number) + slope * effect
        chosen = (odds + self.rng.gumbel(size=odds.shape)).argmax(axis=1)
        return np.array([f"c{n}" for n in range(number)], dtype=object)[chosen]

    def _move(self, rows: pd.DataFrame, shift: Shift) -> pd.DataFrame:
        values = rows[shift.column]
        some = self.rng.random(len(rows)) < shift.size
        if shift.what == "mean":
            values = values + shift.size
        elif shift.what == "missing":
            values = values.mask(some)
        elif shift.what == "unseen":
            values = values.mask(some, "new")
        return rows.assign(**{shift.column: values})


KINDS = ("iid", "weekday", "weekly", "autocorrelated", "common", "trailing")
