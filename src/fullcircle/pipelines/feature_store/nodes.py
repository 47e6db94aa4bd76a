"""From clean events to feature tables and a training set without leaks."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec, require_columns
from fullcircle.core.errors import DataError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.training_data.labelled_rows import join_labelled, select_labelled
from fullcircle.core.training_data.sampling import SampleSettings, choose_sample, keep_sample
from fullcircle.problems import load_problem


def compute_feature_tables(events: ir.Table, problem: ProblemSpec) -> dict[str, ir.Table]:
    """Compute every feature table of the problem."""
    return load_problem(problem.name).features(events)


def choose_training_rows(
    events: ir.Table, problem: ProblemSpec, as_of: Clock, training_sample: SampleSettings
) -> dict[str, Any]:
    """Say how many labels were known at ``as_of``, and which rows training keeps of too many.

    Returns:
        ``rows_known``, ``rows_kept``, and by which digests they are kept.
    """
    require_columns(list(events.columns), problem.event_columns, "events")
    labelled = select_labelled(events, problem, as_of)
    return choose_sample(labelled, problem.row_id, training_sample)


def build_training_set(
    events: ir.Table,
    feature_tables: Mapping[str, KeyedTable],
    problem: ProblemSpec,
    as_of: Clock,
    training_rows: dict[str, Any] | None = None,
) -> ir.Table:
    """Join features to the rows whose label was known at ``as_of``, each as of its own moment.

    Args:
        events: Clean events.
        feature_tables: Feature tables by name.
        problem: The contract.
        as_of: The clock.
        training_rows: Which rows are kept; None keeps all.

    Returns:
        One row per labelled event: bookkeeping columns, then the features, ordered by row id.

    Raises:
        DataError: No label was known by then, or all known labels are alike.
    """
    require_columns(list(events.columns), problem.event_columns, "events")
    spine = select_labelled(events, problem, as_of)
    if training_rows is not None:
        spine = keep_sample(spine, problem.row_id, training_rows)
    _refuse_unusable_labels(spine, events, problem, as_of)
    return join_labelled(spine, feature_tables, problem).order_by(problem.row_id)


def _refuse_unusable_labels(
    spine: ir.Table, events: ir.Table, problem: ProblemSpec, as_of: Clock
) -> None:
    rows, distinct = (
        spine.aggregate(rows=spine.count(), distinct=spine[problem.label].nunique())
        .to_pyarrow()
        .to_pylist()[0]
        .values()
    )
    if not rows and problem.label_time:
        first = events[problem.label_time].min().execute()
        raise DataError(
            f"No label was known at as_of={as_of}: the first became known at {first}. "
            "Choose a later as_of."
        )
    if distinct < 2:
        raise DataError(
            f"The {rows} labels known at as_of={as_of} hold {distinct} distinct value of "
            f"{problem.label!r}; nothing can be learned from them."
        )
