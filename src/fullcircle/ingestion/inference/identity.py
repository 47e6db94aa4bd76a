"""What a row is, what it is about, and when: row id, entity keys and event time."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import ibis
import ibis.expr.types as ir

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.parsing.column_parser import ColumnParser, as_moment
from fullcircle.ingestion.inference.column_kinds import Column
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.inference.options import ProblemOptions

ROW_ID = "row_id"
LABEL_TIME = "label_known_at"
LABEL_DELAY_DAYS = 1.0
_PERIODS = (1 / 24, 0.25, 1, 7, 14, 28, 91, 182, 364)  # days
_PERIODS_IN_SPAN = 8
_ID_NAMES = ("id", "uid", "uuid", "guid", "key", "number", "no", "nr", "code", "instant", "index")
_NO_EVENT = ("birth", "dob", "born", "expir", "start", "valid", "due", "deadline", "until")


@dataclass(frozen=True)
class Identity:
    """What a row is, what it is about, and when.

    Attributes:
        row_id: Column that identifies a row.
        row_source: Its source column; None where rows are named by their place.
        keys: Columns that say what a row is about.
        key_sources: Their source columns, without the row id's.
        time: Column with the moment of the prediction; None for a snapshot.
        time_column: Its source column.
        label_time: Column with the moment at which the label is known.
        label_delay_days: Days between the two.
        period_days: Length of the period that is scored.
        as_of: The first clock.
        findings: What was assumed.
    """

    row_id: str
    row_source: str | None
    keys: tuple[str, ...]
    key_sources: tuple[str, ...]
    time: str | None
    time_column: Column | None
    label_time: str | None
    label_delay_days: float
    period_days: float | None
    as_of: str
    findings: tuple[Issue, ...]

    @property
    def sources(self) -> set[str]:
        """Source columns that are no features."""
        dated = [self.time_column.source] if self.time_column else []
        named = [self.row_source] if self.row_source else []
        return {*self.key_sources, *named, *dated}


def choose_identity(
    raw: ir.Table, columns: list[Column], reading: ColumnParser, problem_options: ProblemOptions
) -> Identity:
    """Choose row id, entity keys and event time.

    Raises:
        DataError: The time column cannot be read, or spans no time.
        ConfigurationError: The user's words contradict each other.
    """
    if problem_options.snapshot and problem_options.time:
        raise ConfigurationError("--snapshot and --time contradict each other. Give one of them.")
    others = [column for column in columns if column.source != problem_options.target]
    found: list[Issue] = []
    time_column = _choose_time(others, problem_options, found)
    row_source = _choose_row_id(raw, others, reading, problem_options, found)
    named = {column.source: column.name for column in columns}
    row_id = named[row_source] if row_source else ROW_ID
    key_sources = tuple(key for key in problem_options.keys if key != row_source)
    keys = tuple(named[key] for key in problem_options.keys) or (row_id,)
    period, delay, as_of = None, 0.0, str(problem_options.as_of or problem_options.today)
    if time_column is not None:
        delay = (
            LABEL_DELAY_DAYS
            if problem_options.label_delay_days is None
            else problem_options.label_delay_days
        )
        first, last = _find_span(raw, time_column, reading)
        period = problem_options.period_days or _choose_period(first, last)
        as_of = (
            str(problem_options.as_of)
            if problem_options.as_of
            else _choose_as_of(first, last, period, delay)
        )
        found += _describe_time(time_column, first, last, period, delay, as_of, problem_options)
    elif not problem_options.time:
        found.append(
            Issue(
                "assumed",
                "time",
                "a snapshot: rows are divided by key, and no history is made up",
                "" if problem_options.snapshot else "--time COLUMN if a column says when",
            )
        )
    return Identity(
        row_id=row_id,
        row_source=row_source,
        keys=keys,
        key_sources=key_sources,
        time=time_column.name if time_column else None,
        time_column=time_column,
        label_time=LABEL_TIME if time_column else None,
        label_delay_days=delay,
        period_days=period,
        as_of=as_of,
        findings=tuple(found),
    )


def _choose_time(
    columns: list[Column], problem_options: ProblemOptions, found: list[Issue]
) -> Column | None:
    if problem_options.time:
        [column] = [column for column in columns if column.source == problem_options.time]
        if column.kind != "moment":
            raise DataError(_explain_no_time(column))
        return column
    dated = [
        column
        for column in columns
        if column.kind == "moment"
        and not column.missing
        and not any(word in column.name for word in _NO_EVENT)
    ]
    if problem_options.snapshot or not dated:
        return None
    if len(dated) > 1:
        names = ", ".join(column.source for column in dated)
        do = f"--time {dated[0].source} if that is the moment of the prediction"
        found.append(Issue("danger", "time", f"several columns hold dates: {names}", do))
        return None
    return dated[0]


def _explain_no_time(column: Column) -> str:
    if column.layouts:
        shown = "; ".join(column.layouts)
        return (
            f"The time column {column.source!r} writes dates in several ways ({shown}). Write all "
            "of them as 2024-01-31 or 2024-01-31 12:30:00."
        )
    held = "numbers" if column.kind == "number" else "texts that are no dates"
    return (
        f"The time column {column.source!r} holds {held}. Give a column of dates written as "
        "2024-01-31, or leave --time out for a snapshot."
    )


def _choose_row_id(
    raw: ir.Table,
    columns: list[Column],
    reading: ColumnParser,
    problem_options: ProblemOptions,
    found: list[Issue],
) -> str | None:
    candidates = list(problem_options.keys) if len(problem_options.keys) == 1 else []
    candidates += [
        column.source
        for column in columns
        if column.name.rpartition("_")[2] in _ID_NAMES
        and not column.missing
        and column.kind != "moment"
        and column.source != problem_options.time
        and column.source not in problem_options.keys
    ]
    for source in candidates:
        if _is_unique(raw, source, reading):
            do = (
                ""
                if source in problem_options.keys
                else "--key COLUMN if a row is about something else"
            )
            found.append(Issue("assumed", "row id", f"{source}: different in every row", do))
            return source
    told = "no column names the rows: they are named by their place in the source"
    found.append(Issue("assumed", "row id", told, "keep the source's order, or add an id"))
    if not problem_options.keys:
        do = "--key COLUMN if several rows are about one customer, machine or place"
        found.append(Issue("assumed", "key", "each row is about something of its own", do))
    return None


def _is_unique(raw: ir.Table, source: str, reading: ColumnParser) -> bool:
    text = reading.text(raw, source)
    facts = raw.aggregate(rows=raw.count(), known=text.count(), distinct=text.nunique())
    [row] = facts.to_pyarrow().to_pylist()
    return bool(row["rows"] == row["known"] == row["distinct"])


def _find_span(raw: ir.Table, column: Column, reading: ColumnParser) -> tuple[datetime, datetime]:
    moment = as_moment(reading.moment_text(raw, column.source, column.clock), column.layout)
    facts = raw.select(moment=moment).aggregate(first=ibis._.moment.min(), last=ibis._.moment.max())
    [row] = facts.to_pyarrow().to_pylist()
    if row["first"] is None or row["first"] == row["last"]:
        raise DataError(
            f"All moments of {column.source!r} are {row['first']}: rows cannot be divided by time. "
            "Leave --time out and say --snapshot."
        )
    return row["first"].astimezone(UTC), row["last"].astimezone(UTC)


def _choose_period(first: datetime, last: datetime) -> float:
    days = (last - first) / timedelta(days=1)
    fitting = [period for period in _PERIODS if period * _PERIODS_IN_SPAN <= days]
    return fitting[-1] if fitting else max(days / _PERIODS_IN_SPAN, 1e-3)


def _choose_as_of(first: datetime, last: datetime, period: float, delay: float) -> str:
    """Leave the last period to score, on a whole day or hour, and labels known before it."""
    start = last - timedelta(days=period)
    unit = timedelta(days=1) if period >= 1 else timedelta(hours=1)
    if period >= unit / timedelta(days=1):
        midnight = datetime.combine(start.date(), time(), tzinfo=UTC)
        start = midnight + unit * (math.floor((start - midnight) / unit) + 1)
    if start - timedelta(days=delay) <= first:
        raise ConfigurationError(
            f"The rows span {last - first}, too little for a label that is known {delay:g} days "
            "after its row. Give a smaller --label-delay-days, or say --snapshot."
        )
    is_day = start.time() == time()
    return start.date().isoformat() if is_day else start.replace(tzinfo=None).isoformat()


def _describe_time(
    column: Column,
    first: datetime,
    last: datetime,
    period: float,
    delay: float,
    as_of: str,
    problem_options: ProblemOptions,
) -> list[Issue]:
    told = f"{column.source}, {first:%Y-%m-%d} to {last:%Y-%m-%d} UTC"
    asked = [] if problem_options.time else ["--snapshot if it is not the moment of the prediction"]
    delayed = f"known {delay:g} day{'' if delay == 1 else 's'} after the row"
    return [
        Issue("assumed", "time", told, *asked),
        Issue("assumed", "label", delayed, "--label-delay-days N"),
        Issue("assumed", "clock", f"as_of {as_of}, {period:g} days scored", "--period-days N"),
    ]
