"""Rows of any table as a frame with types, read as ``kedro problem new`` reads them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.parsing.column_parser import as_class, read_class
from fullcircle.core.parsing.raw_schema import RawSchema, find_booleans
from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.ingestion import ReadOptions, Source, copy_table
from fullcircle.ingestion.decisions import Decider
from fullcircle.ingestion.inference import Issue, ProblemOptions, Proposal, propose_problem

# What is assumed of a contract, which a frame has none of.
_OF_A_PROBLEM = ("metric", "row id", "key", "time", "clock", "split", "gate", "sample", "states")


@dataclass(frozen=True)
class TypedRows:
    """Rows of a table.

    Attributes:
        frame: The columns to predict from, the target, and key and time where they were named: by
            their names in the source, as numbers, moments or texts.
        sources: All columns of the table.
        is_class: Whether the target is a class.
        findings: What was found and assumed.
        raw_schema: How the raw values of the columns are read, for the model to carry.
    """

    frame: pd.DataFrame
    sources: list[str]
    is_class: bool
    findings: list[Issue]
    raw_schema: dict[str, Any]


def read_typed_rows(
    address: str, problem_options: ProblemOptions, options: ReadOptions, decider: Decider
) -> TypedRows:
    """Read a table whole, each column as it is meant.

    Args:
        address: Where the table lies.
        problem_options: The target, and what else the user says of the columns.
        options: What the user says of how the table is written.
        decider: Decides what the table leaves open.

    Raises:
        DataError: The table cannot be read, or nothing can be learnt from it.
        ConfigurationError: What the user says does not fit the table, or a question stays open.
    """
    asked = [problem_options.target, *problem_options.keys, *filter(None, [problem_options.time])]
    source = decider.open(address, replace(options, named=tuple(asked)))
    if missing := name_missing(asked, source.schema.names):
        raise DataError(f"The file lacks the column {missing}.")
    with _copy(source) as (raw, findings):
        proposal = decider.propose(problem_options, partial(propose_problem, raw))
        frame = _read(raw, proposal)
    told = [each for each in proposal.findings if each.what not in _OF_A_PROBLEM]
    found = [*source.findings, *findings, *told]
    schema = _describe_inputs(proposal, frame, problem_options.target)
    return TypedRows(frame, source.schema.names, bool(proposal.label.classes), found, schema)


def _describe_inputs(proposal: Proposal, frame: pd.DataFrame, target: str) -> dict[str, Any]:
    """Return how the frame's columns were read, by their names in the source."""
    reading = proposal.reading
    booleans = {
        name: find_booleans(frame[source].unique())
        for name, source in reading.texts.items()
        if source in frame.columns
    }
    columns = reading.schema(booleans).columns.values()
    named = {each.source: replace(each, name=each.source) for each in columns}
    return RawSchema({name: each for name, each in named.items() if name != target}).as_dict()


@contextmanager
def _copy(source: Source) -> Iterator[tuple[ir.Table, list[Issue]]]:
    """Copy a table to a folder that goes away again."""
    from fullcircle.datasets import RawParquetDataset

    folder = Path(tempfile.mkdtemp(prefix="automl-"))
    try:
        copied = copy_table(source, folder / "table.parquet")
        yield RawParquetDataset(filepath=str(copied.path)).load(), copied.findings
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(raw: ir.Table, proposal: Proposal) -> pd.DataFrame:
    """Read what the problem reads, under the names of the source; a rare class has no label."""
    reading, label = proposal.reading, proposal.label
    sources = {**reading.texts, **reading.numbers}
    sources |= {name: source for name, (source, _) in reading.moments.items()}
    target: ir.Value = reading.number(raw, label.source)
    if label.classes:
        text = read_class(raw[label.source], label.unknown, label.spellings)
        target = as_class(text, label.classes)
    # Positions stand for names, which may differ only in their capitals.
    values = {f"c{place}": each for place, each in enumerate(reading.columns(raw).values())}
    chosen = raw.select(SOURCE_ROW, y=target, **values).order_by(SOURCE_ROW)
    frame: pd.DataFrame = chosen.to_pandas().drop(columns=SOURCE_ROW)
    if label.classes:
        names = pd.Series(label.classes, dtype="object")
        frame["y"] = frame["y"].map(names)
    return frame.set_axis([label.source, *(sources[name] for name in reading.columns(raw))], axis=1)
