"""XGBoost fitted on all train rows, by Spark: for more rows than training may hold in memory.

A sample searches, chooses and judges, as ever. Then the chosen trees are grown again on every row
that the split leaves to training, behind the preparation that the sample taught. Rows of the
selection and gate shares never come near them, in or out of the sample.
"""

import copy
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import TargetEncoder

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.scoring.matrix import FastPreparation
from fullcircle.core.scoring.spark import is_on_spark
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training_data.splits import is_before, is_in_train

_LABEL = "label"
_OFF = "or set training.distributed: false"
# Spark has a number of its own for these, or finds them out.
_NOT_FOR_SPARK = ("n_jobs", "missing", "enable_categorical", "objective")


@dataclass(frozen=True)
class FullFit:
    """An estimator whose trees all train rows have taught.

    Attributes:
        estimator: Fitted pipeline: the preparation that the sample taught, then the trees.
        facts: ``rows`` that taught the trees, ``workers`` among which they lay, and the moments of
            the ``first`` and ``last`` one, where rows have moments.
    """

    estimator: Pipeline
    facts: dict[str, Any]


def require_spark(rows: ir.Table) -> None:
    """Refuse rows that do not lie in Spark.

    Raises:
        ConfigurationError: Says which switch to set.
    """
    if not is_on_spark(rows):
        raise ConfigurationError(
            "training.distributed fits on Spark, and the engine is duckdb. Set ENGINE=spark, "
            f"{_OFF}."
        )


def require_trees(model_config: ModelConfig) -> None:
    """Refuse a winner that is not XGBoost.

    Raises:
        ConfigurationError: Names the winner.
    """
    if model_config.candidate != "xgboost":
        raise ConfigurationError(
            f"training.distributed fits xgboost alone; the winner is {model_config.name!r}. Set "
            f"training.candidates: [xgboost] and training.blend: 0, {_OFF}."
        )


def keep_train_rows(
    rows: ir.Table, problem: ProblemSpec, selection: pd.DataFrame, gate: pd.DataFrame
) -> ir.Table:
    """Keep the rows that the split leaves to training, whether the sample held them or not.

    By key, the digest of the entity decides, as it did in the sample. By time, all that is older
    than the first selection row of the sample trains.

    Args:
        rows: Labelled rows, lazily.
        problem: The contract.
        selection: The sample's selection rows.
        gate: The sample's gate rows.
    """
    if problem.split.by == "key":
        return rows.filter(is_in_train(rows, problem))
    when = str(problem.event_time)
    first = min(selection[when].min(), gate[when].min())
    return rows.filter(is_before(rows[when], first.to_pydatetime()))


def learns_from_labels(estimator: Pipeline) -> bool:
    """Whether the preparation holds what labels have taught it."""
    return any(
        isinstance(transformer, TargetEncoder) and len(columns)
        for _, transformer, columns in estimator[1].transformers_
    )


def fit_on_spark(
    estimator: Pipeline, rows: ir.Table, problem: ProblemSpec, workers: int
) -> FullFit:
    """Grow an estimator's trees again, on rows in Spark.

    The rows are dealt to the workers by the digest of their id, each worker's in the order of time,
    so that the same rows give the same trees. With one worker they are those of a fit in memory;
    with more, the bounds of the histograms are merged and differ a little.

    Args:
        estimator: Fitted pipeline of reader, preparation and XGBoost.
        rows: Bookkeeping columns and features, lazily.
        problem: The contract.
        workers: Spark tasks that must run at once.

    Raises:
        ConfigurationError: Spark has no room for so many workers.
        DataError: There are no rows.
    """
    facts = _describe(rows, problem)
    if not facts["rows"]:
        raise DataError("training.distributed finds no row of the train share that it may learn.")
    frame = _lay_matrix(estimator, rows, problem, workers)
    _require_room(frame, workers)
    booster = _grow(estimator[-1], frame, problem.task, workers)
    fitted = copy.copy(estimator[-1])
    fitted._Booster = booster
    steps = [*estimator.steps[:-1], (estimator.steps[-1][0], fitted)]
    return FullFit(Pipeline(steps), {**facts, "workers": workers})


def _describe(rows: ir.Table, problem: ProblemSpec) -> dict[str, Any]:
    when = problem.event_time
    moments = {} if when is None else {"first": rows[when].min(), "last": rows[when].max()}
    [found] = rows.aggregate(rows=rows.count(), **moments).to_pyarrow().to_pylist()
    return {
        name: value if isinstance(value, int) else value.isoformat()
        for name, value in found.items()
        if value is not None
    }


def _lay_matrix(estimator: Pipeline, rows: ir.Table, problem: ProblemSpec, workers: int) -> Any:
    """Prepare rows within Spark: a frame of the matrix's columns and the label."""
    import ibis
    from pyspark.sql.pandas.types import from_arrow_schema

    prepare = FastPreparation(estimator[0], estimator[1], "float32")
    needed, label = problem.features, problem.label
    columns = [pa.field(name, pa.float32()) for name in _name_columns(prepare.width)]
    schema = pa.schema([*columns, pa.field(_LABEL, pa.float64())])

    def lay(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            matrix = prepare.transform(batch.select(needed))
            laid = [pa.array(column) for column in matrix.T]
            yield pa.RecordBatch.from_arrays(
                [*laid, batch[label].cast(pa.float64())], schema=schema
            )

    order = [*filter(None, [problem.event_time]), problem.row_id]
    wanted = rows.select(*dict.fromkeys([*order, *needed, label]))
    backend: Any = ibis.get_backend(wanted)
    frame = backend._session.sql(backend.compile(wanted))
    dealt = frame.repartition(workers, problem.row_id).sortWithinPartitions(*order)
    return dealt.mapInArrow(lay, from_arrow_schema(schema))


def _name_columns(width: int) -> list[str]:
    return [f"f{place}" for place in range(width)]


def _require_room(frame: Any, workers: int) -> None:
    slots = int(frame.sparkSession.sparkContext.defaultParallelism)
    if workers > slots:
        raise ConfigurationError(
            f"training.distributed_workers={workers} must run at once, and Spark runs {slots} "
            "tasks. Lower it, or give Spark more cores."
        )


def _grow(model: Any, frame: Any, task: str, workers: int) -> Any:
    """Fit xgboost.spark with the parameters of a fitted model; give its booster."""
    from xgboost.spark import SparkXGBClassifier, SparkXGBRegressor

    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)  # it tells of each step
    family = SparkXGBRegressor if task == "regression" else SparkXGBClassifier
    given = {
        name: value
        for name, value in model.get_params().items()
        if value is not None and name not in _NOT_FOR_SPARK
    }
    spark = family(
        **given,
        features_col=frame.columns[:-1],
        label_col=_LABEL,
        num_workers=workers,
        missing=float("nan"),
        verbose=False,
    )
    booster = spark.fit(frame).get_booster()
    booster.feature_names = booster.feature_types = None  # as those of a fit on a matrix
    booster.set_param({"nthread": 1})
    return booster
