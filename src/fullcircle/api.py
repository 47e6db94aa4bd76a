"""What notebooks and scripts call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.features.point_in_time import KeyedTable, join_features
from fullcircle.core.models.model import Model
from fullcircle.core.profile import PREDICTION
from fullcircle.core.scoring.raw_frames import read_frame
from fullcircle.tracking.registry.lookup import find_version
from fullcircle.tracking.registry.model_files import read_model

_ORDER = "__order"


@dataclass(frozen=True)
class ScoredBatch:
    """Scored rows and what was wanting.

    Attributes:
        rows: The given rows in their order, with the features found, ``predicted`` and, for
            classes, ``decision``.
        missing: Rows per looked-up feature for which no value was known.
        stale: Rows per looked-up feature whose newest value was older than the lookup allows.
        model: Name and version of the model.
        unreadable: Values per column that cannot be read, and so count as missing.
    """

    rows: pd.DataFrame
    missing: dict[str, int]
    stale: dict[str, int]
    model: str
    unreadable: dict[str, int] = field(default_factory=dict)


def score_batch(
    model_uri: str,
    frame: pd.DataFrame,
    feature_tables: Mapping[str, KeyedTable] | None = None,
) -> ScoredBatch:
    """Score rows that hold keys and what is known at request; the model finds its features itself.

    Args:
        model_uri: ``models:/name@alias``, ``models:/name/version`` or ``models:/name/latest``.
        frame: Rows with the lookups' key columns, the request columns and, for a model with
            history, the moment of each request in UTC; without that column, the moment is now.
            Raw values are read as training read them, and may have the source's column names.
        feature_tables: Feature tables by name; None takes those of the Kedro project in the
            working directory.

    Raises:
        ModelError: There is no such model.
        DataError: A column is missing.

    Example:
        ```python
        batch = score_batch("models:/fullcircle.telco_churn.simulated_model@champion", customers)
        batch.rows["predicted"], batch.missing, batch.stale
        ```
    """
    tables = feature_tables if feature_tables is not None else _load_feature_tables()
    model = read_model(find_version(model_uri))
    frame, unreadable = read_frame(frame, model)
    spine = _as_spine(frame, model)
    joined = _join(spine, tables, model, model.lookups)
    ageless = [lookup.model_copy(update={"max_age_days": None}) for lookup in model.lookups]
    ever = _join(spine, tables, model, ageless)
    predicted = model.predict(joined)
    return ScoredBatch(
        rows=joined.assign(**_predictions(model, predicted)),
        missing=_count_nulls(ever, model.lookups),
        stale={
            name: count - _count_nulls(ever, model.lookups)[name]
            for name, count in _count_nulls(joined, model.lookups).items()
        },
        model=str(model),
        unreadable=unreadable,
    )


def _as_spine(frame: pd.DataFrame, model: Model) -> pd.DataFrame:
    keys = [key for lookup in model.lookups for key in lookup.key_mapping]
    looked_up = {new for lookup in model.lookups for new in lookup.renaming.values()}
    wanted = dict.fromkeys([*keys, *(name for name in model.features if name not in looked_up)])
    if missing := name_missing(wanted, frame.columns):
        raise DataError(f"The rows to score lack the column {missing}, which {model} needs.")
    spine = frame.drop(columns=[name for name in looked_up if name in frame.columns])
    if model.event_time and model.event_time not in spine.columns:
        spine = spine.assign(**{model.event_time: pd.Timestamp(datetime.now(UTC)).as_unit("us")})
    return spine.assign(**{_ORDER: range(len(spine))})


def _join(
    spine: pd.DataFrame,
    tables: Mapping[str, KeyedTable],
    model: Model,
    lookups: list[FeatureLookup],
) -> pd.DataFrame:
    joined = join_features(ibis.memtable(spine), tables, lookups, model.event_time)
    rows: pd.DataFrame = joined.order_by(_ORDER).drop(_ORDER).to_pandas()
    return rows


def _predictions(model: Model, predicted: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {PREDICTION: predicted.tolist() if predicted.ndim > 1 else predicted}
    if model.task != "regression":
        columns["decision"] = model.decide(predicted)
    return columns


def _count_nulls(rows: pd.DataFrame, lookups: list[FeatureLookup]) -> dict[str, int]:
    names = [new for lookup in lookups for new in lookup.renaming.values()]
    return {name: int(rows[name].isna().sum()) for name in names}


def _load_feature_tables() -> Mapping[str, KeyedTable]:
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.utils import find_kedro_project

    project = find_kedro_project(Path.cwd())
    if project is None:
        raise DataError("There is no Kedro project here; give 'feature_tables', or go to one.")
    bootstrap_project(project)
    context = KedroSession.create(project).load_context()
    tables: Mapping[str, KeyedTable] = context.catalog.load("feature_tables")
    return tables
