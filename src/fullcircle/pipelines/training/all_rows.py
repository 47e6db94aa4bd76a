"""The nodes by which all train rows teach the winner, where training holds but a sample of them."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.training.challenger import SelectedModel
from fullcircle.core.training.distributed import (
    FullFit,
    fit_on_spark,
    keep_train_rows,
    learns_from_labels,
    require_spark,
    require_trees,
)
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.core.training_data.labelled_rows import join_labelled, select_labelled
from fullcircle.core.training_data.sampling import leave_sample_out


def select_all_train_rows(
    events: ir.Table,
    feature_tables: Mapping[str, KeyedTable],
    selection_set: pd.DataFrame,
    gate_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
    as_of: Clock,
) -> ir.Table:
    """Give all rows that may teach, beyond the sample too; nothing is read before it is needed.

    Raises:
        ConfigurationError: They are asked for, and the engine is not Spark.
    """
    if training.distributed:
        require_spark(events)
    labelled = select_labelled(events, problem, as_of)
    spine = keep_train_rows(labelled, problem, selection_set, gate_set)
    return join_labelled(spine, feature_tables, problem)


def fit_on_all_rows(
    winner: SelectedModel,
    candidates: dict[str, Any],
    all_train_rows: ir.Table,
    training_rows: dict[str, Any],
    problem: ProblemSpec,
    training: TrainingSettings,
) -> list[FullFit]:
    """Grow the winner's trees again on all train rows, if asked: one fit, or none.

    A preparation that labels taught would give its own rows away: then only those teach the trees
    that the sample left out.

    Raises:
        ConfigurationError: The winner is not XGBoost, or labels taught the preparation and the
            sample left nothing out.
    """
    if not training.distributed:
        return []
    require_trees(winner.model_config)
    estimator = candidates[winner.model_config.name]
    rows = all_train_rows
    if learns_from_labels(estimator):
        rows = leave_sample_out(rows, problem.row_id, training_rows)
    return [fit_on_spark(estimator, rows, problem, training.distributed_workers)]
