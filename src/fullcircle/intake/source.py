"""A table that can be read once, batch by batch."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from fullcircle.core.errors import DataError
from fullcircle.core.survey.findings import Finding

BATCH_ROWS = 20_000
MAX_COLUMNS = 5_000


@dataclass(frozen=True)
class Source:
    """A table that can be read batch by batch.

    Attributes:
        kind: What it is, for people.
        schema: Its columns.
        batches: Gives its rows.
        findings: What was noticed when it was opened.
    """

    kind: str
    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]
    findings: list[Finding] = field(default_factory=list)


def of_texts(
    kind: str,
    header: Sequence[Any],
    rows: Callable[[], Iterable[Sequence[str | None]]],
    findings: list[Finding],
) -> Source:
    """Make a source of rows of texts, each as long as the header.

    Raises:
        DataError: The header has no names, or very many.
    """
    names, repeated = settle_names(header)
    if not names:
        raise DataError("The table has no columns.")
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"The table has {len(names)} columns, more than {MAX_COLUMNS}. Choose some of them."
        )
    schema = pa.schema([(name, pa.string()) for name in names])

    def batches() -> Iterator[pa.RecordBatch]:
        waiting = iter(rows())
        while piece := list(islice(waiting, BATCH_ROWS)):
            columns = [pa.array(column, pa.string()) for column in zip(*piece, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return Source(kind, schema, batches, [*findings, *repeated])


def settle_names(header: Sequence[Any]) -> tuple[list[str], list[Finding]]:
    """Give each column a name of its own: a blank or repeated one gets a number.

    DuckDB takes names that differ in capitals only for one, so they count as repeated.
    """
    given = ["" if name is None else str(name).strip() for name in header]
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
            findings.append(Finding("danger", "names", found, f"read as {settled!r}"))
    return names, findings
