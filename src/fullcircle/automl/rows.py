"""From any frame to labelled rows that training understands."""

import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from fullcircle.automl.options import Options
from fullcircle.core.contract import ProblemSpec, Split, Task, Threshold
from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.core.metrics import METRICS, raise_if_cannot_select
from fullcircle.core.preparation.reader import is_numeric
from fullcircle.core.training_data.splits import split_rows
from fullcircle.core.validation.entities import find_entities

ROW, LABEL, LABEL_TIME = "__row__", "__label__", "__label_time__"
SELECTION, GATE = 0.25, 0.1
MIN_ROWS = 30
MIN_ROWS_PER_CLASS = 8
MAX_CLASSES = 100
_MOST_CLASSES_OF_A_NUMBER = 10
_METRICS = {"binary": "roc_auc", "multiclass": "multiclass_log_loss", "regression": "rmse"}


def select_rows(frame: pd.DataFrame, target: str, options: Options) -> pd.DataFrame:
    """Give the rows with a target, their columns named by texts.

    Raises:
        DataError: A column is missing or occurs twice, or too few rows have a target.
    """
    frame = with_text_names(frame)
    wanted = [target, *filter(None, [options.time, options.key])]
    excluded = [str(name) for name in options.exclude]
    if missing := name_missing([*wanted, *excluded], frame.columns):
        raise DataError(f"The frame lacks the column {missing}.")
    if both := sorted({*excluded} & {*wanted}):
        raise DataError(f"{', '.join(both)} cannot be excluded: it is target, time or key.")
    frame = frame.drop(columns=excluded)
    if not frame.columns.is_unique:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise DataError(f"Columns occur twice: {', '.join(twice)}. Rename or drop one each.")
    if set(frame.columns) <= set(wanted):
        raise DataError(f"The frame has no column to predict {target!r} from.")
    rows = frame[frame[target].notna()]
    if len(rows) < MIN_ROWS:
        raise DataError(
            f"{len(rows)} of {len(frame)} rows have a {target}; training needs {MIN_ROWS}."
        )
    return rows


def with_text_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Name the columns by texts, whatever they were named by."""
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def is_class(frame: pd.DataFrame, target: str) -> bool:
    """Tell whether a target is a class: no number, or a number with few distinct values."""
    frame = with_text_names(frame)
    if missing := name_missing([target], frame.columns):
        raise DataError(f"The frame lacks the column {missing}.")
    known = frame[target].dropna()
    numbers = pd.to_numeric(known, errors="coerce")
    return bool(numbers.isna().any()) or numbers.nunique() <= _MOST_CLASSES_OF_A_NUMBER


def refuse_odd_classes(target: str, counts: pd.Series) -> None:
    """Refuse classes that cannot be learnt, given the rows of each.

    Raises:
        DataError: There is one, there are very many, or one has too few rows for every set.
    """
    if len(counts) < 2:
        raise DataError(f"The target {target!r} has the single class {counts.index[0]!r}.")
    if len(counts) > MAX_CLASSES:
        raise DataError(
            f"The target {target!r} has {len(counts)} classes, more than {MAX_CLASSES}. "
            "If it is a number, use regress; else join rare classes."
        )
    if counts.min() < MIN_ROWS_PER_CLASS:
        raise DataError(
            f"The class {counts.idxmin()!r} of {target!r} has {counts.min()} rows; each needs "
            f"{MIN_ROWS_PER_CLASS}. Join rare classes or leave their rows out."
        )


def find_key(rows: pd.DataFrame, label: pd.Series, target: str, task: Task) -> str | None:
    """Return the column of texts that repeats and fixes the label, if there is one.

    Rows of one patient on both sides of a split would make a score that says only how well each is
    remembered.
    """
    texts = {
        name: rows[name].astype("str").where(rows[name].notna())
        for name in rows.columns
        if name != target and not is_numeric(rows[name]) and not is_moment(rows[name])
    }
    return next(iter(find_entities(texts, label, task)), None)


def is_moment(column: pd.Series) -> bool:
    """Tell whether a column holds moments."""
    return pd.api.types.is_datetime64_any_dtype(column)


def declare_problem(task: str, features: list[str], options: Options) -> ProblemSpec:
    """Make the contract that a project would declare in its configuration.

    Raises:
        ConfigurationError: The metric, or every candidate, does not fit the task.
    """
    metric = options.metric or _METRICS[task]
    try:
        raise_if_cannot_select(metric, task)
    except ValueError as error:
        raise ConfigurationError(
            str(error).replace("primary_metric", "The metric") + "."
        ) from error
    ordered = options.time is not None
    options.settle().families(task, ordered=ordered)
    return ProblemSpec(
        name="automl",
        task=task,
        row_id=ROW,
        entity_keys=[options.key or ROW],
        event_time=options.time,
        label=LABEL,
        label_time=options.time and LABEL_TIME,
        period_days=1 if ordered else None,
        request_columns=features,
        primary_metric=metric,
        threshold=_declare_threshold(metric) if task == "binary" else None,
        split=Split(
            by="time" if ordered else "key",
            train=1 - SELECTION - GATE,
            selection=SELECTION,
            gate=GATE if ordered else GATE / 2,
            scoring=0 if ordered else GATE / 2,
        ),
    )


def _declare_threshold(metric: str) -> Threshold:
    """Choose the threshold by the metric itself where it is one of decisions, else by F1."""
    return Threshold(maximise=metric if METRICS[metric].decides else "f1")


def as_events(rows: pd.DataFrame, label: pd.Series, options: Options) -> pd.DataFrame:
    """Add row number and label, and give moments a zone."""
    events = rows.assign(**{LABEL: label})
    events[ROW] = range(len(events))
    if options.time is None:
        return events.reset_index(drop=True)
    if is_numeric(events[options.time]):
        raise DataError(f"The column {options.time!r} holds numbers, not dates.")
    moments = pd.to_datetime(events[options.time], utc=True, errors="coerce")
    if moments.isna().any():
        raise DataError(f"{int(moments.isna().sum())} rows have no {options.time} that is a date.")
    events = events.assign(**{options.time: moments, LABEL_TIME: moments})
    return events.sort_values([options.time, ROW], ignore_index=True)


def split_events(
    events: pd.DataFrame, problem: ProblemSpec, options: Options
) -> dict[str, pd.DataFrame]:
    """Divide rows by time, by key, or at random with equal shares of the classes."""
    if options.time is not None:
        return split_rows(events, problem)
    rest, gate = _divide(events, GATE, problem, options)
    train, selection = _divide(rest, SELECTION / (1 - GATE), problem, options)
    return {"train": train, "selection": selection, "gate": gate}


def _divide(
    events: pd.DataFrame, share: float, problem: ProblemSpec, options: Options
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if options.key is not None:
        splitter = GroupShuffleSplit(1, test_size=share, random_state=options.seed)
        [(kept, taken)] = splitter.split(events, groups=events[options.key].astype(str))
        parts = events.iloc[kept], events.iloc[taken]
    else:
        classes = None if problem.task == "regression" else events[LABEL]
        parts = train_test_split(
            events, test_size=share, random_state=options.seed, stratify=classes
        )
    first, second = (part.sort_values(ROW, ignore_index=True) for part in parts)
    return first, second
