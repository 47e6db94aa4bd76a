"""A table that can be read once, batch by batch."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from fullcircle.core.errors import DataError
from fullcircle.core.questions import Question
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.tally import RowCounts

BATCH_ROWS = 20_000
MAX_COLUMNS = 5_000
Rows = Callable[..., Iterable[Sequence[str | None]]]
# Reads rows as columns of texts, and raises FastError with the rows that it gave where it cannot.
FastRows = Callable[[pa.Schema], Iterator[pa.RecordBatch]]


class FastError(Exception):
    """The fast reader met what only the patient one can read.

    Attributes:
        given: Records that it had read by then.
    """

    def __init__(self, given: int) -> None:
        super().__init__(f"behind record {given}")
        self.given = given


@dataclass(frozen=True)
class Source:
    """A table that can be read batch by batch.

    Attributes:
        kind: What it is, for people.
        schema: Its columns.
        batches: Gives its rows.
        findings: What was noticed when it was opened.
        row_counts: Counts what becomes of each record, while it is read.
        stated: Names of the columns as the source states them, where it has names.
        questions: What the source leaves open, with the options that decide it.
    """

    kind: str
    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]
    findings: list[Issue] = field(default_factory=list)
    row_counts: RowCounts = field(default_factory=RowCounts)
    stated: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


def of_rows(
    kind: str,
    header: Sequence[Any],
    rows: Rows,
    findings: list[Issue],
    row_counts: RowCounts,
    fast: Any = None,
    questions: Sequence[Question] = (),
) -> Source:
    """Make a source of rows of texts, each as long as the header.

    Args:
        kind: What it is, for people.
        header: Names of the columns.
        rows: Yields the rows, and counts them in the tally.
        findings: What was noticed.
        row_counts: What becomes of each record.
        fast: A reader of the same rows that is quicker, where there is one.
        questions: What the source leaves open.

    Raises:
        DataError: The header has no names, or very many.
    """
    names, repeated = resolve_names(header)
    if not names:
        raise DataError("The table has no columns.")
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"The table has {len(names):,} columns, more than {MAX_COLUMNS:,}. Choose some of them."
        )
    schema = pa.schema([(name, pa.string()) for name in names])

    def slow(given: int = 0) -> Iterator[pa.RecordBatch]:
        waiting = iter(rows(given=given) if given else rows())
        while piece := list(islice(waiting, BATCH_ROWS)):
            columns = [pa.array(column, pa.string()) for column in zip(*piece, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def batches() -> Iterator[pa.RecordBatch]:
        if fast is None:
            yield from slow()
            return
        try:
            yield from fast(schema)
        except FastError as error:
            yield from slow(error.given)

    stated = tuple(map(str, header))
    found = [*findings, *repeated]
    return Source(kind, schema, batches, found, row_counts, stated, tuple(questions))


def of_texts(
    kind: str,
    header: Sequence[Any],
    rows: Callable[[], Iterable[Sequence[str | None]]],
    findings: list[Issue],
) -> Source:
    """Make a source of rows of which each is read: from a database, or JSON."""
    row_counts = RowCounts()

    def counted() -> Iterator[Sequence[str | None]]:
        for row in rows():
            row_counts.read += 1
            yield row

    return of_rows(kind, header, counted, findings, row_counts)


def resolve_names(header: Sequence[Any]) -> tuple[list[str], list[Issue]]:
    """Give each column a name of its own: a blank or repeated one gets a number.

    DuckDB takes names that differ in capitals only for one, so they count as repeated. Line breaks
    and several blanks within a name become one blank.
    """
    given = ["" if name is None else " ".join(str(name).split()) for name in header]
    taken = Counter(name.lower() for name in given)
    names: list[str] = []
    findings = []
    seen: set[str] = set()
    for place, name in enumerate(given, start=1):
        wanted, number = name or f"column_{place}", 2
        settled = wanted
        while settled.lower() in seen or (settled != name and settled.lower() in taken):
            settled, number = f"{wanted}_{number}", number + 1
        seen.add(settled.lower())
        names.append(settled)
        if settled != name:
            told = f"column {place} is named {name!r} like another" if name else ""
            found = told or f"column {place} has no name"
            findings.append(Issue("danger", "names", found, f"read as {settled!r}"))
    return names, findings
