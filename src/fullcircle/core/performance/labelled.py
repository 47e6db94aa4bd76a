"""Scored rows with their labels, window by window; what has not changed is known by its digest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.drift.violations import DataViolation
from fullcircle.core.predictions.sources import BATCH, CHAMPION

VERSION = "model_version"
CLOCK = "as_of"
ROLE = "role"
_HALF = 2**31


@dataclass(frozen=True)
class LabelledWindow:
    """The rows of one window, version and role; they are read when they are asked for.

    Attributes:
        facts: ``source``, ``role``, clock and version.
        read: Reads the rows.
        digest: Of all that is read; None where it was not taken.
    """

    facts: dict[str, Any]
    read: Callable[[], pd.DataFrame]
    digest: str | None = None


@dataclass(frozen=True)
class Labelled:
    """Scored rows of one source with their labels, null where none has come.

    Attributes:
        rows: One row per prediction.
        counts: Of labels: ``arrived``, ``unknown`` (of rows that were never scored), ``repeated``,
            ``contradicting``, ``unreadable``, ``before_their_row``.
        problems: What is wrong with them.
        columns: What a judge of windows needs: the row id first, the label last.
        source: Where the rows come from.
    """

    rows: ir.Table
    counts: dict[str, int]
    problems: list[DataViolation]
    columns: list[str]
    source: str = BATCH

    def windows(self, newest: int) -> Iterator[LabelledWindow]:
        """Give the newest windows one by one, oldest first; one clock, version and role each."""
        keys = [name for name in (CLOCK, ROLE, VERSION) if name in self.rows.columns]
        found = self._take_digests(keys)
        clocks = sorted({each[CLOCK] for each in found})[-newest:]
        for each in found:
            if each[CLOCK] in clocks:
                known = {name: each[name] for name in keys}
                facts = {
                    "source": self.source,
                    ROLE: each.get(ROLE, CHAMPION),
                    CLOCK: each[CLOCK],
                    VERSION: str(each[VERSION]),
                }
                yield LabelledWindow(facts, partial(self._read, known), each["digest"])

    def _read(self, known: dict[str, Any]) -> pd.DataFrame:
        chosen = self.rows.filter(*(self.rows[name] == value for name, value in known.items()))
        found: pd.DataFrame = chosen.select(self.columns).order_by(self.columns[0]).to_pandas()
        return found

    def _take_digests(self, keys: list[str]) -> list[dict[str, Any]]:
        """Count the rows of each window and add up their hashes, in one pass over all of them."""
        whole = ibis.struct({name: self.rows[name] for name in self.columns}).hash()
        hashed = self.rows.select(*keys, label=self.rows[self.columns[-1]], hashed=whole)
        grouped = hashed.group_by(keys).agg(
            rows=hashed.count(),
            labelled=hashed["label"].count(),
            low=(hashed["hashed"] % _HALF).cast("int64").sum(),
            high=((hashed["hashed"] // _HALF) % _HALF).cast("int64").sum(),
        )
        found: list[dict[str, Any]] = grouped.order_by(keys).to_pyarrow().to_pylist()
        for each in found:
            numbers = [each.pop(name) for name in ("rows", "labelled", "low", "high")]
            each["digest"] = sha256(repr((self.columns, numbers)).encode()).hexdigest()[:16]
        return found
