"""A sample that is the same on every engine and in every run: by the digest of each row's id."""

from itertools import accumulate
from typing import Any

import ibis
import ibis.expr.types as ir
from pydantic import Field

from fullcircle.core.contract import Settings
from fullcircle.core.errors import DataError

_SALT = "training_sample:"
_DIGITS = 4


class SampleSettings(Settings):
    """How many rows training may hold in memory.

    Attributes:
        max_rows: Of more labelled rows a sample of no more than so many is drawn; None keeps all.
    """

    max_rows: int | None = Field(default=None, ge=1)


def choose_sample(rows: ir.Table, row_id: str, settings: SampleSettings) -> dict[str, Any]:
    """Say which rows a sample keeps, and how many.

    The share of digests that is kept is the largest that fits, to one in 65 536.

    Returns:
        ``rows_known``, ``rows_kept``, and ``digests_below``: rows whose digest is less are kept;
        None keeps all.

    Raises:
        DataError: Not even the smallest share fits.
    """
    known = int(rows.count().execute())
    if settings.max_rows is None or known <= settings.max_rows:
        return {"rows_known": known, "rows_kept": known, "digests_below": None}
    counts = rows.group_by(digest=_digest(rows, row_id)).aggregate(rows=rows.count())
    found = counts.order_by("digest").to_pyarrow().to_pylist()
    so_far = accumulate(entry["rows"] for entry in found)
    fitting = [total for total in so_far if total <= settings.max_rows]
    if not fitting:
        raise DataError(
            f"training_sample.max_rows={settings.max_rows} is too small a part of {known} labelled "
            "rows to be drawn. Raise it."
        )
    below = found[len(fitting)]["digest"]
    return {"rows_known": known, "rows_kept": fitting[-1], "digests_below": below}


def keep_sample(rows: ir.Table, row_id: str, sample: dict[str, Any]) -> ir.Table:
    """Keep the rows that ``choose_sample`` chose."""
    below = sample["digests_below"]
    return rows if below is None else rows.filter(_digest(rows, row_id) < below)


def leave_sample_out(rows: ir.Table, row_id: str, sample: dict[str, Any]) -> ir.Table:
    """Keep the rows that ``choose_sample`` did not choose.

    Raises:
        DataError: It chose all of them.
    """
    below = sample["digests_below"]
    if below is None:
        raise DataError(
            "Some columns are encoded by the labels of the training sample, which then may not "
            "teach the trees again, and it holds all rows. Lower training_sample.max_rows, or set "
            "training.distributed: false."
        )
    return rows.filter(_digest(rows, row_id) >= below)


def _digest(rows: ir.Table, row_id: str) -> ir.StringValue:
    text = ibis.literal(_SALT) + rows[row_id].cast("string")
    return text.hexdigest("md5").substr(0, _DIGITS)
