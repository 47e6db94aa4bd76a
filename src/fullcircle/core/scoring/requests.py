"""What is asked to be scored: rows by day, and what must hold of them before any work."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from pandas.api import types

from fullcircle.core.contract import Clock, ProblemSpec, require_columns
from fullcircle.core.errors import ModelError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model
from fullcircle.core.validation.row_validation import reject, unless

DAY = "scored_on"
_TWIN = "__twin"


@dataclass(frozen=True)
class RequestDay:
    """The requests of one day.

    Attributes:
        rows: How many.
        digest: Tells one content from another; None where nobody took it.
    """

    rows: int
    digest: str | None = None


@dataclass(frozen=True)
class RequestTable:
    """Requests with the day that each belongs to, in the column ``scored_on``.

    Attributes:
        rows: All of them, lazily, in the engine.
        days: What there is, by day, in the order of days.
        read: Streams the rows of a day, always in the same order; texts may come as dictionaries.
    """

    rows: ir.Table
    days: dict[str, RequestDay]
    read: Callable[[str], Iterator[pa.RecordBatch]]

    @classmethod
    def of(cls, rows: "ir.Table | RequestTable") -> "RequestTable":
        """Take a lazy table as requests."""
        if isinstance(rows, RequestTable):
            return rows
        counts = rows.group_by(DAY).aggregate(count=rows.count()).order_by(DAY).to_pyarrow()
        days = {row[DAY]: RequestDay(row["count"]) for row in counts.to_pylist()}
        return cls(rows, days, lambda day: _stream(rows.filter(rows[DAY] == day)))


def _stream(rows: ir.Table) -> Iterator[pa.RecordBatch]:
    yield from rows.to_pyarrow().to_batches()


def validate_requests(rows: ir.Table, problem: ProblemSpec, as_of: Clock) -> ir.Table:
    """Say of each row the day that it belongs to, and why it cannot be scored, if so.

    Returns:
        The rows with ``scored_on`` (day of the event; of ``as_of`` for a snapshot) and
        ``rejection_reason``, null where there is none. Of rows with one id, the first in time
        stays.
    """
    needed = [problem.row_id, *problem.entity_keys, *filter(None, [problem.event_time])]
    blanks = [unless(rows[name].notnull(), f"{name} is blank") for name in dict.fromkeys(needed)]
    twins = ibis.window(
        group_by=problem.row_id,
        order_by=[*filter(None, [problem.event_time]), *problem.entity_keys],
    )
    rows = rows.mutate(**{DAY: _day_of(rows, problem, as_of), _TWIN: ibis.row_number().over(twins)})
    repeated = unless(rows[_TWIN] == 0, f"same {problem.row_id} as another row")
    return reject(rows, *blanks, repeated).drop(_TWIN)


def _day_of(rows: ir.Table, problem: ProblemSpec, as_of: Clock) -> ir.StringValue:
    if problem.event_time is None:
        return ibis.literal(as_of.moment.date().isoformat())
    return rows[problem.event_time].strftime("%Y-%m-%d")


def refuse_bad_requests(
    rows: ir.Table, tables: Mapping[str, KeyedTable], model: Model, problem: ProblemSpec
) -> None:
    """Refuse requests that a model cannot score, from names and types alone.

    Raises:
        DataError: A column is missing.
        ModelError: The model's features no longer exist, or are of another kind than it learnt.
    """
    looked_up = {
        new: (lookup.table, old) for lookup in model.lookups for old, new in lookup.renaming.items()
    }
    keys = [key for lookup in model.lookups for key in lookup.key_mapping if key not in looked_up]
    direct = [name for name in model.features if name not in looked_up]
    require_columns(list(rows.columns), [*problem.identity, *keys, *direct], "The request table")
    for name in model.features:
        if name not in looked_up:
            _refuse_other_kind(model, name, rows[name].type().to_pyarrow(), "the requests")
            continue
        table, column = looked_up[name]
        if table not in tables or column not in tables[table].rows.columns:
            raise ModelError(
                f"{model} needs the feature {table}.{column}, which no longer exists. Bring it "
                "back (kedro features history), return to an earlier champion (kedro model "
                "rollback), or train a new one."
            )
        kind = tables[table].rows[column].type().to_pyarrow()
        _refuse_other_kind(model, name, kind, f"the feature table {table}")


def _refuse_other_kind(model: Model, name: str, kind: pa.DataType, where: str) -> None:
    """Refuse texts where the model learnt numbers, and the other way round.

    Either would be read as best it can, and in silence: most values would count as missing.
    """
    learnt_numbers = types.is_numeric_dtype(model.example[name].dtype)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if pa.types.is_null(kind) or is_text != learnt_numbers:
        return
    learnt, now = ("numbers", "text") if learnt_numbers else ("text", str(kind))
    raise ModelError(
        f"{model} learnt {name!r} as {learnt}, but it is {now} in {where}. "
        "Fix the source, or train a new model on it."
    )
