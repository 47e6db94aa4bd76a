"""How all columns of a table are read: each by its own texts, with a look at the others."""

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.ingestion.inference.column_kinds import (
    Column,
    find_decimal,
    find_missing_words,
    name_columns,
    recognise,
)
from fullcircle.ingestion.inference.date_parts import join_months
from fullcircle.ingestion.inference.options import ProblemOptions


def recognise_all(
    sample: pd.DataFrame, sources: list[str], problem_options: ProblemOptions
) -> tuple[list[Column], ColumnParser]:
    """Tell how the columns of a table are read.

    Args:
        sample: Stripped texts by source column, None where nothing is known.
        sources: The source columns.
        problem_options: What the user says.

    Raises:
        ConfigurationError: The user speaks of a column that is not there, or of a reading that
            does not fit it.
    """
    told = dict(problem_options.read)
    if wrong := name_missing(told, sources):
        raise ConfigurationError(f"--read speaks of {wrong}, which the table lacks.")
    # What means nothing in the target is a question of its own: "None" may be a class.
    missing = find_missing_words(sample.drop(columns=problem_options.target))
    known = sample.mask(sample.isin(missing), None) if missing else sample
    hint = find_decimal(known)
    names = name_columns(sources)
    columns = [recognise(names[each], known[each], hint, told.get(each, "")) for each in sources]
    columns = [
        _count_time(each) if each.source == problem_options.time else each for each in columns
    ]
    columns = join_months(_join_clocks(columns, told))
    if lost := name_missing([each.clock for each in columns if each.clock], sources):
        raise ConfigurationError(f"--read speaks of {lost}, which the table lacks.")
    reading = ColumnParser(
        missing=missing,
        formats={each.source: each.form for each in columns if not each.form.is_plain},
        marks={each.source: each.marks for each in columns if each.marks},
    )
    return columns, reading


def _count_time(column: Column) -> Column:
    """Read numbers as moments, where the user calls them the time and they can be one."""
    if column.kind != "number" or not column.counted:
        return column
    return replace(column, kind="moment", layout=column.counted, sentinels=(), guessed=False)


def _join_clocks(columns: list[Column], told: Iterable[str]) -> list[Column]:
    """Give the one column of dates the one column of clocks beside it."""
    clocks = [each for each in columns if each.odd == "times of day" and each.source not in told]
    dates = [each for each in columns if each.kind == "moment" and not each.naive]
    if len(clocks) != 1 or len(dates) != 1 or (dates[0].layout == "ISO" and dates[0].with_clock):
        return columns
    joined = replace(dates[0], clock=clocks[0].source)
    return [joined if each is dates[0] else each for each in columns]
