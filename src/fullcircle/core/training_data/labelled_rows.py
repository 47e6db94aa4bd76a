"""The rows whose label was known at the clock, with their features: what may teach a model."""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.features.point_in_time import KeyedTable, join_features
from fullcircle.core.training_data.splits import is_held_out


def select_labelled(events: ir.Table, problem: ProblemSpec, as_of: Clock) -> ir.Table:
    """Keep the events whose label was known at ``as_of``, without the share that is only scored."""
    known = events[problem.label].notnull()
    if problem.label_time is not None:
        known &= events[problem.label_time] <= ibis.literal(as_of.moment)
    if problem.split.by == "key":
        known &= ~is_held_out(events, problem)
    return events.filter(known).select(*problem.event_columns)


def join_labelled(
    spine: ir.Table, feature_tables: Mapping[str, KeyedTable], problem: ProblemSpec
) -> ir.Table:
    """Add features to labelled rows, each as of its own moment: bookkeeping columns first."""
    joined = join_features(spine, feature_tables, problem.feature_lookups, problem.event_time)
    return joined.select(*problem.bookkeeping, *problem.features)
