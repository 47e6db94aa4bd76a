"""Several files as one table: their columns are matched by name, whatever their order."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from fullcircle.core.errors import DataError
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.source import Source
from fullcircle.ingestion.tally import RowCounts


def join_sources(sources: Sequence[Source], files: Sequence[Path]) -> Source:
    """Put the rows of several files one behind the other.

    Columns in another order, and names that differ in capitals only, are matched by name. A column
    that few files have is empty in the others; one that most have must be in all of them.

    Raises:
        DataError: A file lacks a column, or types do not fit; names the files and the difference.
    """
    spelt = _usual_spelling(sources)
    counts = Counter(name.lower() for source in sources for name in source.schema.names)
    usual = [key for key in spelt if counts[key] >= len(sources) / 2]
    found: list[Issue] = []
    for source, file in zip(sources, files, strict=True):
        own = {name.lower(): name for name in source.schema.names}
        if lacking := [spelt[key] for key in usual if key not in own]:
            extra = [name for key, name in own.items() if key not in usual]
            more = f", but has {', '.join(extra)}" if extra else ""
            differ = ", ".join(sorted({*lacking, *extra}))
            raise DataError(
                f"{file} and {files[0]} have different columns: {differ}."
                f" {file.name} lacks {', '.join(lacking)}{more}. Give files of one kind."
            )
        other = [name for key, name in own.items() if name != spelt[key]]
        if other:
            wanted = ", ".join(spelt[name.lower()] for name in other)
            told = f"{file.name} writes {', '.join(other)} where others write {wanted}"
            found.append(Issue("danger", "columns", told, "joined by name"))
    for key in [key for key in spelt if key not in usual]:
        having = [
            file.name
            for source, file in zip(sources, files, strict=True)
            if key in {name.lower() for name in source.schema.names}
        ]
        told = f"{spelt[key]} is only in {', '.join(having)}: missing in the rows of all others"
        found.append(Issue("danger", "columns", told, "leave it out, or give files of one kind"))
    schema = pa.schema(
        [(spelt[key], _common_type(spelt[key], key, sources, files)) for key in spelt]
    )
    row_counts = RowCounts(f"{len(files)} files")

    def batches() -> Iterator[pa.RecordBatch]:
        for source, file in zip(sources, files, strict=True):
            own = {name.lower(): name for name in source.schema.names}
            for batch in source.batches():
                yield _conform(batch, own, schema)
            _add(row_counts, source.row_counts, file)

    findings = list(dict.fromkeys(each for source in sources for each in source.findings))
    kind = f"{len(files)} files, {sources[0].kind}"
    asked = sources[0].questions  # what is answered for one file holds for all
    return Source(kind, schema, batches, [*findings, *found], row_counts, questions=asked)


def _usual_spelling(sources: Sequence[Source]) -> dict[str, str]:
    """Return how most files write each name, by the name in small letters, in the usual order."""
    spellings: dict[str, Counter[str]] = {}
    for source in sources:
        for name in source.schema.names:
            spellings.setdefault(name.lower(), Counter())[name] += 1
    return {key: counts.most_common(1)[0][0] for key, counts in spellings.items()}


def _common_type(
    name: str, key: str, sources: Sequence[Source], files: Sequence[Path]
) -> pa.DataType:
    kinds: dict[pa.DataType, Path] = {}
    for source, file in zip(sources, files, strict=True):
        for field in source.schema:
            if field.name.lower() == key:
                kinds.setdefault(field.type, file)
    if len(kinds) == 1:
        return next(iter(kinds))
    try:
        unified = pa.unify_schemas(
            [pa.schema([(name, kind)]) for kind in kinds], promote_options="permissive"
        )
    except pa.ArrowException as error:
        told = "; ".join(f"{kind} in {file.name}" for kind, file in kinds.items())
        raise DataError(
            f"The column {name!r} has different types: {told}. Write it alike in all files."
        ) from error
    return unified.field(0).type


def _conform(batch: pa.RecordBatch, own: dict[str, str], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(own[field.name.lower()]).cast(field.type)
        if field.name.lower() in own
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _add(row_counts: RowCounts, other: RowCounts, file: Path) -> None:
    other.name = str(file)
    other.raise_if_too_many()
    row_counts.read += other.read
    row_counts.rejected += other.rejected
    row_counts.passed.update(other.passed)
    row_counts.rejections.extend(other.rejections)
    row_counts.filled += other.filled
