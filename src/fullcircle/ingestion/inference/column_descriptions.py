"""What was found in a table, in words: the label, the columns and repeated rows."""

import ibis.expr.types as ir

from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.validation.row_validation import SOURCE_ROW, as_text
from fullcircle.ingestion.inference.column_kinds import Column
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.inference.label import Label

_DUPLICATE_ROWS = 100_000
MANY_REPEATED = 0.2


def describe_label(label: Label) -> list[Issue]:
    """Describe what is predicted, and by which metric it is judged."""
    if label.task == "binary":
        told = f"{label.source}: binary, the probability of {label.classes[1]!r} is given"
        do = f"--positive {label.classes[0]!r} turns it round"
    elif label.task == "multiclass":
        told, do = f"{label.source}: {len(label.classes)} classes", "--task regression if a number"
    else:
        told, do = f"{label.source}: regression", "--task multiclass if it is a class"
    metric = Issue("assumed", "metric", label.metric, "primary_metric in parameters.yml")
    return [Issue("assumed", "label", told, do), metric, *label.findings]


def describe_columns(columns: list[Column], reading: ColumnParser) -> list[Issue]:
    """Describe how all columns are read."""
    found = []
    if reading.missing:
        told = f"{', '.join(map(repr, reading.missing))} mean that nothing is known"
        found.append(Issue("assumed", "missing", told, "READING.missing in cleaning.py"))
    for column in columns:
        found += describe_column(column)
    return found


def describe_column(column: Column) -> list[Issue]:
    """Describe what is odd about one column."""
    found = []
    if column.sentinels:
        shown = ", ".join(f"{value:g}" for value in column.sentinels)
        told = f"{column.source}: {shown} stands apart from all other numbers; read as missing"
        found.append(Issue("danger", "sentinel", told, "READING.sentinels in cleaning.py"))
    if column.marks:
        told = f"{column.source}: {', '.join(map(repr, column.marks))} read as missing"
        found.append(Issue("assumed", "missing", told, "READING.marks in cleaning.py"))
    if column.unreadable:
        told = f"{column.source}: {column.unreadable:.2%} of the values are no number"
        found.append(Issue("danger", "mixed types", told, "read as missing in these rows"))
    if column.infinite:
        told = f"{column.source}: {column.infinite:.2%} of the values are infinite; read as missing"
        found.append(Issue("danger", "infinity", told, "look at where these come from"))
    if column.odd:
        found.append(Issue("danger", "texts", f"{column.source}: {column.odd}"))
    if not column.form.is_plain and column.kind == "number":
        found.append(Issue("assumed", "numbers", _describe_form(column)))
    return [*found, *_describe_moments(column)]


def _describe_form(column: Column) -> str:
    form = column.form
    parts = ["with a decimal comma"] if form.decimal == "," else []
    if form.thousands and form.decimal == ".":
        parts.append(f"with {form.thousands!r} between thousands")
    if form.affixes:
        parts.append(f"with {', '.join(form.affixes)}, which is left out")
    shown = form.read(column.example)
    read = f"; {column.example} is {shown:g}" if shown is not None else ""
    return f"{column.source}: numbers written {', '.join(parts) or 'otherwise'}{read}"


def _describe_moments(column: Column) -> list[Issue]:
    found = []
    if column.layouts:
        told = f"{column.source}: dates written in several ways, as {'; '.join(column.layouts)}"
        found.append(Issue("danger", "dates", told, "read as text; write all as 2024-01-31"))
    if column.kind != "moment":
        if column.counted and column.counted.startswith("epoch"):
            told = f"{column.source}: looks like moments ({column.counted}), left as a number"
            found.append(Issue("danger", "dates", told, f"--time {column.source} if they are"))
        return found
    if column.why:
        told = f"{column.source}: read as {column.layout}: {column.why}"
        found.append(Issue("assumed", "dates", told, f"--read '{column.source}={column.other}'"))
    if column.guessed:
        told = f"{column.source}: day and month cannot be told apart; read as {column.layout}"
        found.append(Issue("danger", "dates", told, f"--read '{column.source}={column.other}'"))
    if column.clock:
        told = f"{column.source}: {column.clock} belongs to it; the two are joined as one date"
        found.append(Issue("assumed", "dates", told, f"--read '{column.clock}=text' to part them"))
    if column.naive:
        told = f"{column.source}: clocks without a zone are taken as UTC"
        do = f"--read '{column.source}=local:Europe/Berlin' if they are of a place"
        found.append(Issue("assumed", "dates", told, do))
    if any(column.odd_hours):
        twice, never = column.odd_hours
        told = f"{column.source}: {twice} local clocks occur twice and {never} never"
        do = "read as the first of the two; one that never occurs falls into the hour behind"
        found.append(Issue("danger", "dates", told, do))
    return found


def describe_duplicates(raw: ir.Table, sources: list[str], rows: int) -> list[Issue]:
    """Describe how many of the first rows repeat an earlier one in every column."""
    first = raw.filter(raw[SOURCE_ROW] <= _DUPLICATE_ROWS)
    looked = min(rows, _DUPLICATE_ROWS)
    texts = {f"c{place}": as_text(first[name]) for place, name in enumerate(sources)}
    repeated = looked - int(first.select(**texts).distinct().count().execute())
    if not repeated:
        return []
    told = f"{repeated} of the first {looked} rows repeat an earlier one in every column"
    do = "they may stand on both sides of the split: drop them if they are one case"
    if repeated > MANY_REPEATED * looked:
        told += f" ({repeated / looked:.0%}): every score will be better than on new rows"
    return [Issue("danger", "duplicates", told, do)]
